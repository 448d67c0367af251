"""What every backend of the bindings does, as functions that any runtime calls.

Only the standard library: inside workerd there is no pytest. Each function uses
keys and tables of its own, so that their order does not matter.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bindings.cloudflare import (
    D1,
    KV,
    R2,
    D1ConstraintError,
    D1Error,
    Env,
    HTTPMetadata,
    KVEntry,
    KVError,
    R2Error,
    R2Object,
    R2ObjectBody,
    UnknownBinding,
    UnknownVariable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator

    Check = Callable[["Site"], Coroutine[None, None, None]]

ALL_BYTES = bytes(range(256))
TEXT = "Grüße, 世界 🌍\x00\u2028'\"\\"

WRANGLER_TOML = """
name = "contract"
main = "entry.py"
compatibility_date = "2024-11-01"
compatibility_flags = ["python_workers"]

[vars]
GREETING = "Grüße"
EMPTY = ""
OPTIONS = { depth = 2, names = ["a", "b"], deep = { on = true } }
LIST = [1, 2]
COUNT = 3
RATIO = 0.5
ON = false

[[kv_namespaces]]
binding = "CACHE"
id = "contract-kv"

[[d1_databases]]
binding = "DB"
database_name = "contract"
database_id = "contract-d1"

[[r2_buckets]]
binding = "MEDIA"
bucket_name = "contract-r2"
"""

SCHEMA = """
-- Several lines, a comment; and semicolons where none ends a statement.
create table users (
  id integer primary key,
  name text not null default 'a;b',
  email text unique /* no; end */
);
create table things (
  label text, whole integer, part real, body blob, anything
);
create table log (entry text);
create trigger users_log after delete on users begin
  insert into log values ('gone; ' || old.name);
  select case when 1 then 2 end;
