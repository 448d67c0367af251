"""What every KV namespace does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bindings.cloudflare import KVEntry, KVError, KVStream
from contract.suite import (
    ALL_BYTES,
    CURRENT,
    DIFFERENCES,
    TEXT,
    WORKERD,
    Site,
    contract,
    raises,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIB = 1024 * 1024

DIFFERENCES.update(
    {
        "KV cache_ttl from 30 seconds": {
            WORKERD: "KV took 60 seconds or more until 2025; this runtime still does.",
        },
        "KV bulk reads keep a byte order mark": {
            CURRENT: "GET_BULK decodes text as JavaScript's TextDecoder does, without the mark.",
        },
        "KV refuses a strange cursor": {
            WORKERD: "miniflare decodes what it can of a cursor and begins there.",
            CURRENT: "miniflare decodes what it can of a cursor and begins there.",
        },
    }
)


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
    put, get = site.kv.put, site.kv.get
    soon = datetime.now(UTC) + timedelta(seconds=50)
    for code, refused in (
        ("bad_key", get("")),
        ("bad_key", put(".", "x")),
        ("bad_key", site.kv.delete("..")),
        ("key_too_long", put("x" * 513, "x")),
        ("key_too_long", get("ü" * 257)),
        ("not_utf8", get("\ud800")),
        ("not_utf8", put("x", "\udc00")),
        ("not_utf8", site.kv.put_json("x", ["\udc00"])),
        ("not_utf8", put("x", "x", metadata="\udc00")),
        ("value_too_large", put("x", bytes(25 * MIB + 1))),
        ("value_too_large", put("x", "x" * (25 * MIB + 1))),
        ("metadata_too_large", put("x", "x", metadata="x" * 1023)),
        ("bad_ttl", put("x", "x", ttl=59)),
        ("bad_ttl", put("x", "x", ttl=0)),
        ("bad_ttl", put("x", "x", ttl=2**31)),
        ("bad_ttl", put("x", "x", ttl=60, expires_at=soon)),
        ("bad_ttl", put("x", "x", expires_at=soon)),
        ("bad_ttl", put("x", "x", expires_at=2**31)),
        ("bad_cache_ttl", get("x", cache_ttl=29)),
        ("bad_limit", site.kv.list(limit=0)),
        ("bad_limit", site.kv.list(limit=1001)),
        ("key_too_long", site.kv.list(prefix="x" * 513)),
        ("key_too_long", site.kv.get_many(["a", "x" * 513])),
        ("bad_key", site.kv.get_many(["a", ""])),
    ):
        with raises(KVError) as raised:
            await refused
        assert raised.code == code, raised.error
    assert await get("x") is None


@contract
async def kv_values_of_other_types_are_type_errors(site: Site) -> None:
    with raises(TypeError):
        await site.kv.put("x", {"a": 1})  # type: ignore[arg-type]
    with raises(TypeError):
        await site.kv.put("x", bytearray(b"x"))  # type: ignore[arg-type]
    with raises(TypeError):
        await site.kv.put("x", "x", ttl=60.5)  # type: ignore[arg-type]
    assert await site.kv.get("x") is None


@contract
async def kv_value_of_exactly_25_mib_is_kept(site: Site) -> None:
    value = bytes(range(64)) * (25 * MIB // 64)
    await site.kv.put("full", value)
    assert await site.kv.get_bytes("full") == value
    await site.kv.delete("full")


@contract
async def kv_stream_is_put(site: Site) -> None:
    await site.kv.put("stream in", pieces(b"one ", b"", b"two"), metadata=1)
    assert await site.kv.get_with_metadata("stream in") == KVEntry("one two", 1)
    await site.kv.put("stream in", pieces())
    assert await site.kv.get_bytes("stream in") == b""


@contract
async def kv_stream_that_raises_writes_nothing(site: Site) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise LookupError("no more")

    await site.kv.put("stream broken", "whole")
    with raises(LookupError) as raised:
        await site.kv.put("stream broken", broken())
    assert str(raised.error) == "'no more'" or str(raised.error) == "no more"
    assert await site.kv.get("stream broken") == "whole"
    with raises(TypeError):
        await site.kv.put("stream broken", pieces("text"))  # type: ignore[arg-type]
    assert await site.kv.get("stream broken") == "whole"


@contract
async def kv_stream_keeps_the_limit(site: Site) -> None:
    await site.kv.put("stream large", "small")
    with raises(KVError) as raised:
        await site.kv.put("stream large", pieces(*[bytes(MIB)] * 26))
    assert raised.code == "value_too_large"
    assert await site.kv.get("stream large") == "small"


@contract
async def kv_stream_is_read(site: Site) -> None:
    content = ALL_BYTES * 1024
    await site.kv.put("stream out", content, metadata={"type": "x"})
    stream = await site.kv.get_stream("stream out")
    assert stream is not None
    chunks = [chunk async for chunk in stream]
    assert all(type(chunk) is bytes for chunk in chunks)
    assert b"".join(chunks) == content
    with raises(KVError) as raised:
        aiter(stream)
    assert raised.code == "already_read"
    entry = await site.kv.get_with_metadata("stream out", "stream")
    assert entry.metadata == {"type": "x"}
    assert type(entry.value) is KVStream
    async for chunk in entry.value:
        assert content.startswith(chunk)
        break
    assert await site.kv.get_stream("missing") is None
    assert await site.kv.get_with_metadata("missing", "stream") == KVEntry(None, None)


@contract
async def kv_many_are_read(site: Site) -> None:
    for name in ("a", "b", "ü"):
        await site.kv.put(f"many/{name}", f'["{name}"]')
    keys = ["many/ü", "many/a", "many/missing", "many/a", "many/b"]
    found = await site.kv.get_many(keys)
    assert list(found.items()) == [
        ("many/ü", '["ü"]'),
        ("many/a", '["a"]'),
        ("many/missing", None),
        ("many/b", '["b"]'),
    ]
    parsed = await site.kv.get_many(keys, "json", cache_ttl=60)
    assert parsed == {"many/ü": ["ü"], "many/a": ["a"], "many/missing": None, "many/b": ["b"]}
    whole = await site.kv.get_many(iter(keys[1:3]), "bytes")
    assert whole == {"many/a": b'["a"]', "many/missing": None}
    assert await site.kv.get_many([]) == {}
    assert await site.kv.get_many(["many/a"]) == {"many/a": '["a"]'}


@contract
async def kv_many_are_more_than_a_hundred(site: Site) -> None:
    await site.kv.put("hundred/150", "x")
    found = await site.kv.get_many(f"hundred/{number}" for number in range(201))
    assert len(found) == 201
    assert {key for key, value in found.items() if value is not None} == {"hundred/150"}


@contract
async def kv_many_may_be_larger_than_a_bulk(site: Site) -> None:
    text = "x" * (13 * MIB)
    await site.kv.put("bulk/1", text)
    await site.kv.put("bulk/2", text)
    found = await site.kv.get_many(["bulk/0", "bulk/1", "bulk/2"])
    assert [key for key, value in found.items() if value == text] == ["bulk/1", "bulk/2"]
    await site.kv.delete("bulk/1")
    await site.kv.delete("bulk/2")


@contract
async def kv_many_name_the_value_that_is_no_json(site: Site) -> None:
    await site.kv.put("many json/1", "1")
    await site.kv.put("many json/2", "{")
    with raises(KVError) as raised:
        await site.kv.get_many(["many json/1", "many json/2"], "json")
    assert raised.code == "not_json"
    assert str(raised.error).startswith('KV CACHE get_many "many json/2": the value is not JSON: ')


@contract
async def kv_byte_order_mark_is_kept(site: Site) -> None:
    await site.kv.put("mark", "\ufeffx")
    assert await site.kv.get("mark") == "\ufeffx"
    found = await site.kv.get_many(["missing", "mark"])
    kept = not site.differs("KV bulk reads keep a byte order mark")
    assert found["mark"] == ("\ufeffx" if kept else "x")


@contract
async def kv_cache_ttl_is_taken(site: Site) -> None:
    await site.kv.put("cached", "x")
    assert await site.kv.get("cached", cache_ttl=60) == "x"
    assert await site.kv.get_bytes("cached", cache_ttl=60) == b"x"
    assert await site.kv.get_json("cached missing", cache_ttl=60) is None
    if site.differs("KV cache_ttl from 30 seconds"):
        with raises(KVError):
            await site.kv.get("cached", cache_ttl=30)
    else:
        assert await site.kv.get("cached", cache_ttl=30) == "x"


@contract
async def kv_keys_are_any_text(site: Site) -> None:
    keys = ("any/%2e", "any/../b", "any/ ", "any/a\nb", "any/a\x00b", "any/?q#h", "any/🌍", "...")
    for key in keys:
        await site.kv.put(key, key)
    assert await site.kv.get_many(keys) == {key: key for key in keys}
    listed = [key async for key in site.kv.keys("any/")]
    assert listed == sorted(keys[:-1], key=str.encode)


@contract
async def kv_numbers_of_json_come_back(site: Site) -> None:
    for text in ("9007199254740993", "1.0", "-0.5", "1e400", '"\\ud800"'):
        await site.kv.put("number", text)
        assert await site.kv.get_json("number") == json.loads(text)
    await site.kv.put_json("number", 2**70)
    assert await site.kv.get_json("number") == 2**70


@contract
async def kv_metadata_is_any_json(site: Site) -> None:
    for metadata in (0, "", False, [], {}, "ü", [None, 1.5], {"a": {"b": "\x00"}}):
        await site.kv.put("any meta", "x", metadata=metadata)
        assert (await site.kv.get_with_metadata("any meta")).metadata == metadata
        assert (await site.kv.list(prefix="any meta")).keys[0].metadata == metadata


@contract
async def kv_put_replaces_everything(site: Site) -> None:
    await site.kv.put("replaced", "x", ttl=60, metadata=1)
    await site.kv.put("replaced", "y")
    (key,) = (await site.kv.list(prefix="replaced")).keys
    assert (key.expiration, key.metadata) == (None, None)
    assert await site.kv.get_with_metadata("replaced") == KVEntry("y", None)


@contract
async def kv_strange_cursor(site: Site) -> None:
    if site.differs("KV refuses a strange cursor"):
        assert (await site.kv.list(prefix="no such prefix", cursor="!")).complete
        return
    with raises(KVError) as raised:
        await site.kv.list(cursor="!")
    assert raised.code == "bad_cursor"


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


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
