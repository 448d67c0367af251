"""R2: objects by key, whole or in part, with their metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, cast

from bindings.cloudflare._r2_options import (
    R2Call,
    checksum_option,
    collect,
    condition_option,
    put_options,
    range_option,
)
from bindings.cloudflare._r2_serving import serve
from bindings.cloudflare._r2_upload import (
    R2MultipartUpload,
    R2UploadedPart,
    Regrouped,
    create_upload,
    upload_chunks,
)
from bindings.cloudflare._r2_values import (
    HTTPMetadata,
    R2Conditional,
    R2Object,
    R2Page,
    R2Response,
    to_object,
)
from bindings.cloudflare.errors import R2PreconditionError

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
    from typing import NoReturn

    from bindings.cloudflare.shapes import Body, R2ObjectData, Request

    StorageClass = Literal["Standard", "InfrequentAccess"]
    Metadata = Literal["http_metadata", "custom_metadata"]

__all__ = [
    "R2",
    "HTTPMetadata",
    "R2Conditional",
    "R2MultipartUpload",
    "R2Object",
    "R2ObjectBody",
    "R2Page",
    "R2Response",
    "R2UploadedPart",
]

# https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#r2listoptions
MAX_LIST = 1000  # objects in a page
MAX_DELETE = 1000  # keys in one call
INCLUDE_NAMES = {"http_metadata": "httpMetadata", "custom_metadata": "customMetadata"}


@dataclass(frozen=True, slots=True)
class R2ObjectBody(R2Object):
    """An object with its body, which can be read once.

    `await obj.bytes()`, `text()` and `json()` read it whole, `async for chunk in obj`
    in pieces. Handing the object to a response in the Worker sends `js_body` to
    the client without passing through Python.
    """

    _bucket: str = field(repr=False)
    _body: Body = field(repr=False, compare=False)

    @property
    def js_body(self) -> object:
        """The JavaScript ReadableStream.

        Raises:
            AttributeError: The object comes from the embedded backend.
            R2Error: The body was already read.
        """
        stream = self._body.js_body
        self._unread_call("js_body")
        return stream

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
            raise call.error(f"the body is not JSON: {error}.", code="not_json") from error

    def __aiter__(self) -> AsyncIterator[builtins.bytes]:
        return self._reading("stream").in_context(self._body.chunks())

    def _reading(self, operation: str) -> R2Call:
        call = self._unread_call(operation)
        self._body.used = True
        return call

    def _unread_call(self, operation: str) -> R2Call:
        call = R2Call(self._bucket, operation, self.key)
        if self._body.used:
            hint = "Keep what the first read gave."
            call.fail("the body was already read.", hint, code="already_read")
        return call


@dataclass(frozen=True, slots=True)
class R2:
    """An R2 bucket, by the name that wrangler.toml gives its binding.

    Making one costs nothing: the bucket is looked up at each call.

    Every method raises R2Error when the platform refuses the call, R2LimitError when
    a key or value is beyond a limit, UnknownBinding when wrangler.toml does not declare
    the name, and NoRequestError outside a request.

    Source:
        https://developers.cloudflare.com/r2/api/workers/workers-api-reference/
    """

    name: str

    async def head(self, key: str) -> R2Object | None:
        """Read everything but the body. None when the key is missing."""
        with self._call("head", key) as call:
            data = await call.backend.r2(self.name).head(key)
        return None if data is None else to_object(data)

    async def get(
        self,
        key: str,
        *,
        range: tuple[int, int | None] | None = None,  # noqa: A002 - HTTP's word
        only_if: R2Conditional | Mapping[str, Any] | None = None,
    ) -> R2ObjectBody | None:
        """Open an object for reading.

        Args:
            key: 1 to 1,024 bytes of UTF-8.
            range: The first and the last byte, as in HTTP: `(0, 1023)`. `(7, None)`
                reads on to the end, `(-3, None)` the last three bytes. None reads
                it all.
            only_if: An R2Conditional, or a mapping with its field names. None reads
                it in any case.

        Returns:
            None when the key is missing, whatever the condition.

        Raises:
            R2PreconditionError: The condition does not hold; its `object` tells what
                is there.
            R2RangeError: The range is malformed or begins beyond the end.
        """
        call = self._call("get", key)
        options = range_option(call, range) | condition_option(only_if)
        with call:
            found = await call.backend.r2(self.name).get(key, options)
        if found is None:
            return None
        data, body = found
        if body is None:
            _fail_precondition(call, data)
        about = to_object(data, range)
        values = {each.name: getattr(about, each.name) for each in fields(about)}
        return R2ObjectBody(**values, _bucket=self.name, _body=body)

    async def respond(self, key: str, request: Request) -> R2Response | None:
        """Answer a GET or HEAD request with an object, as RFC 9110 wants it.

        200; 206 for a `Range` of one part (several are answered whole); 304 and 412 by
        `If-None-Match`, `If-Modified-Since`, `If-Match` and `If-Unmodified-Since`; 416
        for a range beyond the end. `If-Range` is heeded, and HEAD gets no body.

        The headers tell type, length, ETag, date and what `http_metadata` holds. Make a
        response of any framework with them; the body does not pass through Python:

            answer = await media.respond("logo.png", ctx.request)
            return ctx.rewrite("/404") if answer is None else Response(*answer)

        Args:
            key: 1 to 1,024 bytes of UTF-8.
            request: Has `method`, and `headers` with `get()`: Firstlight's request, or
                that of another framework. A method other than GET is answered as HEAD.

        Returns:
            Body, status and headers. None when the key is missing.

        Source:
            https://datatracker.ietf.org/doc/html/rfc9110#section-13.2.2
            https://datatracker.ietf.org/doc/html/rfc9110#section-14.2
        """
        return await serve(self, key, request)

    async def put(  # noqa: PLR0913 - the platform's options
        self,
        key: str,
        value: str | bytes | AsyncIterable[bytes] | None,
        *,
        content_type: str | None = None,
        http_metadata: HTTPMetadata | Mapping[str, Any] | None = None,
        custom_metadata: Mapping[str, str] | None = None,
        checksum: tuple[str, str] | None = None,
        only_if: R2Conditional | Mapping[str, Any] | None = None,
        storage_class: StorageClass | None = None,
    ) -> R2Object:
        """Write an object, replacing what the key held.

        Args:
            key: 1 to 1,024 bytes of UTF-8.
            value: None writes an empty object. R2 wants to know a length in advance:
                an iterable of more than 8 MiB is uploaded in parts of 8 MiB, two of
                them in memory at most, and the object has no `md5`. It replaces the
                old one when its last part has arrived, or not at all.
            content_type: Short for `http_metadata={"content_type": …}`, and wins
                over it.
            http_metadata: An HTTPMetadata, or a mapping with its field names.
            custom_metadata: Text by name, kept with the object: at most 8,192 bytes of
                names and values; R2 under `wrangler dev` and the embedded one take 2,048.
            checksum: Algorithm and hexadecimal digest, such as `("sha256", "9f86…")`;
                the algorithm is `md5`, `sha1`, `sha256`, `sha384` or `sha512`.
            only_if: An R2Conditional, or a mapping with its field names. With it or a
                checksum, an iterable may hold 32 MiB: it is collected in memory, because
                uploads in parts know neither.
            storage_class: `Standard` or `InfrequentAccess`. None takes the bucket's.

        Returns:
            The object as R2 stored it.

        Raises:
            R2PreconditionError: The condition does not hold.
            R2ChecksumError: The value has another checksum.
            R2LimitError: The key, the value or the metadata is too large.
            TypeError: The value, or a name or value of the metadata, is of
                another type.
        """
        call = self._call("put", key)
        options = put_options(call, http_metadata, content_type, custom_metadata, storage_class)
        conditions = checksum_option(call, checksum) | condition_option(only_if)
        if hasattr(value, "__aiter__") and not conditions:
            return await self._put_chunks(call, cast("AsyncIterable[bytes]", value), options)
        body = await collect(call, value, "Leave out `checksum` and `only_if`.")
        return await self._put(call, body, options | conditions)

    async def delete(self, *keys: str) -> None:
        """Delete up to 1,000 objects, whether they exist or not."""
        call = R2Call(self.name, "delete")
        if len(keys) > MAX_DELETE:
            message = f"{len(keys)} keys are to be deleted; R2 takes {MAX_DELETE}."
            call.fail(message, code="bad_limit")
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
        include: Sequence[Metadata] = ("http_metadata", "custom_metadata"),
    ) -> R2Page:
        """List objects in the order of their keys' UTF-8 bytes.

        Args:
            prefix: Only keys that begin with it.
            limit: At most so many objects and prefixes, 1 to 1,000. R2 may give
                fewer and still set `truncated`, above all when it includes metadata.
            cursor: Where the page before this one ended. None starts anew.
            delimiter: Gather keys that hold it after the prefix into
                `delimited_prefixes`, as a folder does. None lists them all.
            start_after: Only keys after this one.
            include: The metadata to fetch; what is not named comes back empty, and
                pages hold more objects.
        """
        call = R2Call(self.name, "list")
        if not 1 <= limit <= MAX_LIST:
            message = f"`limit` is {limit}; it must lie between 1 and {MAX_LIST}."
            call.fail(message, code="bad_limit")
        texts = {
            "prefix": prefix,
            "cursor": cursor,
            "delimiter": delimiter,
            "startAfter": start_after,
        }
        given: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
        for name, text in given.items():
            call.utf8_size(text, f"`{name}`")
        included = [_include_name(call, name) for name in include]
        options = {"limit": limit, "include": included, **given}
        with call:
            page = await call.backend.r2(self.name).list(options)
        objects = [to_object(data) for data in page["objects"]]
        cursor = page.get("cursor") if page["truncated"] else None
        return R2Page(objects, page["truncated"], cursor, page["delimitedPrefixes"])

    async def objects(self, prefix: str = "") -> AsyncIterator[R2Object]:
        """Yield every object whose key begins with the prefix, with metadata."""
        cursor = None
        while True:
            page = await self.list(prefix=prefix, cursor=cursor)
            for each in page.objects:
                yield each
            cursor = page.cursor
            if cursor is None:
                return

    async def create_multipart_upload(
        self,
        key: str,
        *,
        content_type: str | None = None,
        http_metadata: HTTPMetadata | Mapping[str, Any] | None = None,
        custom_metadata: Mapping[str, str] | None = None,
        storage_class: StorageClass | None = None,
    ) -> R2MultipartUpload:
        """Begin to upload a large object in parts, by several requests if need be.

        The arguments are those of `put()`.

        Raises:
            R2LimitError: The key or the metadata is too large.
        """
        call = self._call("create_multipart_upload", key)
        options = put_options(call, http_metadata, content_type, custom_metadata, storage_class)
        return await create_upload(self.name, key, options)

    def resume_multipart_upload(self, key: str, upload_id: str) -> R2MultipartUpload:
        """Go on with an upload. Asks nothing of R2: whether it exists, its methods tell."""
        return R2MultipartUpload(self.name, key, upload_id)

    async def _put_chunks(
        self, call: R2Call, value: AsyncIterable[bytes], options: dict[str, Any]
    ) -> R2Object:
        regrouped = Regrouped(value)
        if await regrouped.fits_in_one():
            return await self._put(call, await anext(regrouped.parts()), options)
        upload = await create_upload(self.name, cast("str", call.key), options)
        return await upload_chunks(upload, regrouped.parts())

    async def _put(self, call: R2Call, body: bytes, options: dict[str, Any]) -> R2Object:
        key = cast("str", call.key)
        with call:
            data = await call.backend.r2(self.name).put(key, body, options)
        if data is None:
            _fail_precondition(call, None)
        return to_object(data)

    def _call(self, operation: str, key: str) -> R2Call:
        call = R2Call(self.name, operation, key)
        call.check_key()
        return call


def _fail_precondition(call: R2Call, data: R2ObjectData | None) -> NoReturn:
    error = cast(
        "R2PreconditionError",
        call.error("the condition `only_if` does not hold.", code="precondition_failed"),
    )
    error.object = None if data is None else to_object(data)
    raise error


def _include_name(call: R2Call, name: str) -> str:
    if name not in INCLUDE_NAMES:
        known = " and ".join(f"`{each}`" for each in INCLUDE_NAMES)
        call.fail(f"`include` has no `{name}`; it takes {known}.", code="bad_include")
    return INCLUDE_NAMES[name]
