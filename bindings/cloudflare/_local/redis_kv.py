"""A KV namespace on Redis: what several machines share.

Each key is a hash of value and metadata, which Redis lets expire by itself; a sorted set, in which
all members have one score, keeps the keys in the order of their bytes.
"""

from __future__ import annotations

import importlib
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.body import EmbeddedBytes
from bindings.cloudflare._local.cursor import AFTER_ALL, decode_cursor, encode_cursor
from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from bindings.cloudflare.shapes import KVKeyData, KVPageData

BATCH = 1000  # keys that are looked at together
# Takes a key out of the index, unless it was written again meanwhile.
FORGET = "if redis.call('exists', KEYS[1]) == 0 then redis.call('zrem', KEYS[2], ARGV[1]) end"


def connect(url: str) -> Any:
    """Open a pool of connections, when they are first needed.

    Args:
        url: Such as `redis://:password@host:6379/0`, `rediss://…` or `unix:///run/redis.sock`.

    Raises:
        PlatformError: The package `redis` is not installed, or the URL is none of its.
    """
    try:
        redis: Any = importlib.import_module("redis.asyncio")
        return redis.Redis.from_url(url)
    except ModuleNotFoundError as error:
        raise PlatformError("KV on Redis needs `pip install 'firstlight[redis]'`.") from error
    except ValueError as error:
        raise PlatformError(f"`{url}` is no URL of Redis: {error}.") from error


class RedisKV:
    """One namespace.

    Args:
        client: A client of `redis.asyncio`.
        namespace: Comes before each key there.
    """

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._prefix = f"kv:{namespace}:".encode()
        self._index = f"kv-keys:{namespace}".encode()

    async def get(self, key: str, cache_ttl: int | None) -> str | None:
        """Return the value as text."""
        value = await self.get_bytes(key, cache_ttl)
        return None if value is None else value.decode("utf-8", "replace")

    async def get_bytes(self, key: str, cache_ttl: int | None) -> bytes | None:
        """Return the value as bytes."""
        return (await self.get_with_metadata(key, cache_ttl))[0]

    async def get_with_metadata(
        self,
        key: str,
        cache_ttl: int | None,  # noqa: ARG002 - nothing is cached here
    ) -> tuple[bytes | None, Any]:
        """Return the value as bytes, and the metadata."""
        with redis_errors():
            value, metadata = await self._client.hmget(self._name(key), "value", "metadata")
        return (None, None) if value is None else (value, json.loads(metadata))

    async def get_stream(self, key: str, cache_ttl: int | None) -> tuple[EmbeddedBytes | None, Any]:
        """Return the value as a stream, and the metadata."""
        value, metadata = await self.get_with_metadata(key, cache_ttl)
        return None if value is None else EmbeddedBytes(value), metadata

    async def get_many(self, keys: Sequence[str], cache_ttl: int | None) -> dict[str, str | None]:
        """Return the values as text, by key in the order given."""
        found = await self.get_many_bytes(keys, cache_ttl)
        return {k: None if v is None else v.decode("utf-8", "replace") for k, v in found.items()}

    async def get_many_bytes(
        self,
        keys: Sequence[str],
        cache_ttl: int | None,  # noqa: ARG002 - nothing is cached here
    ) -> dict[str, bytes | None]:
        """Return the values as bytes, by key in the order given."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.hget(self._name(key), "value")
        with redis_errors():
            return dict(zip(keys, await pipe.execute(), strict=True))

    async def put(self, key: str, value: str | bytes, options: dict[str, Any]) -> None:
        """Write with `expiration`, `expirationTtl` and `metadata`."""
        name, metadata = self._name(key), json.dumps(options.get("metadata"))
        ttl = options.get("expirationTtl")
        expiration = options.get("expiration") if ttl is None else int(time.time()) + ttl
        pipe = self._client.pipeline()  # all of it or nothing
        pipe.delete(name)
        pipe.hset(name, mapping={"value": value, "metadata": metadata})
        if expiration is not None:
            pipe.expireat(name, expiration)
        pipe.zadd(self._index, {key.encode(): 0})
        with redis_errors():
            await pipe.execute()

    async def delete(self, key: str) -> None:
        """Delete, whether the key exists or not."""
        pipe = self._client.pipeline()
        pipe.delete(self._name(key))
        pipe.zrem(self._index, key.encode())
        with redis_errors():
            await pipe.execute()

    async def list(self, options: dict[str, Any]) -> KVPageData:
        """List with `prefix`, `limit` and `cursor`; keys that have expired leave the index."""
        limit: int = options["limit"]
        prefix: bytes = options["prefix"].encode()
        after = decode_cursor(options.get("cursor", ""), "KV")
        low: bytes = b"(" + after if after >= prefix and after else b"[" + prefix
        keys: list[KVKeyData] = []
        with redis_errors():
            while len(keys) <= limit:
                names: list[bytes] = await self._client.zrangebylex(
                    self._index, low, b"(" + prefix + AFTER_ALL, start=0, num=BATCH
                )
                keys += await self._present(names)
                if len(names) < BATCH:
                    break
                low = b"(" + names[-1]
        if len(keys) <= limit:
            return {"keys": keys, "list_complete": True}
        cursor = encode_cursor(keys[limit - 1]["name"].encode())
        return {"keys": keys[:limit], "list_complete": False, "cursor": cursor}

    async def _present(self, names: list[bytes]) -> list[KVKeyData]:
        """Read metadata and expiry of keys; those that have expired are left out and forgotten."""
        pipe = self._client.pipeline(transaction=False)
        for name in names:
            pipe.hget(self._prefix + name, "metadata")
            pipe.expiretime(self._prefix + name)
        told = await pipe.execute()
        present: list[KVKeyData] = []
        for name, metadata, expiration in zip(names, told[::2], told[1::2], strict=True):
            if metadata is None:
                await self._client.eval(FORGET, 2, self._prefix + name, self._index, name)
                continue
            data: KVKeyData = {"name": name.decode(), "metadata": json.loads(metadata)}
            if expiration > 0:
                data["expiration"] = expiration
            present.append(data)
        return present

    def _name(self, key: str) -> bytes:
        return self._prefix + key.encode()


@contextmanager
def redis_errors() -> Generator[None]:
    """Turn what the client raises into a platform's error."""
    redis: Any = importlib.import_module("redis")
    try:
        yield
    except redis.RedisError as error:
        raise PlatformError(f"Redis: {error}") from error
