"""Static assets and other Workers: a request in, a response out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from bindings.cloudflare.backend import Call, FetchRequest
from bindings.cloudflare.errors import FetcherError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from bindings.cloudflare.shapes import Body, FetchData, HeadersLike, RequestLike

    HeadersInit: TypeAlias = "HeadersLike | Iterable[tuple[str, str]] | None"

ORIGIN = "https://worker.local"  # a binding ignores the host, but a URL must have one
BODILESS = ("GET", "HEAD")


class FetchHeaders(list[tuple[str, str]]):
    """Headers as (name, value), names in lower case; `Response(…)` takes them as they are."""

    __slots__ = ()

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the values of a name, joined by `, `; the default when there is none."""
        values = [value for key, value in self if key == name.lower()]
        return ", ".join(values) if values else default

    def items(self) -> Iterable[tuple[str, str]]:
        """List (name, value), several of one name apart."""
        return self


class FetchResponse:
    """An answer: `status`, `headers`, and a body to be read once.

    `Response(answer, answer.status, answer.headers)` hands it on to the visitor; in a
    Worker its body then never passes through Python.
    """

    __slots__ = ("_body", "_call", "headers", "status")

    def __init__(self, data: FetchData, call: Call) -> None:
        self.status, headers, self._body = data
        self.headers = FetchHeaders((name.lower(), value) for name, value in headers)
        self._call = call

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299  # noqa: PLR2004 - the range of the Fetch standard

    @property
    def js_body(self) -> object:
        """The JavaScript stream; AttributeError where there is none.

        Raises:
            FetcherError: The body was already read.
        """
        stream = self._body.js_body
        self._check_unread()
        return stream

    async def bytes(self) -> bytes:
        """Read the whole body.

        Raises:
            FetcherError: It was already read.
        """
        body = self._taken()
        with self._call:
            return await body.read()

    async def text(self) -> str:
        """Read the body as UTF-8; other bytes become U+FFFD."""
        return (await self.bytes()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """Read the body as JSON.

        Raises:
            FetcherError: It is not JSON.
        """
        data = await self.bytes()
        try:
            return json.loads(data)
        except ValueError as error:
            raise self._call.error(f"the answer is not JSON: {error}.") from error

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._call.in_context(self._taken().chunks())

    def _taken(self) -> Body:
        self._check_unread()
        self._body.used = True
        return self._body

    def _check_unread(self) -> None:
        if self._body.used:
            hint = "Keep what the first read gave."
            self._call.fail("the body was already read.", hint, code="already_read")


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Static assets (`ASSETS`) or another Worker, by the name of the binding.

    Making one costs nothing: the binding is looked up at each call.

    Source:
        https://developers.cloudflare.com/workers/static-assets/binding/
        https://developers.cloudflare.com/workers/runtime-apis/bindings/service-bindings/http/
    """

    name: str

    async def fetch(
        self,
        target: str | RequestLike,
        *,
        method: str = "GET",
        headers: HeadersInit = None,
        body: str | bytes | None = None,
        redirect: Literal["follow", "manual"] = "follow",
    ) -> FetchResponse:
        """Send a request and return the answer, whatever its status.

        Args:
            target: A path such as `/logo.svg`, an absolute URL, or a request such as
                `ctx.request`, which brings its own method, headers and body.
            method: In capitals.
            headers: Names and values. None means none.
            body: None means none.
            redirect: Whether a redirect is followed or returned.

        Raises:
            FetcherError: The target is neither a path nor a URL, or the platform
                failed; an answer of 404 or 500 is no failure.
            UnknownBinding: wrangler.toml does not declare the name.
            BindingUnsupported: The embedded backend cannot reach another Worker.
        """
        call = Call(FetcherError, self.name, "fetch", key=url_of(target))
        request = await to_request(
            call, target, FetchRequest("", method, (), body, redirect), headers
        )
        with call:
            return FetchResponse(await call.backend.fetcher(self.name).fetch(request), call)


def url_of(target: str | RequestLike) -> str:
    """Return the URL or path of what is fetched."""
    return target if isinstance(target, str) else target.url


async def to_request(
    call: Call, target: str | RequestLike, options: FetchRequest, headers: HeadersInit
) -> FetchRequest:
    """Put together what is sent.

    Args:
        call: Whose errors are raised.
        target: A path, a URL or a request.
        options: Everything but the URL and the headers.
        headers: For a path or a URL.
    """
    if isinstance(target, str):
        items = getattr(headers, "items", None)
        pairs = cast("Iterable[tuple[str, str]]", headers or () if items is None else items())
        return options._replace(url=absolute(call, target), headers=tuple(pairs))
    body = None if target.method in BODILESS else await target.bytes()
    headers = tuple(target.headers.items())
    return options._replace(url=target.url, method=target.method, headers=headers, body=body)


def absolute(call: Call, url: str) -> str:
    """Make a URL of a path.

    Raises:
        BindingError: It is neither a path nor a URL.
    """
    if url.startswith("/"):
        return f"{ORIGIN}{url}"
    if not url.startswith(("http://", "https://")):
        call.fail("this is neither a path that begins with `/` nor a URL.")
    return url
