"""What a page, an endpoint and middleware know of the request they answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from firstlight.cookies import Cookies
from firstlight.errors import ContextError
from firstlight.headers import Headers
from firstlight.response import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
    from typing import Any, Generic, Protocol, TypeAlias

    from typing_extensions import TypeVar

    from firstlight.exchange import Exchange
    from firstlight.request import Request
    from firstlight.url import URL

    # Covariant, so that what takes any context takes one whose parameters are known.
    Params_co = TypeVar(
        "Params_co", bound=Mapping[str, Any], default=Mapping[str, Any], covariant=True
    )

    class _HasParams(Generic[Params_co]):
        params: Params_co

    Watch: TypeAlias = Callable[[Awaitable[Any], str], Awaitable[None]]

    class Platform(Protocol):
        """What an adapter offers beside the request itself."""

        @property
        def client_address(self) -> str | None:
            """The visitor's IP address; None when it is not known."""
            ...

        def wait_until(self, awaitable: Awaitable[Any]) -> None:
            """Keep the runtime alive until work that outlives the response is done."""
            ...

        async def fetch_asset(self, path: str) -> Response | None:
            """Answer from the prerendered pages; None when there is no such asset."""
            ...

else:

    class _HasParams:
        """Stands in for `Generic`, which costs each import of the Worker."""

        __slots__ = ()

        def __class_getitem__(cls, params: object) -> type:
            return cls


class ResponseInit:
    """Status and headers to add to whatever the page returns.

    Attributes:
        status: None leaves the status to the page.
    """

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers = Headers()


class Rewrite:
    """Another route's answer at this URL: return it, or await it for the response."""

    __slots__ = ("_render", "path")

    def __init__(self, path: str, render: Callable[[str], Coroutine[Any, Any, Response]]) -> None:
        self.path = path
        self._render = render

    def __await__(self) -> Generator[Any, None, Response]:
        return self._render(self.path).__await__()


class APIContext(_HasParams["Params_co"]):
    """The context of one request, called `ctx`.

    `APIContext[ApiNotesId]` tells type checkers the parameters of a route, by the class that
    `firstlight types` writes for it; at run time it is `APIContext`.

    Attributes:
        params: Route parameters, decoded text; an absent rest parameter is None.
        props: What `get_static_paths` gave along with the parameters.
        url: The URL with its path normalised, after a rewrite the target's.
        site: The configured origin, such as `https://example.com`; None when there is none.
        base: The configured sub-path, `/` by default.
        route_pattern: The route as written, such as `/blog/[slug]`; empty when none matched,
            `/404` in the 404 page itself.
        is_prerendered: Whether this runs at build time.

    Source:
        https://docs.astro.build/en/reference/api-reference/
    """

    is_prerendered = False
    _cookies: Cookies | None = None
    _is_sent = False
    _exchange: Exchange | None = None
    _watch: Watch | None = None
    _locals: SimpleNamespace | None = None
    _response: ResponseInit | None = None

    def __init__(
        self,
        request: Request,
        url: URL,
        *,
        platform: Platform,
        site: str | None = None,
        base: str = "/",
    ) -> None:
        self._request = request
        self._platform = platform
        self.url = url
        self.site = site
        self.base = base
        no_params: Any = {}
        self.params = no_params
        self.props: Mapping[str, Any] = {}
        self.route_pattern = ""

    @property
    def request(self) -> Request:
        """The request; raises ContextError while prerendering."""
        return self._request

    @property
    def cookies(self) -> Cookies:
        """The cookies; raises ContextError while prerendering."""
        if self._cookies is None:
            self._cookies = Cookies("; ".join(self._request.headers.get_all("cookie")))
            self._cookies.is_sealed = self._is_sent
        return self._cookies

    @property
    def locals(self) -> SimpleNamespace:
        """A bag of attributes that middleware, page and endpoint share."""
        if self._locals is None:
            self._locals = SimpleNamespace()
        return self._locals

    @property
    def response(self) -> ResponseInit:
        """Status and headers to add to whatever the page returns."""
        if self._response is None:
            self._response = ResponseInit()
        return self._response

    @property
    def has_response(self) -> bool:
        """Whether `response` was asked for, so that it may say something."""
        return self._response is not None

    @property
    def client_address(self) -> str:
        """The visitor's IP address; raises ContextError when it is not known."""
        address = self._platform.client_address
        if address is None:
            raise ContextError("The visitor's address is not known here.")
        return address

    @property
    def session(self) -> Any:
        """Sessions are not part of this version."""
        raise ContextError(
            "`ctx.session` is not available in this version of Firstlight.",
            hint="Keep a random id in a cookie and the data in KV, as pages/login.html does.",
        )

    def redirect(self, path: str | URL, status: int = 302) -> Response:
        """Make a redirect; return it. The path stands in Location as given."""
        return Response.redirect(str(path), status)

    def rewrite(self, path: str | URL) -> Rewrite:
        """Show another route at this URL; return it.

        Args:
            path: Percent-encoded path and query of a page, an endpoint or a prerendered page.
        """
        if self._exchange is None:
            raise ContextError(
                "`ctx.rewrite()` works only while a request is answered.",
                hint="Set `prerender = False` to run this route for each request.",
            )
        return Rewrite(str(path), self._exchange.rewrite)

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Let work go on after the response was sent; what it raises is logged."""
        if self._watch is not None:
            awaitable = self._watch(awaitable, self.route_pattern or self.url.pathname)
        self._platform.wait_until(awaitable)

    def begin(self, exchange: Exchange, watch: Watch) -> None:
        """Belong to an exchange, until `end`.

        Args:
            exchange: Whose context this is.
            watch: Awaits what outlives the response of a route, and logs what it raises.
        """
        self._exchange = exchange
        self._watch = watch

    def end(self) -> list[str]:
        """List the Set-Cookie values to send; none can be added afterwards.

        The exchange is let go: a circle of the two would keep the request, and the platform's
        objects with it, until Python looks for circles.
        """
        self._exchange = None
        self._is_sent = True
        if self._cookies is None:
            return []
        self._cookies.is_sealed = True
        return self._cookies.headers()
