"""What KV takes: the checks before a call, and what they make of its arguments."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import BindingError, KVError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

# https://developers.cloudflare.com/kv/platform/limits/
MAX_KEY = 512  # bytes of UTF-8
MAX_VALUE = 25 * 1024 * 1024  # bytes
MAX_METADATA = 1024  # bytes of JSON
MAX_LIST = 1000  # keys in a page
MIN_TTL = 60  # seconds
MIN_CACHE_TTL = 30  # seconds
MAX_SECONDS = 2**31 - 1  # the platform reads seconds into 32 bits

TYPES = ("text", "json", "bytes", "stream")
CODES = {"413": "value_too_large", "414": "key_too_long", "429": "too_many_requests"}
HINTS = {"429": "Write a key at most once a second; spread what changes faster over keys."}


class KVCall(Call):
    """One call of a KV handle."""

    __slots__ = ()

    def __init__(self, namespace: str, operation: str, key: str | None = None) -> None:
        super().__init__(KVError, namespace, operation, key=key)
        if key is None:
            return
        if key in {"", ".", ".."}:
            hint = "Give the key a name, such as `user:1`."
            self.fail(
                "a key is at least one byte long and neither `.` nor `..`.", hint, code="bad_key"
            )
        self.check_key(key, "the key")

    def refusal(self, message: str) -> BindingError:
        """Make an error of what the platform said."""
        status = re.search(r"^KV \w+ failed: (\d+)", message)
        number = status[1] if status else ""
        code = "bad_cursor" if "cursor" in message else CODES.get(number)
        return self.error(message, HINTS.get(number), code=code)

    def check_key(self, key: str, what: str) -> None:
        """Refuse a key, or a prefix of keys, that is too long or no UTF-8."""
        size = self.utf8_size(key, what)
        if size > MAX_KEY:
            hint = "Keep what is long in the value, and a hash of it in the key."
            self.fail(
                f"{what} is {size} bytes long; KV takes {MAX_KEY}.", hint, code="key_too_long"
            )

    def check_cache_ttl(self, seconds: int | None) -> None:
        """Refuse a time that the platform would."""
        if seconds is not None:
            self._check_seconds("cache_ttl", seconds, MIN_CACHE_TTL)

    def check_type(self, kind: str, allowed: tuple[str, ...]) -> None:
        """Refuse a value's type that is none of those allowed."""
        if kind not in allowed:
            *others, last = (f"`{each}`" for each in allowed)
            names = f"{', '.join(others)} or {last}"
            self.fail(f"`type` is `{kind}`; it may be {names}.", code="bad_type")

    async def checked_value(self, value: object) -> str | bytes:
        """Return a value to put, or refuse one that KV does not take."""
        if isinstance(value, str):
            self._check_size(self.utf8_size(value, "the value"))
            return value
        if isinstance(value, bytes):
            self._check_size(len(value))
            return value
        if hasattr(value, "__aiter__"):
            return await self._collected(cast("AsyncIterable[object]", value))
        kind = type(value).__name__
        is_buffer = kind in {"bytearray", "memoryview"}
        remedy = "Use `bytes(value)`." if is_buffer else "Use `put_json()`, or convert first."
        raise TypeError(f"KV stores str, bytes or an async iterable of bytes, not {kind}. {remedy}")

    def expiration(self, ttl: int | None, expires_at: datetime | float | None) -> dict[str, Any]:
        """Return `expirationTtl`, `expiration` or nothing."""
        if expires_at is None:
            return {} if ttl is None else {"expirationTtl": self._checked_ttl(ttl)}
        if ttl is not None:
            self.fail("`ttl` and `expires_at` exclude each other.", "Pass one.", code="bad_ttl")
        seconds = int(_timestamp(expires_at))
        if seconds < time.time() + MIN_TTL:
            self.fail(f"`expires_at` lies less than {MIN_TTL} seconds ahead.", code="bad_ttl")
        if seconds > MAX_SECONDS:
            self.fail(
                f"`expires_at` is {seconds}; KV takes up to {MAX_SECONDS}, in January 2038.",
                "Leave it out to keep the key for good.",
                code="bad_ttl",
            )
        return {"expiration": seconds}

    def metadata(self, metadata: object) -> dict[str, Any]:
        """Return `metadata`, or nothing for None."""
        if metadata is None:
            return {}
        size = self.utf8_size(to_json(metadata), "the metadata")
        if size > MAX_METADATA:
            message = f"the metadata is {size} bytes of JSON; KV takes {MAX_METADATA}."
            self.fail(message, code="metadata_too_large")
        return {"metadata": metadata}

    def parse(self, text: str) -> Any:
        """Read a value as JSON."""
        try:
            return json.loads(text)
        except ValueError as error:
            hint = "Read it with `get()`, or store it with `put_json()`."
            raise self.error(f"the value is not JSON: {error}.", hint, code="not_json") from error

    def _checked_ttl(self, ttl: int) -> int:
        self._check_seconds("ttl", ttl, MIN_TTL)
        return ttl

    def _check_seconds(self, name: str, seconds: object, least: int) -> None:
        if not isinstance(seconds, int):
            kind = type(seconds).__name__
            raise TypeError(f"`{name}` is seconds as an int, not {kind}.")
        if not least <= seconds <= MAX_SECONDS:
            limit = f"{least} or more" if seconds < least else f"up to {MAX_SECONDS}"
            message = f"`{name}` is {seconds} seconds; KV takes {limit}."
            self.fail(message, f"Pass at least {least}, or leave it out.", code=f"bad_{name}")

    def _check_size(self, size: int) -> None:
        if size > MAX_VALUE:
            message = f"the value is {size} bytes long; KV takes {MAX_VALUE} (25 MiB)."
            self.fail(message, code="value_too_large")

    async def _collected(self, value: AsyncIterable[object]) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in value:
            if not isinstance(chunk, bytes):
                kind = type(chunk).__name__
                raise TypeError(f"KV stores an async iterable of bytes; it yielded {kind}.")
            chunks.append(chunk)
            size += len(chunk)
            self._check_size(size)
        return b"".join(chunks)


def to_json(value: object) -> str:
    """Write JSON as JavaScript does: no spaces, and text as it is."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _timestamp(moment: datetime | float) -> float:
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        raise TypeError(
            "`expires_at` has no time zone. Pass an aware datetime, such as "
            "`datetime.now(UTC) + timedelta(hours=1)`."
        )
    return moment.timestamp()
