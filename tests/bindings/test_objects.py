"""Durable Objects on the host: classes of pages/_worker.py, their storage and alarms."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from contract.objects import STORAGE, Keeper

from bindings.cloudflare import (
    KV,
    BindingUnsupported,
    DurableObject,
    DurableObjects,
    ServiceError,
)
from bindings.cloudflare._local import objects, use

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Run

    from bindings.cloudflare._local.embedded import EmbeddedBackend

TOML = """
kv_namespaces = [{ binding = "CACHE", id = "cache" }]
[durable_objects]
bindings = [
  { name = "ROOMS", class_name = "Room" },
  { name = "KEEPERS", class_name = "Keeper" },
  { name = "GONE", class_name = "Gone" },
  { name = "OTHERS", class_name = "Room", script_name = "other" },
]
"""
NOW = datetime(2020, 1, 1, tzinfo=UTC)  # any time that is past means at once
ROOMS, KEEPERS = DurableObjects("ROOMS"), DurableObjects("KEEPERS")


class Room(DurableObject):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.seen = 0

    async def add(self, by: int = 1) -> int:
        self.seen += 1
        value = (await self.storage.get("value") or 0) + by
        await self.storage.put("value", value)
        return value

    def told(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "seen": self.seen}

    def echo(self, value: Any) -> Any:
        return value

    def member(self, value: dict[str, Any], name: str) -> Any:
        return value[name]

    async def wait(self) -> None:
        await asyncio.sleep(0.01)
        self.seen += 100

    async def cached(self) -> str | None:
        return await KV("CACHE").get("greeting")

    def fail(self) -> None:
        raise ValueError("on purpose")

    def leak(self) -> object:
        return {"when": NOW}

    def wrap(self) -> object:
        return {"data": b""}

    async def fill(self) -> None:
        self.storage.sql("create table notes (text unique)")
        self.storage.sql("insert into notes values ('a'); insert into notes values ('a')")

    def notes(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.storage.sql("select text from notes")]

    def query(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.storage.sql(sql)]

    async def empty(self) -> list[Any]:
        await self.storage.put("key", 1)
        self.storage.sql("create table a (x integer primary key autoincrement)")
        self.storage.sql("create table b (x references a)")
        self.storage.sql("insert into a values (1); insert into b values (1)")
        self.storage.sql("create view both as select * from a, b")
        await self.storage.delete_all()
        left = "select name from sqlite_schema where name not like 'sqlite%' and name <> '_cf_kv'"
        return [await self.storage.list(), [dict(row) for row in self.storage.sql(left)]]

    async def ring(self, failures: int) -> None:
        await self.storage.put("failures", failures)
        await self.storage.set_alarm(NOW)

    async def ring_far(self) -> None:
        await self.storage.set_alarm(datetime.now(UTC) + timedelta(days=1))

    async def alarm(self) -> None:
        assert await self.storage.get_alarm() is None
        rung = (await self.storage.get("rung") or 0) + 1
        await self.storage.put("rung", rung)
        if rung <= await self.storage.get("failures"):
            raise ValueError("once more")

    async def rung(self) -> int:
        return await self.storage.get("rung") or 0

    def _own(self) -> None: ...


class Silent(DurableObject):
    async def later(self) -> None:
        await self.storage.set_alarm(NOW)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The site's pages/_worker.py."""
    module: Any = ModuleType("pages._worker")
    module.Room, module.Keeper = Room, Keeper
    monkeypatch.setitem(sys.modules, "pages._worker", module)
    return module


@pytest.fixture
def backend(tmp_path: Path, worker: ModuleType) -> Iterator[EmbeddedBackend]:
    del worker
    (tmp_path / "wrangler.toml").write_text(TOML, encoding="utf-8")
    with use(tmp_path) as backend:
        yield backend


pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize("name", STORAGE)
def test_storage_keeps_the_contract(run: Run, name: str) -> None:
    run(KEEPERS.get_by_name(name).call("run", name))


