"""SQLite files that threads and processes may share."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

BUSY_TIMEOUT = 30.0  # seconds to wait for another process
BUSY_PAUSE = 0.01  # seconds

# https://www.sqlite.org/rescode.html#extrc: the low byte is the primary code.
PRIMARY_CODE = 0xFF
NAMES = {
    sqlite3.SQLITE_AUTH: "SQLITE_AUTH",
    sqlite3.SQLITE_BUSY: "SQLITE_BUSY",
    sqlite3.SQLITE_CONSTRAINT: "SQLITE_CONSTRAINT",
    sqlite3.SQLITE_FULL: "SQLITE_FULL",
    sqlite3.SQLITE_MISMATCH: "SQLITE_MISMATCH",
    sqlite3.SQLITE_TOOBIG: "SQLITE_TOOBIG",
}


class Database:
    """One SQLite file in WAL mode, with one connection per process.

    Args:
        path: The file; it and its folder are made when first used.
        set_up: Called with each new connection, once it is ready.
    """

    def __init__(
        self, path: Path, set_up: Callable[[sqlite3.Connection], None] | None = None
    ) -> None:
        self._path = path
        self._set_up = set_up
        self._lock = threading.RLock()
        # By process, because SQLite forbids to carry a connection over a fork:
        # https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
        self._connections: dict[int, sqlite3.Connection] = {}
        self._schemas: set[str] = set()
        self.migrated: set[str] = set()  # names of the migrations it has

    @contextmanager
    def connection(self, schema: str = "") -> Generator[sqlite3.Connection]:
        """Hold the connection; each statement is its own transaction.

        Args:
            schema: `CREATE … IF NOT EXISTS` statements, run once before.

        Raises:
            PlatformError: A statement failed.
        """
        with self._lock, platform_errors():
            connection = self._connect()
            if schema not in self._schemas:
                connection.executescript(schema)
                self._schemas.add(schema)
            yield connection

    @contextmanager
    def transaction(
        self, schema: str = "", kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
    ) -> Generator[sqlite3.Connection]:
        """Hold the connection for statements that all happen, or none.

        Args:
            schema: As in `connection()`.
            kind: When to wait for others that write: at once, or at the first write,
                which may fail if the transaction has read before.

        Raises:
            PlatformError: A statement failed.
        """
        with self.connection(schema) as connection:
            connection.execute(f"BEGIN {kind}")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close this process's connection, if one is open."""
        with self._lock:
            connection = self._connections.pop(os.getpid(), None)
            if connection is not None:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = self._connections.get(os.getpid())
        if connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connections[os.getpid()] = connection
            switch_to_wal(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            if self._set_up is not None:
                self._set_up(connection)
        return connection


def switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn on write-ahead logging, waiting for others that open the file.

    Raises:
        sqlite3.OperationalError: The file stayed locked.

    Source:
        https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode
    """
    # The busy timeout does not hold for this statement.
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(BUSY_PAUSE)
        else:
            return


@contextmanager
def platform_errors() -> Generator[None]:
    """Turn what SQLite raises into what D1 says."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise PlatformError(_message(error)) from error


def _message(error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return str(error)
    return f"{error}: {NAMES.get(code & PRIMARY_CODE, 'SQLITE_ERROR')}"
