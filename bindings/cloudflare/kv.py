"""KV: text, JSON and bytes by key, with expiry and metadata."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import KVError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bindings.cloudflare.backend import KVKeyData

# https://developers.cloudflare.com/kv/platform/limits/
MAX_KEY = 512  # bytes of UTF-8
MAX_VALUE = 25 * 1024 * 1024  # bytes
MAX_METADATA = 1024  # bytes of JSON
MAX_LIST = 1000  # keys in a page
MIN_TTL = 60  # seconds
MIN_CACHE_TTL = 30  # seconds


@dataclass(frozen=True, slots=True)
class KVEntry:
    """A value with its metadata; the value is None when the key is missing."""

    value: Any
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


@dataclass(frozen=True, slots=True)
class KV:
    """A KV namespace, by the name that wrangler.toml gives its binding.

    Making one costs nothing: the namespace is looked up at each call.

    Every method raises KVError when the platform refuses the call or a value
    is beyond its limits, UnknownBinding when wrangler.toml does not declare the
    name, and NoRequestError outside a request.

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
        call = self._call("get", key, cache_ttl)
        with call:
            return await call.backend.kv(self.name).get(key, cache_ttl)

    async def get_json(self, key: str, *, cache_ttl: int | None = None) -> Any | None:
        """Read a value as JSON. None when the key is missing.

        Raises:
            KVError: The value is not JSON.
        """
        call = self._call("get_json", key, cache_ttl)
        with call:
            text = await call.backend.kv(self.name).get(key, cache_ttl)
        return None if text is None else _parse(call, text)

    async def get_bytes(self, key: str, *, cache_ttl: int | None = None) -> bytes | None:
        """Read a value as bytes. None when the key is missing."""
        with self._call("get_bytes", key, cache_ttl) as call:
            return await call.backend.kv(self.name).get_bytes(key, cache_ttl)

    async def get_with_metadata(
        self,
        key: str,
        type: Literal["text", "json", "bytes"] = "text",  # noqa: A002 - KV's word
        *,
        cache_ttl: int | None = None,
    ) -> KVEntry:
        """Read a value and the metadata that was put with it.

        Args:
            key: 1 to 512 bytes of UTF-8, not `.` or `..`.
            type: What the value becomes: str, parsed JSON, or bytes.
            cache_ttl: Seconds, as in `get()`.

        Returns:
            The value, None when the key is missing; the metadata, None when
            there is none.
        """
        call = self._call("get_with_metadata", key, cache_ttl)
        if type not in {"text", "json", "bytes"}:
            call.fail(f"`type` is `{type}`; it may be `text`, `json` or `bytes`.")
        with call:
            value, metadata = await call.backend.kv(self.name).get_with_metadata(key, cache_ttl)
        if value is None or type == "bytes":
            return KVEntry(value, metadata)
        text = value.decode("utf-8", "replace")
        return KVEntry(text if type == "text" else _parse(call, text), metadata)

    async def put(
        self,
        key: str,
        value: str | bytes,
        *,
        ttl: int | None = None,
        expires_at: datetime | float | None = None,
        metadata: Any = None,
    ) -> None:
        """Write a value, replacing what the key held.

        Args:
            key: 1 to 512 bytes of UTF-8, not `.` or `..`.
            value: At most 25 MiB.
            ttl: Seconds until the key expires, at least 60. None keeps it.
            expires_at: When it expires instead: an aware datetime or Unix
                seconds, at least 60 seconds ahead.
            metadata: Anything JSON can say, in at most 1,024 bytes of it. None
                stores none.

        Raises:
            KVError: A limit is exceeded, or both `ttl` and `expires_at` are given.
            TypeError: The value is neither str nor bytes, or the metadata is not
                JSON.
        """
        call = self._call("put", key)
        _check_value(call, value)
        options = _expiration(call, ttl, expires_at) | _metadata(call, metadata)
        with call:
            await call.backend.kv(self.name).put(key, value, options)

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
        """
        text = _to_json(value)
        await self.put(key, text, ttl=ttl, expires_at=expires_at, metadata=metadata)

    async def delete(self, key: str) -> None:
        """Delete a key, whether it exists or not."""
        with self._call("delete", key) as call:
            await call.backend.kv(self.name).delete(key)

    async def list(
        self, *, prefix: str = "", limit: int = MAX_LIST, cursor: str | None = None
    ) -> KVPage:
        """List keys in the order of their UTF-8 bytes, a page at a time.

        Args:
            prefix: Only keys that begin with it.
            limit: At most so many keys, 1 to 1,000.
            cursor: Where the page before this one ended. None starts anew.
        """
        call = Call(KVError, self.name, "list")
        if not 1 <= limit <= MAX_LIST:
            call.fail(f"`limit` is {limit}; it must lie between 1 and {MAX_LIST}.")
        options: dict[str, Any] = {"prefix": prefix, "limit": limit}
        if cursor is not None:
            options["cursor"] = cursor
        with call:
            page = await call.backend.kv(self.name).list(options)
        keys = [_to_key(data) for data in page["keys"]]
        complete = page["list_complete"]
        return KVPage(keys, complete, None if complete else page.get("cursor"))

    async def keys(self, *, prefix: str = "") -> AsyncIterator[str]:
        """Yield the name of every key that begins with the prefix."""
        cursor = None
        while True:
            page = await self.list(prefix=prefix, cursor=cursor)
            for key in page.keys:
                yield key.name
            cursor = page.cursor
            if cursor is None:
                return

    def _call(self, operation: str, key: str, cache_ttl: int | None = None) -> Call:
        call = Call(KVError, self.name, operation, key=key)
        if key in {"", ".", ".."}:
            call.fail("a key is at least one byte long and neither `.` nor `..`.")
        size = len(key.encode())
        if size > MAX_KEY:
            call.fail(f"the key is {size} bytes long; KV takes {MAX_KEY}.")
        if cache_ttl is not None and cache_ttl < MIN_CACHE_TTL:
            call.fail(f"`cache_ttl` is {cache_ttl}; KV takes {MIN_CACHE_TTL} or more.")
        return call


def _check_value(call: Call, value: object) -> None:
    if not isinstance(value, (str, bytes)):
        kind = type(value).__name__
        raise TypeError(f"KV stores str or bytes, not {kind}. Use `put_json()`, or convert first.")
    size = len(value.encode()) if isinstance(value, str) else len(value)
    if size > MAX_VALUE:
        call.fail(f"the value is {size} bytes long; KV takes {MAX_VALUE} (25 MiB).")


def _expiration(call: Call, ttl: int | None, expires_at: datetime | float | None) -> dict[str, Any]:
    if expires_at is None:
        return {} if ttl is None else {"expirationTtl": _checked_ttl(call, ttl)}
    if ttl is not None:
        call.fail("`ttl` and `expires_at` exclude each other.", "Pass one of them.")
    seconds = int(_timestamp(expires_at))
    if seconds < time.time() + MIN_TTL:
        call.fail(f"`expires_at` lies less than {MIN_TTL} seconds ahead.")
    return {"expiration": seconds}


def _checked_ttl(call: Call, ttl: int) -> int:
    if ttl < MIN_TTL:
        call.fail(f"`ttl` is {ttl} seconds; KV takes {MIN_TTL} or more.")
    return ttl


def _timestamp(moment: datetime | float) -> float:
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise TypeError(
            "`expires_at` has no time zone. Pass an aware datetime, such as "
            "`datetime.now(UTC) + timedelta(hours=1)`."
        )
    return moment.timestamp()


def _metadata(call: Call, metadata: object) -> dict[str, Any]:
    if metadata is None:
        return {}
    size = len(_to_json(metadata).encode())
    if size > MAX_METADATA:
        call.fail(f"the metadata is {size} bytes of JSON; KV takes {MAX_METADATA}.")
    return {"metadata": metadata}


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _parse(call: Call, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise call.error(f"the value is not JSON: {error}.") from error


def _to_key(data: KVKeyData) -> KVKey:
    seconds = data.get("expiration")
    moment = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return KVKey(data["name"], moment, data.get("metadata"))