end;
"""


@dataclass(frozen=True)
class Site:
    """The handles under test."""

    kv: KV
    db: D1
    r2: R2
    env: Env


@dataclass(frozen=True)
class User:
    """A row of `users`, with a field that has no column."""

    name: str
    id: int
    note: str = "none"


CONTRACT: dict[str, Check] = {}


def contract(function: Check) -> Check:
    CONTRACT[function.__name__] = function
    return function


async def set_up(site: Site) -> None:
    """Make the tables."""
    await site.db.script(SCHEMA)


class Raised:
    """What `raises` caught."""

    error: BaseException


@contextmanager
def raises(kind: type[BaseException]) -> Generator[Raised]:
    raised = Raised()
    try:
        yield raised
    except kind as error:
        raised.error = error
    else:
        raise AssertionError(f"nothing raised {kind.__name__}")


# KV


@contract
async def kv_missing_is_none(site: Site) -> None:
    assert await site.kv.get("missing") is None
    assert await site.kv.get_json("missing") is None
    assert await site.kv.get_bytes("missing") is None
    for kind in ("text", "json", "bytes"):
        entry = await site.kv.get_with_metadata("missing", kind)
        assert entry == KVEntry(None, None)


@contract
async def kv_empty_text_is_not_missing(site: Site) -> None:
    await site.kv.put("empty", "")
    assert await site.kv.get("empty") == ""
    assert await site.kv.get_bytes("empty") == b""
    await site.kv.put("empty", b"")
    assert await site.kv.get_bytes("empty") == b""


@contract
async def kv_text_comes_back(site: Site) -> None:
    await site.kv.put("text " + TEXT, TEXT)
    assert await site.kv.get("text " + TEXT) == TEXT
    assert await site.kv.get_bytes("text " + TEXT) == TEXT.encode()
    await site.kv.put("text " + TEXT, "other")
    assert await site.kv.get("text " + TEXT, cache_ttl=60) == "other"


@contract
async def kv_bytes_come_back(site: Site) -> None:
    await site.kv.put("bytes", ALL_BYTES)
    value = await site.kv.get_bytes("bytes")
    assert type(value) is bytes
    assert value == ALL_BYTES
    assert await site.kv.get("bytes") == ALL_BYTES.decode("utf-8", "replace")


@contract
async def kv_json_comes_back(site: Site) -> None:
    value: dict[str, object] = {"a": None, "b": [1, 2.5, True, {"c": "ü"}], "d": {}}
    await site.kv.put_json("json", value)
    assert await site.kv.get_json("json") == value
    assert await site.kv.get("json") == '{"a":null,"b":[1,2.5,true,{"c":"ü"}],"d":{}}'
    await site.kv.put_json("json", None)
    assert await site.kv.get("json") == "null"
    assert await site.kv.get_json("json") is None


@contract
async def kv_value_that_is_no_json_raises(site: Site) -> None:
    await site.kv.put("no json", "{")
    with raises(KVError) as raised:
        await site.kv.get_json("no json")
    assert str(raised.error).startswith('KV CACHE get_json "no json": the value is not JSON: ')


@contract
async def kv_metadata_comes_back(site: Site) -> None:
    metadata = {"lang": "dé", "tags": ["a", None], "deep": {"n": 1.5}}
    await site.kv.put("meta", "[1]", metadata=metadata)
    get = site.kv.get_with_metadata
    assert await get("meta") == KVEntry("[1]", metadata)
    assert await get("meta", "json") == KVEntry([1], metadata)
    assert await get("meta", "bytes") == KVEntry(b"[1]", metadata)
    await site.kv.put("meta", "x")
    assert await get("meta", cache_ttl=60) == KVEntry("x", None)


@contract
async def kv_metadata_of_exactly_1024_bytes_is_kept(site: Site) -> None:
    metadata = "ü" * 511
    await site.kv.put("big meta", "x", metadata=metadata)
    assert await site.kv.get_with_metadata("big meta") == KVEntry("x", metadata)


@contract
async def kv_key_of_exactly_512_bytes_is_kept(site: Site) -> None:
    await site.kv.put("ü" * 256, "x")
    assert await site.kv.get("ü" * 256) == "x"


@contract
async def kv_expiry_is_listed(site: Site) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    await site.kv.put("expiry/1", "x", expires_at=soon)
    await site.kv.put("expiry/2", "x", expires_at=soon.timestamp())
    await site.kv.put("expiry/3", "x", ttl=60)
    await site.kv.put("expiry/4", "x")
    first, second, third, fourth = (await site.kv.list(prefix="expiry/")).keys
    assert first.expiration == second.expiration == soon
    assert first.expiration is not None
    assert first.expiration.utcoffset() == timedelta(0)
    assert third.expiration is not None
    left = third.expiration - datetime.now(UTC)
    assert timedelta(seconds=55) < left <= timedelta(seconds=61)
    assert fourth.expiration is None


@contract
async def kv_limits_are_kept(site: Site) -> None:
    with raises(KVError):
        await site.kv.get("")
    with raises(KVError):
        await site.kv.put("x" * 513, "x")
    with raises(KVError):
        await site.kv.put("x", "x", ttl=59)
    with raises(KVError):
        await site.kv.put("x", "x", metadata="x" * 1023)
    with raises(KVError):
        await site.kv.list(limit=1001)
    with raises(TypeError):
        await site.kv.put("x", {"a": 1})  # type: ignore[arg-type]


@contract
async def kv_list_pages_in_order(site: Site) -> None:
    for name in ("c", "ä", "b", "a"):
        await site.kv.put(f"list/{name}", "x", metadata={"n": name})
    page = await site.kv.list(prefix="list/", limit=3)
    assert [key.name for key in page.keys] == ["list/a", "list/b", "list/c"]
    assert [key.metadata for key in page.keys] == [{"n": "a"}, {"n": "b"}, {"n": "c"}]
    assert not page.complete
    assert page.cursor
    page = await site.kv.list(prefix="list/", limit=3, cursor=page.cursor)
    assert [key.name for key in page.keys] == ["list/ä"]
    assert page.complete
    assert page.cursor is None
    assert [key async for key in site.kv.keys(prefix="list/")][3:] == ["list/ä"]


@contract
async def kv_list_of_nothing_is_empty(site: Site) -> None:
    page = await site.kv.list(prefix="no such prefix")
    assert (page.keys, page.complete, page.cursor) == ([], True, None)
    assert [key async for key in site.kv.keys(prefix="no such prefix")] == []


@contract
async def kv_delete_deletes(site: Site) -> None:
    await site.kv.put("delete", "x")
    await site.kv.delete("delete")
    await site.kv.delete("delete")
    assert await site.kv.get("delete") is None


# D1


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


# R2


@contract
async def r2_missing_is_none(site: Site) -> None:
    assert await site.r2.get("missing") is None
    assert await site.r2.head("missing") is None
    await site.r2.delete("missing")
    await site.r2.delete()


@contract
async def r2_bytes_come_back(site: Site) -> None:
    stored = await site.r2.put("all bytes", ALL_BYTES)
    assert type(stored) is R2Object
    found = await opened(site, "all bytes")
    assert await found.bytes() == ALL_BYTES
    assert found.size == 256
    assert found.etag == stored.etag == "e2c865db4162bed963bfaa9ef6ac18f0"
    assert found.http_etag == f'"{found.etag}"'
    assert found.version == stored.version != ""
    assert found.key == "all bytes"
    assert found.range is None
    assert found.storage_class == "Standard"


@contract
async def r2_uploaded_is_aware(site: Site) -> None:
    stored = await site.r2.put("uploaded", "x")
    assert stored.uploaded.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - stored.uploaded) < timedelta(minutes=1)
    head = await site.r2.head("uploaded")
    assert head is not None
    assert head.uploaded == stored.uploaded


@contract
async def r2_text_and_json_come_back(site: Site) -> None:
    await site.r2.put("text", TEXT)
    assert await (await opened(site, "text")).text() == TEXT
    await site.r2.put("json", '{"a": [1, null]}')
    assert await (await opened(site, "json")).json() == {"a": [1, None]}
    with raises(R2Error):
        await (await opened(site, "text")).json()


@contract
async def r2_empty_object_is_empty(site: Site) -> None:
    for value in (None, "", b""):
        stored = await site.r2.put("empty", value)
        assert stored.size == 0
        assert await (await opened(site, "empty")).bytes() == b""
    assert [chunk async for chunk in await opened(site, "empty")] == []


@contract
async def r2_chunks_are_collected(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    assert (await site.r2.put("chunks", chunks())).size == 7
    assert await (await opened(site, "chunks")).text() == "one two"


@contract
async def r2_body_is_iterated(site: Site) -> None:
    content = ALL_BYTES * 1024
    await site.r2.put("large", content)
    chunks = [chunk async for chunk in await opened(site, "large")]
    assert len(chunks) > 1
    assert all(type(chunk) is bytes for chunk in chunks)
    assert b"".join(chunks) == content
    async for chunk in await opened(site, "large"):
        assert content.startswith(chunk)
        break


@contract
async def r2_body_is_read_once(site: Site) -> None:
    await site.r2.put("once", "x")
    found = await opened(site, "once")
    await found.text()
    with raises(R2Error) as raised:
        await found.bytes()
    assert str(raised.error) == (
        'R2 MEDIA bytes "once": the body was already read.\n  Hint: Keep what the first read gave.'
    )


@contract
async def r2_metadata_comes_back(site: Site) -> None:
    expiry = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    http = HTTPMetadata("text/css", "de", "inline", "gzip", "max-age=60", cache_expiry=expiry)
    custom = {"author": "Ada", "empty": "", "httpMetadata": "ü"}
    stored = await site.r2.put("metadata", "x", http_metadata=http, custom_metadata=custom)
    head = await site.r2.head("metadata")
    found = await opened(site, "metadata")
    for each in (stored, head, found):
        assert each is not None
        assert each.http_metadata == http
        assert each.custom_metadata == custom


@contract
async def r2_content_type_is_short_for_metadata(site: Site) -> None:
    stored = await site.r2.put(
        "type", "x", content_type="text/csv", http_metadata={"cache_control": "private"}
    )
    assert stored.http_metadata == HTTPMetadata("text/csv", cache_control="private")
    await site.r2.put("type", "x")
    head = await site.r2.head("type")
    assert head is not None
    assert head.http_metadata == HTTPMetadata()
    assert head.custom_metadata == {}


@contract
async def r2_ranges_are_inclusive(site: Site) -> None:
    await site.r2.put("range", "0123456789")
    cases = (
        ((2, 4), "234", (2, 4)),
        ((0, 0), "0", (0, 0)),
        ((7, None), "789", (7, 9)),
        ((-3, None), "789", (7, 9)),
        ((8, 99), "89", (8, 9)),
        ((-99, None), "0123456789", (0, 9)),
    )
    for wanted, text, part in cases:
        found = await site.r2.get("range", range=wanted)
        assert found is not None
        assert await found.text() == text, wanted
        assert found.range == part
        assert found.size == 10
    for wrong in ((4, 2), (-3, 1), (10, None)):
        with raises(R2Error):
            await site.r2.get("range", range=wrong)


@contract
async def r2_list_pages_in_order(site: Site) -> None:
    for name in ("c", "ä", "b", "a"):
        await site.r2.put(f"list/{name}", name, custom_metadata={"n": name})
    page = await site.r2.list(prefix="list/", limit=3, include=["custom_metadata"])
    assert [each.key for each in page.objects] == ["list/a", "list/b", "list/c"]
    assert page.objects[1].custom_metadata == {"n": "b"}
    assert page.truncated
    assert page.cursor
    page = await site.r2.list(prefix="list/", limit=3, cursor=page.cursor)
    assert [each.key for each in page.objects] == ["list/ä"]
    assert (page.truncated, page.cursor) == (False, None)
    page = await site.r2.list(prefix="list/", start_after="list/b")
    assert [each.key for each in page.objects] == ["list/c", "list/ä"]
    keys = [each.key async for each in site.r2.objects(prefix="list/")]
    assert keys == ["list/a", "list/b", "list/c", "list/ä"]


@contract
async def r2_list_gathers_folders(site: Site) -> None:
    for name in ("x", "img/1", "img/2", "js/1"):
        await site.r2.put(f"tree/{name}", name, content_type="text/plain")
    page = await site.r2.list(prefix="tree/", delimiter="/", include=["http_metadata"])
    assert [each.key for each in page.objects] == ["tree/x"]
    assert page.objects[0].http_metadata.content_type == "text/plain"
    assert page.delimited_prefixes == ["tree/img/", "tree/js/"]
    bare = await site.r2.list(prefix="tree/x")
    assert bare.objects[0].http_metadata == HTTPMetadata()


@contract
async def r2_delete_deletes(site: Site) -> None:
    for key in ("delete/1", "delete/2", "delete/3"):
        await site.r2.put(key, "x")
    await site.r2.delete("delete/1", "delete/3", "delete/missing")
    keys = [each.key async for each in site.r2.objects(prefix="delete/")]
    assert keys == ["delete/2"]


@contract
async def r2_limits_are_kept(site: Site) -> None:
    with raises(R2Error):
        await site.r2.put("", "x")
    with raises(R2Error):
        await site.r2.head("x" * 1025)
    with raises(R2Error):
        await site.r2.list(limit=0)
    await site.r2.put("ü" * 512, "x")
    assert await site.r2.head("ü" * 512) is not None


# env and errors


@contract
async def env_text_and_json_come_back(site: Site) -> None:
    assert site.env.GREETING == "Grüße"
    assert site.env.EMPTY == ""
    assert site.env.OPTIONS == {"depth": 2, "names": ["a", "b"], "deep": {"on": True}}
    assert site.env.LIST == [1, 2]
    assert (site.env.COUNT, site.env.RATIO, site.env.ON) == (3, 0.5, False)
    assert site.env.get("GREETING") == "Grüße"
    assert "GREETING" in site.env
    assert "ON" in site.env


@contract
async def env_missing_name_raises(site: Site) -> None:
    with raises(UnknownVariable):
        site.env.MISSING  # noqa: B018
    assert site.env.get("MISSING", 5) == 5
    assert getattr(site.env, "MISSING", None) is None
    assert "MISSING" not in site.env
    assert "CACHE" not in site.env
    assert site.env.get("toString") is None


@contract
async def unknown_binding_says_what_is_declared(_site: Site) -> None:
    with raises(UnknownBinding) as raised:
        await KV("OTHER").get("x")
    assert str(raised.error) == (
        "OTHER: no KV namespace of this name is declared. Declared: `CACHE`.\n"
        "  Hint: Add to wrangler.toml: "
        '[[kv_namespaces]] binding = "OTHER", id = "…"'
    )
    with raises(UnknownBinding):
        await D1("CACHE").first("select 1")
    with raises(UnknownBinding):
        await R2("DB").get("x")


@contract
async def calls_overlap(site: Site) -> None:
    async def round_trip(number: int) -> None:
        await site.kv.put(f"gather/{number}", str(number), metadata=number)
        await site.r2.put(f"gather/{number}", str(number))
        entry = await site.kv.get_with_metadata(f"gather/{number}", "json")
        assert entry == KVEntry(number, number)
        found = await opened(site, f"gather/{number}")
        assert await found.text() == str(number)
        sql = "select ? as n, ? as kind"
        assert await site.db.first(sql, number, "x") == {"n": number, "kind": "x"}

    await asyncio.gather(*(round_trip(number) for number in range(20)))


async def opened(site: Site, key: str) -> R2ObjectBody:
    found = await site.r2.get(key)
    assert found is not None
    return found
