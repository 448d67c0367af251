"""The request, after the Fetch standard in snake_case."""

from __future__ import annotations

import json
from itertools import accumulate
from types import NoneType
from typing import TYPE_CHECKING

from firstlight.errors import RequestError
from firstlight.form_data import FormData, parse_form
from firstlight.headers import Headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any, Protocol

    class Body(Protocol):
        """Where an adapter's request body comes from; read at most once."""

        async def read(self) -> bytes:
            """Read it whole."""
            ...

        def stream(self) -> AsyncIterator[bytes]:
            """Read it piece by piece."""
            ...


DEFAULT_MAX_BODY = 1_048_576  # bytes
MOST_NESTED = 500  # lists and objects in each other; some thousands more end a Pyodide in Node
STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # 1 down, -1 up
OTHERS = bytes({*range(256)} - {*b"[{]}"})


class Request:
    """What the visitor asked for.

    Args:
        method: In capitals.
        url: Absolute.
        headers: None for none.
        body: Bytes, an adapter's `Body`, or None for none.
        cf: What Cloudflare knows of the connection (country, colo, TLS); empty elsewhere.

    Attributes:
        max_body: Bytes that `text`, `json` and `form_data` accept.

    Source:
        https://fetch.spec.whatwg.org/#request-class
    """

    def __init__(
        self,
        method: str,
        url: str,
        headers: Headers | dict[str, str] | None = None,
        body: bytes | Body | None = None,
        *,
        cf: dict[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self._headers = headers if isinstance(headers, (Headers, NoneType)) else Headers(headers)
        self._cf = cf
        self.max_body = DEFAULT_MAX_BODY
        self._body = body
        self._used = False

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:
            self._headers = self._read_headers()
        return self._headers

    @property
    def cf(self) -> dict[str, Any]:
        """What Cloudflare knows of the connection (country, colo, TLS); empty elsewhere."""
        if self._cf is None:
            self._cf = self._read_cf()
        return self._cf

    @property
    def body_used(self) -> bool:
        """Whether the body was read."""
        return self._used

    async def bytes(self) -> bytes:
        """Read the body whole, whatever its size.

        Raises:
            RequestError: The body was read before (500: it is the site's mistake).
        """
        body = self._take()
        if body is None or isinstance(body, bytes):
            return body or b""
        return await body.read()

    async def text(self) -> str:
        """Read the body as UTF-8, bad bytes as U+FFFD.

        Raises:
            RequestError: More than `max_body` bytes (413), or read before.
        """
        return (await self._read_bounded()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """Read the body as JSON.

        Raises:
            RequestError: Not JSON (400), more than `max_body` bytes (413), or read before.
        """
        data = await self._read_bounded()
        try:
            _check_depth(data)
            return json.loads(data, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise RequestError(f"The body is not JSON: {error}.") from error

    async def form_data(self) -> FormData:
        """Read the body as a form, urlencoded or multipart.

        Raises:
            RequestError: Not a form (415), malformed (400), more than `max_body` bytes (413),
                or read before.
        """
        return parse_form(self.headers.get("content-type") or "", await self._read_bounded())

    async def stream(self) -> AsyncIterator[bytes]:
        """Read the body piece by piece, whatever its size."""
        body = self._take()
        if isinstance(body, bytes):
            yield body
        elif body is not None:
            async for chunk in body.stream():
                yield chunk

    def _read_headers(self) -> Headers:
        """Return the headers that were not given; an adapter reads them when they are wanted."""
        return Headers()

    def _read_cf(self) -> dict[str, Any]:
        """Return what is known of the connection, as `_read_headers` does."""
        return {}

    def _take(self) -> bytes | Body | None:
        if self._used:
            raise RequestError(
                "The request's body was read already.",
                status=500,
                hint="Read it once and pass the result on, such as in `ctx.locals`.",
            )
        # Fetch: a body that is not there cannot be used up.
        self._used = self._body is not None
        return self._body

    async def _read_bounded(self) -> bytes:
        length = self.headers.get("content-length") or ""
        if length.isdecimal() and int(length) > self.max_body:
            raise self._too_large()
        if self._body is None or isinstance(self._body, bytes) or length.isdecimal():
            data = await self.bytes()  # the server holds the sender to the announced length
            if len(data) > self.max_body:
                raise self._too_large()
            return data
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > self.max_body:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self) -> RequestError:
        return RequestError(
            f"The body is larger than {self.max_body} bytes.",
            status=413,
            hint="Raise `max_body` in [tool.firstlight], or read it with `stream()`.",
        )


def _check_depth(data: bytes) -> None:
    """Refuse JSON that is nested too deep for the parser, which recurses in C."""
    if data.count(b"[") + data.count(b"{") <= MOST_NESTED:
        return
    text = data.decode(json.detect_encoding(data), "surrogatepass")
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]  # of strings
    steps = "".join(outside).encode("ascii", "ignore").translate(STEPS, OTHERS)
    if max(accumulate(memoryview(steps).cast("b")), default=0) > MOST_NESTED:
        raise ValueError(f"it is nested more than {MOST_NESTED} deep")


def _refuse_constant(name: str) -> Any:
    """Refuse `NaN` and `Infinity`: Python reads them, JSON has no such thing."""
    raise ValueError(f"`{name}` is no JSON value")
