from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare import D1, KV, R2, D1Error
from bindings.cloudflare._local import attached, use
from bindings.cloudflare._local.database import switch_to_wal

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

DB = D1("DB")
CACHE = KV("CACHE")
MEDIA = R2("MEDIA")


@pytest.fixture
def migrations(site: Path) -> Path:
    folder = site / "migrations"
    folder.mkdir()
    (folder / "0001_users.sql").write_text(
        "create table users (name text);\ninsert into users values ('Ada; x');",
        encoding="utf-8",
    )
    (folder / "README.md").write_text("no migration", encoding="utf-8")
    return folder


@pytest.mark.usefixtures("backend", "migrations")
def test_migrations_are_applied_and_recorded(run: Run) -> None:
    assert run(DB.all("select name from users")) == [{"name": "Ada; x"}]
    recorded = run(DB.first("select id, name, applied_at from d1_migrations"))
    assert recorded is not None
    assert (recorded.id, recorded.name) == (1, "0001_users.sql")
    assert recorded.applied_at


def test_migrations_are_applied_once(run: Run, site: Path, migrations: Path) -> None:
    for _ in range(2):
        with use(site):
            assert run(DB.first("select count(*) as n from users", column="n")) == 1
    assert migrations.is_dir()


@pytest.mark.usefixtures("backend")
def test_migrations_that_appear_are_applied(run: Run, migrations: Path) -> None:
    assert run(DB.all("select * from users")) == [{"name": "Ada; x"}]
    new = migrations / "0002_more.sql"
    new.write_text("alter table users add column age integer", encoding="utf-8")
    assert run(DB.all("select * from users")) == [{"name": "Ada; x", "age": None}]


@pytest.mark.usefixtures("backend")
def test_migrations_are_applied_in_the_order_of_their_numbers(run: Run, migrations: Path) -> None:
    names = ["2_b.sql", "9_c.sql", "10_d.sql", "010_also.sql"]
    for name in names:
        (migrations / name).write_text("select 1;", encoding="utf-8")
    recorded = run(DB.all("select name from d1_migrations order by id"))
    expected = ["0001_users.sql", "2_b.sql", "9_c.sql", "010_also.sql", "10_d.sql"]
    assert [row.name for row in recorded] == expected


@pytest.mark.usefixtures("backend")
def test_migration_that_is_broken_changes_nothing(run: Run, migrations: Path) -> None:
    broken = migrations / "0002_broken.sql"
    broken.write_text("create table half (a);\ninsert into nowhere values (1);")
    (migrations / "0003_after.sql").write_text("create table after (a);")
    with pytest.raises(D1Error):
        run(DB.all("select * from users"))
    with pytest.raises(D1Error) as raised:
        run(DB.all("select * from users"))
    assert str(raised.value) == (
        "D1 DB migrate: migration `migrations/0002_broken.sql` failed: "
        "no such table: nowhere: SQLITE_ERROR.\n"
        "  Hint: Mend the file; nothing of it was applied."
    )
    broken.write_text("create table whole (a);")
    assert run(DB.all("select * from whole, after")) == []


def test_state_goes_where_it_is_told(run: Run, site: Path, tmp_path: Path) -> None:
    with use(site, tmp_path / "elsewhere"):
        run(MEDIA.put("key", "value"))
    assert (tmp_path / "elsewhere" / "r2" / "media.sqlite").is_file()
    assert not (site / ".firstlight").exists()


