"""What the contract's functions share: the site they run on, and `raises()`."""

from __future__ import annotations

import gc
import importlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from bindings.cloudflare import D1, KV, R2, Env

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

[assets]
directory = "assets"
binding = "ASSETS"

[[queues.producers]]
binding = "JOBS"
queue = "contract-jobs"

# As wrangler 3.92 wants it; later ones call it [[ratelimits]].
[[unsafe.bindings]]
name = "LIMIT"
type = "ratelimit"
namespace_id = "1001"
simple = { limit = 2, period = 60 }
"""

ASSETS = {"hello.txt": "Grüße", "page.html": "<p>page</p>"}
"""Files below `assets/`."""

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


EMBEDDED, MOTO = "embedded", "S3 of moto"
WORKERD, CURRENT = "wrangler 3.92", "miniflare 4"

DIFFERENCES: dict[str, dict[str, str]] = {}
"""What a runtime does otherwise than the contract says: why, by runtime, by name.

A function asks `site.differs()` and holds the runtime to what it does instead, so
that a difference which is gone fails as well.
"""


@dataclass(frozen=True)
class Site:
    """The handles under test, and the runtime that answers them."""

    kv: KV
    db: D1
    r2: R2
    env: Env
    runtime: str

    def differs(self, name: str) -> bool:
        """Tell whether the runtime is listed under a name in DIFFERENCES."""
        return self.runtime in DIFFERENCES[name]


CONTRACT: dict[str, Check] = {}


def contract(function: Check) -> Check:
    CONTRACT[function.__name__] = function
    return function


async def set_up(site: Site) -> None:
    """Make the tables."""
    await site.db.script(SCHEMA)


def living_proxies() -> int:
    """Count the JavaScript objects that Python holds: none where there is no JavaScript."""
    gc.collect()
    if sys.platform != "emscripten":
        return 0
    return importlib.import_module("pyodide_js")._module._hiwire_num_refs()


class Raised:
    """What `raises` caught."""

    error: BaseException

    @property
    def code(self) -> object:
        """The code of a BindingError."""
        return getattr(self.error, "code", None)


@contextmanager
def raises(kind: type[BaseException]) -> Generator[Raised]:
    raised = Raised()
    try:
        yield raised
    except kind as error:
        raised.error = error
    else:
        raise AssertionError(f"nothing raised {kind.__name__}")
