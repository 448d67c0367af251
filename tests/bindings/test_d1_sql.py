from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bindings.cloudflare._sql import SQL, cast_integers, first_word, read_sql, split_statements


@pytest.mark.parametrize(
    ("sql", "integers", "expected"),
    [
        ("select ?", set[int](), "select ?"),
        ("select ?", {1}, "select +CAST(? AS INTEGER)"),
        ("select ?, ?", {2}, "select ?, +CAST(? AS INTEGER)"),
        ("select ?1, ?1", {1}, "select +CAST(?1 AS INTEGER), +CAST(?1 AS INTEGER)"),
        ("select ?2, ?", {3}, "select ?2, +CAST(? AS INTEGER)"),
        ("select ?, ?1", {1}, "select +CAST(? AS INTEGER), +CAST(?1 AS INTEGER)"),
        ("select ?12", {1}, "select ?12"),
        ("select '?', ?", {1}, "select '?', +CAST(? AS INTEGER)"),
        ("select 'it''s ?', ?", {1}, "select 'it''s ?', +CAST(? AS INTEGER)"),
        ('select "a?""b?", ?', {1}, 'select "a?""b?", +CAST(? AS INTEGER)'),
        ("select [a?], ?", {1}, "select [a?], +CAST(? AS INTEGER)"),
        ("select `a?`, ?", {1}, "select `a?`, +CAST(? AS INTEGER)"),
        ("select 1 -- ?\n, ?", {1}, "select 1 -- ?\n, +CAST(? AS INTEGER)"),
        ("select /* ?\n' */ ?", {1}, "select /* ?\n' */ +CAST(? AS INTEGER)"),
        ("select ? -- it's", {1}, "select +CAST(? AS INTEGER) -- it's"),
        ("select '?", {1}, "select '?"),
        ("select /* ?", {1}, "select /* ?"),
        ("select x'3f'-?", {1}, "select x'3f'-+CAST(? AS INTEGER)"),
        ("select 1/?*2", {1}, "select 1/+CAST(? AS INTEGER)*2"),
    ],
)
def test_cast_integers_rewrites_only_their_placeholders(
    sql: str, integers: set[int], expected: str
) -> None:
    assert cast_integers(sql, frozenset(integers)) == expected


TRIGGER = """create temp trigger t after insert on a begin
  select case when 1 then 2 end;
  delete from b;
end;"""


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" ;; -- nothing;\n/* ; */ ", []),
        ("a; b", ["a;", "b"]),
        ("a\n  b;\n\nc;", ["a\n  b;", "c;"]),
        (
            "select ';'; select \";\", `;`, [;];",
            ["select ';';", 'select ";", `;`, [;];'],
        ),
        ("-- first; not\na; /* ; */ b;", ["-- first; not\na;", "/* ; */ b;"]),
        (f"a; {TRIGGER} b;", ["a;", TRIGGER, "b;"]),
        (
            "create trigger t begin a; end; create table c (d);",
            ["create trigger t begin a; end;", "create table c (d);"],
        ),
        ("create table trigger_like (a); b;", ["create table trigger_like (a);", "b;"]),
    ],
)
def test_split_statements_ends_at_their_semicolons(script: str, expected: list[str]) -> None:
    assert split_statements(script) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [("", ""), (" -- x\n begin", "BEGIN"), ("/* */Select 1", "SELECT"), ("?", "?")],
)
def test_first_word_skips_comments(sql: str, expected: str) -> None:
    assert first_word(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", SQL("select 1", 1, "SELECT", 0, None)),
        ("-- x\nselect ?;", SQL("-- x\nselect ?;", 1, "SELECT", 1, None)),
        ("select ?; -- ?\n", SQL("select ?;", 1, "SELECT", 1, None)),
        ("select ?3, ?, ?1 /* ? */", SQL("select ?3, ?, ?1", 1, "SELECT", 4, None)),
        ("a; b", SQL("a; b", 2, "A", 0, None)),
        (" ; ", SQL(" ;", 0, ";", 0, None)),
        ("", SQL("", 0, "", 0, None)),
        ("select ':a', a$b, :c, @d, $e", SQL("select ':a', a$b, :c, @d, $e", 1, "SELECT", 0, ":c")),
    ],
)
def test_read_sql_finds_statements_and_placeholders(sql: str, expected: SQL) -> None:
    assert read_sql(sql) == expected


PIECES = (
    "?",
    "?1",
    "?2",
    "-?",
    "typeof(?)",
    "?||'?'",
    "'it''s ?'",
    '"?"',
    "`?`",
    "[?]",
    "/* ? ' */ ?",
    '-- ? " \n ?',
    "? in (?, ?1)",
    "case ? when 1 then ?2 else '--?' end",
)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
    st.lists(
        st.one_of(st.integers(-(2**63), 2**63 - 1), st.text("a?'", max_size=3), st.none()),
        min_size=40,
        max_size=40,
    ),
)
def test_cast_integers_means_what_sqlite_means_by_integers(
    pieces: list[str], values: list[int | str | None]
) -> None:
    sql = f'select {", ".join(pieces)} from (select 1 as "?")'  # noqa: S608 - the subject
    with closing(sqlite3.connect(":memory:")) as connection:
        needed = count_parameters(connection, sql)
        assert read_sql(sql).parameters == needed
        bound = values[:needed]
        expected = connection.execute(sql, bound).fetchall()
        integers = frozenset(n for n, v in enumerate(bound, 1) if isinstance(v, int))
        digits = [str(value) if isinstance(value, int) else value for value in bound]
        assert connection.execute(cast_integers(sql, integers), digits).fetchall() == expected


def count_parameters(connection: sqlite3.Connection, sql: str) -> int:
    for count in range(41):
        try:
            connection.execute(sql, [None] * count)
        except sqlite3.ProgrammingError:
            continue
        return count
    raise AssertionError(sql)