def test_attached_state_answers_everywhere_until_it_ends(
    run: Run, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to(site)
    monkeypatch.chdir(site)
    run(CACHE.put("key", "own"))
    with attached(linked, tmp_path / "other"), ThreadPoolExecutor(1) as threads:
        assert run(CACHE.get("key")) is None
        threads.submit(asyncio.run, CACHE.put("key", "other")).result()
        assert run(CACHE.get("key")) == "other"
    assert run(CACHE.get("key")) == "own"


def test_state_outlives_the_process(run: Run, site: Path) -> None:
    with use(site):
        run(CACHE.put("key", "value"))
        run(MEDIA.put("key", "value"))
    with use(site):
        assert run(CACHE.get("key")) == "value"
        found = run(MEDIA.get("key"))
        assert found is not None
        assert run(found.text()) == "value"


@pytest.mark.usefixtures("backend")
def test_state_is_shared_by_event_loops_and_threads() -> None:
    def count(number: int, context: Context) -> None:
        context.run(asyncio.run, CACHE.put(str(number), "x"))
        insert = DB.run("insert into counts values (?)", number)
        context.run(asyncio.run, insert)

    asyncio.run(DB.script("create table counts (n integer)"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(50), [copy_context() for _ in range(50)]))
    assert asyncio.run(DB.first("select count(*) as n from counts", column="n")) == 50
    assert len(asyncio.run(CACHE.list()).keys) == 50


def fill(site: Path, worker: int) -> None:
    async def write() -> None:
        for number in range(20):
            await DB.run("insert into counts values (?)", number)
            await CACHE.put(f"{worker}/{number}", "x")
            await MEDIA.put("same", f"{worker}/{number}" * 1000)

    with use(site):
        asyncio.run(write())


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_state_is_shared_by_processes(run: Run, site: Path, method: str) -> None:
    (site / "migrations").mkdir()
    table = site / "migrations" / "1.sql"
    table.write_text("create table counts (n integer)", encoding="utf-8")
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        list(pool.map(fill, [site] * 4, range(4)))
    with use(site):
        assert run(DB.first("select count(*) as n from counts", column="n")) == 80
        assert len(run(CACHE.list()).keys) == 80
        found = run(MEDIA.get("same"))
        assert found is not None
        assert len(run(found.bytes())) == found.size


def put_in_child() -> None:
    asyncio.run(CACHE.put("in child", "x"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.usefixtures("backend")
def test_state_survives_a_fork(run: Run) -> None:
    run(CACHE.put("before", "x"))
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(put_in_child).result()
    assert [key.name for key in run(CACHE.list()).keys] == ["before", "in child"]


def write_until_killed(site: Path) -> None:
    async def write() -> None:
        for number in range(1_000_000):
            insert = DB.prepare("insert into pairs values (?)").bind(number)
            await DB.batch([insert, insert])
            await CACHE.put("count", str(number), metadata=number)

    with use(site):
        asyncio.run(write())


def test_state_survives_a_crash(run: Run, site: Path) -> None:
    with use(site):
        run(DB.run("create table pairs (n integer)"))
        process = multiprocessing.get_context("spawn").Process(
            target=write_until_killed, args=(site,)
        )
        process.start()
        while run(DB.first("select count(*) as n from pairs", column="n")) < 20:
            time.sleep(0.01)
        process.kill()
        process.join()
        sql = "select count(*) as n from pairs group by n"
        assert {row.n for row in run(DB.all(sql))} == {2}
        assert run(DB.first("pragma quick_check")) == {"quick_check": "ok"}
        entry = run(CACHE.get_with_metadata("count", "json"))
        assert entry.value == entry.metadata
        run(DB.run("insert into pairs values (1)"))


def test_session_bookmark_moves_on_with_its_queries(run: Run, site: Path) -> None:
    with use(site):
        session = DB.with_session()
        run(session.run("select 1"))
        first = session.bookmark
        assert first is not None
        run(session.raw("select 1"))
        later = session.with_session(first)
        assert later.bookmark == first < str(session.bookmark)
        assert DB.with_session("first-unconstrained").bookmark is None


def test_database_is_plain_sqlite(run: Run, site: Path) -> None:
    with use(site):
        run(DB.run("create table notes (text)"))
        run(DB.run("insert into notes values (?)", "hello"))
    file = site / ".firstlight" / "state" / "d1" / "db.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("select text from notes").fetchall() == [("hello",)]


class LockedOnce(sqlite3.Connection):
    """A connection whose first statement finds the file locked."""

    tries = 0

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self.tries += 1
        if self.tries == 1:
            raise sqlite3.OperationalError("database is locked")
        return super().execute(sql, parameters)


def test_database_waits_for_a_locked_file(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x", factory=LockedOnce)) as connection:
        switch_to_wal(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_database_waits_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.cloudflare._local.database.BUSY_TIMEOUT", 0.0)
    connection = sqlite3.connect(tmp_path / "x", factory=LockedOnce)
    with closing(connection), pytest.raises(sqlite3.OperationalError, match="locked"):
        switch_to_wal(connection)
