"""KV: text, JSON, bytes and streams by key, with expiry and metadata."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from bindings.cloudflare._kv import MAX_LIST, TYPES, KVCall, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable

    from bindings.cloudflare.shapes import KVBody, KVKeyData

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class KVEntry(Generic[V]):
    """A value with its metadata; the value is None when the key is missing."""

    value: V | None
    metadata: Any


@dataclass(frozen=True, slots=True)
class KVKey:
    """A listed key; `expiration` is in UTC, None for a key that stays."""

    name: str
    expiration: datetime | None
    metadata: Any


@dataclass(frozen=True, slots=True)
class KVPage:
    """A page of keys; `cursor` is None when the listing is complete."""

    keys: list[KVKey]
    complete: bool
    cursor: str | None


class KVStream:
    """A value in pieces: `async for chunk in stream`, once.

    Given to a response in the Worker, `js_body` goes to the client without
    passing through Python.
    """

    def __init__(self, call: KVCall, body: KVBody) -> None:
        self._call = call
        self._body = body

    @property
    def js_body(self) -> object:
        """The JavaScript ReadableStream.

        Raises:
            AttributeError: The value comes from the embedded backend.
            KVError: It was already read.
        """
        stream = self._body.js_body
        self._check_unread()
        return stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._check_unread()
        self._body.used = True
        return self._call.in_context(self._body.chunks())

    def _check_unread(self) -> None:
        if self._body.used:
            hint = "Keep what the first read gave."
            self._call.fail("the value was already read.", hint, code="already_read")


@dataclass(frozen=True, slots=True)
class KV:
    """A KV namespace, by the name that wrangler.toml gives its binding.

    Making one costs nothing: the namespace is looked up at each call.

    Every method raises KVError when the platform refuses the call or a value
    is beyond its limits (`code` says which), UnknownBinding when wrangler.toml
    does not declare the name, and NoRequestError outside a request.

    Source:
        https://developers.cloudflare.com/kv/api/
    """

    name: str

    async def get(self, key: str, *, cache_ttl: int | None = None) -> str | None:
        """Read a value as text.

        Args:
            key: 1 to 512 bytes of UTF-8, not `.` or `..`.
            cache_ttl: Seconds, at least 30, that a location may serve its cached
                copy. None leaves it to the platform.

        Returns:
            The text, or None when the key is missing. Bytes that are not UTF-8
            are replaced by U+FFFD.
        """
        with self._get_call("get", key, cache_ttl) as call:
            return await call.backend.kv(self.name).get(key, cache_ttl)

    async def get_json(self, key: str, *, cache_ttl: int | None = None) -> Any | None:
        """Read a value as JSON. None when the key is missing.

        Raises:
            KVError: The value is not JSON.
        """
        with self._get_call("get_json", key, cache_ttl) as call:
            text = await call.backend.kv(self.name).get(key, cache_ttl)
        return None if text is None else call.parse(text)

    async def get_bytes(self, key: str, *, cache_ttl: int | None = None) -> bytes | None:
        """Read a value as bytes. None when the key is missing."""
        with self._get_call("get_bytes", key, cache_ttl) as call:
            return await call.backend.kv(self.name).get_bytes(key, cache_ttl)

    async def get_stream(self, key: str, *, cache_ttl: int | None = None) -> KVStream | None:
        """Read a value piece by piece. None when the key is missing."""
        with self._get_call("get_stream", key, cache_ttl) as call:
            body, _ = await call.backend.kv(self.name).get_stream(key, cache_ttl)
        return None if body is None else KVStream(call, body)

    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["text"] = "text", *, cache_ttl: int | None = None
    ) -> KVEntry[str]: ...
    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["json"], *, cache_ttl: int | None = None
    ) -> KVEntry[Any]: ...
    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["bytes"], *, cache_ttl: int | None = None
    ) -> KVEntry[bytes]: ...
    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["stream"], *, cache_ttl: int | None = None
    ) -> KVEntry[KVStream]: ...
    async def get_with_metadata(
        self,
        key: str,
        type: Literal["text", "json", "bytes", "stream"] = "text",  # noqa: A002 - KV's word
        *,
        cache_ttl: int | None = None,
    ) -> KVEntry[Any]:
        """Read a value and the metadata that was put with it.

        Args:
            key: 1 to 512 bytes of UTF-8, not `.` or `..`.
            type: What the value becomes: str, parsed JSON, bytes or a KVStream.
            cache_ttl: Seconds, as in `get()`.

        Returns:
            The value, None when the key is missing; the metadata, None when
            there is none.
        """
        call = self._get_call("get_with_metadata", key, cache_ttl)
        call.check_type(type, TYPES)
        with call:
            namespace = call.backend.kv(self.name)
            if type == "stream":
                body, metadata = await namespace.get_stream(key, cache_ttl)
                return KVEntry(None if body is None else KVStream(call, body), metadata)
            value, metadata = await namespace.get_with_metadata(key, cache_ttl)
        if value is None or type == "bytes":
            return KVEntry(value, metadata)
        text = value.decode("utf-8", "replace")
        return KVEntry(text if type == "text" else call.parse(text), metadata)

    @overload
    async def get_many(
        self, keys: Iterable[str], type: Literal["text"] = "text", *, cache_ttl: int | None = None
    ) -> dict[str, str | None]: ...
    @overload
    async def get_many(
        self, keys: Iterable[str], type: Literal["json"], *, cache_ttl: int | None = None
    ) -> dict[str, Any]: ...
    @overload
    async def get_many(
        self, keys: Iterable[str], type: Literal["bytes"], *, cache_ttl: int | None = None
    ) -> dict[str, bytes | None]: ...
    async def get_many(
        self,
        keys: Iterable[str],
        type: Literal["text", "json", "bytes"] = "text",  # noqa: A002 - as above
        *,
        cache_ttl: int | None = None,
    ) -> dict[str, Any]:
        """Read many values at once.

        Text and JSON come in bulk, 100 keys in a request, where the runtime has
        that; bytes, and everything on older runtimes, in concurrent requests.

        Args:
            keys: Any number of keys; one that is named twice is read once.
            type: What the values become: str, parsed JSON or bytes.
            cache_ttl: Seconds, as in `get()`.

        Returns:
            The value of each key in the order given, None for a missing one.
        """
        calls = {key: self._get_call("get_many", key, cache_ttl) for key in keys}
        whole = KVCall(self.name, "get_many")
        whole.check_type(type, TYPES[:-1])
        if not calls:
            return {}
        with whole:
            namespace = whole.backend.kv(self.name)
            if type == "bytes":
                return await namespace.get_many_bytes(list(calls), cache_ttl)
            texts = await namespace.get_many(list(calls), cache_ttl)
        if type == "text":
            return texts
        return {k: None if t is None else calls[k].parse(t) for k, t in texts.items()}

    async def put(
        self,
        key: str,
        value: str | bytes | AsyncIterable[bytes],
        *,
        ttl: int | None = None,
        expires_at: datetime | float | None = None,
        metadata: Any = None,
    ) -> None:
        """Write a value, replacing what the key held.

        Args:
            key: 1 to 512 bytes of UTF-8, not `.` or `..`.
            value: At most 25 MiB. An async iterable is read to its end first: a
                stream that breaks would leave the platform with half a value.
            ttl: Seconds until the key expires, at least 60. None keeps it.
            expires_at: When it expires instead: an aware datetime or Unix
                seconds, at least 60 seconds ahead.
            metadata: Anything JSON can say, in at most 1,024 bytes of it. None
                stores none.

        Raises:
            KVError: A limit is exceeded, or both `ttl` and `expires_at` are given.
            TypeError: The value is of another type, or the metadata is not JSON.
        """
        call = KVCall(self.name, "put", key)
        content = await call.checked_value(value)
        options = call.expiration(ttl, expires_at) | call.metadata(metadata)
        with call:
            await call.backend.kv(self.name).put(key, content, options)

    async def put_json(
        self,
        key: str,
        value: Any,
        *,
        ttl: int | None = None,
        expires_at: datetime | float | None = None,
        metadata: Any = None,
    ) -> None:
        """Write a value as JSON; everything else as in `put()`.

        Raises:
            TypeError: The value holds something that JSON cannot say.
            ValueError: It holds a number that JSON cannot say, such as infinity.
        """
        text = to_json(value)
        await self.put(key, text, ttl=ttl, expires_at=expires_at, metadata=metadata)

    async def delete(self, key: str) -> None:
        """Delete a key, whether it exists or not."""
        with KVCall(self.name, "delete", key) as call:
            await call.backend.kv(self.name).delete(key)

    async def list(
        self, *, prefix: str = "", limit: int = MAX_LIST, cursor: str | None = None
    ) -> KVPage:
        """List keys in the order of their UTF-8 bytes, a page at a time.

        Args:
            prefix: Only keys that begin with it; at most 512 bytes of UTF-8.
            limit: At most so many keys, 1 to 1,000.
            cursor: Where the page before this one ended. None starts anew.
        """
        call = KVCall(self.name, "list")
        call.check_key(prefix, "the prefix")
        if not 1 <= limit <= MAX_LIST:
            message = f"`limit` is {limit}; it must lie between 1 and {MAX_LIST}."
            call.fail(message, code="bad_limit")
        options: dict[str, Any] = {"prefix": prefix, "limit": limit}
        if cursor is not None:
            options["cursor"] = cursor
        with call:
            page = await call.backend.kv(self.name).list(options)
        keys = [_to_key(data) for data in page["keys"]]
        complete = page["list_complete"]
        return KVPage(keys, complete, None if complete else page.get("cursor"))

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        """Yield the name of every key that begins with the prefix."""
        cursor = None
        while True:
            page = await self.list(prefix=prefix, cursor=cursor)
            for key in page.keys:
                yield key.name
            cursor = page.cursor
            if cursor is None:
                return

    def _get_call(self, operation: str, key: str, cache_ttl: int | None) -> KVCall:
        call = KVCall(self.name, operation, key)
        call.check_cache_ttl(cache_ttl)
        return call


def _to_key(data: KVKeyData) -> KVKey:
    seconds = data.get("expiration")
    moment = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return KVKey(data["name"], moment, data.get("metadata"))
