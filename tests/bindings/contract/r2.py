"""What every R2 bucket does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bindings.cloudflare import HTTPMetadata, R2Error, R2Object, R2ObjectBody
from contract.suite import ALL_BYTES, TEXT, Site, contract, raises

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@contract
async def r2_missing_is_none(site: Site) -> None:
    assert await site.r2.get("missing") is None
    assert await site.r2.head("missing") is None
    await site.r2.delete("missing")
    await site.r2.delete()


@contract
async def r2_bytes_come_back(site: Site) -> None:
    stored = await site.r2.put("all bytes", ALL_BYTES)
    assert type(stored) is R2Object
    found = await opened(site, "all bytes")
    assert await found.bytes() == ALL_BYTES
    assert found.size == 256
    assert found.etag == stored.etag == "e2c865db4162bed963bfaa9ef6ac18f0"
    assert found.http_etag == f'"{found.etag}"'
    assert found.version == stored.version != ""
    assert found.key == "all bytes"
    assert found.range is None
    assert found.storage_class == "Standard"


@contract
async def r2_uploaded_is_aware(site: Site) -> None:
    stored = await site.r2.put("uploaded", "x")
    assert stored.uploaded.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - stored.uploaded) < timedelta(minutes=1)
    head = await site.r2.head("uploaded")
    assert head is not None
    assert head.uploaded == stored.uploaded


@contract
async def r2_text_and_json_come_back(site: Site) -> None:
    await site.r2.put("text", TEXT)
    assert await (await opened(site, "text")).text() == TEXT
    await site.r2.put("json", '{"a": [1, null]}')
    assert await (await opened(site, "json")).json() == {"a": [1, None]}
    with raises(R2Error):
        await (await opened(site, "text")).json()


@contract
async def r2_empty_object_is_empty(site: Site) -> None:
    for value in (None, "", b""):
        stored = await site.r2.put("empty", value)
        assert stored.size == 0
        assert await (await opened(site, "empty")).bytes() == b""
    assert [chunk async for chunk in await opened(site, "empty")] == []


@contract
async def r2_chunks_are_collected(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    assert (await site.r2.put("chunks", chunks())).size == 7
    assert await (await opened(site, "chunks")).text() == "one two"


@contract
async def r2_body_is_iterated(site: Site) -> None:
    content = ALL_BYTES * 1024
    await site.r2.put("large", content)
    chunks = [chunk async for chunk in await opened(site, "large")]
    assert len(chunks) > 1
    assert all(type(chunk) is bytes for chunk in chunks)
    assert b"".join(chunks) == content
    async for chunk in await opened(site, "large"):
        assert content.startswith(chunk)
        break


@contract
async def r2_body_is_read_once(site: Site) -> None:
    await site.r2.put("once", "x")
    found = await opened(site, "once")
    await found.text()
    with raises(R2Error) as raised:
        await found.bytes()
    assert str(raised.error) == (
        'R2 MEDIA bytes "once": the body was already read.\n  Hint: Keep what the first read gave.'
    )


@contract
async def r2_metadata_comes_back(site: Site) -> None:
    expiry = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    http = HTTPMetadata("text/css", "de", "inline", "gzip", "max-age=60", cache_expiry=expiry)
    custom = {"author": "Ada", "empty": "", "httpMetadata": "ü"}
    stored = await site.r2.put("metadata", "x", http_metadata=http, custom_metadata=custom)
    head = await site.r2.head("metadata")
    found = await opened(site, "metadata")
    for each in (stored, head, found):
        assert each is not None
        assert each.http_metadata == http
        assert each.custom_metadata == custom


@contract
async def r2_content_type_is_short_for_metadata(site: Site) -> None:
    stored = await site.r2.put(
        "type", "x", content_type="text/csv", http_metadata={"cache_control": "private"}
    )
    assert stored.http_metadata == HTTPMetadata("text/csv", cache_control="private")
    await site.r2.put("type", "x")
    head = await site.r2.head("type")
    assert head is not None
    assert head.http_metadata == HTTPMetadata()
    assert head.custom_metadata == {}


@contract
async def r2_ranges_are_inclusive(site: Site) -> None:
    await site.r2.put("range", "0123456789")
    cases = (
        ((2, 4), "234", (2, 4)),
        ((0, 0), "0", (0, 0)),
        ((7, None), "789", (7, 9)),
        ((-3, None), "789", (7, 9)),
        ((8, 99), "89", (8, 9)),
        ((-99, None), "0123456789", (0, 9)),
    )
    for wanted, text, part in cases:
        found = await site.r2.get("range", range=wanted)
        assert found is not None
        assert await found.text() == text, wanted
        assert found.range == part
        assert found.size == 10
    for wrong in ((4, 2), (-3, 1), (10, None)):
        with raises(R2Error):
            await site.r2.get("range", range=wrong)


@contract
async def r2_list_pages_in_order(site: Site) -> None:
    for name in ("c", "ä", "b", "a"):
        await site.r2.put(f"list/{name}", name, custom_metadata={"n": name})
    page = await site.r2.list(prefix="list/", limit=3, include=["custom_metadata"])
    assert [each.key for each in page.objects] == ["list/a", "list/b", "list/c"]
    assert page.objects[1].custom_metadata == {"n": "b"}
    assert page.truncated
    assert page.cursor
    page = await site.r2.list(prefix="list/", limit=3, cursor=page.cursor)
    assert [each.key for each in page.objects] == ["list/ä"]
    assert (page.truncated, page.cursor) == (False, None)
    page = await site.r2.list(prefix="list/", start_after="list/b")
    assert [each.key for each in page.objects] == ["list/c", "list/ä"]
    keys = [each.key async for each in site.r2.objects(prefix="list/")]
    assert keys == ["list/a", "list/b", "list/c", "list/ä"]


@contract
async def r2_list_gathers_folders(site: Site) -> None:
    for name in ("x", "img/1", "img/2", "js/1"):
        await site.r2.put(f"tree/{name}", name, content_type="text/plain")
    page = await site.r2.list(prefix="tree/", delimiter="/", include=["http_metadata"])
    assert [each.key for each in page.objects] == ["tree/x"]
    assert page.objects[0].http_metadata.content_type == "text/plain"
    assert page.delimited_prefixes == ["tree/img/", "tree/js/"]
    bare = await site.r2.list(prefix="tree/x")
    assert bare.objects[0].http_metadata == HTTPMetadata()


@contract
async def r2_delete_deletes(site: Site) -> None:
    for key in ("delete/1", "delete/2", "delete/3"):
        await site.r2.put(key, "x")
    await site.r2.delete("delete/1", "delete/3", "delete/missing")
    keys = [each.key async for each in site.r2.objects(prefix="delete/")]
    assert keys == ["delete/2"]


@contract
async def r2_limits_are_kept(site: Site) -> None:
    with raises(R2Error):
        await site.r2.put("", "x")
    with raises(R2Error):
        await site.r2.head("x" * 1025)
    with raises(R2Error):
        await site.r2.list(limit=0)
    await site.r2.put("ü" * 512, "x")
    assert await site.r2.head("ü" * 512) is not None


async def opened(site: Site, key: str) -> R2ObjectBody:
    found = await site.r2.get(key)
    assert found is not None
    return found
