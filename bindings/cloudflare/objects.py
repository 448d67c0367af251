"""The classes of Durable Objects that pages/_worker.py defines, and their storage."""

from __future__ import annotations

import functools
import importlib
import json
import sys
from datetime import UTC, datetime
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from bindings.cloudflare._rows import MAX_SAFE_INTEGER, Row, to_row
from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bindings.cloudflare.shapes import ObjectState, StorageBackend

    class Runtime:
        """The platform's own class."""

        def __init__(self, ctx: Any, env: Any) -> None: ...


# https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/#put
MAX_KEYS = 128
ROUNDED = "which JavaScript rounds."
AS_STR = "Pass it as a str."


def _runtime() -> Any:
    # By name, so that whoever traces imports to build a Worker takes the right one.
    name = "_js_objects" if sys.platform == "emscripten" else "_local.objects"
    return importlib.import_module(f"bindings.cloudflare.{name}")


if not TYPE_CHECKING:
    Runtime = _runtime().Runtime


class Storage:
    """What one Durable Object keeps: keys and values, SQL tables and an alarm.

    Values are plain data, as JSON has it, or bytes; at most 2 MiB with their key.

    Source:
        https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/
    """

    def __init__(self, owner: str, backend: StorageBackend) -> None:
        self._owner = owner
        self._backend = backend

    async def get(self, key: str) -> Any:
        """Return a value; None when there is none."""
        return (await self.get_many(key)).get(key)

    async def get_many(self, *keys: str) -> dict[str, Any]:
        """Return the values that there are, by key; up to 128."""
        call = self._call("get", keys[0] if keys else None)
        _check_number(call, len(keys))
        with call:
            return await self._backend.get(list(keys))

    async def put(self, key: str, value: Any) -> None:
        """Keep a value.

        Raises:
            ServiceError: It is neither plain data nor bytes, or too big.
        """
        await self.put_many({key: value})

    async def put_many(self, entries: Mapping[str, Any]) -> None:
        """Keep up to 128 values, all of them or none."""
        call = self._call("put", next(iter(entries), None))
        _check_number(call, len(entries))
        for key, value in entries.items():
            _check_plain(call, key, value)
        with call:
            await self._backend.put(dict(entries))

    async def delete(self, *keys: str) -> int:
        """Delete up to 128 keys; return how many there were."""
        call = self._call("delete", keys[0] if keys else None)
        _check_number(call, len(keys))
        with call:
            return await self._backend.delete(list(keys))

    async def list(
        self,
        *,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> dict[str, Any]:
        """Return values by key, in the order of the keys' UTF-8.

        Args:
            prefix: What the keys begin with.
            start: The first key, itself included.
            end: The key before which it ends.
            limit: How many at most, 1 or more. None gives all.
            reverse: Whether the last key comes first.
        """
        options = {"prefix": prefix, "start": start, "end": end, "limit": limit}
        given = {name: value for name, value in options.items() if value is not None}
        with self._call("list", prefix) as call:
            if limit is not None and limit < 1:
                call.fail(f"the limit is `{limit}`; it is 1 or more.")
            return await self._backend.list({**given, "reverse": reverse})

    async def delete_all(self) -> None:
        """Delete every key and table.

        Whether the alarm goes along depends on the compatibility date: `delete_alarm()` first.
        """
        with self._call("delete_all"):
            await self._backend.delete_all()

    def sql(self, statement: str, *params: Any) -> list[Row]:
        """Run SQL in the object's own SQLite database; nothing is awaited.

        Args:
            statement: SQL with `?` for each value; several are separated by `;`, and
                the values are those of the last.
            params: None, bool, int (up to 2^53), float, str or bytes.

        Raises:
            ServiceError: SQLite refused it, or a value is of another type.
        """
        call = Call(ServiceError, self._owner, "sql", sql=statement)
        given = [_to_parameter(call, value) for value in params]
        with call:
            names, rows = self._backend.sql(statement, given)
        return [to_row(call, dict(zip(names, row, strict=True))) for row in rows]

    async def set_alarm(self, moment: datetime) -> None:
        """Have `alarm()` of the object called at a time; it replaces the alarm there is.

        Args:
            moment: With a time zone; what is past means at once.
        """
        call = self._call("set_alarm")
        if moment.tzinfo is None:
            call.fail(f"`{moment}` has no time zone.", "Write `datetime.now(UTC)`.")
        with call:
            await self._backend.set_alarm(moment.timestamp() * 1000)

    async def get_alarm(self) -> datetime | None:
        """Return when the alarm is due. None when none is set, or while it runs."""
        with self._call("get_alarm"):
            due = await self._backend.get_alarm()
        return None if due is None else datetime.fromtimestamp(due / 1000, UTC)

    async def delete_alarm(self) -> None:
        """Forget the alarm."""
        with self._call("delete_alarm"):
            await self._backend.delete_alarm()

    def _call(self, operation: str, key: str | None = None) -> Call:
        return Call(ServiceError, self._owner, operation, key=key)


class DurableObject(Runtime):
    """The base of a Durable Object's class in pages/_worker.py.

    In a Worker it is the runtime's own class. Its methods, sync or async, are what
    `DurableObjects(…).get_by_name(…).call("method", …)` calls; those that begin with `_` are
    its own. The bindings answer in them as they do in a page. `async def alarm(self)` is
    called when the alarm is due. A class with an `__init__` of its own calls this one.

    Args:
        ctx: The runtime's state of the object.
        env: The runtime's bindings.

    Attributes:
        storage: What the object keeps; what lies in attributes alone is lost with the instance.
        id: 64 hexadecimal digits.
        name: What it was found by. None when that was an id.

    Source:
        https://developers.cloudflare.com/durable-objects/api/base/
    """

    def __init__(self, ctx: ObjectState, env: object) -> None:
        super().__init__(ctx, env)
        state = _runtime().open_state(ctx)
        self.storage = Storage(type(self).__name__, state.storage)
        self.id: str = state.id
        self.name: str | None = state.name
        self._env = env

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the bindings answer in each of the class's methods."""
        super().__init_subclass__(**options)
        for base in cast("tuple[type, ...]", cls.__mro__):
            is_entered = issubclass(base, DurableObject) and base is not cls
            if is_entered or issubclass(Runtime, base):
                continue
            members: dict[str, Any] = dict(base.__dict__)
            for name, member in members.items():
                is_called = getattr(cls, name) is member and not name.startswith("_")
                if isinstance(member, FunctionType) and is_called:
                    setattr(cls, name, _entering(member))
        if "alarm" in vars(cls):
            cls.on_alarm = cls.alarm = _without_arguments(cls.alarm)


def _entering(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def entered(self: Any, *args: Any, **named: Any) -> Any:
        _runtime().enter(self._env)
        return method(self, *map(_received, args), **named)

    return entered


def _without_arguments(method: Callable[..., Any]) -> Callable[..., Any]:
    # The runtime tells how often it has tried, which few ask for.
    @functools.wraps(method)
    def alarm(self: Any, info: object = None) -> Any:
        del info
        return method(self)

    return alarm


def _received(value: Any) -> Any:
    """Return an argument as it was sent: the SDK hands bytes over as a view."""
    if isinstance(value, memoryview):
        return value.tobytes()
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {key: _received(member) for key, member in members.items()}
    return value


def _check_number(call: Call, number: int) -> None:
    if number > MAX_KEYS:
        call.fail(f"{number} keys are given; {MAX_KEYS} are taken.")


def _check_plain(call: Call, key: str, value: Any) -> None:
    if isinstance(value, bytes):
        return
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise call.error(
            f"the value of `{key}` is neither plain data nor bytes: {error}.",
            "Keep what JSON has: dict, list, str, int, float, bool, None.",
        ) from error
    for number in _integers(value):
        if abs(number) > MAX_SAFE_INTEGER:
            call.fail(f"`{number}` in the value of `{key}` is beyond 2^53, {ROUNDED}", AS_STR)


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, dict):
        for member in cast("dict[str, Any]", value).values():
            yield from _integers(member)
    elif isinstance(value, (list, tuple)):
        for member in cast("list[Any]", value):
            yield from _integers(member)


def _to_parameter(call: Call, value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        call.fail(f"`{value}` is beyond 2^53, {ROUNDED}", AS_STR)
    if value is None or isinstance(value, (int, float, str, bytes)):
        return value
    return call.fail(f"a value is of the type `{type(value).__name__}`, which SQLite has not.")
