"""What every D1 database does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from bindings.cloudflare import BindingUnsupported, D1ConstraintError, D1Error
from contract.suite import ALL_BYTES, CURRENT, DIFFERENCES, TEXT, WORKERD, Site, contract, raises

DIFFERENCES["D1 has sessions"] = {
    WORKERD: "withSession() came to D1 in 2025; this runtime's has no such method.",
}
DIFFERENCES["D1 has columns of any name"] = {
    CURRENT: "miniflare's way from Node to D1, not D1, refuses objects with `__proto__`.",
}


@dataclass(frozen=True)
class User:
    """A row of `users`, with a field that has no column."""

    name: str
    id: int
    note: str = "none"


class Level(Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Typed:
    """One field of every type that `into` knows."""

    flag: bool
    part: float
    at: datetime
    unix: datetime
    day: date
    key: UUID
    price: Decimal
    level: Level
    tags: list[str]
    options: dict[str, Any]
    kind: Literal["a", "b"]
    body: bytes
    missing: int | None
    either: int | str
    anything: Any


@contract
async def d1_null_comes_back(site: Site) -> None:
    row = await site.db.first("select ? as a, typeof(?1) as b, ?2 as c", None, "x")
    assert row == {"a": None, "b": "null", "c": "x"}
    assert await site.db.first("select null as a", column="a") is None


@contract
async def d1_integers_are_exact(site: Site) -> None:
    sql = "select typeof(?1) as kind, cast(?1 as text) as text"
    for value in (0, 1, -1, 2**53 - 1, 2**53 + 1, 2**63 - 1, -(2**63)):
        assert await site.db.first(sql, value) == {
            "kind": "integer",
            "text": str(value),
        }
    assert await site.db.first("select ? as n", 2**53 - 1, column="n") == 2**53 - 1
    assert await site.db.first("select ? / 2 as n", 7, column="n") == 3


@contract
async def d1_integer_beyond_javascript_raises(site: Site) -> None:
    with raises(D1Error) as raised:
        await site.db.first("select ? as n", 2**53)
    assert "column `n` holds a number beyond 2^53" in str(raised.error)
    with raises(D1Error):
        await site.db.first("select ? as n", 2**63)


@contract
async def d1_integer_in_text_column_keeps_its_digits(site: Site) -> None:
    insert = "insert into things (label, whole) values (?1, ?1) returning *"
    row = await site.db.first(insert, 1)
    assert row is not None
    assert row.label == "1"
    assert row.whole == 1


@contract
async def d1_placeholders_in_text_stay(site: Site) -> None:
    sql = """
        select '?' as a, "b?" as "c?", ? as d, /* ? */ ?3 as e -- ?
        from (select 5 as [b?])
    """
    row = await site.db.first(sql, 1, "unused", 3)
    assert row == {"a": "?", "c?": 5, "d": 1, "e": 3}


@contract
async def d1_limit_and_in_take_integers(site: Site) -> None:
    sql = "select value as n from json_each('[1,2,3,4]') where value in (?, ?) limit ?"
    assert await site.db.all(sql, 2, 4, 1) == [{"n": 2}]


@contract
async def d1_floats_and_booleans_come_back(site: Site) -> None:
    sql = "select ? as a, ? as b, ? as c, ? as d, typeof(?3) as kind"
    values = (0.1, -1e300, True, False)
    row = await site.db.first(sql, *values)
    assert row == {"a": 0.1, "b": -1e300, "c": 1, "d": 0, "kind": "integer"}
    assert json.dumps(await site.db.first("select ? as n", 1.0)) == '{"n": 1}'
    assert await site.db.first("select typeof(?) as n", 1.0, column="n") == "real"


@contract
async def d1_text_comes_back(site: Site) -> None:
    assert await site.db.first("select ? as t", TEXT, column="t") == TEXT
    row = await site.db.first("insert into things (label) values (?) returning label", TEXT)
    assert row == {"label": TEXT}
    assert await site.db.first("select ? as t", "1", column="t") == "1"
    assert await site.db.first("select ? as t", "", column="t") == ""


@contract
async def d1_bytes_come_back(site: Site) -> None:
    for body in (ALL_BYTES, b""):
        row = await site.db.first(
            "insert into things (body) values (?) returning body, typeof(body) as kind",
            body,
        )
        assert row is not None
        assert type(row.body) is bytes
        assert row == {"body": body, "kind": "blob"}


@contract
async def d1_empty_result_is_empty(site: Site) -> None:
    sql = "select * from users where id = -1"
    assert await site.db.first(sql) is None
    assert await site.db.first(sql, column="name") is None
    assert await site.db.all(sql) == []
    assert (await site.db.run(sql)).rows == []


@contract
async def d1_first_picks_a_column(site: Site) -> None:
    statement = site.db.prepare("select ? as a, ? as b").bind(1, "x")
    assert await statement.first("b") == "x"
    assert await statement.first() == {"a": 1, "b": "x"}
    with raises(D1Error) as raised:
        await statement.first("c")
    assert str(raised.error) == (
        'D1 DB first "select ? as a, ? as b": the row has no column `c`. Its columns: `a`, `b`.'
    )


@contract
async def d1_rows_become_dataclasses(site: Site) -> None:
    sql = "select 1 as id, 'Ada' as name, 3 as extra union all select 2, 'Bob', 4"
    assert await site.db.all(sql, into=User) == [User("Ada", 1), User("Bob", 2)]
    assert await site.db.first(sql, into=User) == User("Ada", 1)
    assert await site.db.prepare(sql).all(into=User) == [User("Ada", 1), User("Bob", 2)]


@contract
async def d1_run_tells_what_it_did(site: Site) -> None:
    insert = "insert into users (name, email) values (?, ?)"
    result = await site.db.run(insert, "Meta", "meta@example.com")
    assert result.rows == []
    assert result.meta.changes == 1
    assert result.meta.last_row_id > 0
    assert result.meta.changed_db
    assert result.meta.duration_ms >= 0
    assert result.meta.size_after > 0
    select = "select name from users where id = ?"
    result = await site.db.run(select, result.meta.last_row_id)
    assert result.rows == [{"name": "Meta"}]
    assert result.meta.changes == 0
    assert not result.meta.changed_db
    assert result.meta.rows_read >= 1
    assert result.meta.rows_written == 0


@contract
async def d1_batch_is_one_transaction(site: Site) -> None:
    insert = site.db.prepare("insert into users (id, name) values (?, ?)")
    with raises(D1ConstraintError):
        await site.db.batch([insert.bind(500, "kept?"), insert.bind(500, "twice")])
    assert await site.db.first("select 1 from users where id = 500") is None
    count = site.db.prepare("select count(*) as n from users where id = ?")
    results = await site.db.batch([insert.bind(501, "x"), count.bind(501)])
    assert results[0].meta.changes == 1
    assert results[1].rows == [{"n": 1}]
    assert await site.db.batch([]) == []


@contract
async def d1_constraint_error_has_its_class(site: Site) -> None:
    insert = "insert into users (name, email) values (?, 'same@example.com')"
    await site.db.run(insert, "first")
    with raises(D1ConstraintError) as raised:
        await site.db.run(insert, "second")
    # Newer runtimes go on with the extended code.
    assert str(raised.error).startswith(
        f'D1 DB run "{insert}": UNIQUE constraint failed: users.email: SQLITE_CONSTRAINT'
    )
    with raises(D1ConstraintError):
        await site.db.run(insert, None)


@contract
async def d1_bad_sql_raises(site: Site) -> None:
    with raises(D1Error) as raised:
        await site.db.all("selec 1")
    assert type(raised.error) is D1Error
    assert 'D1 DB all "selec 1": near "selec": syntax error' in str(raised.error)
    with raises(D1Error) as raised:
        await site.db.run("insert into no_such_table values (1)")
    assert "no such table: no_such_table" in str(raised.error)
    with raises(D1Error):
        await site.db.first("select ?1, ?2", "one")
    with raises(D1Error):
        await site.db.run("begin transaction")


@contract
async def d1_unbound_values_raise(site: Site) -> None:
    with raises(TypeError):
        await site.db.run("select ?", datetime.now(UTC))
    with raises(D1Error):
        await site.db.run("select 1", *range(101))


@contract
async def d1_hundred_parameters_are_bound(site: Site) -> None:
    marks = ",".join("?" * 100)
    sql = f"select count(*) as n from (values ({'),('.join(marks.split(','))}))"  # noqa: S608
    assert await site.db.first(sql, *range(100), column="n") == 100


@contract
async def d1_script_runs_every_statement(site: Site) -> None:
    await site.db.script("insert into users (id, name) values (600, 'x;y');\n\n;--\n")
    await site.db.script("delete from users\nwhere id = 600")
    entry = await site.db.first("select entry from log where entry = 'gone; x;y'")
    assert entry == {"entry": "gone; x;y"}
    assert await site.db.script(" -- nothing\n") == []


@contract
async def d1_script_is_one_transaction(site: Site) -> None:
    with raises(D1Error):
        await site.db.script("create table half (a); insert into nowhere values (1);")
    with raises(D1Error):
        await site.db.all("select * from half")


@contract
async def d1_foreign_keys_hold(site: Site) -> None:
    await site.db.script(
        "create table parents (id integer primary key);"
        "create table children (parent integer references parents (id));"
    )
    with raises(D1ConstraintError):
        await site.db.run("insert into children values (1)")


@contract
async def d1_text_that_is_no_utf8(site: Site) -> None:
    assert await site.db.first("select cast(x'61ff' as text) as t", column="t") == "a\ufffd"
    for refused in (
        site.db.first("select ? as t", "a\ud800"),
        site.db.first("select '\udc00' as t"),
    ):
        with raises(D1Error) as raised:
            await refused
        assert raised.code == "not_utf8"


@contract
async def d1_large_reals_are_floats(site: Site) -> None:
    row = await site.db.first("select 1e20 as a, -1e300 as b, 9e999 as c, ? as d", 1e21)
    assert row is not None
    assert row == {"a": 1e20, "b": -1e300, "c": None, "d": 1e21}
    assert [type(value) for value in row.values()] == [float, float, type(None), float]


@contract
async def d1_columns_that_share_a_name(site: Site) -> None:
    sql = "select 1 as a, 2 as a, 3 as b"
    assert await site.db.all(sql) == [{"a": 2, "b": 3}]
    assert await site.db.raw(sql, column_names=True) == [("a", "a", "b"), (1, 2, 3)]
    row = await site.db.first('select 1 as "", 2 as "a b", 3 as constructor')
    assert row == {"": 1, "a b": 2, "constructor": 3}
    if site.differs("D1 has columns of any name"):
        with raises(D1Error):
            await site.db.first("select 1 as __proto__")
    else:
        assert await site.db.first("select 1 as __proto__") == {"__proto__": 1}


@contract
async def d1_raw_rows_are_tuples(site: Site) -> None:
    sql = "select ? as n, ? as t, ? as b, null as z union all select 2, 'y', x'', 0.5"
    statement = site.db.prepare(sql).bind(1, "x", ALL_BYTES)
    rows = [(1, "x", ALL_BYTES, None), (2, "y", b"", 0.5)]
    assert await statement.raw() == rows
    assert await statement.raw(column_names=True) == [("n", "t", "b", "z"), *rows]
    empty = "select id, name from users where id = -1"
    assert await site.db.raw(empty) == []
    assert await site.db.raw(empty, column_names=True) == [("id", "name")]
    insert = "insert into log values ('raw')"
    assert await site.db.raw(insert) == []
    assert await site.db.raw(insert, column_names=True) == [()]
    with raises(D1Error) as raised:
        await site.db.raw("select ? as n", 2**60)
    assert raised.code == "inexact_integer"


@contract
async def d1_fields_have_their_types(site: Site) -> None:
    key = UUID(int=5)
    sql = """
        select 1 as flag, 2.0 as part, '2026-01-02 03:04:05' as at, 0 as unix, ? as day,
        ? as key, '1.10' as price, 'high' as level, '["x"]' as tags, '{"a": 1}' as options,
        'b' as kind, x'00' as body, null as missing, 'text' as either, 7 as anything
    """
    row = await site.db.first(sql, "2026-01-02", str(key), into=Typed)
    assert row is not None
    assert row == Typed(
        flag=True,
        part=2.0,
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        unix=datetime(1970, 1, 1, tzinfo=UTC),
        day=date(2026, 1, 2),
        key=key,
        price=Decimal("1.10"),
        level=Level.HIGH,
        tags=["x"],
        options={"a": 1},
        kind="b",
        body=b"\0",
        missing=None,
        either="text",
        anything=7,
    )
    assert type(row.part) is float
    assert type(row.flag) is bool


@contract
async def d1_field_of_another_type_raises(site: Site) -> None:
    with raises(D1Error) as raised:
        await site.db.all("select 'Ada' as name, 'one' as id", into=User)
    assert raised.code == "bad_field"
    assert "column `id` holds 'one'; `User.id` is `int`." in str(raised.error)
    with raises(D1Error) as raised:
        await site.db.first("select null as name, 1 as id", into=User)
    assert "column `name` holds NULL; `User.name` is `str`." in str(raised.error)


@contract
async def d1_errors_have_codes(site: Site) -> None:
    await site.db.script(
        "create table codes (id integer primary key, age int check (age > 0));"
        "create table exact (n integer) strict;"
    )
    deep = "(1+" * 101 + "1" + ")" * 101
    for code, sql in (
        ("no_such_table", "select * from nope"),
        ("no_such_table", "drop table nope"),
        ("no_such_column", "select nope from users"),
        ("no_such_column", "insert into users (nope) values (1)"),
        ("no_such_function", "select nope()"),
        ("syntax", "selec 1"),
        ("syntax", "select (1"),
        ("syntax", "select 'a"),
        ("no_statement", ""),
        ("no_statement", " -- nothing"),
        ("no_statement", ";"),
        ("many_statements", "select 1; select 2"),
        ("named_parameter", "select :a"),
        ("transaction", "begin"),
        ("transaction", "/* */ Rollback;"),
        ("not_authorized", "attach 'x' as y"),
        ("not_authorized", "pragma journal_mode"),
        ("not_authorized", "select sqlite_version()"),
        ("not_authorized", "create temp table t (a)"),
        ("not_authorized", "create table _cf_x (a)"),
        ("failed", "vacuum"),
        ("sql_too_long", f"select '{'x' * 100_000}'"),
        ("value_too_large", "select length(zeroblob(2200001))"),
        ("mismatch", "insert into codes (id) values ('x')"),
        (
            "failed",
            "select 1 union select 2 union select 3 union select 4 union select 5 union select 6",
        ),
        ("failed", f"select 1 where 'a' like '{'x' * 51}'"),
        ("failed", f"select {deep}"),
        ("failed", f"create table wide ({', '.join(f'c{n}' for n in range(101))})"),
    ):
        with raises(D1Error) as raised:
            await site.db.all(sql)
        assert raised.code == code, raised.error
        assert type(raised.error) is D1Error
    assert await site.db.first("select length(zeroblob(2200000)) as n", column="n") == 2_200_000


@contract
async def d1_constraints_have_codes(site: Site) -> None:
    await site.db.script(
        "create table owners (id integer primary key, name text not null unique,"
        " age int check (age > 0), boss int references owners (id));"
        "create table strictly (n integer) strict;"
        "create trigger no_cats before insert on owners when new.name = 'cat' begin"
        " select raise(abort, 'no cats'); end;"
    )
    await site.db.run("insert into owners (id, name) values (1, 'Ada')")
    for code, text, sql in (
        (
            "unique",
            "UNIQUE constraint failed: owners.id",
            "insert into owners values (1, 'x', 1, 1)",
        ),
        (
            "unique",
            "UNIQUE constraint failed: owners.name",
            "insert into owners (name) values ('Ada')",
        ),
        (
            "not_null",
            "NOT NULL constraint failed: owners.name",
            "insert into owners (id) values (5)",
        ),
        ("check", "CHECK constraint failed: age > 0", "update owners set age = 0"),
        ("foreign_key", "FOREIGN KEY constraint failed", "update owners set boss = 9"),
        (
            "datatype",
            "cannot store TEXT value in INTEGER column strictly.n",
            "insert into strictly values ('x')",
        ),
        ("constraint", "no cats", "insert into owners (name) values ('cat')"),
    ):
        with raises(D1ConstraintError) as raised:
            await site.db.run(sql)
        assert raised.code == code
        told = str(raised.error).partition("\n")[0]
        assert told == f'D1 DB run "{sql}": {text}: SQLITE_CONSTRAINT'


@contract
async def d1_parameters_are_counted(site: Site) -> None:
    for message, sql, params in (
        ("2 values for 1 placeholder.", "select ?", (1, 2)),
        ("1 value for 2 placeholders.", "select ?, ?", (1,)),
        ("0 values for 1 placeholder.", "select ?", ()),
        ("1 value for 3 placeholders.", "select ?3, ?1, '?' -- ?", (1,)),
    ):
        with raises(D1Error) as raised:
            await site.db.all(sql, *params)
        assert raised.code == "parameter_count"
        assert str(raised.error).partition("\n")[0] == f'D1 DB all "{sql}": {message}'
    assert await site.db.raw("select ?2, ?1, ?2", 1, "b") == [("b", 1, "b")]


@contract
async def d1_parameters_that_are_refused(site: Site) -> None:
    for code, value in (
        ("bad_parameter", 2**63),
        ("bad_parameter", float("nan")),
        ("bad_parameter", float("-inf")),
        ("value_too_large", bytes(2_200_001)),
        ("value_too_large", "x" * 2_200_001),
    ):
        with raises(D1Error) as raised:
            await site.db.first("select length(?) as n", value)
        assert raised.code == code, raised.error
    with raises(D1Error) as raised:
        await site.db.all("select 1", *range(101))
    assert raised.code == "too_many_parameters"
    assert await site.db.first("select length(?) as n", bytes(2_000_000), column="n") == 2_000_000
    refused: tuple[object, ...] = (
        datetime.now(UTC),
        date.today(),
        UUID(int=1),
        Decimal(1),
        {},
        [1],
    )
    for wrong in (*refused, bytearray()):
        with raises(TypeError):
            await site.db.run("select ?", wrong)


@contract
async def d1_statement_may_end_in_a_comment(site: Site) -> None:
    assert await site.db.first("select ? as n; -- the end", 1) == {"n": 1}
    assert await site.db.first("/* it */ select 1 as n /* and */ ; /* so */") == {"n": 1}


@contract
async def d1_integers_keep_their_index(site: Site) -> None:
    await site.db.script(
        "create table indexed (label text); create index by_label on indexed (label)"
    )
    plan = await site.db.first("explain query plan select * from indexed where label = ?", 1)
    assert plan is not None
    assert "USING COVERING INDEX by_label" in plan.detail


@contract
async def d1_thousand_rows_come_back(site: Site) -> None:
    rows = await site.db.all(
        "with recursive t (n) as (select 1 union all select n + 1 from t where n < 1000) "
        "select n, 'row ' || n as label, n / 2.0 as half, null as z from t"
    )
    assert len(rows) == 1000
    assert rows[999] == {"n": 1000, "label": "row 1000", "half": 500, "z": None}


@contract
async def d1_meta_counts(site: Site) -> None:
    await site.db.script("create table counted (id integer primary key, n integer)")
    results = await site.db.script(
        "insert into counted (n) values (1), (2), (3); update counted set n = 9 where n > 1;"
        "select * from counted; delete from counted;"
    )
    assert [result.meta.changes for result in results] == [3, 2, 0, 3]
    assert [len(result.rows) for result in results] == [0, 0, 3, 0]
    assert [result.meta.changed_db for result in results] == [True, True, False, True]
    assert results[0].meta.last_row_id == 3
    result = await site.db.run("insert into counted (n) values (7) returning id, n")
    assert result.rows == [{"id": 1, "n": 7}]
    assert result.meta.changes == 1


@contract
async def d1_batch_that_fails_names_its_operation(site: Site) -> None:
    statements = [site.db.prepare("select 1 as n"), site.db.prepare("select ?")]
    with raises(D1Error) as raised:
        await site.db.batch(statements)
    assert str(raised.error) == (
        'D1 DB batch "select ?": 0 values for 1 placeholder.\n'
        "  Hint: Give one value for each `?`; `?1` used twice counts once."
    )
    with raises(D1Error) as raised:
        await site.db.batch([statements[0], site.db.prepare("select * from nope")])
    assert raised.code == "no_such_table"
    with raises(D1Error) as raised:
        await site.db.script("create table again (a); begin;")
    assert raised.code == "transaction"
    with raises(D1Error):
        await site.db.all("select * from again")


@contract
async def d1_foreign_keys_may_wait_for_the_end_of_a_batch(site: Site) -> None:
    await site.db.script(
        "create table parts (whole int references wholes (id));"
        "create table wholes (id integer primary key);"
    )
    defer = site.db.prepare("pragma defer_foreign_keys = on")
    insert = site.db.prepare("insert into parts values (?)")
    await site.db.batch([defer, insert.bind(1), site.db.prepare("insert into wholes values (1)")])
    assert await site.db.raw("select * from parts") == [(1,)]
    await site.db.run("pragma foreign_keys = off")
    with raises(D1ConstraintError) as raised:
        await site.db.run("insert into parts values (2)")
    assert raised.code == "foreign_key"


@contract
async def d1_session_has_a_bookmark(site: Site) -> None:
    if site.differs("D1 has sessions"):
        with raises(BindingUnsupported) as unsupported:
            site.db.with_session()
        assert str(unsupported.error) == (
            "DB with_session: this runtime's D1 has no sessions; query the database itself."
        )
        return
    session = site.db.with_session("first-primary")
    assert session.bookmark is None
    assert await session.first("select ? as n", 1) == {"n": 1}
    first = session.bookmark
    assert first
    await session.batch([session.prepare("insert into log values ('in session')")])
    assert await session.prepare("select count(*) from log where entry = ?").bind(
        "in session"
    ).raw() == [(1,)]
    assert session.bookmark is not None
    assert session.bookmark >= first
    later = site.db.with_session(session.bookmark)
    assert later.bookmark == session.bookmark
    assert await later.first("select 1 as n", column="n") == 1
    assert await site.db.with_session().all("select 1 as n") == [{"n": 1}]
