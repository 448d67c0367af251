"""Durable Objects on the host: one instance of each in this process, their storage in SQLite."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import logging
import math
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

from bindings.cloudflare._local.alarms import Alarms
from bindings.cloudflare._local.database import Database
from bindings.cloudflare._local.storage import EmbeddedStorage
from bindings.cloudflare._rows import MAX_SAFE_INTEGER
from bindings.cloudflare.backend import PlatformError, PlatformUnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    from bindings.cloudflare.backend import FetchRequest

WORKER = "pages._worker"
OBJECT_ID = re.compile(r"[0-9a-f]{64}")
MOST_LIVE = 100  # instances that are kept while nothing calls them
# https://developers.cloudflare.com/durable-objects/api/alarms/
MOST_RETRIES = 6
FIRST_PAUSE = 2.0  # seconds, doubled each time
BYTES_HINT = "Let bytes be an argument, a value of one that is a dict, or the result."
NUMBER_HINT = "Pass it as a str."

_log = logging.getLogger("bindings.cloudflare")


class Runtime:
    """Stands where a Worker has the class of the `workers` package."""

    def __init__(self, ctx: object, env: object) -> None:
        self.ctx = ctx
        self.env = env


@dataclass(frozen=True, slots=True)
class State:
    """What an object is made with."""

    id: str
    name: str | None
    storage: EmbeddedStorage


def enter(env: object) -> None:
    """Do nothing: an object is called where the caller's bindings answer."""
    del env


def open_state(ctx: State) -> State:
    """Return the state itself."""
    return ctx


@dataclass(slots=True)
class _Live:
    instance: Any
    database: Database
    calls: int = 0


