"""A D1 database in an SQLite file, with its migrations applied."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from bindings.cloudflare._local.d1_limits import trusted
from bindings.cloudflare._local.migrations import apply_migrations
from bindings.cloudflare._sql import first_word
from bindings.cloudflare.shapes import D1ResultData, Statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from bindings.cloudflare._local.database import Database

    Kind = Literal["IMMEDIATE", "DEFERRED"]

READS = {"SELECT", "VALUES", "EXPLAIN"}
CONSTRAINTS = {None, "", "first-primary", "first-unconstrained"}
BIGGEST_PLAIN = 1e21  # from here on, JSON.stringify writes an exponent


class EmbeddedD1:
    """One database; new files among its migrations are applied at the next call."""

    def __init__(self, binding: str, database: Database, migrations: Path) -> None:
        self._binding = binding
        self._database = database
        self._migrations = migrations

    async def run(self, statement: Statement) -> D1ResultData:
        """Run one statement."""
        with self._transaction(_kind(statement)) as connection:
            return _execute(connection, statement)

    async def raw(self, statement: Statement) -> tuple[list[str], list[list[Any]]]:
        """Run one statement; return the names of the columns and the rows."""
        with self._transaction(_kind(statement)) as connection:
            return _fetch(connection, statement)

    async def batch(self, statements: Sequence[Statement]) -> list[D1ResultData]:
        """Run statements in one transaction: all of them or none."""
        with self._transaction("IMMEDIATE") as connection:
            return [_execute(connection, statement) for statement in statements]

    def fill(self, statements: Iterable[str]) -> None:
        """Run statements in one transaction, each taken when those before it are done."""
        with self._transaction("IMMEDIATE") as connection:
            for statement in statements:
                connection.execute(statement)

    def with_session(self, start: str | None) -> EmbeddedSession:
        """Start a session from a constraint or bookmark."""
        return EmbeddedSession(self, start)

    @contextmanager
    def _transaction(self, kind: Kind) -> Generator[sqlite3.Connection]:
        apply_migrations(self._binding, self._database, self._migrations)
        with self._database.transaction(kind=kind) as connection:
            yield connection


class EmbeddedSession:
    """A session, which is the database itself: there are no replicas here."""

    def __init__(self, database: EmbeddedD1, start: str | None) -> None:
        self._database = database
        self.bookmark = None if start in CONSTRAINTS else start

    async def run(self, statement: Statement) -> D1ResultData:
        """Run one statement."""
        result = await self._database.run(statement)
        self._move_on()
        return result

    async def raw(self, statement: Statement) -> tuple[list[str], list[list[Any]]]:
        """Run one statement; return the names of the columns and the rows."""
        found = await self._database.raw(statement)
        self._move_on()
        return found

    async def batch(self, statements: Sequence[Statement]) -> list[D1ResultData]:
        """Run statements in one transaction: all of them or none."""
        results = await self._database.batch(statements)
        self._move_on()
        return results

    def with_session(self, start: str | None) -> EmbeddedSession:
        """Start a session from a constraint or bookmark."""
        return self._database.with_session(start)

    def _move_on(self) -> None:
        # In the platform's shape, and like its own it sorts by age.
        seconds, rest = divmod(time.time_ns(), 10**9)
        self.bookmark = max(self.bookmark or "", f"{seconds:08x}-{rest:08x}-00000000-{0:032x}")


def _kind(statement: Statement) -> Kind:
    # A transaction that reads before it writes may find that another process wrote.
    return "DEFERRED" if first_word(statement[0]) in READS else "IMMEDIATE"


def _execute(connection: sqlite3.Connection, statement: Statement) -> D1ResultData:
    before, size = connection.total_changes, _size(connection)
    started = time.perf_counter()
    names, rows = _fetch(connection, statement)
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
    return {"results": [dict(zip(names, row, strict=True)) for row in rows], "meta": meta}


def _fetch(
    connection: sqlite3.Connection, statement: Statement
) -> tuple[list[str], list[list[Any]]]:
    cursor = connection.execute(*statement)
    names = [column[0] for column in cursor.description or ()]
    return names, [list(map(as_json, values)) for values in cursor.fetchall()]


def as_json(value: Any) -> Any:
    """Give a REAL the shape that it has after JavaScript's JSON."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if value.is_integer() and abs(value) < BIGGEST_PLAIN:
            return int(value)
    return value


def _size(connection: sqlite3.Connection) -> int:
    sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    with trusted(connection):
        return connection.execute(sql).fetchone()[0]