def test_object_keeps_its_values_and_its_instance(run: Run) -> None:
    async def check() -> None:
        lobby = ROOMS.get_by_name("lobby")
        assert await lobby.call("add") == 1
        assert await ROOMS.get_by_name("lobby").call("add", 4) == 5
        assert await ROOMS.get_by_name("hall").call("add") == 1
        told = await lobby.call("told")
        assert told == {"id": told["id"], "name": "lobby", "seen": 2}
        by_id = await ROOMS.get(told["id"]).call("told")
        assert by_id == told
        fresh = ROOMS.new_unique_id()
        assert await ROOMS.get(fresh).call("told") == {"id": fresh, "name": None, "seen": 0}

    run(check())


def test_storage_outlives_the_instance(run: Run, backend: EmbeddedBackend) -> None:
    assert run(ROOMS.get_by_name("lobby").call("add")) == 1
    backend.close()
    assert run(ROOMS.get_by_name("lobby").call("add")) == 2
    assert run(ROOMS.get_by_name("lobby").call("told"))["seen"] == 1


def test_idle_instances_are_let_go_and_busy_ones_stay(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST_LIVE", 1)

    async def check() -> None:
        busy = asyncio.ensure_future(ROOMS.get_by_name("busy").call("wait"))
        await asyncio.sleep(0)
        assert await ROOMS.get_by_name("idle").call("add") == 1
        assert await ROOMS.get_by_name("other").call("add") == 1
        assert (await ROOMS.get_by_name("idle").call("told"))["seen"] == 0
        await busy
        assert (await ROOMS.get_by_name("busy").call("told"))["seen"] == 100

    run(check())


def test_an_object_that_is_called_is_never_let_go(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST_LIVE", 0)

    async def check() -> None:
        busy = asyncio.ensure_future(ROOMS.get_by_name("busy").call("wait"))
        await asyncio.sleep(0)
        assert await ROOMS.get_by_name("busy").call("add") == 1
        await busy
        assert (await ROOMS.get_by_name("busy").call("told"))["seen"] == 101

    run(check())


def test_delete_all_takes_tables_and_keys(run: Run) -> None:
    async def check() -> None:
        lobby = ROOMS.get_by_name("lobby")
        assert await lobby.call("empty") == [{}, []]

    run(check())


def test_a_changed_class_makes_a_new_instance(run: Run, worker: Any) -> None:
    class Changed(Room):
        async def add(self, by: int = 1) -> int:
            return await super().add(by) * 100

    assert run(ROOMS.get_by_name("lobby").call("add")) == 1
    worker.Room = Changed
    assert run(ROOMS.get_by_name("lobby").call("add")) == 200


def test_calls_hand_over_copies_and_the_bindings_answer(run: Run) -> None:
    async def check() -> None:
        lobby, given = ROOMS.get_by_name("lobby"), {"list": [1, None], "data": b"\x00"}
        assert await lobby.call("member", given, "data") == b"\x00"
        del given["data"]
        found = await lobby.call("echo", given)
        assert found == given
        assert found is not given
        assert found["list"] is not given["list"]
        await KV("CACHE").put("greeting", "hello")
        assert await lobby.call("cached") == "hello"

    run(check())


def test_bindings_answer_in_methods_from_anywhere(
    run: Run, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Greets:
        def greet(self) -> str:
            return "hello"

    class Mixed(Room, Greets):
        pass

    entered: list[object] = []
    monkeypatch.setattr(objects, "enter", entered.append)
    worker.Room = Mixed

    assert run(ROOMS.get_by_name("lobby").call("greet")) == "hello"
    assert run(ROOMS.get_by_name("lobby").call("add")) == 1
    assert len(entered) == 2


@pytest.mark.parametrize(
    ("method", "args", "message"),
    [
        ("fail", (), 'ROOMS fail "lobby": ValueError: on purpose'),
        ("nope", (), 'ROOMS nope "lobby": the class `Room` has no method `nope`.'),
        ("_own", (), 'ROOMS _own "lobby": the class `Room` has no method `_own`.'),
        ("storage", (), 'ROOMS storage "lobby": the class `Room` has no method `storage`.'),
        (
            "leak",
            (),
            'ROOMS leak "lobby": the result holds a `datetime`, which is neither plain data nor '
            "bytes.",
        ),
        (
            "wrap",
            (),
            'ROOMS wrap "lobby": the result holds `bytes` inside, which do not come over.\n'
            "  Hint: Let bytes be an argument, a value of one that is a dict, or the result.",
        ),
        (
            "echo",
            ([b""],),
            'ROOMS echo "lobby": an argument holds `bytes` inside, which do not come over.\n'
            "  Hint: Let bytes be an argument, a value of one that is a dict, or the result.",
        ),
        (
            "echo",
            (2**53,),
            'ROOMS echo "lobby": an argument holds `9007199254740992`, which does not come over.\n'
            "  Hint: Pass it as a str.",
        ),
        (
            "echo",
            ([float("nan")],),
            'ROOMS echo "lobby": an argument holds `nan`, which does not come over.\n'
            "  Hint: Pass it as a str.",
        ),
        (
            "echo",
            ((1, 2),),
            'ROOMS echo "lobby": an argument holds a `tuple`, which is neither plain data nor '
            "bytes.",
        ),
    ],
)
def test_what_cannot_be_called_is_told(
    run: Run, method: str, args: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ServiceError) as raised:
        run(ROOMS.get_by_name("lobby").call(method, *args))
    assert str(raised.value) == message


def test_several_statements_happen_all_or_none(run: Run) -> None:
    async def check() -> None:
        lobby = ROOMS.get_by_name("lobby")
        with pytest.raises(ServiceError, match="UNIQUE constraint failed"):
            await lobby.call("fill")
        assert await lobby.call("notes") == []

    run(check())


@pytest.mark.parametrize(
    "sql",
    [
        "select * from _cf_kv",
        "drop table _cf_kv",
        "attach database ':memory:' as other",
        "create temp table t (x)",
        "create table t (x); commit; begin",
        "savepoint a",
        "pragma journal_mode",
    ],
)
def test_sql_that_the_platform_refuses_is_refused(run: Run, sql: str) -> None:
    async def check() -> None:
        lobby = ROOMS.get_by_name("lobby")
        assert await lobby.call("add") == 1
        with pytest.raises(ServiceError, match=r"not authorized|prohibited"):
            await lobby.call("query", sql)
        assert await lobby.call("query", "select name from sqlite_schema where name = 't'") == []
        assert await lobby.call("add") == 2

    run(check())


def test_sql_searches_in_texts(run: Run) -> None:
    sql = (
        "create virtual table notes using fts5(text); insert into notes values ('hello you');"
        "select text from notes where notes match 'you'"
    )

    assert run(ROOMS.get_by_name("lobby").call("query", sql)) == [{"text": "hello you"}]


def test_what_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as raised:
        run(DurableObjects("GONE").get_by_name("a").call("x"))
    assert not list(tmp_path.rglob("Gone*"))
    assert str(raised.value) == (
        'GONE x "a": pages/_worker.py defines no Durable Object `Gone`.\n'
        "  Hint: Write `class Gone(DurableObject)` there, and import the base from "
        "`bindings.cloudflare`."
    )
    with pytest.raises(ServiceError) as raised:
        run(ROOMS.get("abc").call("x"))
    assert str(raised.value) == 'ROOMS x "abc": `abc` is no id: it has 64 hexadecimal digits.'
    with pytest.raises(BindingUnsupported) as unsupported:
        run(DurableObjects("OTHERS").get_by_name("a").call("x"))
    assert str(unsupported.value) == (
        'OTHERS x "a": the Durable Objects of another Worker are reached in a Worker only.'
    )
    with pytest.raises(BindingUnsupported) as unsupported:
        run(ROOMS.get_by_name("a").fetch("/"))
    assert str(unsupported.value) == (
        'ROOMS fetch "/": `fetch` of a Durable Object is there in a Worker only; '
        "`call` its methods instead."
    )


async def rung(expected: int) -> None:
    for _ in range(200):
        if await ROOMS.get_by_name("lobby").call("rung") == expected:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(await ROOMS.get_by_name("lobby").call("rung"))


def test_alarm_rings_once(run: Run) -> None:
    async def check() -> None:
        await ROOMS.get_by_name("lobby").call("ring", 0)
        await rung(1)
        await asyncio.sleep(0.02)
        await rung(1)

    run(check())


def test_alarm_that_is_moved_leaves_nothing_waiting(run: Run) -> None:
    async def waiting() -> int:
        loop: Any = asyncio.get_running_loop()
        tasks = len(asyncio.all_tasks())
        return tasks + len([timer for timer in loop._scheduled if not timer.cancelled()])

    async def check() -> None:
        before = await waiting()
        for _ in range(9):
            await ROOMS.get_by_name("lobby").call("ring_far")
        await asyncio.sleep(0)
        assert await waiting() == before + 1

    run(check())


def test_alarm_that_fails_rings_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "FIRST_PAUSE", 0.001)

    async def check(failures: int, expected: int) -> None:
        await ROOMS.get_by_name("lobby").call("ring", failures)
        await rung(expected)
        await asyncio.sleep(0.02)
        await rung(expected)

    run(check(2, 3))
    monkeypatch.setattr(objects, "MOST_RETRIES", 2)
    run(check(99, 6))


def test_alarm_rings_also_when_the_clock_goes_back(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW.timestamp() - 0.02]
    monkeypatch.setattr(objects, "time", SimpleNamespace(time=lambda: now[0]))

    async def check() -> None:
        await ROOMS.get_by_name("lobby").call("ring", 0)
        await asyncio.sleep(0.001)
        now[0] -= 1
        await rung(1)

    run(check())


def test_alarm_that_the_end_of_the_process_stops_rings_again(run: Run) -> None:
    class Slow(Room):
        async def alarm(self) -> None:
            if await self.storage.get("began") is None:
                await self.storage.put("began", 1)
                await asyncio.sleep(60)
            await super().alarm()

    sys.modules["pages._worker"].Room = Slow  # pyright: ignore[reportAttributeAccessIssue] - a module of the test

    async def stop() -> None:
        await ROOMS.get_by_name("lobby").call("ring", 0)
        await asyncio.sleep(0.02)

    run(stop())
    run(rung(1))


def test_alarm_of_an_earlier_process_rings(run: Run, backend: EmbeddedBackend) -> None:
    async def set_only() -> None:
        await ROOMS.get_by_name("lobby").call("ring", 0)

    run(set_only())  # the loop is gone before the alarm could ring
    backend.close()
    run(rung(1))


def test_alarm_needs_a_method(run: Run, worker: Any) -> None:
    worker.Room = Silent
    with pytest.raises(ServiceError, match="the class `Room` has no method `alarm`"):
        run(ROOMS.get_by_name("lobby").call("later"))


def test_alarm_waits_until_it_is_due(run: Run) -> None:
    class Patient(Room):
        async def later(self) -> None:
            await self.storage.put("failures", 0)
            await self.storage.set_alarm(datetime.now(UTC) + timedelta(milliseconds=60))

    sys.modules["pages._worker"].Room = Patient  # pyright: ignore[reportAttributeAccessIssue] - a module of the test

    async def check() -> None:
        await ROOMS.get_by_name("lobby").call("later")
        await asyncio.sleep(0.01)
        await rung(0)
        await rung(1)

    run(check())
