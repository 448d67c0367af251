"""The way of one request through middleware, pages, rewrites and error pages.

Pure: no file system, no JavaScript, no sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.context import APIContext, Rewrite
from firstlight.errors import FirstlightError, RequestError
from firstlight.headers import Headers
from firstlight.response import Response
from firstlight.url import PATH_SAFE, URL, normalize_path, percent_encode

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any, TypeAlias

    from firstlight.app import App
    from firstlight.context import Platform
    from firstlight.manifest import Route

    Matches: TypeAlias = list[tuple[Route, dict[str, Any]]]

MOST_REWRITES = 4
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
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
REPLACED = (404, 500)  # where they are empty
ERROR_STATUS = {"/404": 404, "/500": 500}  # of the pages that always have one


class Exchange:
    """The way of one request through middleware, rewrites and error pages.

    Args:
        app: The site.
        ctx: Of the request.
        platform: What the adapter offers.
        matches: The routes on demand that its path matches, best first.
    """

    rewrites = 0
    reached = False  # whether the middleware let the request through
    ahead: Matches | None = None

    def __init__(self, app: App, ctx: APIContext, platform: Platform, matches: Matches) -> None:
        self.app = app
        self.ctx = ctx
        self.platform = platform
        self.matches = matches
        ctx.begin(self, app.watch)

    async def answer(self) -> Response:
        """Answer the request, its cookies included."""
        refusal = None
        if self.ctx.request.method not in SAFE_METHODS:
            refusal = check_origin(self.ctx, self.app.manifest.trusted_origins)
        response = refusal or await self.guarded()
        cookies = self.ctx.end()
        if cookies:
            response = response.copy()  # middleware may keep the one it was given
        for cookie in cookies:
            response.headers.append("set-cookie", cookie)
        return response

    async def guarded(self) -> Response:
        """Answer, with the error page for what fails or ends in an empty 404 or 500."""
        try:
            response = await self.run(self.matches)
            if response.is_streamed:
                response = await self.started(response)
        except RequestError as error:
            if error.status < 500:  # noqa: PLR2004 - the visitor's mistake, not the site's
                return Response(error.message, error.status)
            return await self.failed(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever site code raises is a 500
            return await self.failed(error)
        if response.status in REPLACED and response.is_empty and not response.is_final:
            return await self.error_answer(response.status, response.headers)
        return response

    async def started(self, response: Response) -> Response:
        """Make the first piece of a streamed body: until then, an error is a 500."""
        if not response.is_streamed:
            return response
        from firstlight.streaming import started  # noqa: PLC0415 - no stream, no cost

        return await started(response, lambda error: self.app.report(error, self.ctx))

    async def failed(self, error: BaseException) -> Response:
        """Answer with the page of an error that site code has raised."""
        self.app.report(error, self.ctx)
        if isinstance(error, RewriteLoopError):
            return Response(f"508 {TITLES[508]}", 508)
        self.ctx.props = {"error": error}
        return await self.error_answer(500, Headers())

    def run(self, matches: Matches) -> Awaitable[Response]:
        """Run the middleware around the best match; around the 404 page without one."""
        self.ahead = None
        if not self.app.manifest.middleware:
            self.reached = True
            return self.render(matches)
        self.enter(matches)

        async def page(path: str | URL | None = None, /) -> Response:
            self.reached = True
            if path is not None:
                self.step(path)
            current, self.ahead = matches if self.ahead is None else self.ahead, None
            return await self.render(current)

        return self.app.run_middleware(self.ctx, page)

    def enter(self, matches: Matches) -> None:
        """Make the best match the context's route."""
        route, params = matches[0] if matches else (None, {})
        self.ctx.params = {**params}  # the matches may be kept for other requests
        self.ctx.route_pattern = route.pattern if route else ""

    async def render(self, matches: Matches) -> Response:
        """Answer with the first match that has an answer, without middleware."""
        for route, params in matches:
            self.ctx.params = {**params}
            self.ctx.route_pattern = route.pattern
            if route.is_prerendered:
                asset = await self.platform.fetch_asset(self.ctx.url.pathname)
                if asset is None:
                    continue
                return asset.with_status(ERROR_STATUS.get(route.pattern, asset.status))
            response = await self.app.run_route(route, self.ctx, self.ctx.request.method)
            if isinstance(response, Rewrite):
                return await self.follow(response, route)
            if route.is_endpoint or route.pattern not in ERROR_STATUS:
                return response
            return response.with_status(ERROR_STATUS[route.pattern])
        self.enter([])
        return await self.error_page(404)

    async def follow(self, rewrite: Rewrite, route: Route) -> Response:
        """Answer with what a page rewrites to; a rewrite that cannot be is the page's error."""
        try:
            return await rewrite
        except RewriteError as error:
            self.app.locate_route(error, route, self.ctx.request.method)
            raise

    async def rewrite(self, path: str) -> Response:
        """Answer with another route, its middleware included."""
        return await self.run(self.move(path))

    def step(self, path: str | URL) -> None:
        """Make the next page another route's, without running the middleware again."""
        self.ahead = self.move(str(path))
        self.enter(self.ahead)

    def move(self, path: str) -> Matches:
        """Make another path the context's; returns its matches, prerendered ones included."""
        self.rewrites += 1
        if self.rewrites > MOST_REWRITES:
            raise RewriteLoopError(
                f"More than {MOST_REWRITES} rewrites, the last to `{path}`.",
                hint="Let the target answer itself, or redirect.",
            )
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
        response = response.copy()  # middleware may keep the one it was given
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
        """Answer with the site's own error page; None when it has none, or that fails."""
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


def plain_page(status: int) -> Response:
    """Answer with the page of a status that a site without its own error page shows."""
    title = TITLES[status]
    return Response.html(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{status} {title}'
        f"</title></head><body><h1>{status}</h1><p>{title}</p></body></html>\n",
        status,
    )
