"""R2: objects by key, whole or in part, with their metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import R2Error

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence

    from bindings.cloudflare.backend import R2Body, R2ObjectData

# https://developers.cloudflare.com/r2/platform/limits/
MAX_KEY = 1024  # bytes of UTF-8
MAX_LIST = 1000  # objects in a page
MAX_DELETE = 1000  # keys in one call

HTTP_NAMES = {
    "content_type": "contentType",
    "content_language": "contentLanguage",
    "content_disposition": "contentDisposition",
    "content_encoding": "contentEncoding",
    "cache_control": "cacheControl",
    "cache_expiry": "cacheExpiry",
}
INCLUDE_NAMES = {"http_metadata": "httpMetadata", "custom_metadata": "customMetadata"}


@dataclass(frozen=True, slots=True)
class HTTPMetadata:
    """Headers that go with an object; None for each that is not set.

    `cache_expiry` is an aware datetime.

    Source:
        https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#http-metadata
    """

    content_type: str | None = None
    content_language: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    cache_control: str | None = None
    cache_expiry: datetime | None = None


@dataclass(frozen=True, slots=True)
class R2Object:
    """What R2 knows of an object, without its body.

    `size` is in bytes, of the whole object; `uploaded` is in UTC; `etag` is plain
    and `http_etag` quoted, as the header wants it; `range` holds the first and the
    last byte that were read, None unless a part was asked for.
    """

    key: str
    version: str
    size: int
    etag: str
    http_etag: str
    uploaded: datetime
    http_metadata: HTTPMetadata
    custom_metadata: dict[str, str]
    range: tuple[int, int] | None
    storage_class: str


@dataclass(frozen=True, slots=True)
class R2ObjectBody(R2Object):
    """An object with its body, which can be read once.

    `await obj.bytes()`, `text()` and `json()` read it whole, `async for chunk in obj`
    in pieces. Handing the object to a response in the Worker sends `js_body` to
    the client without passing through Python.
    """

    _bucket: str = field(repr=False)
    _body: R2Body = field(repr=False, compare=False)

    @property
    def js_body(self) -> object:
        """The JavaScript ReadableStream.

        Raises:
            AttributeError: The object comes from the embedded backend.
        """
        return self._body.js_body

    async def bytes(self) -> builtins.bytes:
        """Read the body, or the part that was asked for.

        Raises:
            R2Error: The body was already read.
        """
        with self._reading("bytes"):
            return await self._body.read()

    async def text(self) -> str:
        """Read the body as UTF-8; other bytes become U+FFFD.

        Raises:
            R2Error: The body was already read.
        """
        with self._reading("text"):
            return (await self._body.read()).decode("utf-8", "replace")

    async def json(self) -> Any:
        """Read the body as JSON.

        Raises:
            R2Error: The body is not JSON, or was already read.
        """
        with self._reading("json") as call:
            body = await self._body.read()
        try:
            return json.loads(body)
        except ValueError as error:
            raise call.error(f"the body is not JSON: {error}.") from error

    async def __aiter__(self) -> AsyncIterator[builtins.bytes]:
        with self._reading("stream"):
            async for chunk in self._body.chunks():
                yield chunk

    def _reading(self, operation: str) -> Call:
        call = Call(R2Error, self._bucket, operation, key=self.key)
        if self._body.used:
            call.fail("the body was already read.", "Keep what the first read gave.")
        self._body.used = True
        return call


@dataclass(frozen=True, slots=True)
class R2Page:
    """A page of objects, without their bodies.

    `cursor` continues a truncated listing, else it is None. With a delimiter,
    `delimited_prefixes` holds the folders of this level, such as `img/`.
    """

    objects: list[R2Object]
    truncated: bool
    cursor: str | None
    delimited_prefixes: list[str]


@dataclass(frozen=True, slots=True)
class R2:
    """An R2 bucket, by the name that wrangler.toml gives its binding.

    Making one costs nothing: the bucket is looked up at each call.

    Every method raises R2Error when the platform refuses the call or a value is
    beyond its limits, UnknownBinding when wrangler.toml does not declare the
    name, and NoRequestError outside a request.

    Source:
        https://developers.cloudflare.com/r2/api/workers/workers-api-reference/
    """

    name: str

    async def put(
        self,
        key: str,
        value: str | bytes | AsyncIterable[bytes] | None,
        *,
        content_type: str | None = None,
        http_metadata: HTTPMetadata | Mapping[str, Any] | None = None,
        custom_metadata: Mapping[str, str] | None = None,
    ) -> R2Object:
        """Write an object, replacing what the key held.

        Args:
            key: 1 to 1,024 bytes of UTF-8.
            value: None writes an empty object. An iterable of chunks is
                collected in memory first, because R2 wants to know the length.
            content_type: Short for `http_metadata={"content_type": …}`, and wins
                over it.
            http_metadata: An HTTPMetadata, or a mapping with its field names.
            custom_metadata: Text by name, kept with the object.

        Returns:
            The object as R2 stored it.

        Raises:
            R2Error: The key is empty or too long, or R2 refused the object.
            TypeError: The value, or a name or value of the metadata, is of
                another type.
        """
        call = self._call("put", key)
        options = _put_options(http_metadata, content_type, custom_metadata)
        body = await _collect(value)
        with call:
            data = await call.backend.r2(self.name).put(key, body, options)
        return _to_object(data)

    async def get(
        self,
        key: str,
        *,
        range: tuple[int, int | None] | None = None,  # noqa: A002 - HTTP's word
    ) -> R2ObjectBody | None:
        """Open an object for reading.

        Args:
            key: 1 to 1,024 bytes of UTF-8.
            range: The first and the last byte, as in HTTP: `(0, 1023)`. `(7, None)`
                reads on to the end, `(-3, None)` the last three bytes. None reads
                it all.

        Returns:
            None when the key is missing.

        Raises:
            R2Error: The range is malformed or begins beyond the end.
        """
        call = self._call("get", key)
        options = {} if range is None else {"range": _range_option(call, range)}
        with call:
            found = await call.backend.r2(self.name).get(key, options)
        if found is None:
            return None
        data, body = found
        about = _to_object(data, range)
        values = {each.name: getattr(about, each.name) for each in fields(about)}
        return R2ObjectBody(**values, _bucket=self.name, _body=body)

    async def head(self, key: str) -> R2Object | None:
        """Read everything but the body. None when the key is missing."""
        with self._call("head", key) as call:
            data = await call.backend.r2(self.name).head(key)
        return None if data is None else _to_object(data)

    async def delete(self, *keys: str) -> None:
        """Delete up to 1,000 objects, whether they exist or not."""
        call = Call(R2Error, self.name, "delete")
        if len(keys) > MAX_DELETE:
            call.fail(f"{len(keys)} keys are to be deleted; R2 takes {MAX_DELETE}.")
        for key in keys:
            self._call("delete", key)
        with call:
            if keys:
                await call.backend.r2(self.name).delete(keys)

    async def list(
        self,
        *,
        prefix: str = "",
        limit: int = MAX_LIST,
        cursor: str | None = None,
        delimiter: str | None = None,
        start_after: str | None = None,
        include: Sequence[Literal["http_metadata", "custom_metadata"]] = (),
    ) -> R2Page:
        """List objects in the order of their keys' UTF-8 bytes.

        Args:
            prefix: Only keys that begin with it.
            limit: At most so many objects and prefixes, 1 to 1,000. R2 may give
                fewer and still set `truncated`.
            cursor: Where the page before this one ended. None starts anew.
            delimiter: Gather keys that hold it after the prefix into
                `delimited_prefixes`, as a folder does. None lists them all.
            start_after: Only keys after this one.
            include: The metadata to fetch; what is not named comes back empty.
        """
        call = Call(R2Error, self.name, "list")
        if not 1 <= limit <= MAX_LIST:
            call.fail(f"`limit` is {limit}; it must lie between 1 and {MAX_LIST}.")
        options = {
            "prefix": prefix,
            "limit": limit,
            "cursor": cursor,
            "delimiter": delimiter,
            "startAfter": start_after,
            "include": [_include_name(call, name) for name in include],
        }
        given = {name: value for name, value in options.items() if value is not None}
        with call:
            page = await call.backend.r2(self.name).list(given)
        objects = [_to_object(data) for data in page["objects"]]
        cursor = page.get("cursor") if page["truncated"] else None
        return R2Page(objects, page["truncated"], cursor, page["delimitedPrefixes"])

    async def objects(self, *, prefix: str = "") -> AsyncIterator[R2Object]:
        """Yield every object whose key begins with the prefix, with metadata."""
        cursor = None
        while True:
            page = await self.list(
                prefix=prefix,
                cursor=cursor,
                include=("http_metadata", "custom_metadata"),
            )
            for each in page.objects:
                yield each
            cursor = page.cursor
            if cursor is None:
                return

    def _call(self, operation: str, key: str) -> Call:
        call = Call(R2Error, self.name, operation, key=key)
        size = len(key.encode())
        if not 1 <= size <= MAX_KEY:
            call.fail(f"the key is {size} bytes long; R2 takes 1 to {MAX_KEY}.")
        return call


async def _collect(value: object) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if hasattr(value, "__aiter__"):
        chunks = cast("AsyncIterable[bytes]", value)
        return b"".join([chunk async for chunk in chunks])
    kind = type(value).__name__
    raise TypeError(f"R2 stores str, bytes, an async iterable of bytes or None, not {kind}.")


def _put_options(
    http_metadata: HTTPMetadata | Mapping[str, Any] | None,
    content_type: str | None,
    custom_metadata: Mapping[str, str] | None,
) -> dict[str, Any]:
    http = _http_metadata(http_metadata)
    if content_type is not None:
        http = replace(http, content_type=content_type)
    values = {name: getattr(http, field) for field, name in HTTP_NAMES.items()}
    if http.cache_expiry is not None:
        values["cacheExpiry"] = _to_utc(http.cache_expiry)
    given = {name: value for name, value in values.items() if value is not None}
    return {"httpMetadata": given, "customMetadata": _texts(custom_metadata or {})}


def _http_metadata(given: HTTPMetadata | Mapping[str, Any] | None) -> HTTPMetadata:
    if given is None:
        return HTTPMetadata()
    if isinstance(given, HTTPMetadata):
        return given
    unknown = ", ".join(f"`{name}`" for name in given if name not in HTTP_NAMES)
    if unknown:
        known = ", ".join(f"`{name}`" for name in HTTP_NAMES)
        raise TypeError(f"R2's http_metadata has no {unknown}. It has {known}.")
    return HTTPMetadata(**given)


def _texts(metadata: Mapping[str, str]) -> dict[str, str]:
    for name, value in cast("Mapping[object, object]", metadata).items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"R2's custom_metadata maps str to str, but {name!r} is {value!r}.")
    return dict(metadata)


def _to_utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise TypeError("`cache_expiry` has no time zone. Pass an aware datetime.")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _range_option(call: Call, wanted: tuple[int, int | None]) -> dict[str, int]:
    first, last = wanted
    if first < 0 and last is None:
        return {"suffix": -first}
    if first < 0 or (last is not None and last < first):
        call.fail(
            f"`range` is {wanted}.",
            "Pass (first, last), (first, None) or (-count, None).",
        )
    return {"offset": first} if last is None else _span(first, last)


def _span(first: int, last: int) -> dict[str, int]:
    return {"offset": first, "length": last - first + 1}


def _resolve_range(wanted: tuple[int, int | None], size: int) -> tuple[int, int]:
    first, last = wanted
    if first < 0:
        first = max(0, size + first)
    return first, size - 1 if last is None else min(last, size - 1)


def _include_name(call: Call, name: str) -> str:
    if name not in INCLUDE_NAMES:
        known = " and ".join(f"`{each}`" for each in INCLUDE_NAMES)
        call.fail(f"`include` has no `{name}`; it takes {known}.")
    return INCLUDE_NAMES[name]


def _to_object(data: R2ObjectData, wanted: tuple[int, int | None] | None = None) -> R2Object:
    size = data["size"]
    return R2Object(
        key=data["key"],
        version=data["version"],
        size=size,
        etag=data["etag"],
        http_etag=data["httpEtag"],
        uploaded=datetime.fromisoformat(data["uploaded"]),
        http_metadata=_to_http_metadata(data.get("httpMetadata") or {}),
        custom_metadata=data.get("customMetadata") or {},
        range=None if wanted is None else _resolve_range(wanted, size),
        # An R2 that knows no storage classes stores everything as Standard.
        storage_class=data.get("storageClass") or "Standard",
    )


def _to_http_metadata(data: dict[str, str]) -> HTTPMetadata:
    values: dict[str, Any] = {
        field: data[name] for field, name in HTTP_NAMES.items() if data.get(name)
    }
    if "cache_expiry" in values:
        values["cache_expiry"] = datetime.fromisoformat(values["cache_expiry"])
    return HTTPMetadata(**values)
