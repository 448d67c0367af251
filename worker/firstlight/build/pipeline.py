"""One build: scan, compile, prerender, bundle, and `dist/` swapped in at the end."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from firstlight.app import App
from firstlight.build.bindings import site_trees, undeclared_bindings
from firstlight.build.bundle import bundle, gzipped_size, used_templates
from firstlight.build.compile import CompiledModule, compile_site, template_modules
from firstlight.build.config import FILE, Config, load_config, option_location
from firstlight.build.documents import DocumentStore, remembered_documents
from firstlight.build.loader import SiteLoader, loaded
from firstlight.build.output import STATE, build_lock, staging, swap_in, write_file
from firstlight.build.platform_files import headers_file, redirects_file
from firstlight.build.prerender import (
    Prerenderer,
    Rendered,
    StaticPath,
    check_folders,
    check_outputs,
    located,
    static_paths,
)
from firstlight.build.redirect_files import redirect_files
from firstlight.build.scan import (
    Site,
    check_is_site,
    redirect_claim,
    scan,
)
from firstlight.build.sdk import write_sdk
from firstlight.build.source_file import PAGES, read_bytes
from firstlight.build.sql_check import sql_errors
from firstlight.build.worker_handlers import missing_handlers
from firstlight.build.wrangler import ASSETS, HTML_HANDLING, Wrangler, load_wrangler
from firstlight.content import ContentStore, content_texts, current_store
from firstlight.errors import AdapterError, BuildFailedError, FirstlightError, Location
from firstlight.manifest import Manifest, Route
from firstlight.routing import Router, is_dynamic

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    Progress = Callable[[str, int, int], object]


@dataclass(slots=True)
class BuildResult:
    """What a build made.

    Attributes:
        paths: How many paths each prerendered route became, by file.
        sizes: Gzipped bytes of the Worker by top-level package; empty without one.
        warnings: What works but looks wrong.
        render_seconds: How long each prerendered path took.
        seconds: How long it took.
        changed: Whether `dist/` differs from before.
    """

    site: Site
    paths: dict[str, int] = field(default_factory=dict[str, int])
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    warnings: list[str] = field(default_factory=list[str])
    render_seconds: dict[str, float] = field(default_factory=dict[str, float])
    seconds: float = 0.0
    changed: bool = True


def build(root: Path, progress: Progress | None = None) -> BuildResult:
    """Build a site into `dist/`; on failure the last good output stays.

    Args:
        root: The folder with pages/ and pyproject.toml.
        progress: Called with a stage's name, what is done and what there is to do.

    Raises:
        BuildFailedError: With every error of all stages that could run.
    """
    started = time.perf_counter()
    try:
        check_is_site(root)
        with (
            build_lock(root),
            importable(root),
            remembered_documents(root / STATE) as documents,
        ):
            result = asyncio.run(_build(root, documents, progress or _silent))
    except BuildFailedError:
        raise
    except FirstlightError as error:
        raise BuildFailedError([error]) from error
    result.seconds = time.perf_counter() - started
    return result


async def _build(root: Path, documents: DocumentStore, progress: Progress) -> BuildResult:
    progress("scan", 0, 1)
    config, wrangler = load_config(root), load_wrangler(root)
    site = scan(root, config)
    pages = [route.source.body for route in site.routes if route.kind == "markdown"]
    documents.prepare([*pages, *content_texts(root)], partial(progress, "markdown"))
    progress("compile", 0, 1)
    modules, errors = compile_site(site)
    errors = [*site.errors, *errors, *adapter_errors(site)]
    trees = list(site_trees(site))
    errors += undeclared_bindings(trees, wrangler)
    errors += sql_errors(site, trees, wrangler)
    rendered, failures = await _prerender(site, modules, errors, progress)
    errors += failures
    redirects, failures = redirect_files(site, [page.path for page in rendered])
    errors += failures
    server: dict[str, str] = {}
    if config.adapter:
        progress("bundle", 0, 1)
        server, failures = bundle(site, modules, worker_manifest(site, modules), wrangler)
        errors += failures
    if errors:
        raise BuildFailedError(_unique(errors))
    result = BuildResult(site, sizes=gzipped_size(server), warnings=_warnings(site, wrangler))
    result.warnings += hidden_pages(site, [page.path for page in rendered])
    result.warnings += missing_handlers(site, wrangler)
    _count(rendered, result)
    progress("write", 0, 1)
    result.changed = _write(site, rendered, redirects, server)
    if config.adapter:
        result.warnings += write_sdk(root, wrangler)
    return result


def _count(rendered: list[Rendered], result: BuildResult) -> None:
    for page in rendered:
        file = page.path.route.file
        result.paths[file] = result.paths.get(file, 0) + 1
        result.render_seconds[page.path.path] = page.seconds


async def _prerender(
    site: Site,
    modules: Mapping[str, CompiledModule],
    known: list[Exception],
    progress: Progress,
) -> tuple[list[Rendered], list[Exception]]:
    """Render what can be rendered, even when other files have errors."""
    broken = broken_files(known) | unusable_files(site, modules)
    with loaded(SiteLoader(site, modules)) as loader:
        app = App(host_manifest(site), load=loader.load)
        paths, errors = await plan(site, loader, broken)
        prerenderer = Prerenderer(app, site.config)
        rendered: list[Rendered] = []
        for done, path in enumerate(paths):
            progress("prerender", done, len(paths))
            await asyncio.sleep(0)  # where Ctrl+C stops pages that never wait themselves
            try:
                rendered.append(await prerenderer.render(path))
            except (Exception, SystemExit) as error:  # noqa: BLE001 - any error of a page is reported with the others
                errors.append(located(error, path.route))
        progress("prerender", len(paths), len(paths))
    return rendered, errors


async def plan(
    site: Site, loader: SiteLoader, broken: set[str | None]
) -> tuple[list[StaticPath], list[Exception]]:
    """List every path to prerender.

    Args:
        site: As scanned.
        loader: Imports its modules.
        broken: Files that are known to have errors; their routes are left out.
    """
    paths: list[StaticPath] = []
    errors: list[Exception] = []
    for route in site.routes:
        if not route.is_prerendered or route.file in broken:
            continue
        try:
            paths += await static_paths(route, loader.load(route.module), site.config)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any error of a page is reported with the others
            errors.append(located(error, route))
    errors += check_outputs(paths, _claims(site))
    errors += check_folders(paths, site.assets)
    return paths, errors


def host_manifest(site: Site) -> Manifest:
    """Describe the whole site with every module, for the host."""
    routes = tuple(
        Route(r.pattern, r.file, r.module, r.is_endpoint, r.is_prerendered) for r in site.routes
    )
    return _manifest(site, routes, template_modules(site))


def worker_manifest(site: Site, modules: Mapping[str, CompiledModule]) -> Manifest:
    """Describe the site as the Worker sees it: prerendered routes have no module there.

    What did not compile has none either.
    """
    routes = tuple(
        Route(
            r.pattern,
            r.file,
            "" if r.is_prerendered or r.module not in modules else r.module,
            r.is_endpoint,
            r.is_prerendered,
        )
        for r in site.routes
    )
    entries = [route.module for route in site.on_demand]
    templates = used_templates(site, modules, entries)
    return _manifest(site, routes, {n: m for n, m in templates.items() if m in modules})


def _manifest(site: Site, routes: tuple[Route, ...], templates: dict[str, str]) -> Manifest:
    config = site.config
    return Manifest(
        routes=routes,
        templates=templates,
        middleware=f"{PAGES}._middleware" if site.has_middleware else "",
        redirects=config.redirects,
        site=config.site,
        base=config.base,
        trailing_slash=config.trailing_slash,
        format=config.format,
        max_body=config.max_body,
        trusted_origins=config.trusted_origins,
    )


def adapter_errors(site: Site) -> list[Exception]:
    """Say what needs an adapter while none is configured."""
    config = site.config
    if config.adapter or (config.output == "static" and not site.on_demand):
        return []
    what = "No adapter is configured"
    location = Location(FILE)
    if config.output != "static":
        what = f'`output = "{config.output}"` needs an adapter'
        location = option_location(site.root, "output")
    files = "".join(f"\n    {route.file} ({route.why})" for route in site.on_demand)
    hint = f'Set `adapter = "cloudflare"` in [tool.firstlight] of {FILE}'
    return [
        AdapterError(
            f"{what}, but these run on demand:{files}" if files else f"{what}.",
            hint=f"{hint}, or prerender them." if files else f"{hint}.",
            location=location,
        )
    ]


@contextmanager
def importable(root: Path) -> Generator[None, None, None]:
    """Let site code import the modules beside pages/, and find its content."""
    entry = str(root)
    sys.path.insert(0, entry)
    token = current_store.set(ContentStore(root))
    try:
        yield
    finally:
        current_store.reset(token)
        sys.path.remove(entry)


def _write(
    site: Site,
    rendered: list[Rendered],
    redirects: Mapping[str, str],
    server: Mapping[str, str],
) -> bool:
    config = site.config
    base = config.base.strip("/")
    with staging(site.root) as staged:
        client = staged / "client"
        client.mkdir()
        pages = client / base if base else client
        for asset in site.assets:
            file = f"{PAGES}/{asset}"
            write_file(pages, asset, read_bytes(site.root / file, file))
        for page in rendered:
            if page.body is not None:
                _write_page(pages, page, page.body)
        for name, text in redirects.items():
            write_file(pages, name, text.encode())
        for name, text in (
            ("_headers", headers_file(site, rendered)),
            ("_redirects", redirects_file(site)),
        ):
            if text:
                write_file(client, name, text.encode())
        for name, text in server.items():
            write_file(staged / "server", name, text.encode())
        return swap_in(staged, site.root)


def _write_page(folder: Path, page: Rendered, body: bytes) -> None:
    try:
        write_file(folder, page.path.output, body)
    except FirstlightError as error:
        error.location = page.path.route.location
        raise


def _claims(site: Site) -> dict[str, str]:
    """Return path to file of what is answered without prerendering."""
    claims = {f"/{asset}": f"{PAGES}/{asset}" for asset in site.assets}
    redirects = [r for r in site.config.redirects if not is_dynamic(r.pattern)]
    claims |= {r.pattern: redirect_claim(r) for r in redirects}
    return claims | {r.pattern: r.file for r in site.on_demand if not is_dynamic(r.pattern)}


def _warnings(site: Site, wrangler: Wrangler) -> list[str]:
    links = [
        f"{name} is a link out of the site, to nothing or in a circle; it is left out."
        for name in site.left_out
    ]
    names = _assets_warning(site.config, wrangler)
    return [*links, *_handling_warning(site.config, wrangler), *names]


def hidden_pages(site: Site, paths: list[StaticPath]) -> list[str]:
    """Say which pages nobody sees, because a redirect with parameters answers their URLs."""
    redirects = Router([(r.pattern, r) for r in site.config.redirects if is_dynamic(r.pattern)])
    hidden: dict[str, set[str]] = {}
    urls = [
        (route.pattern, route.file) for route in site.on_demand if not is_dynamic(route.pattern)
    ]
    urls += [(path.path, path.route.file) for path in paths]
    for url, file in urls if site.config.adapter else ():
        for redirect, _ in redirects.matches(url)[:1]:
            hidden.setdefault(redirect.pattern, set()).add(file)
    return [
        f"The redirect `{pattern}` answers URLs of {', '.join(sorted(files))} in their place."
        for pattern, files in hidden.items()
    ]


def _handling_warning(config: Config, wrangler: Wrangler) -> list[str]:
    wanted = HTML_HANDLING[config.trailing_slash]
    if not config.adapter or wrangler.file is None or wrangler.html_handling == wanted:
        return []
    return [
        f'{wrangler.file} serves pages by `html_handling = "{wrangler.html_handling}"`, which does '
        f'not fit `trailing_slash = "{config.trailing_slash}"`. Write `html_handling = "{wanted}"` '
        "under [assets]."
    ]


def _assets_warning(config: Config, wrangler: Wrangler) -> list[str]:
    if not config.adapter or wrangler.assets in ("", ASSETS):
        return []
    return [
        f"{wrangler.file} calls the assets `{wrangler.assets}`, where the Worker looks for no "
        f'prerendered 404 page and no target of a rewrite. Write `binding = "{ASSETS}"` under '
        "[assets]."
    ]


def _unique(errors: list[Exception]) -> list[Exception]:
    return list({str(error): error for error in errors}.values())


def _silent(stage: str, done: int, total: int) -> None:
    del stage, done, total


def broken_files(errors: list[Exception]) -> set[str | None]:
    """Return the files that errors point to."""
    locations = (getattr(error, "location", None) for error in errors)
    return {location.file for location in locations if location}


def unusable_files(site: Site, modules: Mapping[str, CompiledModule]) -> set[str | None]:
    """Return the files of routes whose own templates, or what those use, did not compile."""
    names = template_modules(site)
    missing = {name for name, module in names.items() if module not in modules}
    unusable: set[str | None] = set()
    for route in site.routes if missing else ():
        used: set[str | None] = set()
        pending = [route.module]
        while pending:
            module = modules.get(pending.pop())
            fresh = set(module.templates if module else ()) - used
            used |= fresh
            pending += [names[name] for name in fresh if name in names]
        if used & missing:
            unusable.add(route.file)
    return unusable
