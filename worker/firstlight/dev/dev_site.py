"""A site served from its sources: compiled when it changes, rendered when it is asked for."""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstlight.advice import explain
from firstlight.app import App
from firstlight.build.bindings import site_trees, undeclared_bindings
from firstlight.build.compile import CompileMemory, compile_site
from firstlight.build.config import load_config
from firstlight.build.documents import DocumentStore
from firstlight.build.loader import SiteLoader, forget_modules
from firstlight.build.markdown import current_documents
from firstlight.build.mistakes import code_errors
from firstlight.build.output import STATE
from firstlight.build.pipeline import adapter_errors, host_manifest, plan
from firstlight.build.platform_files import headers_file, redirects_file
from firstlight.build.prerender import Prerenderer, StaticPath, located
from firstlight.build.redirect_files import redirect_files
from firstlight.build.scan import Site, scan
from firstlight.build.source_file import PAGES, read_bytes
from firstlight.build.sql_check import sql_errors
from firstlight.build.timing import Stopwatch
from firstlight.build.wrangler import load_wrangler
from firstlight.content import current_store
from firstlight.dev.error_page import ErrorPage
from firstlight.dev.host_bindings import scheduled_response
from firstlight.errors import FirstlightError, RequestError
from firstlight.response import HTML, Response
from firstlight.server.assets import Asset, AssetServer, content_type_of
from firstlight.url import URL, normalize_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from firstlight.context import APIContext, Rewrite
    from firstlight.manifest import Route
    from firstlight.request import Request
    from firstlight.server.asgi import HostPlatform
    from firstlight.templating import Templates


# Of the request that is being answered.
current_watch: ContextVar[Stopwatch | None] = ContextVar("watch", default=None)


class DevApp(App):
    """An App whose errors come up to the server, which shows them in the page.

    It keeps time of what the site's own code takes.
    """

    async def run_route(
        self, route: Route, ctx: APIContext, method: str = "GET"
    ) -> Response | Rewrite:
        """Run a page or an endpoint."""
        _begin("endpoint" if route.is_endpoint else "frontmatter")
        try:
            return await super().run_route(route, ctx, method)
        finally:
            _begin("app")

    def templates(self, *, streamed: bool = False) -> Templates:
        """Return the templates: a page asks for them when its frontmatter is done."""
        _begin("template")
        return super().templates(streamed=streamed)

    def report(self, error: BaseException, ctx: APIContext) -> None:
        """Let the error through."""
        raise _Shown(error, ctx.route_pattern) from error


class _Shown(BaseException):
    """Carries an error past the error pages; App catches `Exception` only."""

    def __init__(self, error: BaseException, route: str) -> None:
        super().__init__(str(error))
        self.error = error
        self.route = route


@dataclass(slots=True)
class Generation:
    """The site as it was after one change.

    Attributes:
        broken: What is wrong with which file; None holds what concerns every page.
    """

    site: Site
    app: App
    assets: AssetServer
    broken: dict[str | None, list[Exception]] = field(
        default_factory=dict[str | None, "list[Exception]"]
    )

    @property
    def is_static(self) -> bool:
        """Whether the built site is nothing but files."""
        return not self.site.config.adapter and not self.site.on_demand


def _ignore(told: object) -> None:
    del told


