"""Make a connection of SQLite refuse what D1 and Durable Objects refuse."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

# As measured on miniflare, whose database is workerd's:
# https://github.com/cloudflare/workerd/blob/main/src/workerd/util/sqlite.c%2B%2B
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 2_200_000,  # bytes of a text, BLOB or row
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,  # bytes
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 5,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,  # bytes
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 100,
}
PRAGMAS = {
    "case_sensitive_like",
    "data_version",  # asked by FTS5
    "defer_foreign_keys",
    "foreign_key_check",
    "foreign_key_list",
    "foreign_keys",
    "ignore_check_constraints",
    "index_info",
    "index_list",
    "index_xinfo",
    "legacy_alter_table",
    "optimize",
    "quick_check",
    "recursive_triggers",
    "reverse_unordered_selects",
    "table_info",
    "table_list",
    "table_xinfo",
}
FUNCTIONS = {
    "load_extension",
    "sqlite_compileoption_get",
    "sqlite_compileoption_used",
    "sqlite_source_id",
    "sqlite_version",
}
MODULES = {"fts5", "fts5vocab"}
OWN_TABLES = "_cf_"  # the platform's

REFUSED = {
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_CREATE_TEMP_INDEX,
    sqlite3.SQLITE_CREATE_TEMP_TABLE,
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
    sqlite3.SQLITE_CREATE_TEMP_VIEW,
}

# A Durable Object's SQL runs in a transaction that is not its own.
TRANSACTIONS = {sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}

_trusted: set[sqlite3.Connection] = set()


def limit(connection: sqlite3.Connection) -> None:
    """Set D1's limits, and refuse what it does not authorize."""
    for category, value in LIMITS.items():
        connection.setlimit(category, value)
    connection.text_factory = _decode

    def authorize(action: int, first: str | None, second: str | None, *_where: str | None) -> int:
        allowed = connection in _trusted or _is_allowed(action, first or "", second or "")
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    connection.set_authorizer(authorize)


@contextmanager
def trusted(connection: sqlite3.Connection) -> Generator[None]:
    """Let a statement of our own do what the site may not."""
    _trusted.add(connection)
    try:
        yield
    finally:
        _trusted.discard(connection)


@contextmanager
def guarded(connection: sqlite3.Connection) -> Generator[None]:
    """Refuse meanwhile what the platform does not authorize in a Durable Object."""

    def authorize(action: int, first: str | None, second: str | None, *_where: str | None) -> int:
        allowed = action not in TRANSACTIONS and _is_allowed(action, first or "", second or "")
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    connection.set_authorizer(authorize)
    try:
        yield
    finally:
        connection.set_authorizer(None)


def _is_allowed(action: int, first: str, second: str) -> bool:
    if action in REFUSED or first.startswith(OWN_TABLES):
        return False
    if action == sqlite3.SQLITE_PRAGMA:
        return first.lower() in PRAGMAS
    if action == sqlite3.SQLITE_FUNCTION:
        return second.lower() not in FUNCTIONS
    if action == sqlite3.SQLITE_CREATE_VTABLE:
        return second.lower() in MODULES
    return True


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")
