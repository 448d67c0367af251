"""The response, a superset of `workers.Response`."""

from __future__ import annotations

import json.encoder
from typing import TYPE_CHECKING

from firstlight.errors import ResponseError
from firstlight.headers import Headers
from firstlight.url import URL_SAFE, percent_encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Mapping
    from typing import Any, Protocol, TypeAlias, overload

    Body: TypeAlias = str | bytes | AsyncIterable[bytes | str] | None
    HeadersInit: TypeAlias = Headers | Mapping[str, str] | list[tuple[str, str]] | None

    class JsonMaker(Protocol):
        """`Response.json` on the class: `Response.from_json`."""

        def __call__(self, data: Any, status: int = 200, headers: HeadersInit = None) -> Response:
            """Serialise data as JSON."""
            ...


HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
# What these make of headers, to share.
HTML_FIELDS = (("content-type", HTML),)
JSON_FIELDS = (("content-type", JSON),)
# RFC 9110 §15: these carry no content.
NULL_BODY_STATUSES = frozenset((101, 204, 205, 304))
JSON_HINT = "Convert what is no str, number, bool, list or dict, as in `moment.isoformat()`."
REDIRECT_STATUSES = frozenset((300, 301, 302, 303, 304, 307, 308))


# The containers that are being written, by id: what is inside of itself is found by them.
_open: dict[int, object] = {}
# Made once: `json.dumps` and `JSONEncoder.encode` make one for each call.
_encode: Callable[[Any, int], Iterable[str]] = json.encoder.c_make_encoder(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - typeshed leaves it out
    markers=_open,
    default=json.JSONEncoder().default,
    encoder=json.encoder.encode_basestring,
    indent=None,
    key_separator=":",
    item_separator=",",
    sort_keys=False,
    skipkeys=False,
    allow_nan=False,
)


def _to_json(data: Any) -> str:
    around = len(_open)  # a dict of the site's own may answer with JSON as it is written
    try:
        return "".join(_encode(data, 0))
    except BaseException:
        for key in list(_open)[around:]:  # what it was inside of when it failed
            del _open[key]
        raise


class _Json:
    """`Response.json(data)` makes a response, `await response.json()` reads one, as in Fetch."""

    if TYPE_CHECKING:

        @overload
        def __get__(self, response: None, owner: type[Response]) -> JsonMaker: ...
        @overload
        def __get__(
            self, response: Response, owner: type[Response]
        ) -> Callable[[], Coroutine[Any, Any, Any]]: ...

    def __get__(self, response: Response | None, owner: type[Response]) -> Any:
        return owner.from_json if response is None else response.read_json


