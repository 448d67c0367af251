"""One build: scan, compile, prerender, bundle, and `dist/` swapped in at the end."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from firstlight.advice import explain
from firstlight.app import App
from firstlight.build.adapter import Bundle, SiteBuild, load_adapter
from firstlight.build.bindings import site_trees, undeclared_bindings
from firstlight.build.bundle import used_templates
from firstlight.build.compile import CompiledModule, compile_site, template_modules
from firstlight.build.config import FILE, load_config, option_location
from firstlight.build.documents import DocumentStore, remembered_documents
from firstlight.build.loader import SiteLoader, loaded
from firstlight.build.mistakes import code_errors, code_warnings
from firstlight.build.output import FOLDERS, STATE, build_lock, staging, swap_in, write_file
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
from firstlight.build.source_file import PAGES
from firstlight.build.sql_check import sql_errors
from firstlight.build.support import check_support
from firstlight.build.wrangler import load_wrangler
from firstlight.content import ContentStore, content_texts, current_store
from firstlight.errors import AdapterError, BuildFailedError, FirstlightError, Location
from firstlight.manifest import Manifest, Route
from firstlight.routing import Router, is_dynamic

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    Progress = Callable[[str, int, int], object]


class Output(NamedTuple):
    """A site built in memory.

    Attributes:
        build: The site and what became of it.
        bundle: What its adapter made of that.
        errors: What is wrong, of all stages that could run.
        warnings: What works but looks wrong.
    """

    build: SiteBuild
    bundle: Bundle
    errors: list[Exception]
    warnings: list[str]


@dataclass(slots=True)
class BuildResult:
    """What a build made.

    Attributes:
        output: What was written.
        paths: How many paths each prerendered route became, by file.
        sizes: Gzipped bytes of the Worker by top-level package; empty without one.
        warnings: What works but looks wrong.
        render_seconds: How long each prerendered path took.
        seconds: How long it took.
        changed: Whether `dist/` differs from before.
    """

    output: Output
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
        with _building(root) as documents:
            output = asyncio.run(_make(root, documents, progress or _silent))
            result = _finish(output, progress or _silent)
    except BuildFailedError:
        raise
    except FirstlightError as error:
        raise BuildFailedError([error]) from error
    result.seconds = time.perf_counter() - started
    return result


def make(root: Path, progress: Progress | None = None) -> Output:
    """Build a site in memory; `dist/` is left alone.

    Args:
        root: The folder with pages/ and pyproject.toml.
        progress: As for `build()`.

    Raises:
        FirstlightError: There is no site, or its configuration cannot be read.
    """
    with _building(root) as documents:
        return asyncio.run(_make(root, documents, progress or _silent))


@contextmanager
def _building(root: Path) -> Generator[DocumentStore, None, None]:
    check_is_site(root)
    with build_lock(root), importable(root), remembered_documents(root / STATE) as documents:
        yield documents


async def _make(root: Path, documents: DocumentStore, progress: Progress) -> Output:
    progress("scan", 0, 1)
    config, wrangler = load_config(root), load_wrangler(root)
    site = scan(root, config)
    pages = [route.source.body for route in site.routes if route.kind == "markdown"]
    documents.prepare([*pages, *content_texts(root)], partial(progress, "markdown"))
    progress("compile", 0, 1)
    modules, errors = compile_site(site)
    errors = [*site.errors, *errors, *adapter_errors(site)]
    trees = list(site_trees(site))
    errors += [*undeclared_bindings(trees, wrangler), *code_errors(site, trees)]
    errors += sql_errors(site, trees, wrangler)
    rendered, failures = await _prerender(site, modules, errors, progress)
    errors += failures
    redirects, failures = redirect_files(site, [page.path for page in rendered])
    errors += failures
    manifest = worker_manifest(site, modules)
    made = SiteBuild(site, modules, manifest, wrangler, rendered, redirects)
    progress("bundle", 0, 1)
    bundle = _bundle(made)
    errors += bundle.errors
    warnings = [*_left_out(site), *bundle.warnings]
    warnings += hidden_pages(site, [page.path for page in rendered])
    warnings += code_warnings(site, trees)
    return Output(made, bundle, _unique(errors), warnings)


def _finish(output: Output, progress: Progress) -> BuildResult:
    """Write what was made.

    Raises:
        BuildFailedError: Something in it is wrong.
    """
    if output.errors:
        raise BuildFailedError(output.errors)
    result = BuildResult(output, sizes=output.bundle.sizes, warnings=output.warnings)
    _count(output.build.rendered, result)
    progress("write", 0, 1)
    result.changed = _write(output.build, output.bundle)
    if output.bundle.after is not None:
        result.warnings += output.bundle.after()
    return result


def _bundle(build: SiteBuild) -> Bundle:
    """Let the adapter make its part, after a look at what it cannot do."""
    if build.site.config.adapter is None:
        return Bundle()
    adapter = load_adapter(build.site.config.adapter)
    errors, warnings = check_support(build, adapter)
    bundle = adapter.bundle(build)
    bundle.errors = [*errors, *bundle.errors]
    bundle.warnings = [*warnings, *bundle.warnings]
    return bundle


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
        app = App(host_manifest(site), load=loader.load, explain=explain)
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


def _write(build: SiteBuild, bundle: Bundle) -> bool:
    root = build.site.root
    with staging(root) as staged:
        _write_client(staged / "client", build, bundle)
        for name, text in bundle.server.items():
            write_file(staged / "server", name, text.encode())
        folders = dict(FOLDERS)
        for number, (folder, files) in enumerate(bundle.folders.items()):
            folders[f"folder-{number}"] = folder
            for name, content in files:
                write_file(staged / f"folder-{number}", name, content)
        return swap_in(staged, root, folders)


def _write_client(client: Path, build: SiteBuild, bundle: Bundle) -> None:
    base = build.site.config.base.strip("/")
    places = {
        f"{base}/{page.path.output}".lstrip("/"): page.path.route.location
        for page in build.rendered
    }
    client.mkdir()
    for name, content in chain(build.client_files(), bundle.client):
        try:
            write_file(client, name, content)
        except FirstlightError as error:
            error.location = error.location or places.get(name)
            raise


def _claims(site: Site) -> dict[str, str]:
    """Return path to file of what is answered without prerendering."""
    claims = {f"/{asset}": f"{PAGES}/{asset}" for asset in site.assets}
    redirects = [r for r in site.config.redirects if not is_dynamic(r.pattern)]
    claims |= {r.pattern: redirect_claim(r) for r in redirects}
    return claims | {r.pattern: r.file for r in site.on_demand if not is_dynamic(r.pattern)}


def _left_out(site: Site) -> list[str]:
    return [
        f"{name} is a link out of the site, to nothing or in a circle; it is left out."
        for name in site.left_out
    ]


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
