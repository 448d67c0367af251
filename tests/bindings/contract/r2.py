"""What every R2 bucket does."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bindings.cloudflare import (
    HTTPMetadata,
    R2ChecksumError,
    R2Conditional,
    R2Error,
    R2LimitError,
    R2MultipartUpload,
    R2Object,
    R2ObjectBody,
    R2PreconditionError,
    R2RangeError,
    R2UploadedPart,
    R2UploadError,
)
from contract.suite import (
    ALL_BYTES,
    CURRENT,
    DIFFERENCES,
    MOTO,
    TEXT,
    WORKERD,
    Site,
    contract,
    living_proxies,
    raises,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

MINIFLARE = (WORKERD, CURRENT)
DIFFERENCES.update(
    {
        "R2 keeps the storage class": dict.fromkeys(
            MINIFLARE, "miniflare's R2 stores no class; the platform and ours do."
        ),
        "R2 knows an unknown upload": dict.fromkeys(
            MINIFLARE, "Completing or aborting one is an internal error (10001) of miniflare."
        ),
        "R2 tells an upload that is over from none": {
            MOTO: "S3 forgets an upload that is over; aborting either does nothing."
        },
        "R2 refuses a part of no upload": {MOTO: "A 500 of moto; S3 says `NoSuchUpload`."},
        "R2 knows the key of an upload": {MOTO: "moto ignores the key, S3 does not."},
        "R2 refuses a strange cursor": dict.fromkeys(
            MINIFLARE, "miniflare reads what it can of it."
        ),
    }
)

MIB = 1024**2
FIVE_MIB = 5 * MIB  # the least that a part but the last may hold
HELLO_MD5 = "5d41402abc4b2a76b9719d911017c592"


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
    assert type(found) is R2ObjectBody
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
async def r2_reading_in_pieces_leaks_no_proxy(site: Site) -> None:
    async def turn() -> int:
        async for _ in await opened(site, "leak"):
            pass
        async for _ in await opened(site, "leak"):
            break
        await site.r2.put("leak/copy", await opened(site, "leak"))
        upload = await site.r2.create_multipart_upload("leak/copy")
        await upload.complete([await upload.upload_part(1, "x")])
        await asyncio.sleep(0.05)
        return living_proxies()

    await site.r2.put("leak", ALL_BYTES * 1024)
    await turn()
    before = await turn()
    assert max([await turn() for _ in range(5)]) <= before


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
    for wrong in ((4, 2), (-3, 1), (10, None), (99, 100)):
        with raises(R2RangeError) as raised:
            await site.r2.get("range", range=wrong)
        assert raised.code == "bad_range"
    await site.r2.put("range/empty", "")
    for wanted in ((0, None), (-1, None)):
        with raises(R2RangeError):
            await site.r2.get("range/empty", range=wanted)
    assert await site.r2.get("range/missing", range=(0, 1)) is None


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
    bare = await site.r2.list(prefix="tree/x", include=())
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
    with raises(R2LimitError) as raised:
        await site.r2.put("", "x")
    assert raised.code == "bad_key"
    for call in (site.r2.head, site.r2.get, site.r2.create_multipart_upload):
        with raises(R2LimitError) as raised:
            await call("x" * 1025)
        assert raised.code == "key_too_long"
    with raises(R2LimitError) as raised:
        await site.r2.delete("fine", "ü" * 513)
    assert raised.code == "key_too_long"
    for limit in (0, 1001):
        with raises(R2LimitError) as raised:
            await site.r2.list(limit=limit)
        assert raised.code == "bad_limit"
    await site.r2.put("ü" * 512, "x")
    assert await site.r2.head("ü" * 512) is not None
    with raises(R2Error) as raised:
        await site.r2.put("\ud800", "x")
    assert raised.code == "not_utf8"


@contract
async def r2_custom_metadata_has_a_limit(site: Site) -> None:
    full = {"k": "x" * 2047}
    assert (await site.r2.put("meta", "x", custom_metadata=full)).custom_metadata == full
    # 2,048 bytes here; the platform's 8,192 are refused before the call.
    for size in (2048, 8192):
        with raises(R2LimitError) as raised:
            await site.r2.put("meta", "y", custom_metadata={"k": "x" * size})
        assert raised.code == "metadata_too_large"
    with raises(R2LimitError):
        await site.r2.create_multipart_upload("meta", custom_metadata={"k": "x" * 8192})
    assert await (await opened(site, "meta")).text() == "x"


@contract
async def r2_checksums_are_kept_and_tested(site: Site) -> None:
    for algorithm in ("md5", "sha1", "sha256", "sha384", "sha512"):
        digest = hashlib.new(algorithm, b"hello").hexdigest()
        stored = await site.r2.put("sum", "hello", checksum=(algorithm, digest.upper()))
        head = await site.r2.head("sum")
        assert head is not None
        assert head.checksums == stored.checksums == {"md5": HELLO_MD5, algorithm: digest}
        with raises(R2ChecksumError) as raised:
            await site.r2.put("sum", "hellO", checksum=(algorithm, digest))
        assert raised.code == "checksum_mismatch"
        assert digest in str(raised.error)
    assert await (await opened(site, "sum")).text() == "hello"


@contract
async def r2_checksum_must_be_one(site: Site) -> None:
    for checksum in (("crc32", "0"), ("md5", "00"), ("sha1", "x" * 40)):
        with raises(R2ChecksumError) as raised:
            await site.r2.put("no sum", "x", checksum=checksum)
        assert raised.code == "bad_checksum"
    assert await site.r2.head("no sum") is None


@contract
async def r2_get_tells_a_failed_condition_from_a_missing_key(site: Site) -> None:
    stored = await site.r2.put("if", "x", content_type="text/plain")
    with raises(R2PreconditionError) as raised:
        await site.r2.get("if", only_if=R2Conditional(etag_does_not_match=stored.etag))
    assert raised.code == "precondition_failed"
    assert getattr(raised.error, "object", None) == stored
    assert await site.r2.get("if/missing", only_if={"etag_matches": "x"}) is None
    # The condition comes before the range.
    with raises(R2PreconditionError):
        await site.r2.get("if", range=(9, 9), only_if={"etag_matches": "x"})
    found = await site.r2.get("if", range=(0, 0), only_if={"etag_matches": stored.etag})
    assert found is not None
    assert await found.text() == "x"


@contract
async def r2_conditions_on_what_is_there(site: Site) -> None:
    stored = await site.r2.put("cond", "x")
    etag, second = stored.etag, timedelta(seconds=1)
    earlier, later = stored.uploaded - second, stored.uploaded + second
    this_second = stored.uploaded.replace(microsecond=0)
    cases: list[tuple[dict[str, object], bool]] = [
        ({}, True),
        ({"etag_matches": etag}, True),
        ({"etag_matches": stored.http_etag}, True),
        ({"etag_matches": "*"}, True),
        ({"etag_matches": "other"}, False),
        ({"etag_does_not_match": etag}, False),
        ({"etag_does_not_match": stored.http_etag}, False),
        ({"etag_does_not_match": "*"}, False),
        ({"etag_does_not_match": "other"}, True),
        ({"uploaded_before": later}, True),
        ({"uploaded_before": stored.uploaded}, False),
        ({"uploaded_before": earlier}, False),
        ({"uploaded_after": earlier}, True),
        ({"uploaded_after": stored.uploaded}, False),
        ({"uploaded_after": later}, False),
        ({"uploaded_before": this_second + second, "seconds_granularity": True}, True),
        ({"uploaded_before": this_second, "seconds_granularity": True}, False),
        ({"uploaded_after": this_second, "seconds_granularity": True}, False),
        ({"uploaded_after": this_second - second, "seconds_granularity": True}, True),
        ({"etag_matches": etag, "uploaded_before": earlier}, True),
        ({"etag_matches": "other", "uploaded_before": later}, False),
        ({"etag_does_not_match": "other", "uploaded_after": later}, True),
        ({"etag_does_not_match": etag, "uploaded_after": earlier}, False),
    ]
    for condition, holds in cases:
        assert await read_if(site, "cond", condition) == holds, condition


@contract
async def r2_put_may_depend_on_what_is_there(site: Site) -> None:
    stored = await site.r2.put("put if", "1")
    for condition in ({"etag_matches": "other"}, {"etag_does_not_match": "*"}):
        with raises(R2PreconditionError) as raised:
            await site.r2.put("put if", "2", only_if=condition)
        assert getattr(raised.error, "object", "unset") is None
    assert await (await opened(site, "put if")).text() == "1"
    await site.r2.put("put if", "2", only_if=R2Conditional(etag_matches=stored.etag))
    assert await (await opened(site, "put if")).text() == "2"


@contract
async def r2_put_may_depend_on_nothing_being_there(site: Site) -> None:
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    for number, condition in enumerate(({"etag_matches": "*"}, {"uploaded_after": moment})):
        with raises(R2PreconditionError):
            await site.r2.put(f"new/{number}", "x", only_if=condition)
        assert await site.r2.head(f"new/{number}") is None
    for number, condition in enumerate(({"etag_does_not_match": "*"}, {"uploaded_before": moment})):
        stored = await site.r2.put(f"new/{number}", "x", only_if=condition)
        assert stored.size == 1


@contract
async def r2_only_one_of_many_creates(site: Site) -> None:
    async def create(number: int) -> int:
        try:
            await site.r2.put("race", str(number), only_if={"etag_does_not_match": "*"})
        except R2PreconditionError:
            return 0
        return 1

    assert sum(await asyncio.gather(*map(create, range(8)))) == 1


@contract
async def r2_storage_class_is_taken(site: Site) -> None:
    stored = await site.r2.put("class", "x", storage_class="InfrequentAccess")
    forgets = site.differs("R2 keeps the storage class")
    assert stored.storage_class == ("Standard" if forgets else "InfrequentAccess")
    with raises(R2Error) as raised:
        await site.r2.put("class", "x", storage_class="Cold")  # type: ignore[arg-type]
    assert raised.code == "bad_storage_class"


@contract
async def r2_long_iterable_is_stored_in_parts(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(9):
            yield bytes([number]) * MIB

    await site.r2.put("stream", "old")
    stored = await site.r2.put("stream", chunks(), content_type="x/y", custom_metadata={"a": "b"})
    assert stored.size == 9 * MIB
    assert stored.etag.endswith("-2")
    assert stored.checksums == {}
    assert stored.http_metadata.content_type == "x/y"
    assert stored.custom_metadata == {"a": "b"}
    found = await site.r2.get("stream", range=(8 * MIB - 2, 8 * MIB + 1))
    assert found is not None
    assert await found.bytes() == b"\x07\x07\x08\x08"
    sizes = [len(chunk) async for chunk in await opened(site, "stream")]
    assert sum(sizes) == 9 * MIB
    assert max(sizes) < MIB


@contract
async def r2_broken_iterable_stores_nothing(site: Site) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield bytes(MIB)
        raise LookupError("the source broke")

    await site.r2.put("broken", "old")
    for count in (1, 9):
        with raises(LookupError):
            await site.r2.put("broken", chunks(count))
        assert await (await opened(site, "broken")).text() == "old"


@contract
async def r2_iterable_may_have_a_checksum_and_a_condition(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"hel"
        yield b"lo"

    stored = await site.r2.put("sum of chunks", chunks(), checksum=("md5", HELLO_MD5))
    assert stored.checksums == {"md5": HELLO_MD5}
    with raises(R2PreconditionError):
        await site.r2.put("sum of chunks", chunks(), only_if={"etag_matches": "x"})
    with raises(R2ChecksumError):
        await site.r2.put("sum of chunks", chunks(), checksum=("md5", "0" * 32))


@contract
async def r2_object_is_copied_as_an_iterable(site: Site) -> None:
    await site.r2.put("original", ALL_BYTES)
    assert (await site.r2.put("copy", await opened(site, "original"))).size == 256
    assert await (await opened(site, "copy")).bytes() == ALL_BYTES


@contract
async def r2_upload_in_parts(site: Site) -> None:
    await site.r2.put("parts", "old")
    upload = await site.r2.create_multipart_upload(
        "parts", content_type="x/y", custom_metadata={"a": "ü"}
    )
    assert upload.key == "parts"
    again = site.r2.resume_multipart_upload("parts", upload.upload_id)
    assert again == upload
    last = await again.upload_part(2, "tail")
    first = await upload.upload_part(1, b"x" * FIVE_MIB)
    assert (first.number, last.number) == (1, 2)
    assert first.etag != last.etag
    # Nothing is seen before it is complete.
    assert await (await opened(site, "parts")).text() == "old"
    stored = await again.complete([last, first])
    digests = hashlib.md5(b"x" * FIVE_MIB).digest() + hashlib.md5(b"tail").digest()  # noqa: S324
    assert stored.etag == f"{hashlib.md5(digests).hexdigest()}-2"  # noqa: S324
    assert stored.size == FIVE_MIB + 4
    found = await site.r2.get("parts", range=(FIVE_MIB - 2, FIVE_MIB + 1))
    assert found is not None
    assert await found.text() == "xxta"
    assert found.http_metadata.content_type == "x/y"
    assert found.custom_metadata == {"a": "ü"}
    assert found.checksums == {}
    assert found.version == stored.version


@contract
async def r2_upload_keeps_the_parts_that_are_named(site: Site) -> None:
    upload = await site.r2.create_multipart_upload("named")
    await upload.upload_part(1, "dropped")
    replaced = await upload.upload_part(7, "replaced")
    part = await upload.upload_part(7, "kept")
    for wrong in (replaced, R2UploadedPart(8, part.etag)):
        with raises(R2UploadError) as raised:
            await upload.complete([wrong])
        assert raised.code == "no_such_part"
    assert (await upload.complete([part])).size == 4
    assert await (await opened(site, "named")).text() == "kept"


@contract
async def r2_upload_takes_an_iterable(site: Site) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    upload = await site.r2.create_multipart_upload("part of chunks")
    await upload.complete([await upload.upload_part(1, chunks())])
    assert await (await opened(site, "part of chunks")).text() == "one two"


@contract
async def r2_upload_refuses_parts_of_the_wrong_size(site: Site) -> None:
    upload = await site.r2.create_multipart_upload("sizes")
    small = await upload.upload_part(1, "x")
    large = await upload.upload_part(2, bytes(FIVE_MIB))
    larger = await upload.upload_part(3, bytes(FIVE_MIB + 1))
    for parts, code in (
        ([small, large], "part_too_small"),
        ([large, larger], "parts_uneven"),
    ):
        with raises(R2UploadError) as raised:
            await upload.complete(parts)
        assert raised.code == code
    assert await site.r2.head("sizes") is None
    await upload.complete([larger])


@contract
async def r2_upload_refuses_bad_part_numbers(site: Site) -> None:
    upload = await site.r2.create_multipart_upload("numbers")
    for number in (-1, 0, 10_001):
        with raises(R2UploadError) as raised:
            await upload.upload_part(number, "x")
        assert raised.code == "bad_part"
    part = await upload.upload_part(10_000, "x")
    with raises(R2UploadError) as raised:
        await upload.complete([part, part])
    assert raised.code == "bad_part"
    await upload.complete([part])


@contract
async def r2_upload_is_over_when_complete_or_aborted(site: Site) -> None:
    for key in ("complete", "aborted"):
        upload = await site.r2.create_multipart_upload(key)
        part = await upload.upload_part(1, "x")
        await (upload.complete([part]) if key == "complete" else upload.abort())
        await refuse_a_part(site, upload)
        with raises(R2UploadError) as raised:
            await upload.complete([part])
        assert raised.code == "no_such_upload"
        await upload.abort()
    assert await site.r2.head("aborted") is None
    assert await (await opened(site, "complete")).text() == "x"


@contract
async def r2_unknown_upload_raises(site: Site) -> None:
    known = await site.r2.create_multipart_upload("known")
    ignores_keys = site.differs("R2 knows the key of an upload")
    for upload_id in ["nope", *([] if ignores_keys else [known.upload_id])]:
        upload = site.r2.resume_multipart_upload("unknown", upload_id)
        await refuse_a_part(site, upload)
        part = R2UploadedPart(1, "x")
        calls: list[Awaitable[object]] = [upload.complete([part])]
        if site.differs("R2 tells an upload that is over from none"):
            await upload.abort()
        else:
            calls.append(upload.abort())
        for call in calls:
            with raises(R2Error) as raised:
                await call
            is_internal = site.differs("R2 knows an unknown upload")
            assert raised.code == ("failed" if is_internal else "no_such_upload")
    await known.abort()


@contract
async def r2_list_includes_metadata_unless_told_otherwise(site: Site) -> None:
    for name in ("a", "b", "c"):
        await site.r2.put(f"told/{name}", "x", content_type="x/y", custom_metadata={"n": name})
    page = await site.r2.list(prefix="told/")
    assert [each.custom_metadata["n"] for each in page.objects] == ["a", "b", "c"]
    assert page.objects[0].http_metadata.content_type == "x/y"
    assert page.objects[0].checksums["md5"] == page.objects[0].etag
    bare = await site.r2.list(prefix="told/", include=[])
    assert bare.objects[0].custom_metadata == {}
    assert bare.objects[0].http_metadata == HTTPMetadata()
    names = [each.custom_metadata["n"] async for each in site.r2.objects("told/")]
    assert names == ["a", "b", "c"]


@contract
async def r2_list_goes_on_after_a_key(site: Site) -> None:
    for name in ("a", "b/1", "b/2", "c::1", "d"):
        await site.r2.put(f"on/{name}", "x")
    listed = site.r2.list
    page = await listed(prefix="on/", delimiter="/", start_after="on/b/1")
    assert [each.key for each in page.objects] == ["on/c::1", "on/d"]
    assert page.delimited_prefixes == ["on/b/"]
    page = await listed(prefix="on/", delimiter="::")
    assert page.delimited_prefixes == ["on/c::"]
    assert len(page.objects) == 4
    page = await listed(prefix="on/", delimiter="/", limit=2)
    assert (page.delimited_prefixes, page.truncated) == (["on/b/"], True)
    page = await listed(prefix="on/", delimiter="/", limit=2, cursor=page.cursor)
    assert [each.key for each in page.objects] == ["on/c::1", "on/d"]
    page = await listed(prefix="on/", limit=1)
    page = await listed(prefix="on/", cursor=page.cursor, start_after="on/c::1")
    assert [each.key for each in page.objects] == ["on/d"]
    if site.differs("R2 refuses a strange cursor"):
        assert (await listed(prefix="no such prefix", cursor="!")).objects == []
    else:
        with raises(R2Error) as raised:
            await listed(cursor="!")
        assert raised.code == "bad_cursor"
    with raises(R2Error) as raised:
        await listed(include=["body"])  # type: ignore[list-item]
    assert raised.code == "bad_include"


async def refuse_a_part(site: Site, upload: R2MultipartUpload) -> None:
    is_internal = site.differs("R2 refuses a part of no upload")
    with raises(R2Error if is_internal else R2UploadError) as raised:
        await upload.upload_part(1, "x")
    assert raised.code == ("failed" if is_internal else "no_such_upload")


async def read_if(site: Site, key: str, condition: dict[str, object]) -> bool:
    try:
        found = await site.r2.get(key, only_if=condition)
    except R2PreconditionError:
        return False
    assert found is not None
    return await found.text() == "x"


async def opened(site: Site, key: str) -> R2ObjectBody:
    found = await site.r2.get(key)
    assert found is not None
    return found
