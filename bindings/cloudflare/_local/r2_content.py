"""The bodies of a local R2 bucket, in pieces, so that none need be in memory whole."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator

    from bindings.cloudflare._local.database import Database

PIECE = 65_536  # bytes
# Seconds that a body stays after its object is gone: whoever reads it reads on, in
# another process too.
KEPT = 3600

# Pieces point at their bytes, so that the parts of an upload become one body without
# being copied.
CONTENT_SCHEMA = """
CREATE TABLE IF NOT EXISTS r2_bytes (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS r2_pieces (
  content TEXT NOT NULL,
  start INTEGER NOT NULL,
  bytes_id INTEGER NOT NULL,
  PRIMARY KEY (content, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS r2_garbage (content TEXT NOT NULL, since REAL NOT NULL);
"""
PIECE_AT = """
SELECT start, bytes FROM r2_pieces JOIN r2_bytes ON id = bytes_id
WHERE content = ? AND start <= ? ORDER BY start DESC LIMIT 1
"""
OLD_GARBAGE = "(SELECT content FROM r2_garbage WHERE since < :before)"
SWEEP = (
    f"DELETE FROM r2_bytes WHERE id IN "  # noqa: S608 - constants
    f"(SELECT bytes_id FROM r2_pieces WHERE content IN {OLD_GARBAGE})",
    f"DELETE FROM r2_pieces WHERE content IN {OLD_GARBAGE}",  # noqa: S608 - constants
    "DELETE FROM r2_garbage WHERE since < :before",
)


class EmbeddedBody:
    """A body, or a part of one, that is read when it is wanted.

    Args:
        database: Where it is.
        schema: The bucket's tables.
        content: Its name there.
        span: The first byte and the length, in bytes.
    """

    def __init__(
        self, database: Database, schema: str, content: str, span: tuple[int, int]
    ) -> None:
        self.used = False
        self._database = database
        self._schema = schema
        self._content = content
        self._first, self._length = span

    @property
    def js_body(self) -> object:
        """No JavaScript here."""
        raise AttributeError("`js_body` exists in a Worker only")

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of 64 KiB."""
        position = self._first
        end = self._first + self._length
        while position < end:
            start, piece = self._piece_at(position)
            chunk = piece[position - start : end - start]
            yield chunk
            position += len(chunk)

    def _piece_at(self, position: int) -> tuple[int, bytes]:
        with self._database.connection(self._schema) as connection:
            found = connection.execute(PIECE_AT, (self._content, position)).fetchone()
        if found is None or position - found[0] >= len(found[1]):
            raise PlatformError("the object was replaced or deleted long ago.")
        return found


def add_content(connection: sqlite3.Connection, value: bytes) -> str:
    """Store a body and return its name."""
    name = uuid.uuid4().hex
    view = memoryview(value)
    for start in range(0, len(view), PIECE):
        piece = view[start : start + PIECE]
        cursor = connection.execute("INSERT INTO r2_bytes (bytes) VALUES (?)", (piece,))
        values = (name, start, cursor.lastrowid)
        connection.execute("INSERT INTO r2_pieces VALUES (?, ?, ?)", values)
    return name


def join_contents(connection: sqlite3.Connection, parts: list[tuple[str, int]]) -> str:
    """Make one body of several, each a name and a size, and return its name."""
    name = uuid.uuid4().hex
    start = 0
    for part, size in parts:
        connection.execute(
            "UPDATE r2_pieces SET content = ?, start = start + ? WHERE content = ?",
            (name, start, part),
        )
        start += size
    return name


def drop_content(connection: sqlite3.Connection, name: str) -> None:
    """Let go of a body, and delete those that were let go of long ago."""
    now = time.time()
    connection.execute("INSERT INTO r2_garbage VALUES (?, ?)", (name, now))
    for statement in SWEEP:
        connection.execute(statement, {"before": now - KEPT})
