"""One request, one response: the site as a function, the same in every adapter.

Pure: no file system, no JavaScript, no sockets.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from firstlight.context import APIContext
from firstlight.errors import (
    FRONTMATTER,
    FirstlightError,
    Location,
    RequestError,
    ResponseError,
    function_frame,
    plain_advice,
    site_frames,
)
from firstlight.exchange import TITLES, Exchange
from firstlight.handlers import FALLBACKS, handle_endpoint, handle_page
from firstlight.middleware import call_middleware
from firstlight.response import Response
from firstlight.routing import Router, ends_in_rest, fill_destination, has_extension, with_query
from firstlight.url import PATH_SAFE, URL, is_plain_path, normalize_path, percent_encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType
    from typing import Any

    from firstlight.context import Platform, Rewrite
    from firstlight.errors import Advice, Frame
    from firstlight.exchange import Matches
    from firstlight.manifest import Manifest, Route
    from firstlight.request import Request
    from firstlight.templating import Templates

MIDDLEWARE_FILE = "pages/_middleware.py"
# Paths that no trailing-slash policy touches, as in Astro: they are not pages.
INTERNAL = ("/_", "/@", "/.")
# A page's file, and so its URL where the platform or a link says so.
EXTENSION = ".html"
MOST_WAYS = 128  # URLs whose way through the site is kept, about 1 KB each
LONGEST_WAY = 512  # characters of an URL that is kept


class Way(NamedTuple):
    """Where an URL leads, as far as that can be told from the URL alone.

    Attributes:
        url: With its path normalised.
        href: Of the URL, where that differs from what was asked for; empty where it does not.
        matches: The routes on demand that the path matches, best first.
    """

    url: URL
    href: str
    matches: Matches


class NoPlatform:
    """Stands in where no adapter offers anything: tests and plain use of `App`."""

    client_address: str | None = None

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Run it beside the response."""
        import asyncio  # noqa: PLC0415 - only where no adapter does better

        _background.add(task := asyncio.ensure_future(awaitable))
        task.add_done_callback(_background.discard)

    async def fetch_asset(self, path: str) -> Response | None:
        """There are no assets."""
        del path


_background: set[Any] = set()


