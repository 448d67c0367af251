"""What is measured, for any runtime: the same work with the handles and without."""

# ruff: noqa: D103, PLR2004, S101, TID251 - runs in the Worker and says what it checks

from __future__ import annotations

import js

from bindings.cloudflare import D1, KV
from bindings.cloudflare._js import enter

CACHE, DB = KV("CACHE"), D1("DB")
ROWS = (
    "with recursive t (n) as (select 1 union all select n + 1 from t where n < 1000) "
    "select n, 'row ' || n as label, n / 2.0 as half, null as note from t"
)


async def set_up(env):
    await env.CACHE.put("key", "value")


async def kv_raw(env, times):
    cache = env.CACHE
    for _ in range(times):
        assert await cache.get("key") == "value"


async def kv_handle(_env, times):
    for _ in range(times):
        assert await CACHE.get("key") == "value"


async def d1_raw(env, times):
    """Only fetch: 1,000 rows that Python has not seen yet."""
    database = env.DB
    for _ in range(times):
        assert (await database.prepare(ROWS).all()).success


async def d1_handle(_env, times):
    for _ in range(times):
        assert (await DB.all(ROWS))[999].half == 500


async def d1_fields(env, times):
    """One crossing for each field, as users of the raw binding write it."""
    database = env.DB
    for _ in range(times):
        result = await database.prepare(ROWS).all()
        rows = [
            {"n": row.n, "label": row.label, "half": row.half, "note": row.note}
            for row in result.results
        ]
        assert rows[999]["half"] == 500


WORK = {each.__name__: each for each in (kv_raw, kv_handle, d1_raw, d1_handle, d1_fields)}


async def run(env, name, times):
    enter(env)
    await (WORK[name](env, times) if name in WORK else set_up(env))


async def on_fetch(request, env, _ctx):
    _, name, times = str(request.url).rsplit("/", 2)
    await run(env, name, int(times))
    return js.Response.new("done")
