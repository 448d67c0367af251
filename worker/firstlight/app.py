"""One request, one response: the site as a function, the same in every adapter.

Pure: no file system, no JavaScript, no sockets.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from firstlight.context import APIContext, Rewrite
from firstlight.errors import (
    FirstlightError,
    Location,
    RequestError,
    ResponseError,
    site_frames,
)
from firstlight.handlers import handle_endpoint, handle_page
from firstlight.headers import Headers
from firstlight.middleware import call_middleware
from firstlight.response import Response
from firstlight.routing import Router, fill_pattern, has_extension
from firstlight.url import PATH_SAFE, URL, normalize_path, percent_encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType
    from typing import Any

    from firstlight.context import Platform
    from firstlight.errors import Frame
    from firstlight.manifest import Manifest, Route
    from firstlight.request import Request
    from firstlight.templating import Templates

MIDDLEWARE_FILE = "pages/_middleware.py"
MOST_REWRITES = 4
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
# Paths that no trailing-slash policy touches, as in Astro: they are not pages.
INTERNAL = ("/_", "/@", "/.")
# A page's file, and so its URL where the platform or a link says so.
EXTENSION = ".html"
# These describe the body that an error page replaces.
BODY_HEADERS = (
    "content-type",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "etag",
)
TITLES = {
    400: "Bad Request",
    404: "Not Found",
    500: "Internal Server Error",
    508: "Loop Detected",
}


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
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        load: Callable[[str], ModuleType] = import_module,
        log: Callable[[str], object] = sys.stderr.write,
    ) -> None:
        self.manifest = manifest
        self._load = load
        self._log = log
        self._routes = Router([(route.pattern, route) for route in manifest.routes])
        self._redirects = Router([(redirect.pattern, redirect) for redirect in manifest.redirects])
        self._error_routes = {
            route.pattern: route
            for route in manifest.routes
            if route.pattern in ("/404", "/500") and not route.is_endpoint
        }
        self._templates: dict[bool, Templates] = {}

    async def handle(self, request: Request, platform: Platform | None = None) -> Response:
        """Answer a request; never raises for what a site or a visitor does wrong."""
        try:
            answer = await self._answer(request, platform or NoPlatform())
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

    async def _answer(self, request: Request, platform: Platform) -> Response:
        request.max_body = self.manifest.max_body
        sent = URL(request.url)
        path = normalize_path(sent.pathname)
        url = sent.with_path(percent_encode(path, PATH_SAFE))
        request.url = url.href
        inner = self.strip_base(path)
        if inner is not None:
            redirect = self._redirect(inner, sent.search, request.method)
            if redirect is None and inner[:2] not in INTERNAL:
                redirect = self._slash_redirect(path, sent, request.method)
            if redirect is not None:
                return redirect
        ctx = APIContext(
            request,
            url,
            platform=platform,
            site=self.manifest.site,
            base=self.manifest.base,
        )
        return await _Exchange(self, ctx, platform).answer(inner)

    def match(
        self, path: str | None, *, prerendered: bool = False
    ) -> list[tuple[Route, dict[str, Any]]]:
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

    def _html_matches(self, path: str) -> list[tuple[Route, dict[str, Any]]]:
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
        module = self._load(route.module)
        try:
            if route.is_endpoint:
                return await handle_endpoint(module, ctx, method)
            return await handle_page(module, ctx, self.templates)
        except ResponseError as error:
            self.locate(error, route.file, route.pattern)
            raise

    async def run_middleware(
        self, ctx: APIContext, next_: Callable[..., Awaitable[Response]]
    ) -> Response:
        """Run the site's middleware, if any, around `next_`."""
        if not self.manifest.middleware:
            return await next_()
        on_request = getattr(self._load(self.manifest.middleware), "on_request", None)
        if on_request is None:
            return await next_()
        try:
            return await call_middleware(on_request, ctx, next_)
        except ResponseError as error:
            self.locate(error, MIDDLEWARE_FILE)
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
        where = f"{Location(place.file, place.line)} " if place and place.file else ""
        steps = [frame for frame in frames if place is None or frame[:2] != place[:2]]
        text = (
            error.message
            if isinstance(error, FirstlightError)
            else f"{type(error).__name__}: {error}"
        )
        hint = getattr(error, "hint", None)
        self._log(
            f"{where}(route {route}): {text}\n"
            + "".join(f"    {step.file}:{step.line} in {step.function}\n" for step in steps)
            + (f"  Hint: {hint}\n" if hint else "")
        )
        for part in getattr(error, "exceptions", ()):  # what a TaskGroup gathers
            self.log_error(part, route)

    def locate(self, error: FirstlightError, file: str, route: str | None = None) -> None:
        """Give an error its place: the step in the site's code, else the file that was run."""
        line = None
        for frame in self._frames(error):
            file, line, _ = frame
        error.location = error.location or Location(file, line, route)

    def _frames(self, error: BaseException) -> list[Frame]:
        files = {route.module: route.file for route in self.manifest.routes if route.module}
        return site_frames(error, files)

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
            if path.endswith("/") and _ends_in_rest(redirect.destination) and target != "/":
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


