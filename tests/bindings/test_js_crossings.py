"""How often a call crosses the border to JavaScript, counted on stand-ins for its objects."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare import D1, KV, raw
from bindings.cloudflare.backend import current

if TYPE_CHECKING:
    from collections.abc import Iterator

BORDER = ("bindings.cloudflare._js", "bindings.cloudflare._js_services")
META = {"changes": 0, "duration": 1}


class Crossings:
    """A JavaScript object that counts each use of it, and of what it gives."""

    count = 0

    def __init__(self, target: object) -> None:
        self.target = target

    def __getattr__(self, name: str) -> Any:
        Crossings.count += 1
        if name == "constructor":
            return SimpleNamespace(name=type(self.target).__name__)
        if name in {"then", "withSession"} or not hasattr(self.target, name):
            raise AttributeError(name)
        return Crossings(getattr(self.target, name))

    def __call__(self, *arguments: object) -> object:
        Crossings.count += 1
        function: Any = self.target
        result: object = function(*map(bare, arguments))
        is_plain = isinstance(result, str) or hasattr(result, "__await__")
        return result if is_plain else Crossings(result)


def bare(value: object) -> object:
    return value.target if isinstance(value, Crossings) else value


class Namespace:
    async def get(self, key: str) -> str:
        return f"value of {key}"

    def getWithMetadata(self) -> None: ...  # noqa: N802 - JavaScript's name


class Statement:
    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def all(self) -> Crossings:
        row = {"n": 1, "label": "x", "half": 0.5, "note": None, "body": [1, 2]}
        return Crossings({"results": [row] * self._rows, "meta": META})


class Database:
    def prepare(self, sql: str) -> Statement:
        return Statement(int(sql.removeprefix("select ")))


class Fetcher:
    """Another Worker: every attribute seems to be a method of it."""

    def __getattr__(self, name: str) -> str:
        return f"the method {name}"


class Bucket:
    def head(self) -> None: ...


class Producer:
    def sendBatch(self) -> None: ...  # noqa: N802 - JavaScript's name


class JSON:
    parse = staticmethod(json.loads)
    stringify = staticmethod(json.dumps)


class Env:
    CACHE = Crossings(Namespace())
    DB = Crossings(Database())
    OTHER = Crossings(Fetcher())
    MEDIA = Crossings(Bucket())
    JOBS = Crossings(Producer())
    WRAPPED = SimpleNamespace(_binding=OTHER)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Worker's border: `js` and `pyodide.ffi`, as far as these calls use them."""
    js, pyodide, ffi = ModuleType("js"), ModuleType("pyodide"), ModuleType("pyodide.ffi")
    reflect = type("Reflect", (), {"get": staticmethod(getattr)})
    js.__dict__.update(JSON=Crossings(JSON), Reflect=reflect)
    ffi.__dict__.update(JsException=OSError, JsProxy=Crossings, to_js=list, jsnull=object())
    for name, module in (("js", js), ("pyodide", pyodide), ("pyodide.ffi", ffi)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in BORDER:
        monkeypatch.delitem(sys.modules, name, raising=False)
    border = importlib.import_module("bindings.cloudflare._js")
    token = current.set(border.JSBackend(Env()))
    yield border
    current.reset(token)
    for name in BORDER:
        sys.modules.pop(name, None)


def crossings(call: Any) -> tuple[int, Any]:
    Crossings.count = 0
    result = asyncio.run(call)
    return Crossings.count, result


@pytest.mark.usefixtures("worker")
def test_rows_cross_in_one_piece() -> None:
    few, rows = crossings(D1("DB").all("select 1"))
    assert rows == [{"n": 1, "label": "x", "half": 0.5, "note": None, "body": b"\1\2"}]
    crossings(D1("DB").all("select 1"))
    few, _ = crossings(D1("DB").all("select 1"))
    many, rows = crossings(D1("DB").all("select 1000"))
    assert len(rows) == 1000
    assert many == few <= 6


@pytest.mark.usefixtures("worker")
def test_a_second_get_crosses_no_more_than_the_raw_call() -> None:
    first, _ = crossings(KV("CACHE").get("a"))
    again, value = crossings(KV("CACHE").get("b"))
    assert value == "value of b"
    assert again == 2 < first  # `.get`, and its call


@pytest.mark.parametrize("name", ["OTHER", "WRAPPED"])
@pytest.mark.usefixtures("worker")
def test_raw_is_the_object_itself(name: str) -> None:
    assert raw(name) is Env.OTHER


def test_request_that_uses_no_binding_crosses_nothing(worker: Any) -> None:
    Crossings.count = 0
    worker.JSBackend(Crossings(Env()))
    assert Crossings.count == 0


@pytest.mark.parametrize(
    ("find", "binding"), [("kv", "CACHE"), ("r2", "MEDIA"), ("queue", "JOBS"), ("fetcher", "OTHER")]
)
def test_binding_is_looked_up_once_in_a_request(worker: Any, find: str, binding: str) -> None:
    backend = worker.JSBackend(SimpleNamespace(_env=Env()))
    Crossings.count = 0
    getattr(backend, find)(binding)
    first = Crossings.count
    getattr(backend, find)(binding)
    assert Crossings.count == first > 0
