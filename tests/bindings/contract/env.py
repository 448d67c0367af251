"""What variables, names and overlapping calls do everywhere."""

from __future__ import annotations

import asyncio

from bindings.cloudflare import D1, KV, R2, KVEntry, UnknownBinding, UnknownVariable
from contract.r2 import opened
from contract.suite import Site, contract, raises


@contract
async def env_text_and_json_come_back(site: Site) -> None:
    assert site.env.GREETING == "Grüße"
    assert site.env.EMPTY == ""
    assert site.env.OPTIONS == {"depth": 2, "names": ["a", "b"], "deep": {"on": True}}
    assert site.env.LIST == [1, 2]
    assert (site.env.COUNT, site.env.RATIO, site.env.ON) == (3, 0.5, False)
    assert site.env.get("GREETING") == "Grüße"
    assert "GREETING" in site.env
    assert "ON" in site.env


@contract
async def env_missing_name_raises(site: Site) -> None:
    with raises(UnknownVariable):
        site.env.MISSING  # noqa: B018
    assert site.env.get("MISSING", 5) == 5
    assert getattr(site.env, "MISSING", None) is None
    assert "MISSING" not in site.env
    assert "CACHE" not in site.env
    assert site.env.get("toString") is None


@contract
async def unknown_binding_says_what_is_declared(_site: Site) -> None:
    with raises(UnknownBinding) as raised:
        await KV("OTHER").get("x")
    assert str(raised.error) == (
        "OTHER: no KV namespace of this name is declared. Declared: `CACHE`.\n"
        "  Hint: Add to wrangler.toml: "
        '[[kv_namespaces]] binding = "OTHER", id = "…"'
    )
    with raises(UnknownBinding):
        await D1("CACHE").first("select 1")
    with raises(UnknownBinding):
        await R2("DB").get("x")


@contract
async def calls_overlap(site: Site) -> None:
    async def round_trip(number: int) -> None:
        await site.kv.put(f"gather/{number}", str(number), metadata=number)
        await site.r2.put(f"gather/{number}", str(number))
        entry = await site.kv.get_with_metadata(f"gather/{number}", "json")
        assert entry == KVEntry(number, number)
        found = await opened(site, f"gather/{number}")
        assert await found.text() == str(number)
        sql = "select ? as n, ? as kind"
        assert await site.db.first(sql, number, "x") == {"n": number, "kind": "x"}

    await asyncio.gather(*(round_trip(number) for number in range(20)))