class _Exchange:
    """The way of one request through middleware, rewrites and error pages."""

    def __init__(self, app: App, ctx: APIContext, platform: Platform) -> None:
        self.app = app
        self.ctx = ctx
        self.platform = platform
        self.rewrites = 0
        self.reached = False  # whether the middleware let the request through
        self.ahead: list[tuple[Route, dict[str, Any]]] | None = None
        ctx._rewriter = self.rewrite  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - its other half
        ctx._mover = self.step  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001
        ctx._watcher = self.watch  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001

    async def watch(self, awaitable: Awaitable[Any]) -> None:
        """Await what outlives the response, and log what it raises."""
        route = self.ctx.route_pattern or self.ctx.url.pathname
        try:
            await awaitable
        except Exception as error:  # noqa: BLE001 - nobody else would see it
            self.app.log_error(error, route)

    async def answer(self, path: str | None) -> Response:
        refusal = check_origin(self.ctx, self.app.manifest.trusted_origins)
        response = refusal or await self.guarded(path)
        cookies = self.ctx.take_cookies()
        if cookies:
            response = response.copy()  # middleware may keep the one it was given
        for cookie in cookies:
            response.headers.append("set-cookie", cookie)
        return response

    async def guarded(self, path: str | None) -> Response:
        """Answer, with the error page for what fails or ends in an empty 404 or 500."""
        try:
            response = await self.started(await self.run(self.app.match(path)))
        except RequestError as error:
            if error.status < 500:  # noqa: PLR2004 - the visitor's mistake, not the site's
                return Response(error.message, error.status)
            return await self.failed(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever site code raises is a 500
            return await self.failed(error)
        if response.status in (404, 500) and response.is_empty and not response.is_final:
            return await self.error_answer(response.status, response.headers)
        return response

    async def started(self, response: Response) -> Response:
        """Make the first piece of a streamed body: until then, an error is a 500."""
        if not response.is_streamed:
            return response
        from firstlight.streaming import started  # noqa: PLC0415 - no stream, no cost

        return await started(response, lambda error: self.app.report(error, self.ctx))

    async def failed(self, error: BaseException) -> Response:
        self.app.report(error, self.ctx)
        if isinstance(error, RewriteLoopError):
            return Response(f"508 {TITLES[508]}", 508)
        self.ctx.props = {"error": error}
        return await self.error_answer(500, Headers())

    async def run(self, matches: list[tuple[Route, dict[str, Any]]]) -> Response:
        """Run the middleware around the best match; around the 404 page without one."""
        self.ahead = None
        self.enter(matches)

        async def page(path: str | URL | None = None, /) -> Response:
            self.reached = True
            if path is not None:
                self.step(path)
            current, self.ahead = matches if self.ahead is None else self.ahead, None
            return await self.render(current)

        return await self.app.run_middleware(self.ctx, page)

    def enter(self, matches: list[tuple[Route, dict[str, Any]]]) -> None:
        route, params = matches[0] if matches else (None, {})
        self.ctx.params = params
        self.ctx.route_pattern = route.pattern if route else ""

    async def render(self, matches: list[tuple[Route, dict[str, Any]]]) -> Response:
        """Answer with the first match that has an answer, without middleware."""
        for route, params in matches:
            self.enter([(route, params)])
            if route.is_prerendered:
                asset = await self.platform.fetch_asset(self.ctx.url.pathname)
                if asset is None:
                    continue
                return asset.with_status(_own_status(route) or asset.status)
            response = await self.app.run_route(route, self.ctx, self.ctx.request.method)
            if isinstance(response, Rewrite):
                return await self.follow(response, route)
            status = _own_status(route)
            return response.with_status(status) if status else response
        return await self.error_page(404)

    async def follow(self, rewrite: Rewrite, route: Route) -> Response:
        """Answer with what a page rewrites to; a rewrite that cannot be is the page's error."""
        try:
            return await rewrite
        except RewriteError as error:
            self.app.locate(error, route.file, route.pattern)
            raise

    async def rewrite(self, path: str) -> Response:
        """Answer with another route, its middleware included."""
        return await self.run(self.move(path))

    def step(self, path: str | URL) -> None:
        """Make the next page another route's, without running the middleware again."""
        self.ahead = self.move(str(path))
        self.enter(self.ahead)

    def move(self, path: str) -> list[tuple[Route, dict[str, Any]]]:
        """Make another path the context's; returns its matches, prerendered ones included."""
        self.rewrites += 1
        if self.rewrites > MOST_REWRITES:
            raise RewriteLoopError(f"More than {MOST_REWRITES} rewrites, the last to `{path}`.")
        if self.ctx.request.body_used:
            raise RewriteError(
                f"The rewrite to `{path}` came after the request's body was read.",
                hint="Rewrite first, and read the body in the target.",
            )
        target = self.target(path)
        inner = self.inner_path(target, path)
        path = self.app.canonical(self.app.manifest.base.rstrip("/") + inner)
        self.ctx.url = target.with_path(percent_encode(path, PATH_SAFE))
        self.ctx.request.url = self.ctx.url.href
        self.ctx.response.status = None
        return self.app.match(inner, prerendered=True)

    def target(self, path: str) -> URL:
        """Make an URL of what a rewrite names: a path and query, or a whole URL of this site."""
        here = self.ctx.url
        is_absolute = "://" in path.partition("?")[0]
        target = URL(path if is_absolute else f"{here.origin}/{path.removeprefix('/')}")
        if target.origin != here.origin:
            raise RewriteError(
                f"The rewrite to `{path}` leaves the site.",
                hint="Send the visitor there with `ctx.redirect()`, or fetch it in an endpoint.",
            )
        return target

    def inner_path(self, target: URL, path: str) -> str:
        """Return the decoded path of a rewrite's target without base, which it need not name."""
        try:
            inner = normalize_path(target.pathname)
        except RequestError as error:
            raise RewriteError(
                f"The rewrite to `{path}` cannot be decoded: {error.message}",
                hint="Percent-encode what you put into the path.",
            ) from error
        stripped = self.app.strip_base(inner)
        return inner if stripped is None else stripped

    async def error_answer(self, status: int, headers: Headers) -> Response:
        """Answer with an error page in place of a response that had these headers.

        The middleware runs around it, unless it has stopped the request or gets in the way.
        """
        response = await self.guarded_error_page(status) if self.reached else None
        response = (response or await self.error_page(status)).with_status(status)
        own = {*BODY_HEADERS, *response.headers} - {"set-cookie"}
        for name, value in headers.items():
            if name not in own and (name, value) not in response.headers.items():
                response.headers.append(name, value)
        return response

    async def guarded_error_page(self, status: int) -> Response | None:
        """Answer with the error page inside the middleware; None when that did not show it."""
        is_shown = False

        async def page(path: str | URL | None = None, /) -> Response:
            del path
            nonlocal is_shown
            is_shown = True
            return await self.error_page(status)

        try:
            response = await self.app.run_middleware(self.ctx, page)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the error page still stands without it
            self.app.report(error, self.ctx)
            return None
        return response if is_shown and not response.is_empty else None

    async def error_page(self, status: int) -> Response:
        """Answer with the site's error page of a status, else with a plain one."""
        response = await self.own_error_page(status)
        if response is None or response.is_empty:
            response = plain_page(status)
        response = response.with_status(status)
        response.is_final = True
        return response

    async def own_error_page(self, status: int) -> Response | None:
        route = self.app.error_route(status)
        if route is None:
            return None
        try:
            if route.is_prerendered:
                base = self.app.manifest.base.rstrip("/")
                return await self.platform.fetch_asset(f"{base}{route.pattern}")
            self.enter([(route, {})])
            self.ctx.response.status = None
            for name in BODY_HEADERS:
                if name in self.ctx.response.headers:
                    del self.ctx.response.headers[name]
            response = await self.app.run_route(route, self.ctx)
            return await self.started(await response if isinstance(response, Rewrite) else response)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an error page that fails still gets an answer
            self.app.report(error, self.ctx)
            return None


class RewriteError(FirstlightError):
    """A rewrite that cannot be done."""


class RewriteLoopError(RewriteError):
    """Rewrites that lead to each other."""


def check_origin(ctx: APIContext, trusted: tuple[str, ...]) -> Response | None:
    """Refuse form-like requests that another site has sent.

    Returns:
        The 403 answer, or None for a request that may pass.

    Source:
        https://docs.astro.build/en/reference/configuration-reference/#securitycheckorigin
        https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site
    """
    request = ctx.request
    if request.method in SAFE_METHODS:
        return None
    content_type = (request.headers.get("content-type") or "").strip().lower()
    if content_type and not any(kind in content_type for kind in FORM_TYPES):
        return None
    origin = request.headers.get("origin")
    if origin == ctx.url.origin or (origin is not None and origin in trusted):
        return None
    if request.headers.get("sec-fetch-site") == "same-origin":
        return None
    return Response(
        f"Cross-site {request.method} form submissions are forbidden: "
        f"expected Origin {ctx.url.origin}, got {origin or 'none'}.",
        403,
    )


def fill_destination(destination: str, params: dict[str, str]) -> str:
    """Put encoded parameters into a redirect's destination, a path or an absolute URL."""
    if destination.startswith("/") and not destination.startswith("//") and "[" in destination:
        slash = "/" if destination.endswith("/") else ""
        return fill_pattern(destination, params).rstrip("/") + slash or "/"
    for name, value in params.items():
        destination = destination.replace(f"[...{name}]", value).replace(f"[{name}]", value)
    return destination


def _templates_class(*, streamed: bool) -> type[Templates]:
    if streamed:
        from firstlight.streamed_templates import StreamedTemplates  # noqa: PLC0415

        return StreamedTemplates
    from firstlight.templating import Templates  # noqa: PLC0415 - no template, no cost

    return Templates


def _ends_in_rest(pattern: str) -> bool:
    return pattern.rpartition("/")[2].startswith("[...") and pattern.endswith("]")


def with_query(location: str, search: str) -> str:
    """Hand a request's query on to a redirect's target, unless that has one of its own.

    Source:
        https://developers.cloudflare.com/workers/static-assets/redirects/
    """
    path, mark, fragment = location.partition("#")
    return location if "?" in path else f"{path}{search}{mark}{fragment}"


def _own_status(route: Route) -> int | None:
    """Return the status that an error page always has."""
    return {"/404": 404, "/500": 500}.get(route.pattern) if not route.is_endpoint else None


def plain_page(status: int) -> Response:
    """Answer with the page of a status that a site without its own error page shows."""
    title = TITLES[status]
    return Response.html(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{status} {title}'
        f"</title></head><body><h1>{status}</h1><p>{title}</p></body></html>\n",
        status,
    )
