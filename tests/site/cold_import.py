"""Imports a built Worker's entry as Cloudflare does when it takes a memory snapshot.

`python cold_import.py <dist/server> [compatible]`: whatever the import does that a snapshot must
not hold (a JavaScript object, entropy, the clock, files other than modules) ends it with exit 1.
Prints the modules that were imported.
"""

from __future__ import annotations

import builtins
import os
import random
import sys
import time
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

SERVER = sys.argv[1]


def forbidden(what: str) -> Any:
    def call(*args: object, **options: object) -> NoReturn:
        del args, options
        raise SystemExit(f"{what} while the Worker is imported")

    return call


class JavaScript:
    """A name of JavaScript: it may be imported, but neither called nor built."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> JavaScript:
        return JavaScript(f"{self._name}.{name}")

    def __call__(self, *args: object, **options: object) -> NoReturn:
        del args, options
        raise SystemExit(f"`{self._name}()` while the Worker is imported")


class JsModule(ModuleType):
    def __getattr__(self, name: str) -> JavaScript:
        if name.startswith("__"):
            raise AttributeError(name)
        return JavaScript(name)


def stand_in(name: str, **members: object) -> None:
    module = ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module


def only_modules(event: str, arguments: tuple[Any, ...]) -> None:
    """Let the import read modules and nothing else."""
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc", ".so")):
        raise SystemExit(f"open({arguments[0]!r}) while the Worker is imported")
    if event.startswith(("socket.", "subprocess.", "os.system", "sqlite3.")):
        raise SystemExit(f"{event} while the Worker is imported")


import_module("asyncio")  # part of Cloudflare's own snapshot, so free to import
sys.dont_write_bytecode = True
sys.modules["js"] = JsModule("js")
functions = {
    name: forbidden(f"{name}()") for name in ("create_proxy", "create_once_callable", "to_js")
}
stand_in("pyodide")
stand_in(
    "pyodide.ffi",
    JsProxy=type("JsProxy", (), {}),
    JsException=type("JsException", (Exception,), {}),
    **functions,
)
stand_in("workers", WorkerEntrypoint=type("WorkerEntrypoint", (), {}))
sys.path[:] = [SERVER, *(entry for entry in sys.path if "site-packages" not in entry)]
for clock in (
    "time",
    "time_ns",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "localtime",
    "gmtime",
):
    setattr(time, clock, forbidden(f"time.{clock}()"))
os.urandom = forbidden("os.urandom()")
for name in ("random", "randrange", "choice", "getrandbits", "randbytes"):
    setattr(random, name, forbidden(f"random.{name}()"))
builtins.input = forbidden("input()")
sys.addaudithook(only_modules)
before = set(sys.modules)

import_module("entry")
sys.stdout.write("\n".join(sorted(set(sys.modules) - before)))
