"""Checks the SQL of the site's code against its D1 migrations, with SQLite's own parser.

Only what is wrong on every version of SQLite is told: the host's may be older than D1's.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from firstlight.advice import did_you_mean
from firstlight.build.source_file import read_text
from firstlight.build.sql_calls import SQLCall, sql_calls
from firstlight.errors import FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from firstlight.build.bindings import SiteTree
    from firstlight.build.scan import Site
    from firstlight.build.wrangler import Wrangler

# Wrangler's record of what it applied; code may read it.
D1_TABLES = (
    "create table if not exists d1_migrations"
    "(id integer primary key, name text unique, applied_at timestamp not null)"
)
# The migrations run in nobody's transaction and reach no file.
PASSED_OVER = re.compile(
    r"(begin|commit|end|rollback|savepoint|release|attach|detach|vacuum|pragma)\b", re.IGNORECASE
)
BEFORE = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*", re.DOTALL)
DDL = re.compile(
    r"\bcreate\s+(?:(?:temp|temporary|virtual)\s+)?(?:table|view)\b|\balter\s+table\b",
    re.IGNORECASE,
)
UNKNOWN_TABLE = re.compile(r"no such table: (?:main\.)?(?P<name>.+)")
UNKNOWN_COLUMN = re.compile(r"(?:no such column: |table .+ has no column named )(?P<name>.+)")
SYNTAX = re.compile(r'near "(?P<token>.*)": syntax error|incomplete input|unrecognized token: .*')
MISTAKES = re.compile(
    r"ambiguous column name: |\d+ values for \d+ columns|table .* has \d+ columns but \d+ values "
    r"were supplied|ON CONFLICT clause does not match|SELECTs to the left and right of "
)
BROKEN = re.compile(r".* already exists|duplicate column name: |.* constraint failed")
# Syntax by the version that brought it: https://www.sqlite.org/changes.html. On an older
# host a statement with one of these may fail for that reason alone.
NEWER_SYNTAX = (
    ((3, 35), r"\breturning\b|\bmaterialized\b|\bdrop\s+column\b"),
    ((3, 37), r"\bstrict\b"),
    ((3, 38), r"->"),
    ((3, 39), r"\b(?:right|full)\s+(?:outer\s+)?join\b|\bdistinct\s+from\b"),
    ((3, 44), r"\b(?!over\b)\w+\s*\([^()]*\border\s+by\b"),
    ((3, 46), r"\d_\d"),
    ((3, 47), r"\braise\b"),
    ((3, 53), r"\balter\s+table\b"),
)


class SQLError(FirstlightError):
    """SQL that cannot work on the database that the migrations make."""


def sql_errors(site: Site, trees: list[SiteTree], wrangler: Wrangler) -> list[Exception]:
    """Find literal SQL that names what no migration makes, does not parse or lacks values.

    A database without migrations is not checked.
    """
    if not site.config.check_sql:
        return []
    errors: list[Exception] = []
    texts = [text for _, tree, _ in trees for text in _ddl(tree)]
    for binding, folder in wrangler.migrations.items():
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            try:
                schema = (
                    _Schema(connection, binding) if _migrate(connection, site, folder) else None
                )
            except FirstlightError as error:
                errors.append(error)
                continue
            if schema is not None:
                schema.add(texts)
                for file, tree, first in trees:
                    for call in sql_calls(tree, wrangler.bindings):
                        errors += schema.check(call, file, first - 1)
    return list({str(error): error for error in errors}.values())


def _migrate(connection: sqlite3.Connection, site: Site, folder: str) -> bool:
    """Apply a folder's migrations; tell whether the database is what D1's would be.

    Raises:
        SQLError: A migration is broken.
    """
    files = sorted((site.root / folder).glob("*.sql"), key=_migration_order)
    for path in files:
        file = f"{folder.strip('/')}/{path.name}"
        for sql, line in _statements(read_text(path, file)):
            try:
                connection.execute(sql)
            except sqlite3.Error as error:
                if not (_is_certain(str(error), sql) or BROKEN.match(str(error))):
                    return False  # D1 may well know what this host's SQLite does not
                raise SQLError(
                    f"This migration fails: {error}.",
                    hint="Mend the statement; `wrangler d1 migrations apply` would stop here.",
                    location=Location(file, line),
                ) from error
    return bool(files)


def _migration_order(path: Path) -> tuple[int, str]:
    """Order as wrangler does: by the number that the name begins with."""
    number = re.match(r"\d+", path.name)
    return int(number[0]) if number else 0, path.name


def _statements(script: str) -> Iterator[tuple[str, int]]:
    """Yield each statement with the 1-based line on which it begins."""
    start = 0
    ends = [match.end() for match in re.finditer(";", script)]
    for end in [*ends, len(script)]:
        text = script[start:end]
        if end < len(script) and not sqlite3.complete_statement(text):
            continue
        begin = start + _begin(text)
        sql = script[begin:end]
        if sql.strip("; \n\t\r") and not PASSED_OVER.match(sql):
            yield sql, script.count("\n", 0, begin) + 1
        start = end


def _begin(sql: str) -> int:
    """Return where a statement begins, past spaces and comments."""
    found = BEFORE.match(sql)
    return found.end() if found else 0


def _ddl(tree: ast.Module) -> Iterator[str]:
    """Yield the strings of the code that make or change tables, docstrings apart."""
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.Expr))
    alone = {id(statement.value) for statement in statements}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in alone and DDL.search(text):
            yield text


class _Schema:
    """A database as the migrations make it."""

    def __init__(self, connection: sqlite3.Connection, binding: str) -> None:
        connection.execute(D1_TABLES)
        self._connection = connection
        self._binding = binding
        self._is_whole = True  # else the code makes tables that are not seen here

    def add(self, texts: Iterable[str]) -> None:
        """Add what the code itself makes."""
        for text in texts:
            for sql, _ in _statements(text):
                is_addition = re.match(r"create\b|alter\b.*\badd\b", sql, re.IGNORECASE | re.DOTALL)
                try:
                    self._connection.execute(sql if is_addition else "select 1")
                    self._is_whole &= is_addition is not None or not DDL.search(sql)
                except sqlite3.Error as error:
                    self._is_whole &= bool(BROKEN.match(str(error)))

    def check(self, call: SQLCall, file: str, offset: int) -> Iterator[SQLError]:
        """Yield what is wrong with a call.

        Args:
            call: Of any database.
            file: Where it stands.
            offset: Lines of the file before the tree's first.
        """
        sql = str(call.literal.value)
        if call.binding != self._binding or _is_several(sql):
            return
        message = self._explain(sql)
        needed = re.search(r"uses (\d+)", message)
        if needed or not message:
            wanted = int(needed[1]) if needed else 0
            if call.values not in (None, wanted):
                yield _count_error(wanted, call.values or 0, Location(file, call.line + offset))
        elif _is_certain(message, sql) and (self._is_whole or SYNTAX.fullmatch(message)):
            yield self._error(message, sql, file, call.literal, offset)

    def _explain(self, sql: str) -> str:
        """Compile a statement; return what SQLite says, `""` when all is well."""
        begin = _begin(sql)
        if re.match(r"pragma\b", sql[begin:], re.IGNORECASE):
            return "not compiled: some pragmas act at once"
        prefix = "" if re.match(r"explain\b", sql[begin:], re.IGNORECASE) else "explain "
        try:
            self._connection.execute(prefix + sql)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            return str(error)
        return ""

    def _error(
        self, message: str, sql: str, file: str, literal: ast.Constant, offset: int
    ) -> SQLError:
        table, column = UNKNOWN_TABLE.fullmatch(message), UNKNOWN_COLUMN.fullmatch(message)
        line = _line_of(message, literal) + offset
        if table:
            text = f"No migration of `{self._binding}` makes the table `{table['name']}`."
            hint = _nearest(table["name"], "Tables", self._tables())
        elif column:
            text = f"No table of this statement has the column `{column['name']}`."
            hint = _nearest(column["name"].rpartition(".")[2], "Columns", self._columns(sql))
        else:
            text, hint = (
                f"D1 cannot run this SQL: {message}.",
                "Mend the statement: D1 speaks SQLite's dialect.",
            )
        return SQLError(text, hint=hint, location=Location(file, line))

    def _tables(self) -> list[str]:
        sql = (
            "select name from sqlite_master where type in ('table', 'view') "
            "and name not like 'sqlite_%' and name <> 'd1_migrations' order by name"
        )
        return [name for (name,) in self._connection.execute(sql)]

    def _columns(self, sql: str) -> list[str]:
        """List the columns of the tables that a statement mentions."""
        words = {word.lower() for word in re.findall(r"\w+", sql)}
        tables = [table for table in self._tables() if table.lower() in words]
        query = "select name from pragma_table_info(?)"
        return [name for table in tables for (name,) in self._connection.execute(query, (table,))]


def _is_several(sql: str) -> bool:
    return len(list(_statements(sql))) > 1


def _is_certain(message: str, sql: str) -> bool:
    """Tell whether D1 would say the same, whichever version of SQLite this host has."""
    if table := UNKNOWN_TABLE.fullmatch(message):
        name = re.escape(table["name"])
        is_function = re.search(rf"\b{name}[\"`\]]?\s*\(", sql)
        return not (is_function and not re.search(rf"\binto\W+{name}", sql, re.IGNORECASE)) and (
            not table["name"].lower().startswith(("sqlite_", "pragma_", "_cf_"))
        )
    if column := UNKNOWN_COLUMN.fullmatch(message):
        # D1 takes a double-quoted name that is no column for a text; not every host does.
        return f'"{column["name"].rpartition(".")[2]}"' not in sql
    if SYNTAX.fullmatch(message):
        newer = [p for version, p in NEWER_SYNTAX if sqlite3.sqlite_version_info[:2] < version]
        return not any(re.search(pattern, sql, re.IGNORECASE) for pattern in newer)
    return MISTAKES.match(message) is not None


def _line_of(message: str, literal: ast.Constant) -> int:
    """Find the line on which a literal has what SQLite complains of."""
    text, line = str(literal.value), literal.lineno
    word = re.search(r'near "(.+)"|(?:table|column|named):? (\S+)$', message)
    is_plain = (literal.end_lineno or line) - line == text.count("\n")
    if not word or not is_plain:
        return line
    name = (word[1] or word[2]).removeprefix("main.")
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    return line + text.count("\n", 0, found.start()) if found else line


def _count_error(wanted: int, given: int, location: Location) -> SQLError:
    placeholders = "1 placeholder" if wanted == 1 else f"{wanted} placeholders"
    values = "1 value" if given == 1 else f"{given} values"
    return SQLError(
        f"The SQL has {placeholders} and gets {values}.",
        hint="Give one value for each placeholder; `?1` used twice counts once.",
        location=location,
    )


def _nearest(name: str, kind: str, known: list[str]) -> str:
    near = did_you_mean(name, known)
    if near is not None:
        return near
    return f"{kind}: {', '.join(dict.fromkeys(known))}." if known else "Add a migration."
