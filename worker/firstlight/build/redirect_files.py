"""Configured redirects as files, for a site without an adapter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from firstlight.app import EXTENSION
from firstlight.build.config import FILE, option_location
from firstlight.build.prerender import redirect_page
from firstlight.build.scan import collision, output_file, redirect_claim, shape
from firstlight.build.source_file import PAGES
from firstlight.errors import ConfigError, FirstlightError
from firstlight.routing import fill_destination, fill_pattern, is_dynamic, param_names
from firstlight.url import PATH_SAFE, URL_SAFE, percent_encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from firstlight.build.prerender import StaticPath
    from firstlight.build.scan import Site
    from firstlight.manifest import Redirect

    Params = dict[str, str | None]


def redirect_files(
    site: Site, paths: Iterable[StaticPath]
) -> tuple[dict[str, str], list[Exception]]:
    """Write each redirect as a page that sends on.

    One with parameters becomes a page for every path of the route it leads to.

    Args:
        site: Whose adapter is None; with one, redirects are no files.
        paths: Everything that is prerendered.

    Returns:
        Path below dist/client/ (base left out) to HTML, and what is wrong.

    Source:
        https://docs.astro.build/en/guides/routing/#redirects
    """
    paths = list(paths)
    owners = {asset: f"{PAGES}/{asset}" for asset in site.assets}
    owners |= {path.output: path.route.file for path in paths}
    files: dict[str, str] = {}
    errors: list[Exception] = []
    for redirect in () if site.config.adapter else site.config.redirects:
        try:
            for params in _params_of(site, redirect, paths):
                output, page = _file(site, redirect, params)
                if output in owners and params:  # without, `check_outputs` has seen it
                    errors.append(
                        collision(f"/{output}", [owners[output], redirect_claim(redirect)])
                    )
                files.setdefault(output, page)
        except FirstlightError as error:
            errors.append(error)
    return files, errors


def _file(site: Site, redirect: Redirect, params: Params) -> tuple[str, str]:
    source = fill_pattern(redirect.pattern, params)
    encoded = {name: percent_encode(value or "", PATH_SAFE) for name, value in params.items()}
    target = percent_encode(fill_destination(redirect.destination, encoded), URL_SAFE)
    # The platform finds `/old.html` as a file of that name only.
    is_file = source.endswith(EXTENSION)
    output = source[1:] if is_file else output_file(source, site.config, is_endpoint=False)
    base = site.config.base.rstrip("/")
    page = redirect_page(
        target, redirect.status or 301, source=base + source, site=site.config.site
    )
    return output, page


def _params_of(site: Site, redirect: Redirect, paths: list[StaticPath]) -> Iterator[Params]:
    """Yield the parameters that a redirect has a page for.

    Raises:
        ConfigError: It has parameters, and no prerendered route to take their values from.
    """
    if not is_dynamic(redirect.pattern):
        yield {}
        return
    target = re.split(r"[?#]", redirect.destination)[0].rstrip("/")
    routes = {r.file for r in site.routes if r.is_prerendered and shape(r.pattern) == shape(target)}
    names, targets = param_names(redirect.pattern), param_names(target)
    if not routes or set(names) - set(targets):
        raise ConfigError(
            f"The redirect `{redirect.pattern}` has parameters, but "
            f"`{redirect.destination}` does not match a prerendered route that has them, too.",
            hint="Lead it to a route such as `/new/[slug]`, or set `adapter` in "
            f"[tool.firstlight] of {FILE}.",
            location=option_location(site.root, redirect.pattern),
        )
    for path in paths:
        if path.route.file in routes:
            values = [path.params[name] for name in param_names(path.route.pattern)]
            yield dict(zip(targets, values, strict=True))
