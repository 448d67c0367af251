"""What every KV namespace does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bindings.cloudflare import KVEntry, KVError
from contract.suite import ALL_BYTES, TEXT, Site, contract, raises


@contract
async def kv_missing_is_none(site: Site) -> None:
    assert await site.kv.get("missing") is None
    assert await site.kv.get_json("missing") is None
    assert await site.kv.get_bytes("missing") is None
    for kind in ("text", "json", "bytes"):
        entry = await site.kv.get_with_metadata("missing", kind)
        assert entry == KVEntry(None, None)


@contract
async def kv_empty_text_is_not_missing(site: Site) -> None:
    await site.kv.put("empty", "")
    assert await site.kv.get("empty") == ""
    assert await site.kv.get_bytes("empty") == b""
    await site.kv.put("empty", b"")
    assert await site.kv.get_bytes("empty") == b""


@contract
async def kv_text_comes_back(site: Site) -> None:
    await site.kv.put("text " + TEXT, TEXT)
    assert await site.kv.get("text " + TEXT) == TEXT
    assert await site.kv.get_bytes("text " + TEXT) == TEXT.encode()
    await site.kv.put("text " + TEXT, "other")
    assert await site.kv.get("text " + TEXT, cache_ttl=60) == "other"


@contract
async def kv_bytes_come_back(site: Site) -> None:
    await site.kv.put("bytes", ALL_BYTES)
    value = await site.kv.get_bytes("bytes")
    assert type(value) is bytes
    assert value == ALL_BYTES
    assert await site.kv.get("bytes") == ALL_BYTES.decode("utf-8", "replace")


@contract
async def kv_json_comes_back(site: Site) -> None:
    value: dict[str, object] = {"a": None, "b": [1, 2.5, True, {"c": "ü"}], "d": {}}
    await site.kv.put_json("json", value)
    assert await site.kv.get_json("json") == value
    assert await site.kv.get("json") == '{"a":null,"b":[1,2.5,true,{"c":"ü"}],"d":{}}'
    await site.kv.put_json("json", None)
    assert await site.kv.get("json") == "null"
    assert await site.kv.get_json("json") is None


@contract
async def kv_value_that_is_no_json_raises(site: Site) -> None:
    await site.kv.put("no json", "{")
    with raises(KVError) as raised:
        await site.kv.get_json("no json")
    assert str(raised.error).startswith('KV CACHE get_json "no json": the value is not JSON: ')


@contract
async def kv_metadata_comes_back(site: Site) -> None:
    metadata = {"lang": "dé", "tags": ["a", None], "deep": {"n": 1.5}}
    await site.kv.put("meta", "[1]", metadata=metadata)
    get = site.kv.get_with_metadata
    assert await get("meta") == KVEntry("[1]", metadata)
    assert await get("meta", "json") == KVEntry([1], metadata)
    assert await get("meta", "bytes") == KVEntry(b"[1]", metadata)
    await site.kv.put("meta", "x")
    assert await get("meta", cache_ttl=60) == KVEntry("x", None)


@contract
async def kv_metadata_of_exactly_1024_bytes_is_kept(site: Site) -> None:
    metadata = "ü" * 511
    await site.kv.put("big meta", "x", metadata=metadata)
    assert await site.kv.get_with_metadata("big meta") == KVEntry("x", metadata)


@contract
async def kv_key_of_exactly_512_bytes_is_kept(site: Site) -> None:
    await site.kv.put("ü" * 256, "x")
    assert await site.kv.get("ü" * 256) == "x"


@contract
async def kv_expiry_is_listed(site: Site) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    await site.kv.put("expiry/1", "x", expires_at=soon)
    await site.kv.put("expiry/2", "x", expires_at=soon.timestamp())
    await site.kv.put("expiry/3", "x", ttl=60)
    await site.kv.put("expiry/4", "x")
    first, second, third, fourth = (await site.kv.list(prefix="expiry/")).keys
    assert first.expiration == second.expiration == soon
    assert first.expiration is not None
    assert first.expiration.utcoffset() == timedelta(0)
    assert third.expiration is not None
    left = third.expiration - datetime.now(UTC)
    assert timedelta(seconds=55) < left <= timedelta(seconds=61)
    assert fourth.expiration is None


@contract
async def kv_limits_are_kept(site: Site) -> None:
    with raises(KVError):
        await site.kv.get("")
    with raises(KVError):
        await site.kv.put("x" * 513, "x")
    with raises(KVError):
        await site.kv.put("x", "x", ttl=59)
    with raises(KVError):
        await site.kv.put("x", "x", metadata="x" * 1023)
    with raises(KVError):
        await site.kv.list(limit=1001)
    with raises(TypeError):
        await site.kv.put("x", {"a": 1})  # type: ignore[arg-type]


@contract
async def kv_list_pages_in_order(site: Site) -> None:
    for name in ("c", "ä", "b", "a"):
        await site.kv.put(f"list/{name}", "x", metadata={"n": name})
    page = await site.kv.list(prefix="list/", limit=3)
    assert [key.name for key in page.keys] == ["list/a", "list/b", "list/c"]
    assert [key.metadata for key in page.keys] == [{"n": "a"}, {"n": "b"}, {"n": "c"}]
    assert not page.complete
    assert page.cursor
    page = await site.kv.list(prefix="list/", limit=3, cursor=page.cursor)
    assert [key.name for key in page.keys] == ["list/ä"]
    assert page.complete
    assert page.cursor is None
    assert [key async for key in site.kv.keys(prefix="list/")][3:] == ["list/ä"]


@contract
async def kv_list_of_nothing_is_empty(site: Site) -> None:
    page = await site.kv.list(prefix="no such prefix")
    assert (page.keys, page.complete, page.cursor) == ([], True, None)
    assert [key async for key in site.kv.keys(prefix="no such prefix")] == []


@contract
async def kv_delete_deletes(site: Site) -> None:
    await site.kv.put("delete", "x")
    await site.kv.delete("delete")
    await site.kv.delete("delete")
    assert await site.kv.get("delete") is None
