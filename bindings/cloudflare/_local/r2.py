"""An R2 bucket in SQLite: an object is either its old self or its new one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare.backend import PlatformError, R2ObjectData, R2PageData

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Sequence

    from bindings.cloudflare._local.database import Database

CHUNK = 65_536  # bytes
AFTER_ALL = b"\xff"  # a byte that no UTF-8 holds
FIELDS = "key, version, size, etag, uploaded, http_metadata, custom_metadata"

# Keys are BLOBs because R2 orders and limits them by their bytes. The body comes
# last so that the rest is read without it.
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  key BLOB PRIMARY KEY,
  version TEXT NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  uploaded TEXT NOT NULL,
  http_metadata TEXT NOT NULL,
  custom_metadata TEXT NOT NULL,
  body BLOB NOT NULL
)
"""
HEAD = f"SELECT {FIELDS} FROM objects WHERE key = ?"  # noqa: S608 - constants
PART = "SELECT substr(body, ?, ?) FROM objects WHERE key = ?"
NEXT = f"""
SELECT {FIELDS} FROM objects
WHERE key > :after AND key >= :prefix AND key < :end
ORDER BY key LIMIT 1
"""  # noqa: S608 - constants


class EmbeddedBody:
    """A body that was read together with its object."""

    def __init__(self, content: bytes) -> None:
        self.used = False
        self._content = content

    @property
    def js_body(self) -> object:
        """No JavaScript here."""
        raise AttributeError("`js_body` exists in a Worker only")

    async def read(self) -> bytes:
        """Return the whole body."""
        return self._content

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of 64 KiB."""
        for start in range(0, len(self._content), CHUNK):
            yield self._content[start : start + CHUNK]


class EmbeddedR2:
    """One bucket; a body may be as large as an SQLite BLOB, about 1 GB."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, key: str, value: bytes, options: dict[str, Any]) -> R2ObjectData:
        """Write with `httpMetadata` and `customMetadata`."""
        row = (
            key.encode(),
            uuid.uuid4().hex,
            len(value),
            hashlib.md5(value, usedforsecurity=False).hexdigest(),
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            json.dumps(options["httpMetadata"]),
            json.dumps(options["customMetadata"]),
        )
        with self._database.connection(SCHEMA) as connection:
            connection.execute(
                "REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, value)
            )
        return _to_object(row)

    async def get(
        self, key: str, options: dict[str, Any]
    ) -> tuple[R2ObjectData, EmbeddedBody] | None:
        """Read, with `range` as `offset` and `length`, or `suffix`."""
        # One transaction, so that the object and its body are of one version.
        with self._database.transaction(SCHEMA) as connection:
            found = _head(connection, key)
            if found is None:
                return None
            offset, length = _span(options.get("range"), found["size"])
            part = (offset + 1, length, key.encode())
            # SQLite gives NULL for a part of an empty BLOB.
            content = connection.execute(PART, part).fetchone()[0] or b""
        return found, EmbeddedBody(content)

    async def head(self, key: str) -> R2ObjectData | None:
        """Read everything but the body."""
        with self._database.connection(SCHEMA) as connection:
            return _head(connection, key)

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete the keys that exist."""
        with self._database.transaction(SCHEMA) as connection:
            connection.executemany(
                "DELETE FROM objects WHERE key = ?", [(key.encode(),) for key in keys]
            )

    async def list(self, options: dict[str, Any]) -> R2PageData:
        """List in the order of the keys' UTF-8 bytes."""
        page = _Page(options)
        with self._database.connection(SCHEMA) as connection:
            while page.wants_more:
                row = connection.execute(NEXT, page.next_values()).fetchone()
                page.add(row)
        return page.data()


class _Page:
    """A listing in the making: one object or one folder at a time."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._prefix: str = options["prefix"]
        self._limit: int = options["limit"]
        self._delimiter: str | None = options.get("delimiter")
        self._include: list[str] = options["include"]
        start = options.get("startAfter", "").encode()
        cursor = options.get("cursor")
        self._after = start if cursor is None else _decode_cursor(cursor)
        self._objects: list[R2ObjectData] = []
        self._folders: list[str] = []
        self._cursor: str | None = None
        self.wants_more = True

    def next_values(self) -> dict[str, object]:
        prefix = self._prefix.encode()
        return {"after": self._after, "prefix": prefix, "end": prefix + AFTER_ALL}

    def add(self, row: tuple[Any, ...] | None) -> None:
        if row is None:
            self.wants_more = False
        elif len(self._objects) + len(self._folders) == self._limit:
            self._cursor = base64.b64encode(self._after).decode()
            self.wants_more = False
        else:
            self._take(_to_object(row))

    def data(self) -> R2PageData:
        page: R2PageData = {
            "objects": self._objects,
            "truncated": self._cursor is not None,
            "delimitedPrefixes": self._folders,
        }
        if self._cursor is not None:
            page["cursor"] = self._cursor
        return page

    def _take(self, found: R2ObjectData) -> None:
        key = found["key"]
        folder = self._folder(key)
        if folder is None:
            self._objects.append(self._with_included(found))
            self._after = key.encode()
        else:
            self._folders.append(folder)
            self._after = folder.encode() + AFTER_ALL

    def _folder(self, key: str) -> str | None:
        if not self._delimiter:
            return None
        end = key.find(self._delimiter, len(self._prefix))
        return None if end < 0 else key[: end + len(self._delimiter)]

    def _with_included(self, found: R2ObjectData) -> R2ObjectData:
        if "httpMetadata" not in self._include:
            found["httpMetadata"] = {}
        if "customMetadata" not in self._include:
            found["customMetadata"] = {}
        return found


def _head(connection: sqlite3.Connection, key: str) -> R2ObjectData | None:
    row = connection.execute(HEAD, (key.encode(),)).fetchone()
    return None if row is None else _to_object(row)


def _to_object(row: tuple[Any, ...]) -> R2ObjectData:
    key, version, size, etag, uploaded, http_metadata, custom_metadata = row
    return {
        "key": key.decode(),
        "version": version,
        "size": size,
        "etag": etag,
        "httpEtag": f'"{etag}"',
        "uploaded": uploaded,
        "httpMetadata": json.loads(http_metadata),
        "customMetadata": json.loads(custom_metadata),
        "storageClass": "Standard",
    }


def _span(wanted: dict[str, int] | None, size: int) -> tuple[int, int]:
    if wanted is None:
        return 0, size
    if "suffix" in wanted:
        length = min(wanted["suffix"], size)
        return size - length, length
    offset = wanted["offset"]
    if offset >= size:
        raise PlatformError("get: The requested range is not satisfiable (10039)")
    return offset, min(wanted.get("length", size), size - offset)


def _decode_cursor(cursor: str) -> bytes:
    try:
        return base64.b64decode(cursor, validate=True)
    except binascii.Error as error:
        raise PlatformError(f"the cursor `{cursor}` is none of R2's.") from error