class Objects:
    """Every Durable Object of a site.

    An instance lives on while it is called, and a hundred of those that were called last.
    Storage never waits, so nothing else runs in an object while it reads or writes.

    Args:
        folder: Of the databases.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._live: OrderedDict[tuple[str, str], _Live] = OrderedDict()
        self._alarms: dict[str, Alarms] = {}
        self._timers: dict[tuple[str, str, asyncio.AbstractEventLoop], asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken: set[tuple[str, asyncio.AbstractEventLoop]] = set()

    async def call(
        self, kind: str, object_id: str, name: str | None, method: str, args: Any
    ) -> Any:
        """Call a method of an object with copies, and return a copy."""
        live = self._open(kind, object_id, name)
        self.wake(kind)
        function: Any = getattr(live.instance, method, None)
        if method.startswith("_") or not callable(function):
            raise PlatformError(f"the class `{kind}` has no method `{method}`.")
        live.calls += 1
        try:
            result: Any = function(*map(_argument, args))
            if hasattr(result, "__await__"):
                result = await result
            return result if isinstance(result, bytes) else _copied(result, "the result")
        finally:
            live.calls -= 1

    def wake(self, kind: str) -> None:
        """Wait for the alarms that were set before this process, once in each event loop."""
        key = (kind, asyncio.get_running_loop())
        if key not in self._woken:
            self._woken.add(key)
            for object_id, due in self.alarms(kind).waiting():
                self.ring_at(kind, object_id, due)

    def alarms(self, kind: str) -> Alarms:
        """Return the alarms of a class."""
        if kind not in self._alarms:
            self._alarms[kind] = Alarms(Database(self._folder / f"{kind}.sqlite"))
        return self._alarms[kind]

    def ring_at(self, kind: str, object_id: str, due: float) -> None:
        """Call an object's `alarm` at a time in Unix seconds, if it is still due then."""
        loop = asyncio.get_running_loop()
        key = (kind, object_id, loop)
        if key in self._timers:
            self._timers[key].cancel()
        delay = max(0, due - time.time())
        self._timers[key] = loop.call_later(delay, self._ring, kind, object_id, due)

    def close(self) -> None:
        """Let go of every instance, and close the databases."""
        while self._live:
            self._live.popitem()[1].database.close()
        while self._alarms:
            self._alarms.popitem()[1].close()

    def _open(self, kind: str, object_id: str, name: str | None) -> _Live:
        cls = _class(kind)
        live = self._live.pop((kind, object_id), None)
        if live is None or type(live.instance) is not cls:  # it changed under `firstlight dev`
            if live is not None:
                live.database.close()
            database = Database(self._folder / kind / f"{object_id}.sqlite")
            storage = EmbeddedStorage(self, kind, object_id, name, database, cls)
            live = _Live(cls(State(object_id, name, storage), None), database)
        self._let_go()  # first, so that it never takes the one that is about to be called
        self._live[kind, object_id] = live
        return live

    def _let_go(self) -> None:
        idle = [key for key, live in self._live.items() if not live.calls]
        for key in idle[: max(0, len(self._live) - MOST_LIVE)]:
            self._live.pop(key).database.close()

    def _ring(self, kind: str, object_id: str, due: float) -> None:
        del self._timers[kind, object_id, asyncio.get_running_loop()]
        task = asyncio.ensure_future(self._call_alarm(kind, object_id, due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call_alarm(self, kind: str, object_id: str, due: float) -> None:
        # Not by the clock, which is another one than that of the event loop.
        taken = self.alarms(kind).take(object_id, due)
        if taken is None:
            return
        name, tries = taken
        try:
            await self.call(kind, object_id, name, "alarm", ())
        except asyncio.CancelledError:  # the process ends
            self.alarms(kind).put(object_id, name, due, tries, is_retry=True)
            raise
        except Exception:  # noqa: BLE001 - any error of the site's code is a retry
            _log.exception("the alarm of a `%s` failed", kind)
            if tries < MOST_RETRIES:
                due = time.time() + FIRST_PAUSE * 2**tries
                if self.alarms(kind).put(object_id, name, due, tries + 1, is_retry=True):
                    self.ring_at(kind, object_id, due)


class EmbeddedObjects:
    """A namespace of objects."""

    def __init__(self, objects: Objects, kind: str) -> None:
        self._objects = objects
        self._kind = kind

    def new_id(self) -> str:
        """Make an id."""
        return secrets.token_hex(32)

    def stub(self, name: str | None, object_id: str | None) -> EmbeddedObject:
        """Find an object."""
        if name is not None:
            object_id = hashlib.sha256(f"{self._kind}\0{name}".encode()).hexdigest()
        if object_id is None or not OBJECT_ID.fullmatch(object_id):
            raise PlatformError(f"`{object_id}` is no id: it has 64 hexadecimal digits.")
        return EmbeddedObject(self._objects, self._kind, object_id, name)


class EmbeddedObject:
    """The stub of one object."""

    def __init__(self, objects: Objects, kind: str, object_id: str, name: str | None) -> None:
        self._objects = objects
        self._kind = kind
        self._id = object_id
        self._name = name

    async def call(self, method: str, *args: Any) -> Any:
        """Call a method; what it raises comes as the platform's error."""
        try:
            return await self._objects.call(self._kind, self._id, self._name, method, args)
        except (PlatformError, ModuleNotFoundError, SyntaxError):
            raise
        except Exception as error:  # any error comes over as a message
            raise PlatformError(f"{type(error).__name__}: {error}") from error

    async def fetch(self, request: FetchRequest) -> NoReturn:
        """Say that there is none here."""
        del request
        raise PlatformUnsupportedError(
            "`fetch` of a Durable Object is there in a Worker only; `call` its methods instead."
        )


def _class(kind: str) -> type:
    found = getattr(importlib.import_module(WORKER), kind, None)
    if not isinstance(found, type) or not issubclass(found, Runtime):
        raise PlatformError(
            f"pages/_worker.py defines no Durable Object `{kind}`.",
            f"Write `class {kind}(DurableObject)` there, and import the base from "
            "`bindings.cloudflare`.",
        )
    return found


def _argument(value: Any) -> Any:
    """Return an argument as it arrives: bytes may be it, or a member of a dict."""
    if not isinstance(value, dict):
        return value if isinstance(value, bytes) else _copied(value, "an argument")
    members = cast("dict[str, Any]", value)
    return {
        str(key): member if isinstance(member, bytes) else _copied(member, "an argument")
        for key, member in members.items()
    }


def _copied(value: Any, what: str) -> Any:
    """Return a value as it arrives on the other side; the platform sends nothing else."""
    if type(value) is list:
        return [_copied(item, what) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {str(key): _copied(member, what) for key, member in members.items()}
    if isinstance(value, bytes):
        raise PlatformError(f"{what} holds `bytes` inside, which do not come over.", BYTES_HINT)
    if isinstance(value, (int, float)) and not _is_exact(value):
        raise PlatformError(f"{what} holds `{value}`, which does not come over.", NUMBER_HINT)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    kind = type(cast("object", value)).__name__
    raise PlatformError(f"{what} holds a `{kind}`, which is neither plain data nor bytes.")


def _is_exact(value: float) -> bool:
    """Tell whether a number comes over: JSON has no NaN, and JavaScript rounds from 2^53 on."""
    return abs(value) <= MAX_SAFE_INTEGER if isinstance(value, int) else math.isfinite(value)
