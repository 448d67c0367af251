"""List a local R2 bucket, by pages and folders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.cursor import AFTER_ALL, decode_cursor, encode_cursor

if TYPE_CHECKING:
    import sqlite3

    from bindings.cloudflare.shapes import R2ObjectData, R2PageData

MAX_WITH_METADATA = 100  # objects in a page, as miniflare has it
NEXT = """
SELECT about FROM r2_objects
WHERE key > :after AND key >= :prefix AND key < :end
ORDER BY key LIMIT 1
"""


def list_objects(connection: sqlite3.Connection, options: dict[str, Any]) -> R2PageData:
    """List with the platform's R2ListOptions, in the order of the keys' UTF-8 bytes."""
    page = _Page(options)
    while page.wants_more:
        page.add(connection.execute(NEXT, page.next_values()).fetchone())
    return page.data()


class _Page:
    """A listing in the making: one object or one folder at a time."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._prefix: str = options["prefix"]
        self._include: list[str] = options["include"]
        self._limit: int = options["limit"]
        if self._include:
            self._limit = min(self._limit, MAX_WITH_METADATA)
        self._delimiter: str | None = options.get("delimiter")
        start = options.get("startAfter", "").encode()
        self._after = max(start, decode_cursor(options.get("cursor", ""), "R2"))
        self._objects: list[R2ObjectData] = []
        self._folders: list[str] = []
        self._cursor: str | None = None
        self.wants_more = True

    def next_values(self) -> dict[str, object]:
        prefix = self._prefix.encode()
        return {"after": self._after, "prefix": prefix, "end": prefix + AFTER_ALL}

    def add(self, row: tuple[str] | None) -> None:
        if row is None:
            self.wants_more = False
        elif len(self._objects) + len(self._folders) == self._limit:
            self._cursor = encode_cursor(self._after)
            self.wants_more = False
        else:
            self._take(json.loads(row[0]))

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
