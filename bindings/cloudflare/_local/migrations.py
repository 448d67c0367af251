"""Bring a database to its newest migration, as `wrangler d1 migrations apply`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bindings.cloudflare._sql import split_statements
from bindings.cloudflare.backend import PlatformError
from bindings.cloudflare.errors import D1Error

if TYPE_CHECKING:
    from pathlib import Path

    from bindings.cloudflare._local.database import Database

# Wrangler's own table, so that it and this backend agree on what was applied:
# https://developers.cloudflare.com/d1/reference/migrations/
TABLE = """
CREATE TABLE IF NOT EXISTS d1_migrations(
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)
"""


def apply_migrations(binding: str, database: Database, folder: Path) -> None:
    """Apply every `*.sql` of a folder that the database has not seen yet.

    Files are applied in the order of the numbers that their names begin with, each in
    a transaction of its own. A folder that is missing has none.

    Raises:
        D1Error: A migration failed; nothing of it, and none after it, was applied.
    """
    names = {file.name for file in folder.glob("*.sql")}
    if names <= database.migrated:
        return
    for name in sorted(names - database.migrated, key=_order):
        try:
            _apply(database, folder / name)
        except PlatformError as error:
            raise D1Error(
                f"migration `{folder.name}/{name}` failed: {error}.",
                binding=binding,
                operation="migrate",
                hint="Mend the file; nothing of it was applied.",
            ) from error
        database.migrated.add(name)


def _order(name: str) -> tuple[int, str]:
    number = re.match(r"\d+", name)
    return int(number[0]) if number else 0, name


def _apply(database: Database, file: Path) -> None:
    with database.transaction(TABLE) as connection:
        applied = "SELECT 1 FROM d1_migrations WHERE name = ?"
        if connection.execute(applied, (file.name,)).fetchone():
            return
        for statement in split_statements(file.read_text(encoding="utf-8")):
            connection.execute(statement)
        record = "INSERT INTO d1_migrations (name) VALUES (?)"
        connection.execute(record, (file.name,))
