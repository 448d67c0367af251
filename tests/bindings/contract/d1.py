"""What every D1 database does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from bindings.cloudflare import D1ConstraintError, D1Error
from contract.suite import ALL_BYTES, TEXT, Site, contract, raises


@dataclass(frozen=True)
class User:
    """A row of `users`, with a field that has no column."""

    name: str
    id: int
    note: str = "none"


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
    assert await site.db.first("select ? as t", TEXT[:12], column="t") == TEXT[:12]
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
