"""What the storage of a Durable Object does everywhere that has one.

Each function gets the storage of an object of its own. On today's Pyodide keys, values and alarms
are those of miniflare's own Durable Objects, and SQL is a stand-in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from bindings.cloudflare import DurableObject, ServiceError
from contract.suite import TEXT, raises

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bindings.cloudflare import Storage

    StorageCheck: TypeAlias = Callable[[Storage], Coroutine[None, None, None]]

STORAGE: dict[str, StorageCheck] = {}
ALL = "ABCÄ🌍"


class Keeper(DurableObject):
    """The object under test."""

    async def run(self, name: str) -> None:
        assert self.name == name
        assert len(self.id) == 64
        await STORAGE[name](self.storage)

    async def alarm(self) -> None:
        """Be there: without it no alarm can be set."""


def on_storage(function: StorageCheck) -> StorageCheck:
    STORAGE[function.__name__] = function
    return function


@on_storage
async def storage_keeps_plain_data_and_bytes(storage: Storage) -> None:
    data: dict[str, Any] = {"text": TEXT, "list": [1, 2.5, None, True], "deep": {"a": {}}}
    values: list[Any] = [data, [], TEXT, "", 0, 1.5, True, False, b"\x00\xff", b""]
    for value in values:
        await storage.put("key", value)
        assert repr(await storage.get("key")) == repr(value)
    await storage.put("none", None)
    assert await storage.get("none") is None
    assert await storage.get("missing") is None
    assert await storage.get_many("none", "missing", "key") == {"key": b"", "none": None}


@on_storage
async def storage_deletes(storage: Storage) -> None:
    await storage.put_many({"a": 1, "b": b"2", "c": 3})
    assert await storage.delete("a", "b", "nope") == 2
    assert await storage.list() == {"c": 3}
    await storage.delete_all()
    assert await storage.list() == {}


@on_storage
async def storage_lists_in_order(storage: Storage) -> None:
    await storage.put_many({key: key for key in reversed(ALL)})
    assert list(await storage.list()) == list(ALL)
    assert list(await storage.list(reverse=True)) == list(reversed(ALL))
    assert list(await storage.list(start="B", end="Ä")) == ["B", "C"]
    assert list(await storage.list(start="B", limit=1)) == ["B"]
    await storage.put_many({"Äa": b"1", "Äb": 2})
    assert await storage.list(prefix="Ä", limit=2) == {"Ä": "Ä", "Äa": b"1"}
    with raises(ServiceError) as raised:
        await storage.list(limit=0)
    assert str(raised.error) == "Keeper list: the limit is `0`; it is 1 or more."


@on_storage
async def storage_refuses_what_is_not_plain(storage: Storage) -> None:
    with raises(ServiceError) as raised:
        await storage.put("key", {"when": datetime(2026, 1, 1, tzinfo=UTC)})
    assert str(raised.error) == (
        'Keeper put "key": the value of `key` is neither plain data nor bytes: '
        "Object of type datetime is not JSON serializable.\n"
        "  Hint: Keep what JSON has: dict, list, str, int, float, bool, None."
    )
    with raises(ServiceError) as raised:
        await storage.put("key", {"ids": [1, 2**53]})
    assert str(raised.error) == (
        'Keeper put "key": `9007199254740992` in the value of `key` is beyond 2^53, which '
        "JavaScript rounds.\n  Hint: Pass it as a str."
    )
    with raises(ServiceError) as raised:
        await storage.get_many(*map(str, range(129)))
    assert str(raised.error) == 'Keeper get "0": 129 keys are given; 128 are taken.'
    with raises(ServiceError):
        await storage.put("key", "x" * 3_000_000)
    assert await storage.get("key") is None


@on_storage
async def storage_runs_sql(storage: Storage) -> None:
    assert storage.sql("create table notes (id integer primary key, text, body)") == []
    text = TEXT.replace("\x00", "")  # where Node's SQLite ends a text
    add = "insert into notes (text, body) values (?, ?) returning id"
    assert storage.sql(add, text, b"\x00\xff") == [{"id": 1}]
    assert storage.sql(add, None, 1.5)[0].id == 2
    assert storage.sql("select * from notes order by id") == [
        {"id": 1, "text": text, "body": b"\x00\xff"},
        {"id": 2, "text": None, "body": 1.5},
    ]
    assert storage.sql("select ? as yes", *[True]) == [{"yes": 1}]
    with raises(ServiceError) as raised:
        storage.sql("select * from nope")
    assert "no such table: nope" in str(raised.error)
    with raises(ServiceError) as raised:
        storage.sql("select ?", [1])
    assert "a value is of the type `list`, which SQLite has not." in str(raised.error)
    with raises(ServiceError) as raised:
        storage.sql("select ?", 2**53)
    assert "`9007199254740992` is beyond 2^53, which JavaScript rounds." in str(raised.error)


@on_storage
async def storage_has_one_alarm(storage: Storage) -> None:
    assert await storage.get_alarm() is None
    await storage.set_alarm(datetime(2100, 1, 1, tzinfo=UTC))
    moment = datetime(2100, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    await storage.set_alarm(moment)
    assert await storage.get_alarm() == moment
    await storage.delete_alarm()
    assert await storage.get_alarm() is None
    with raises(ServiceError) as raised:
        await storage.set_alarm(datetime(2100, 1, 1))
    assert str(raised.error) == (
        "Keeper set_alarm: `2100-01-01 00:00:00` has no time zone.\n"
        "  Hint: Write `datetime.now(UTC)`."
    )
