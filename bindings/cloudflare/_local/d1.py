"""A D1 database in an SQLite file, with its migrations applied."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.migrations import apply_migrations
from bindings.cloudflare._sql import first_word
from bindings.cloudflare.backend import D1ResultData, PlatformError, Statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from bindings.cloudflare._local.database import Database

# D1 runs every statement inside its own transaction and refuses these.
REFUSED = {
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "ATTACH",
    "DETACH",
    "VACUUM",
}
BIGGEST_PLAIN = 1e21  # from here on, JSON.stringify writes an exponent


class EmbeddedD1:
    """One database; new files among its migrations are applied at the next call."""

    def __init__(self, binding: str, database: Database, migrations: Path) -> None:
        self._binding = binding
        self._database = database
        self._migrations = migrations

    async def run(self, statement: Statement) -> D1ResultData:
        """Run one statement."""
        apply_migrations(self._binding, self._database, self._migrations)
        with self._database.connection() as connection:
            return _execute(connection, statement)

    async def batch(self, statements: Sequence[Statement]) -> list[D1ResultData]:
        """Run statements in one transaction: all of them or none."""
        apply_migrations(self._binding, self._database, self._migrations)
        with self._database.transaction() as connection:
            return [_execute(connection, statement) for statement in statements]


def _execute(connection: sqlite3.Connection, statement: Statement) -> D1ResultData:
    sql, params = statement
    if first_word(sql) in REFUSED:
        raise PlatformError(
            f"D1 refuses {first_word(sql)}; a batch is the transaction: not authorized"
        )
    before, size = connection.total_changes, _size(connection)
    started = time.perf_counter()
    cursor = connection.execute(sql, params)
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, map(_as_json, values), strict=True)) for values in cursor.fetchall()]
    duration = (time.perf_counter() - started) * 1000
    changes, size_after = connection.total_changes - before, _size(connection)
    meta = {
        "duration": duration,
        "changes": changes,
        "last_row_id": connection.execute("SELECT last_insert_rowid()").fetchone()[0],
        "rows_read": len(rows),
        "rows_written": changes,
        "size_after": size_after,
        "changed_db": changes > 0 or size_after != size,
    }
    return {"results": rows, "meta": meta}


def _as_json(value: Any) -> Any:
    """Give a REAL the shape that it has after JavaScript's JSON."""
    if isinstance(value, float) and value.is_integer() and abs(value) < BIGGEST_PLAIN:
        return int(value)
    return value


def _size(connection: sqlite3.Connection) -> int:
    sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    return connection.execute(sql).fetchone()[0]
