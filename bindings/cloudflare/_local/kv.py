"""A KV namespace in SQLite."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.body import EmbeddedBytes
from bindings.cloudflare._local.cursor import AFTER_ALL, decode_cursor, encode_cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindings.cloudflare._local.database import Database
    from bindings.cloudflare.shapes import KVKeyData, KVPageData

# Keys are BLOBs because KV orders and limits them by their bytes.
SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  key BLOB PRIMARY KEY,
  value BLOB NOT NULL,
  expiration INTEGER,
  metadata TEXT NOT NULL
) WITHOUT ROWID
"""
FRESH = "(expiration IS NULL OR expiration > :now)"
SELECT = f"SELECT value, metadata FROM entries WHERE key = :key AND {FRESH}"  # noqa: S608 - constants
LIST = f"""
SELECT key, expiration, metadata FROM entries
WHERE key > :after AND key >= :prefix AND key < :end AND {FRESH}
ORDER BY key LIMIT :limit
"""  # noqa: S608 - constants


class EmbeddedKV:
    """One namespace; expired entries are missing, and deleted by the next write."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        values = {"key": key.encode(), "now": time.time()}
        with self._database.connection(SCHEMA) as connection:
            found = connection.execute(SELECT, values).fetchone()
        return (None, None) if found is None else (found[0], json.loads(found[1]))

    async def get_stream(self, key: str, cache_ttl: int | None) -> tuple[EmbeddedBytes | None, Any]:
        """Return the value as a stream, and the metadata."""
        value, metadata = await self.get_with_metadata(key, cache_ttl)
        return None if value is None else EmbeddedBytes(value), metadata

    async def get_many(self, keys: Sequence[str], cache_ttl: int | None) -> dict[str, str | None]:
        """Return the values as text, by key in the order given."""
        return {key: await self.get(key, cache_ttl) for key in keys}

    async def get_many_bytes(
        self, keys: Sequence[str], cache_ttl: int | None
    ) -> dict[str, bytes | None]:
        """Return the values as bytes, by key in the order given."""
        return {key: await self.get_bytes(key, cache_ttl) for key in keys}

    async def put(self, key: str, value: str | bytes, options: dict[str, Any]) -> None:
        """Write with `expiration`, `expirationTtl` and `metadata`."""
        body = value.encode() if isinstance(value, str) else value
        now = int(time.time())
        ttl = options.get("expirationTtl")
        expiration = options.get("expiration") if ttl is None else now + ttl
        metadata = json.dumps(options.get("metadata"))
        with self._database.transaction(SCHEMA) as connection:
            connection.execute("DELETE FROM entries WHERE expiration <= ?", (now,))
            connection.execute(
                "REPLACE INTO entries VALUES (?, ?, ?, ?)",
                (key.encode(), body, expiration, metadata),
            )

    async def delete(self, key: str) -> None:
        """Delete, whether the key exists or not."""
        with self._database.connection(SCHEMA) as connection:
            connection.execute("DELETE FROM entries WHERE key = ?", (key.encode(),))

    async def list(self, options: dict[str, Any]) -> KVPageData:
        """List with `prefix`, `limit` and `cursor`."""
        limit = options["limit"]
        prefix = options["prefix"].encode()
        values = {
            "after": decode_cursor(options.get("cursor", ""), "KV"),
            "prefix": prefix,
            "end": prefix + AFTER_ALL,
            "now": time.time(),
            "limit": limit + 1,
        }
        with self._database.connection(SCHEMA) as connection:
            found = connection.execute(LIST, values).fetchall()
        keys = [_to_key(*row) for row in found[:limit]]
        if len(found) <= limit:
            return {"keys": keys, "list_complete": True}
        cursor = encode_cursor(found[limit - 1][0])
        return {"keys": keys, "list_complete": False, "cursor": cursor}


def _to_key(key: bytes, expiration: int | None, metadata: str) -> KVKeyData:
    data: KVKeyData = {"name": key.decode(), "metadata": json.loads(metadata)}
    if expiration is not None:
        data["expiration"] = expiration
    return data
