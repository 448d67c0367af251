"""An R2 bucket in SQLite: an object is either its old self or its new one."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.r2_content import (
    CONTENT_SCHEMA,
    EmbeddedBody,
    add_content,
    drop_content,
    join_contents,
)
from bindings.cloudflare._local.r2_listing import list_objects
from bindings.cloudflare._local.r2_rules import (
    NO_SUCH_PART,
    NO_SUCH_UPLOAD,
    check_metadata,
    check_sizes,
    checksums,
    digest,
    holds,
    span,
)
from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from bindings.cloudflare._local.database import Database
    from bindings.cloudflare.shapes import R2ObjectData, R2PageData

# https://developers.cloudflare.com/r2/buckets/object-lifecycles/
UPLOAD_LIFETIME = 7 * 24 * 3600  # seconds

# Keys are BLOBs because R2 orders and limits them by their bytes.
SCHEMA = f"""
{CONTENT_SCHEMA}
CREATE TABLE IF NOT EXISTS r2_objects (
  key BLOB PRIMARY KEY,
  about TEXT NOT NULL,
  content TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS r2_uploads (
  id TEXT PRIMARY KEY,
  key BLOB NOT NULL,
  options TEXT NOT NULL,
  begun REAL NOT NULL,
  is_open INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS r2_parts (
  upload TEXT NOT NULL,
  number INTEGER NOT NULL,
  content TEXT NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  md5 TEXT NOT NULL,
  PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""


class EmbeddedR2:
    """One bucket, which threads and processes may share."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, key: str, value: bytes, options: dict[str, Any]) -> R2ObjectData | None:
        """Write with R2PutOptions of the platform. None when `onlyIf` does not hold."""
        check_metadata(options["customMetadata"])
        sums = checksums(value, options)
        about = _about(key, len(value), sums["md5"], options, sums)
        with self._database.transaction(SCHEMA) as connection:
            found = _find(connection, key)
            if not holds(options.get("onlyIf", {}), found and found[0]):
                return None
            _replace(connection, about, add_content(connection, value))
        return about

    async def get(
        self, key: str, options: dict[str, Any]
    ) -> tuple[R2ObjectData, EmbeddedBody | None] | None:
        """Read, with `range` (`offset` and `length`, or `suffix`) and `onlyIf`."""
        with self._database.connection(SCHEMA) as connection:
            found = _find(connection, key)
        if found is None:
            return None
        about, content = found
        if not holds(options.get("onlyIf", {}), about):
            return about, None
        part = span(options.get("range"), about["size"])
        return about, EmbeddedBody(self._database, SCHEMA, content, part)

    async def head(self, key: str) -> R2ObjectData | None:
        """Read everything but the body."""
        with self._database.connection(SCHEMA) as connection:
            found = _find(connection, key)
        return None if found is None else found[0]

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete the keys that exist."""
        with self._database.transaction(SCHEMA) as connection:
            for key in keys:
                _remove(connection, key)

    async def list(self, options: dict[str, Any]) -> R2PageData:
        """List in the order of the keys' UTF-8 bytes."""
        with self._database.connection(SCHEMA) as connection:
            return list_objects(connection, options)

    async def create_upload(self, key: str, options: dict[str, Any]) -> str:
        """Begin a multipart upload and return its id."""
        upload_id = secrets.token_urlsafe(96)
        now = time.time()
        values = (upload_id, key.encode(), json.dumps(options), now)
        with self._database.transaction(SCHEMA) as connection:
            _drop_old_uploads(connection, now)
            connection.execute("INSERT INTO r2_uploads VALUES (?, ?, ?, ?, 1)", values)
        return upload_id

    async def upload_part(self, key: str, upload_id: str, number: int, value: bytes) -> str:
        """Store a part and return its ETag."""
        etag = secrets.token_urlsafe(96)
        with self._database.transaction(SCHEMA) as connection:
            _upload_options(connection, key, upload_id)
            previous = connection.execute(
                "SELECT content FROM r2_parts WHERE upload = ? AND number = ?", (upload_id, number)
            ).fetchone()
            if previous is not None:
                drop_content(connection, previous[0])
            content = add_content(connection, value)
            connection.execute(
                "REPLACE INTO r2_parts VALUES (?, ?, ?, ?, ?, ?)",
                (upload_id, number, content, len(value), etag, digest("md5", value)),
            )
        return etag

    async def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]
    ) -> R2ObjectData:
        """Make an object of parts, each a number and an ETag."""
        with self._database.transaction(SCHEMA) as connection:
            options = _upload_options(connection, key, upload_id)
            found = [_part(connection, upload_id, number, etag) for number, etag in parts]
            check_sizes([size for _, size, _ in found])
            digests = bytes.fromhex("".join(md5 for _, _, md5 in found))
            etag = f"{digest('md5', digests)}-{len(found)}"
            contents = [(content, size) for content, size, _ in found]
            about = _about(key, sum(size for _, size in contents), etag, options, {})
            _replace(connection, about, join_contents(connection, contents))
            _close_upload(connection, upload_id, kept={content for content, _ in contents})
        return about

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Delete the parts of an upload, unless it is completed or aborted."""
        with self._database.transaction(SCHEMA) as connection:
            if _upload(connection, key, upload_id)[1]:
                _close_upload(connection, upload_id)


def _find(connection: sqlite3.Connection, key: str) -> tuple[R2ObjectData, str] | None:
    row = connection.execute(
        "SELECT about, content FROM r2_objects WHERE key = ?", (key.encode(),)
    ).fetchone()
    return None if row is None else (json.loads(row[0]), row[1])


def _replace(connection: sqlite3.Connection, about: R2ObjectData, content: str) -> None:
    _remove(connection, about["key"])
    values = (about["key"].encode(), json.dumps(about), content)
    connection.execute("INSERT INTO r2_objects VALUES (?, ?, ?)", values)


def _remove(connection: sqlite3.Connection, key: str) -> None:
    removed = connection.execute(
        "DELETE FROM r2_objects WHERE key = ? RETURNING content", (key.encode(),)
    ).fetchall()
    for (content,) in removed:
        drop_content(connection, content)


def _about(
    key: str, size: int, etag: str, options: dict[str, Any], checksums: dict[str, str]
) -> R2ObjectData:
    return {
        "key": key,
        "version": uuid.uuid4().hex,
        "size": size,
        "etag": etag,
        "httpEtag": f'"{etag}"',
        "uploaded": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "httpMetadata": options["httpMetadata"],
        "customMetadata": options["customMetadata"],
        "checksums": checksums,
        "storageClass": options.get("storageClass", "Standard"),
    }


def _upload(connection: sqlite3.Connection, key: str, upload_id: str) -> tuple[str, int]:
    found = connection.execute(
        "SELECT options, is_open FROM r2_uploads WHERE id = ? AND key = ?",
        (upload_id, key.encode()),
    ).fetchone()
    if found is None:
        raise PlatformError(NO_SUCH_UPLOAD)
    return found


def _upload_options(connection: sqlite3.Connection, key: str, upload_id: str) -> dict[str, Any]:
    options, is_open = _upload(connection, key, upload_id)
    if not is_open:
        raise PlatformError(NO_SUCH_UPLOAD)
    return json.loads(options)


def _part(
    connection: sqlite3.Connection, upload_id: str, number: int, etag: str
) -> tuple[str, int, str]:
    found = connection.execute(
        "SELECT content, size, md5 FROM r2_parts WHERE upload = ? AND number = ? AND etag = ?",
        (upload_id, number, etag),
    ).fetchone()
    if found is None:
        raise PlatformError(NO_SUCH_PART)
    return found


def _close_upload(
    connection: sqlite3.Connection, upload_id: str, kept: frozenset[str] | set[str] = frozenset()
) -> None:
    parts = connection.execute(
        "DELETE FROM r2_parts WHERE upload = ? RETURNING content", (upload_id,)
    ).fetchall()
    for (content,) in parts:
        if content not in kept:
            drop_content(connection, content)
    connection.execute("UPDATE r2_uploads SET is_open = 0 WHERE id = ?", (upload_id,))


def _drop_old_uploads(connection: sqlite3.Connection, now: float) -> None:
    old = connection.execute(
        "SELECT id FROM r2_uploads WHERE begun < ?", (now - UPLOAD_LIFETIME,)
    ).fetchall()
    for (upload_id,) in old:
        _close_upload(connection, upload_id)
        connection.execute("DELETE FROM r2_uploads WHERE id = ?", (upload_id,))