class DevSite:
    """Answers requests from the sources.

    Args:
        root: The site's root.
        tell: Takes each error of the site, also one that was told before.
        note: Takes what the author should know.
    """

    def __init__(
        self,
        root: Path,
        tell: Callable[[Exception], object] = _ignore,
        note: Callable[[str], object] = _ignore,
    ) -> None:
        self._root = root
        self._tell = tell
        self._note = note
        self._warnings: list[str] = []
        self.base = "/"  # as of when the configuration could last be read
        self._loader: SiteLoader | None = None
        self._generation: Generation | None = None
        self._loading = asyncio.Lock()
        self._compiled = CompileMemory()
        self._documents = DocumentStore(root / STATE)
        self._changes = 0

    def reload(self) -> None:
        """Forget what was loaded; the next request reads the sources again."""
        self._changes += 1
        self._generation = None
        if (store := current_store.get()) is not None:
            store.forget()
        if self._loader is not None:
            sys.meta_path.remove(self._loader)
            self._loader = None
        forget_modules(self._root)

    async def warm(self) -> None:
        """Read the sources, so that errors are told and the next request finds them read."""
        current_documents.set(self._documents)
        try:
            await self.generation()
        except FirstlightError as error:
            self._tell(error)

    async def handle(self, request: Request, platform: HostPlatform) -> Response:
        """Answer a request; `Server-Timing` tells the browser's tools where the time went.

        Source:
            https://www.w3.org/TR/server-timing/
        """
        current_watch.set(watch := Stopwatch("load"))
        current_documents.set(self._documents)
        response = await self._handle(request, platform)
        watch.begin("app")
        response.headers["server-timing"] = ", ".join(
            f"{stage};dur={seconds * 1000:.1f}" for stage, seconds in watch.seconds.items()
        )
        return response

    async def _handle(self, request: Request, platform: HostPlatform) -> Response:
        """Answer a request; an error of the site becomes a page that shows it."""
        try:
            generation = await self.generation()
            _begin("app")
            if (scheduled := await scheduled_response(request)) is not None:
                return scheduled
            wrong = self._errors_for(generation, request)
            if wrong:
                return self._error_page(wrong, platform)
            platform.served = "static"
            answer = await generation.assets.handle(request)
            if answer is None and generation.is_static:
                answer = await generation.assets.not_found(generation.site.config.base)
            if answer is None:
                platform.served = "on demand"
                answer = await generation.app.handle(request, platform)
        except _Shown as shown:
            return self._error_page([_told(shown.error, shown.route)], platform)
        except FirstlightError as error:
            return self._error_page([error], platform)
        return answer

    def _error_page(self, errors: list[Exception], platform: HostPlatform) -> ErrorPage:
        platform.served = "error"
        for error in errors:
            self._tell(error)
        return ErrorPage(errors, self._root)

    async def fetch(self, path: str) -> Response | None:
        """Answer from the prerendered pages, for error pages and rewrites."""
        return await (await self.generation()).assets.fetch(path)

    async def generation(self) -> Generation:
        """Return the site as it is; reads the sources after a change.

        Raises:
            FirstlightError: The configuration cannot be used.
        """
        async with self._loading:  # a page and its assets ask at once
            while self._generation is None:
                changes = self._changes
                generation = await self._load()
                if changes == self._changes:  # else it is of sources that are gone
                    self._generation = generation
            return self._generation

    async def _load(self) -> Generation:
        config, wrangler = load_config(self._root), load_wrangler(self._root)
        self.base = config.base
        site = scan(self._root, config)
        modules, errors = compile_site(site, self._compiled)
        trees = list(site_trees(site))
        errors = [*site.errors, *errors, *undeclared_bindings(trees, wrangler)]
        errors += code_errors(site, trees)
        errors += sql_errors(site, trees, wrangler)
        # The build needs one, the development server does not.
        self._warn([f"Warning: {error}" for error in adapter_errors(site)])
        broken = _by_file(site, errors)
        if self._loader is not None:
            sys.meta_path.remove(self._loader)
        self._loader = SiteLoader(site, modules)
        sys.meta_path.insert(0, self._loader)
        app = DevApp(host_manifest(site), load=self._loader.load, explain=explain)
        paths, failures = await plan(site, self._loader, set(broken))
        redirects, wrong_redirects = redirect_files(site, paths)
        for file, wrong in _by_file(site, [*failures, *wrong_redirects]).items():
            broken.setdefault(file, []).extend(wrong)
        for error in (error for wrong in broken.values() for error in wrong):
            self._tell(error)
        files = _SourceFiles(site, paths, Prerenderer(app, config), redirects)
        assets = AssetServer(
            files,
            wrangler.html_handling,
            headers=headers_file(site, []),
            redirects=redirects_file(site),
        )
        return Generation(site, app, assets, broken)

    def _warn(self, warnings: list[str]) -> None:
        for warning in warnings:
            if warning not in self._warnings:
                self._note(warning)
        self._warnings = warnings

    def _errors_for(self, generation: Generation, request: Request) -> list[Exception]:
        """List what stands in the way of a request's page."""
        if not generation.broken:
            return []
        try:
            path = normalize_path(URL(request.url).pathname)
        except RequestError:
            return []  # answered by App
        matches = generation.app.match(generation.app.strip_base(path), prerendered=True)
        wrong = list(generation.broken.get(None, [])) if matches else []
        for route, _ in matches[:1]:
            wrong += generation.broken.get(route.file, [])
        return wrong


class _SourceFiles:
    """Assets and prerendered paths, as the platform would find them in dist/client/."""

    def __init__(
        self,
        site: Site,
        paths: list[StaticPath],
        prerenderer: Prerenderer,
        redirects: Mapping[str, str],
    ) -> None:
        base = site.config.base.strip("/")
        prefix = f"{base}/" if base else ""
        self._root = site.root
        self._assets = {prefix + name: f"{PAGES}/{name}" for name in site.assets}
        self._pages = {prefix + path.output: path for path in paths}
        self._redirects = {prefix + output: page for output, page in redirects.items()}
        self._prerenderer = prerenderer

    def __contains__(self, path: object) -> bool:
        return path in self._assets or path in self._pages or path in self._redirects

    async def read(self, path: str) -> Asset | None:
        """Read an asset, or render a page; None for a page that answers with nothing.

        Raises:
            FirstlightError: The page has an error, with its place.
        """
        if path in self._assets:
            file = self._assets[path]
            return Asset(read_bytes(self._root / file, file), content_type_of(path))
        if path in self._redirects:
            return Asset(self._redirects[path].encode(), HTML)
        page = self._pages[path]
        try:
            rendered = await self._prerenderer.render(page)
        except (Exception, SystemExit) as error:
            told = located(error, page.route)
            raise told from error
        if rendered.body is None:
            return None
        kind = content_type_of(path) or rendered.content_type or HTML
        return Asset(rendered.body, kind, tuple(rendered.headers))


def _begin(stage: str) -> None:
    if (watch := current_watch.get()) is not None:
        watch.begin(stage)


def _by_file(site: Site, errors: list[Exception]) -> dict[str | None, list[Exception]]:
    """Sort errors by the route's file they belong to; the others concern every page."""
    files = {route.file for route in site.routes}
    broken: dict[str | None, list[Exception]] = {}
    for error in errors:
        location = getattr(error, "location", None)
        file = location.file if location and location.file in files else None
        broken.setdefault(file, []).append(error)
    return broken


def _told(error: BaseException, route: str) -> Exception:
    """Give an error raised on demand its place; the page's own file is found in its frames."""
    stand_in: Any = _RoutePlace(route)
    return located(error, stand_in) if isinstance(error, Exception) else FirstlightError(str(error))


@dataclass(frozen=True, slots=True)
class _RoutePlace:
    """Enough of a route to say where an error came from when no frame tells."""

    pattern: str
    file: str | None = None
