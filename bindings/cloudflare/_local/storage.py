"""The storage of one Durable Object, in an SQLite file of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.d1 import as_json
from bindings.cloudflare._local.d1_limits import guarded
from bindings.cloudflare._sql import split_statements
from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindings.cloudflare._local.database import Database
    from bindings.cloudflare._local.objects import Objects

# The platform hides its own tables under this prefix, too.
SCHEMA = "CREATE TABLE IF NOT EXISTS _cf_kv (key TEXT PRIMARY KEY, value) WITHOUT ROWID"
MAX_SIZE = 2 * 1024 * 1024  # bytes of a key and its value
GET = "SELECT key, value FROM _cf_kv WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key"
DELETE = "DELETE FROM _cf_kv WHERE key IN (SELECT value FROM json_each(?))"
LIST = """
SELECT key, value FROM _cf_kv
WHERE key >= :start AND (:end IS NULL OR key < :end)
  AND substr(key, 1, length(:prefix)) = :prefix
ORDER BY key ASC LIMIT :limit
"""
PUT = "INSERT OR REPLACE INTO _cf_kv VALUES (?, ?)"
TABLES = "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE ?"


class EmbeddedStorage:
    """Answers at once, so that no other call of the object comes between."""

    def __init__(
        self,
        objects: Objects,
        kind: str,
        object_id: str,
        name: str | None,
        database: Database,
        cls: type,
    ) -> None:
        self._objects = objects
        self._kind = kind
        self._id = object_id
        self._name = name
        self._database = database
        self._class = cls

    async def get(self, keys: list[str]) -> dict[str, Any]:
        """Read values."""
        with self._database.connection(SCHEMA) as connection:
            return _to_dict(connection.execute(GET, (json.dumps(keys),)).fetchall())

    async def put(self, entries: dict[str, Any]) -> None:
        """Keep values."""
        made = [(key, _packed(key, value)) for key, value in entries.items()]
        with self._database.transaction(SCHEMA) as connection:
            connection.executemany(PUT, made)

    async def delete(self, keys: list[str]) -> int:
        """Delete keys."""
        with self._database.connection(SCHEMA) as connection:
            return connection.execute(DELETE, (json.dumps(keys),)).rowcount

    async def list(self, options: dict[str, Any]) -> dict[str, Any]:
        """Read values in order."""
        sql = LIST.replace("ASC", "DESC") if options["reverse"] else LIST
        given = {"start": "", "end": None, "prefix": "", "limit": -1, **options}
        with self._database.connection(SCHEMA) as connection:
            return _to_dict(connection.execute(sql, given).fetchall())

    async def delete_all(self) -> None:
        """Delete every key and table."""
        with self._database.transaction(SCHEMA) as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            found = connection.execute(TABLES, ("sqlite%",)).fetchall()
            for kind, name in found:
                quoted = name.replace('"', '""')
                if name == "_cf_kv":
                    connection.execute("DELETE FROM _cf_kv")
                else:
                    connection.execute(f'DROP {kind} IF EXISTS "{quoted}"')

    def sql(self, statement: str, params: Sequence[Any]) -> tuple[list[str], list[list[Any]]]:
        """Run SQL: several statements happen all, or none."""
        *before, last = split_statements(statement) or [""]
        with self._database.transaction(SCHEMA) as connection, guarded(connection):
            for each in before:
                connection.execute(each)
            cursor = connection.execute(last, params)
            names = [column[0] for column in cursor.description or ()]
            return names, [list(map(as_json, values)) for values in cursor.fetchall()]

    async def get_alarm(self) -> float | None:
        """Return when the alarm is due."""
        due = self._objects.alarms(self._kind).due(self._id)
        return None if due is None else due * 1000

    async def set_alarm(self, due: float) -> None:
        """Set the alarm."""
        if not hasattr(self._class, "alarm"):
            raise PlatformError(
                f"the class `{self._kind}` has no method `alarm`.",
                "Define `async def alarm(self)` in it.",
            )
        self._objects.alarms(self._kind).put(self._id, self._name, due / 1000)
        self._objects.ring_at(self._kind, self._id, due / 1000)

    async def delete_alarm(self) -> None:
        """Forget the alarm."""
        self._objects.alarms(self._kind).delete(self._id)


def _packed(key: str, value: Any) -> str | bytes:
    made = value if isinstance(value, bytes) else json.dumps(value)
    if len(key) + len(made) > MAX_SIZE:
        raise PlatformError(f"`{key}` and its value have more than {MAX_SIZE:,} bytes.")
    return made


def _to_dict(rows: list[tuple[str, str | bytes]]) -> dict[str, Any]:
    return {key: value if isinstance(value, bytes) else json.loads(value) for key, value in rows}
