"""Visit counters in KV, approximate on purpose.

KV has no increment and is eventually consistent: two visits at once, or in two
places, may count as one. Exact counting belongs in D1.
"""

from __future__ import annotations

from bindings.cloudflare import KV, KVError

COUNTERS = KV("COUNTERS")
OVERALL = "visits"


async def read_visits(key: str = OVERALL) -> int:
    """Return a counter, 0 when it has not counted yet."""
    return int(await COUNTERS.get(key) or 0)


async def count_visit(key: str = OVERALL, *, ttl: int | None = None) -> int:
    """Add one to a counter and return it.

    Args:
        key: The counter's name.
        ttl: Seconds after the last visit at which it is forgotten; None keeps it.
    """
    visits = await read_visits(key) + 1
    try:
        await COUNTERS.put(key, str(visits), ttl=ttl)
    except KVError:
        # KV takes one write a second of a key. A lost count is no reason to fail:
        # https://developers.cloudflare.com/kv/platform/limits/
        return visits - 1
    return visits
