"""Finds routes on demand that the platform never lets run, because a file comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.build.source_file import PAGES, read_text
from firstlight.check.finding import ERROR, WARNING, Finding
from firstlight.routing import Router, is_dynamic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.build.adapter import SiteBuild
    from firstlight.build.scan import SiteRoute
    from firstlight.check.targets import Targets

CHECK = "shadowed"
WRITING = ("POST", "PUT", "PATCH", "DELETE")
# From then on the platform answers what a browser opens by `not_found_handling`.
NAVIGATION_DATE = "2025-04-01"
TOLD = 3  # files that a message names


def shadowed_routes(build: SiteBuild, targets: Targets) -> Iterator[Finding]:
    """Find routes whose URLs are answered by static files.

    Source:
        https://developers.cloudflare.com/workers/static-assets/routing/
    """
    if build.wrangler.runs_worker_first:
        return
    owners = _owners(build)
    base = "" if build.site.config.base == "/" else build.site.config.base
    for route in build.site.on_demand:
        if is_dynamic(route.pattern):
            continue
        file = targets.find_file(base + route.pattern)
        if file is not None:
            yield Finding(
                CHECK,
                ERROR,
                f"This never runs: the static file of {owners.get(file, file)} answers "
                f"`{base}{route.pattern}` first.",
                "Rename one of them.",
                route.file,
                None,
                (route.pattern,),
            )
    yield from _refused_methods(build)


def _refused_methods(build: SiteBuild) -> Iterator[Finding]:
    """Find endpoints with parameters that write, where files take some of their URLs."""
    router: Router[SiteRoute] = Router(
        [(r.pattern, r) for r in build.site.on_demand if set(r.handlers) & set(WRITING)]
    )
    covered: dict[str, tuple[SiteRoute, list[str]]] = {}
    for url in _urls(build):
        for route, _ in router.matches(url)[:1]:
            if is_dynamic(route.pattern):
                covered.setdefault(route.file, (route, []))[1].append(url)
    for route, urls in covered.values():
        methods = ", ".join(method for method in WRITING if method in route.handlers)
        told = ", ".join(f"`{url}`" for url in urls[:TOLD])
        told += f" and {len(urls) - TOLD} more" if len(urls) > TOLD else ""
        yield Finding(
            CHECK,
            WARNING,
            f"{methods} never reach this for {told}: static files have these URLs, and the "
            "platform answers 405.",
            "Move the files, or the endpoint, to another folder.",
            route.file,
            None,
            (route.pattern,),
        )


def unreachable_by_browsers(build: SiteBuild) -> Iterator[Finding]:
    """Find a configuration by which browsers never reach the Worker.

    Source:
        https://developers.cloudflare.com/workers/static-assets/routing/single-page-application/
    """
    wrangler = build.wrangler
    handling = wrangler.not_found_handling
    asks_assets = handling != "none" and wrangler.compatibility_date >= NAVIGATION_DATE
    if wrangler.runs_worker_first or build.site.config.adapter != "cloudflare":
        return
    if wrangler.file and asks_assets and build.site.on_demand:
        text = read_text(build.site.root / wrangler.file, wrangler.file)
        yield Finding(
            CHECK,
            ERROR,
            f'With `not_found_handling = "{handling}"` a browser that opens a page on demand '
            "gets the platform's own answer: the Worker never runs.",
            "Take it out; pages/404.html is shown all the same.",
            wrangler.file,
            text[: text.find("not_found_handling")].count("\n") + 1,
        )


def _urls(build: SiteBuild) -> list[str]:
    """List the paths that static files have, base left out."""
    return [f"/{asset}" for asset in build.site.assets] + [
        page.path.path for page in build.rendered if page.body is not None
    ]


def _owners(build: SiteBuild) -> dict[str, str]:
    """Return path below dist/client/ to the source file."""
    base = build.site.config.base.strip("/")
    prefix = f"{base}/" if base else ""
    owners = {f"{prefix}{asset}": f"{PAGES}/{asset}" for asset in build.site.assets}
    return owners | {f"{prefix}{p.path.output}": p.path.route.file for p in build.rendered}