class App:
    """A built site.

    Args:
        manifest: Its routes and options.
        load: Imports a module of the site by name.
        log: Takes the text of an error that a visitor only sees as a 500.
        explain: Says what an exception means; `advice.explain` where its size does not matter.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        load: Callable[[str], ModuleType] = import_module,
        log: Callable[[str], object] = sys.stderr.write,
        explain: Callable[[BaseException], Advice] = plain_advice,
    ) -> None:
        self.manifest = manifest
        self._load = load
        self._log = log
        self._explain = explain
        self._routes = Router([(route.pattern, route) for route in manifest.routes])
        self._redirects = Router([(redirect.pattern, redirect) for redirect in manifest.redirects])
        self._error_routes = {
            route.pattern: route
            for route in manifest.routes
            if route.pattern in ("/404", "/500") and not route.is_endpoint
        }
        self._templates: dict[bool, Templates] = {}
        self._modules: dict[str, ModuleType] = {}
        self._ways: dict[str, Way] = {}

    async def handle(self, request: Request, platform: Platform | None = None) -> Response:
        """Answer a request; never raises for what a site or a visitor does wrong."""
        platform = platform or NoPlatform()
        try:
            way = self._ways.get(request.url) or self._find_way(request)
            answer = (
                way if isinstance(way, Response) else await self._answer(request, platform, way)
            )
        except RequestError as error:
            answer = self._refusal(error)
        if request.method == "HEAD" and not answer.is_empty:
            if answer.is_streamed:
                from firstlight.streaming import close  # noqa: PLC0415 - no stream, no cost

                await close(answer.body)  # pyright: ignore[reportArgumentType] - it is streamed
            answer = answer.without_body()
        elif isinstance(answer.body, (str, bytes)) and "content-length" in answer.headers:
            answer = answer.copy()
            del answer.headers["content-length"]  # the platform counts a body that it has whole
        return answer

    def _answer(self, request: Request, platform: Platform, way: Way) -> Awaitable[Response]:
        """Answer with code of the site's."""
        manifest = self.manifest
        request.max_body = manifest.max_body
        if way.href:
            request.url = way.href
        ctx = APIContext(
            request, way.url, platform=platform, site=manifest.site, base=manifest.base
        )
        return Exchange(self, ctx, platform, way.matches).answer()

    def _find_way(self, request: Request) -> Way | Response:
        """Find out where the URL of a request leads; a response is a redirect to another one.

        Raises:
            RequestError: The path is malformed.
        """
        sent = URL(request.url)
        path, url, href = sent.pathname, sent, ""
        if sent.hash or not is_plain_path(path):
            path = normalize_path(path)
            encoded = percent_encode(path, PATH_SAFE)
            if sent.hash or encoded != sent.pathname:
                url = sent.with_path(encoded)
                href = url.href
        inner = self.strip_base(path)
        if inner is not None:
            redirect = self._redirect(inner, sent.search, request.method)
            if redirect is None and inner[:2] not in INTERNAL:
                redirect = self._slash_redirect(path, sent, request.method)
            if redirect is not None:
                return redirect
        way = Way(url, href, self.match(inner))
        if len(request.url) <= LONGEST_WAY:
            if len(self._ways) >= MOST_WAYS:  # a server may answer in several threads
                self._ways.pop([*self._ways][0], None)  # noqa: RUF015 - in one step
            self._ways[request.url] = way
        return way

    def match(self, path: str | None, *, prerendered: bool = False) -> Matches:
        """List the routes a path matches, best first.

        Args:
            path: Decoded, without base; None matches nothing.
            prerendered: Whether to list prerendered routes too.
        """
        if path is None:
            return []
        is_folder = path.endswith("/") and path != "/"
        found = self._html_matches(path) if path.endswith(EXTENSION) else self._routes.matches(path)
        return [
            (route, params)
            for route, params in found
            if (prerendered or not route.is_prerendered)
            and not (is_folder and route.is_endpoint and has_extension(route.pattern))
        ]

    def _html_matches(self, path: str) -> Matches:
        """List the routes of a path that ends as a page's file does, best first.

        A page's parameters leave the ending out, unless its pattern has one, too. With
        `format = "file"` a page is also found under its file's name.

        Source:
            https://docs.astro.build/en/reference/configuration-reference/#buildformat
        """
        exact = dict(self._routes.matches(path))
        bare = dict(self._routes.matches(path.removesuffix(EXTENSION).removesuffix("/index")))
        if self.manifest.format != "file":
            bare = {route: bare.get(route, params) for route, params in exact.items()}
        found = {r: p for r, p in exact.items() if r.is_endpoint or EXTENSION in r.pattern}
        found |= {r: p for r, p in bare.items() if not r.is_endpoint and EXTENSION not in r.pattern}
        return sorted(found.items(), key=lambda match: self.manifest.routes.index(match[0]))

    def error_route(self, status: int) -> Route | None:
        """Return the site's own error page of a status, if it has one."""
        return self._error_routes.get(f"/{status}")

    async def run_route(
        self, route: Route, ctx: APIContext, method: str = "GET"
    ) -> Response | Rewrite:
        """Run a page or an endpoint."""
        module = self._module(route.module)
        try:
            if route.is_endpoint:
                return await handle_endpoint(module, ctx, method)
            return await handle_page(module, ctx, self.templates)
        except ResponseError as error:
            self.locate_route(error, route, method)
            raise

    def _module(self, name: str) -> ModuleType:
        """Import a module of the site; after the first time that costs next to nothing."""
        module = self._modules.get(name)
        if module is None:
            module = self._modules[name] = self._load(name)
        return module

    async def run_middleware(
        self, ctx: APIContext, next_: Callable[..., Awaitable[Response]]
    ) -> Response:
        """Run the site's middleware, if any, around `next_`."""
        if not self.manifest.middleware:
            return await next_()
        on_request = getattr(self._module(self.manifest.middleware), "on_request", None)
        if on_request is None:
            return await next_()
        try:
            return await call_middleware(on_request, ctx, next_)
        except ResponseError as error:
            self.locate(error, Location(MIDDLEWARE_FILE), on_request)
            raise

    def templates(self, *, streamed: bool = False) -> Templates:
        """Return the site's templates; what renders them is imported at the first call.

        Args:
            streamed: Whether to return them in the form that streams.
        """
        if streamed not in self._templates:
            self._templates[streamed] = _templates_class(streamed=streamed)(
                self.manifest.templates, self._load
            )
        return self._templates[streamed]

    def report(self, error: BaseException, ctx: APIContext) -> None:
        """Log an error that the visitor sees as an error page."""
        self.log_error(error, ctx.route_pattern or ctx.url.pathname)

    async def watch(self, awaitable: Awaitable[Any], route: str) -> None:
        """Await what outlives the response of a route, and log what it raises."""
        try:
            await awaitable
        except Exception as error:  # noqa: BLE001 - nobody else would see it
            self.log_error(error, route)

    def log_error(self, error: BaseException, route: str) -> None:
        """Log an error with the place in the site it came from.

        Args:
            error: An exception that was raised.
            route: The pattern of the route, or the path of the request.
        """
        frames = self._frames(error)
        place: Location | None = getattr(error, "location", None)
        if frames and not (place and place.file):
            place = Location(frames[-1].file, frames[-1].line)
        elif not place:  # not raised in the site's code, such as by a call of it
            place = Location(
                next((r.file for r in self.manifest.routes if r.pattern == route), None)
            )
        where = f"{Location(place.file, place.line)} " if place.file else ""
        steps = [frame for frame in frames if frame[:2] != place[:2]]
        text, hint = self._explain(error)
        self._log(
            f"{where}(route {route}): {text}\n"
            + "".join(f"    {step.file}:{step.line} in {step.function}\n" for step in steps)
            + (f"  Hint: {hint}\n" if hint else "")
        )
        for part in getattr(error, "exceptions", ()):  # what a TaskGroup gathers
            self.log_error(part, route)

    def locate(self, error: FirstlightError, place: Location, called: Any = None) -> None:
        """Give an error its place: the step in the site's code, else what was called there.

        Args:
            error: That was raised.
            place: The file that was run, and its route.
            called: The function of that file; None when it is not known.
        """
        frames = [function_frame(called, self._files()), *self._frames(error)]
        for frame in filter(None, frames):
            place = Location(frame.file, frame.line, place.route)
        error.location = error.location or place

    def locate_route(self, error: FirstlightError, route: Route, method: str = "GET") -> None:
        """Give an error its place in the page or endpoint that answered a method."""
        module = self._modules.get(route.module)
        names = FALLBACKS.get(method, ("ALL",)) if route.is_endpoint else (FRONTMATTER,)
        called = next((getattr(module, name) for name in names if hasattr(module, name)), None)
        self.locate(error, Location(route.file, route=route.pattern), called)

    def _frames(self, error: BaseException) -> list[Frame]:
        return site_frames(error, self._files())

    def _files(self) -> dict[str, str]:
        return {route.module: route.file for route in self.manifest.routes if route.module}

    def _refusal(self, error: RequestError) -> Response:
        title = TITLES.get(error.status, "")
        return Response(f"{error.status} {title}".strip(), error.status)

    def strip_base(self, path: str) -> str | None:
        """Return a decoded path without base; None when it lies outside of it."""
        base = self.manifest.base
        if base == "/":
            return path
        if path == base:
            return "/"
        return path[len(base) :] if path.startswith(base + "/") else None

    def _redirect(self, path: str, search: str, method: str) -> Response | None:
        if not self.manifest.redirects:
            return None
        for redirect, params in self._redirects.matches(path):
            default = 301 if method in ("GET", "HEAD") else 308
            encoded = {name: percent_encode(v or "", PATH_SAFE) for name, v in params.items()}
            target = fill_destination(redirect.destination, encoded)
            if path.endswith("/") and ends_in_rest(redirect.destination) and target != "/":
                target += "/"  # as the platform fills in what `*` has matched
            return Response.redirect(with_query(target, search), redirect.status or default)
        return None

    def canonical(self, path: str) -> str:
        """Return a decoded path with a final slash or without, as `trailing_slash` says."""
        policy = self.manifest.trailing_slash
        if policy == "never" and path != "/":
            return path.rstrip("/")
        if policy == "always" and not path.endswith("/") and not has_extension(path):
            return path + "/"
        return path

    def _slash_redirect(self, path: str, sent: URL, method: str) -> Response | None:
        target = self.canonical(path)
        has_doubled = path != "/" and sent.pathname.endswith("//")
        if target == path and not has_doubled:
            return None
        status = 301 if method in ("GET", "HEAD") else 308
        return Response.redirect(percent_encode(target, PATH_SAFE) + sent.search, status)


def _templates_class(*, streamed: bool) -> type[Templates]:
    if streamed:
        from firstlight.streamed_templates import StreamedTemplates  # noqa: PLC0415

        return StreamedTemplates  # pyright: ignore[reportReturnType] - used the same way
    from firstlight.templating import Templates  # noqa: PLC0415 - no template, no cost

    return Templates