class Response:
    """What goes back to the visitor.

    Args:
        body: Text, bytes, an async iterable of bytes (streamed, text is encoded), an R2
            object, or None.
        status: 200 to 599.
        headers: Text gets `text/plain; charset=utf-8` unless they name a content type.

    Raises:
        ValueError: A header with control characters.
        ResponseError: A status out of range or a body of another type.

    Source:
        https://fetch.spec.whatwg.org/#response-class
    """

    __slots__ = ("_body", "headers", "is_final", "status")

    json = _Json()

    def __init__(self, body: Body = None, status: int = 200, headers: HeadersInit = None) -> None:
        if not 200 <= status <= 599:  # noqa: PLR2004 - the range of the Fetch standard
            raise _status_error(status)
        if not (body is None or isinstance(body, (str, bytes)) or hasattr(body, "__aiter__")):
            raise ResponseError(
                f"A response's body cannot be {type(body).__name__}.",
                hint="Give str, bytes, an async iterable of bytes, or None; "
                "for data use `Response.json(data)`.",
            )
        self.status = status
        self.headers = Headers(headers)
        # The error pages replace an empty 404 or 500, unless it is an endpoint's own.
        self.is_final = False
        self._body: Body = None if status in NULL_BODY_STATUSES else body
        if isinstance(self._body, str):
            self.headers.set_default_type(TEXT)

    @classmethod
    def from_json(cls, data: Any, status: int = 200, headers: HeadersInit = None) -> Response:
        """Serialise data as JSON; `Response.json(data)` is the same.

        Raises:
            ResponseError: The data cannot be JSON.
        """
        try:
            body = _to_json(data)
        except (TypeError, ValueError, RecursionError) as error:
            raise ResponseError(f"The data cannot be JSON: {error}.", hint=JSON_HINT) from error
        given = body if body.isascii() else encoded(body)
        if status == 200 and headers is None and cls is Response:  # noqa: PLR2004 - as nearly always
            return cls.of_trusted(given, JSON_FIELDS)
        response = cls(None, status, headers)
        response.headers.set_default_type(JSON)
        if status not in NULL_BODY_STATUSES:
            response._body = given
        return response

    @classmethod
    def of_trusted(
        cls, body: Body, fields: tuple[tuple[str, str], ...], status: int = 200
    ) -> Response:
        """Make a response of what needs no check; names must be in lower case."""
        response = cls.__new__(cls)
        response.status = status
        response.headers = Headers.of_trusted(fields)
        response.is_final = False
        response._body = body  # noqa: SLF001 - one of ours
        return response

    @classmethod
    def html(cls, text: str, status: int = 200, headers: HeadersInit = None) -> Response:
        """Answer with HTML."""
        fields = Headers(headers)
        fields.set_default_type(HTML)
        return cls(text, status, fields)

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Response:
        """Send the visitor elsewhere; the Location is the URL as given.

        Raises:
            ResponseError: The status is no redirect.
        """
        if status not in REDIRECT_STATUSES:
            raise ResponseError(
                f"`{status}` is no status of a redirect.", hint="Use 301, 302, 303, 307 or 308."
            )
        return cls(None, status, {"location": percent_encode(url, _LOCATION_SAFE)})

    @property
    def body(self) -> Body:
        """The body as given, None for none."""
        return self._body

    @property
    def is_empty(self) -> bool:
        """Whether there is no body at all; an empty text is a body."""
        return self._body is None

    @property
    def is_streamed(self) -> bool:
        """Whether Python makes the body piece by piece while it is sent."""
        body = self._body
        if body is None or isinstance(body, (str, bytes)):
            return False
        return getattr(body, "js_body", None) is None

    async def bytes(self) -> bytes:
        """Read the body whole; it can still be sent afterwards."""
        body = self._body
        if body is None or isinstance(body, bytes):
            return body or b""
        if isinstance(body, str):
            return encoded(body)
        chunks = [encoded(chunk) async for chunk in body]
        self._body = b"".join(chunks)
        return self._body

    async def text(self) -> str:
        """Read the body as UTF-8, bad bytes as U+FFFD."""
        if isinstance(self._body, str):
            return self._body
        return (await self.bytes()).decode("utf-8", "replace")

    async def read_json(self) -> Any:
        """Read the body as JSON; `await response.json()` is the same."""
        return json.loads(await self.bytes())

    def without_body(self) -> Response:
        """Return the same answer with no body, as HEAD gets it; a known length is told.

        Source:
            https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2
        """
        copy = self._copy(None, self.status)
        if isinstance(self._body, (str, bytes)) and self.status not in NULL_BODY_STATUSES:
            copy.headers["content-length"] = str(len(encoded(self._body)))
        return copy

    def with_status(self, status: int) -> Response:
        """Return the same answer with another status."""
        if status == self.status:
            return self
        if not 200 <= status <= 599:  # noqa: PLR2004 - the range of the Fetch standard
            raise _status_error(status)
        return self._copy(None if status in NULL_BODY_STATUSES else self._body, status)

    def with_body(self, body: Body) -> Response:
        """Return the same answer with another body."""
        return self._copy(body, self.status)

    def copy(self) -> Response:
        """Return the same answer with headers of its own."""
        return self._copy(self._body, self.status)

    def _copy(self, body: Body, status: int) -> Response:
        copy = Response.of_trusted(body, self.headers.fields, status)
        copy.is_final = self.is_final
        return copy

    def __repr__(self) -> str:
        return f"Response(status={self.status}, headers={self.headers!r})"


def _status_error(status: int) -> ResponseError:
    return ResponseError(
        f"A response's status is 200 to 599, not `{status}`.",
        hint="Use 404 for what is not there, 500 for what failed.",
    )


# Control characters stay, so that the header check refuses them instead of hiding them.
_LOCATION_SAFE = URL_SAFE | frozenset(map(chr, range(32))) | {"\x7f"}


def encoded(chunk: bytes | str) -> bytes:
    """Return a body, or a piece of one, as bytes: UTF-8, with U+FFFD for lone surrogates."""
    if not isinstance(chunk, str):
        return chunk
    try:
        return chunk.encode()
    except UnicodeEncodeError:
        # By way of UTF-16, as JavaScript has it: two halves that meet become one character.
        return chunk.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
