from __future__ import annotations

import pickle
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from told import says

from bindings.cloudflare import (
    R2,
    R2ChecksumError,
    R2Conditional,
    R2Error,
    R2LimitError,
    R2PreconditionError,
    R2RangeError,
    R2UploadedPart,
    R2UploadError,
)
from bindings.cloudflare._r2_options import R2Call
from bindings.cloudflare._r2_upload import Regrouped
from bindings.cloudflare.errors import SQL_SHOWN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Run

MEDIA = R2("MEDIA")

pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "a key is at least one byte long."),
        ("x" * 1025, "the key is 1025 bytes long; R2 takes 1024."),
    ],
)
def test_key_keeps_the_limits(run: Run, key: str, message: str) -> None:
    with pytest.raises(R2LimitError) as raised:
        run(MEDIA.put(key, "x"))
    shown = key if len(key) <= SQL_SHOWN else f"{key[: SQL_SHOWN - 1]}…"
    assert str(raised.value) == f'R2 MEDIA put "{shown}": {message}'


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (1, {}, "R2 stores str, bytes, an async iterable of bytes or None, not int"),
        ("x", {"http_metadata": {"type": "x"}}, "has no `type`. It has `content_type`"),
        ("x", {"custom_metadata": {"a": 1}}, "maps str to str, but 'a' is 1"),
        (
            "x",
            {"http_metadata": {"cache_expiry": datetime(2030, 1, 1)}},
            "`cache_expiry` has no time zone",
        ),
        ("x", {"only_if": {"etag": "x"}}, "R2's only_if has no `etag`. It has `etag_matches`"),
        ("x", {"only_if": {"uploaded_after": datetime(2030, 1, 1)}}, "`uploaded_after` has no"),
    ],
)
def test_put_refuses_other_types(
    run: Run, value: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        run(MEDIA.put("key", value, **options))


@pytest.mark.parametrize("wanted", [(4, 2), (-3, 1)])
def test_range_is_checked(run: Run, wanted: tuple[int, int]) -> None:
    with pytest.raises(R2RangeError) as raised:
        run(MEDIA.get("key", range=wanted))
    assert str(raised.value) == (
        f'R2 MEDIA get "key": `range` is {wanted}.\n'
        "  Hint: Pass (first, last), (first, None) or (-count, None)."
    )


def test_list_keeps_the_limits(run: Run) -> None:
    with pytest.raises(R2Error, match="`limit` is 1001; it must lie between 1 and 1000"):
        run(MEDIA.list(limit=1001))
    with pytest.raises(R2Error, match="`include` has no `body`; it takes `http_meta"):
        run(MEDIA.list(include=["body"]))  # pyright: ignore[reportArgumentType]
    with pytest.raises(R2Error, match="the cursor `!` is none of R2's"):
        run(MEDIA.list(cursor="!"))
    with pytest.raises(R2Error, match="the cursor `ü` is none of R2's"):
        run(MEDIA.list(cursor="ü"))
    with pytest.raises(R2Error, match=r"`prefix` holds `.udc00` at 1, half of a character"):
        run(MEDIA.list(prefix="x\udc00"))


def test_delete_keeps_the_limits(run: Run) -> None:
    with pytest.raises(R2Error, match="1001 keys are to be deleted; R2 takes 1000"):
        run(MEDIA.delete(*map(str, range(1001))))


def test_body_of_the_embedded_backend_has_no_stream(run: Run) -> None:
    run(MEDIA.put("key", "x"))
    found = run(MEDIA.get("key"))
    assert not hasattr(found, "js_body")
    assert "_body" not in repr(found)


def test_list_pages_through_folders(run: Run) -> None:
    for key in ("a/1", "a/2", "b", "c/1", "d"):
        run(MEDIA.put(key, "x"))
    first = run(MEDIA.list(delimiter="/", limit=3))
    assert [each.key for each in first.objects] == ["b"]
    assert first.delimited_prefixes == ["a/", "c/"]
    rest = run(MEDIA.list(delimiter="/", limit=3, cursor=first.cursor))
    assert [each.key for each in rest.objects] == ["d"]
    assert (rest.truncated, rest.delimited_prefixes) == (False, [])


def test_objects_go_on_past_the_first_page(run: Run) -> None:
    async def fill_and_count() -> int:
        for number in range(101):
            await MEDIA.put(f"{number:03}", None)
        assert len((await MEDIA.list(include=[])).objects) == 101
        # As miniflare has it, a page with metadata is smaller.
        assert len((await MEDIA.list()).objects) == 100
        return len([each async for each in MEDIA.objects()])

    assert run(fill_and_count()) == 101


def test_body_has_a_limit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.cloudflare._r2_options.MAX_VALUE", 3)
    with pytest.raises(R2LimitError) as raised:
        run(MEDIA.put("key", "four"))
    assert str(raised.value) == (
        'R2 MEDIA put "key": the value is 4 bytes long; R2 takes 3 in one call.\n'
        "  Hint: Use `create_multipart_upload()`."
    )
    assert raised.value.code == "value_too_large"


def test_collected_iterable_has_a_limit(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.cloudflare._r2_options.MAX_COLLECTED", 3)
    with pytest.raises(R2LimitError) as raised:
        run(MEDIA.put("key", chunks(b"12", b"34"), only_if={}))
    assert str(raised.value) == (
        'R2 MEDIA put "key": the iterable yields more than 3 bytes, which must be in memory '
        "at once.\n  Hint: Leave out `checksum` and `only_if`."
    )
    run(MEDIA.put("key", chunks(b"12", b"34")))


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ([], [b""]),
        ([b"", b"1"], [b"1"]),
        ([b"123", b""], [b"123"]),
        ([b"1", b"23", b"4"], [b"123", b"4"]),
        ([b"12345678"], [b"123", b"456", b"78"]),
        ([b"123", b"456"], [b"123", b"456"]),
    ],
)
def test_iterable_is_regrouped(
    run: Run, monkeypatch: pytest.MonkeyPatch, given: list[bytes], parts: list[bytes]
) -> None:
    monkeypatch.setattr("bindings.cloudflare._r2_upload.PART", 3)

    async def regroup() -> tuple[bool, list[bytes]]:
        regrouped = Regrouped(chunks(*given))
        return await regrouped.fits_in_one(), [part async for part in regrouped.parts()]

    assert run(regroup()) == (len(parts) == 1, parts)


def test_iterable_yields_bytes_only(run: Run) -> None:
    for condition in (None, R2Conditional()):
        texts: Any = chunks("text")  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match="async iterable of bytes, but it yielded str"):
            run(MEDIA.put("key", texts, only_if=condition))
    assert run(MEDIA.head("key")) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("crc32", "0"), "`checksum` has no `crc32`; it takes `md5`, `sha1`, `sha256`,"),
        (("md5", "xyz"), "`xyz` is no md5, which has 32 hexadecimal digits."),
        (
            ("md5", "0" * 32),
            "The MD5 checksum you specified did not match what we received. You provided a MD5 "
            "checksum with value: 00000000000000000000000000000000 Actual MD5 was: "
            "9dd4e461268c8034f5c8564e155c67a6 (10037)",
        ),
    ],
)
def test_checksum_is_tested(run: Run, wrong: tuple[str, str], message: str) -> None:
    with pytest.raises(R2ChecksumError) as raised:
        run(MEDIA.put("key", "x", checksum=wrong))
    assert str(raised.value).startswith(f'R2 MEDIA put "key": {message}')


def test_failed_condition_tells_what_is_there(run: Run) -> None:
    stored = run(MEDIA.put("key", "x"))
    with pytest.raises(R2PreconditionError) as raised:
        run(MEDIA.get("key", only_if={"etag_matches": "other"}))
    assert str(raised.value) == 'R2 MEDIA get "key": the condition `only_if` does not hold.'
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - made right here
    assert copy.object == stored


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0, 1), "the part's number is 0; R2 takes 1 to 10000."),
        ((1, 10_001), "the part's number is 10001; R2 takes 1 to 10000."),
        ((3, 1, 3), "part 3 is named twice."),
    ],
)
def test_part_numbers_are_checked(run: Run, numbers: tuple[int, ...], message: str) -> None:
    upload = MEDIA.resume_multipart_upload("key", "id")
    with pytest.raises(R2UploadError) as raised:
        run(upload.complete([R2UploadedPart(number, "etag") for number in numbers]))
    assert str(raised.value) == f'R2 MEDIA complete "key": {message}'


@pytest.mark.parametrize(
    ("told", "kind", "code", "text"),
    [
        ("get: Not satisfiable (10039)", R2RangeError, "bad_range", "Not satisfiable (10039)"),
        ("put: No. (10020)", R2LimitError, "key_too_long", "No. (10020)"),
        ("complete: No. (10048)", R2UploadError, "parts_uneven", "No. (10048)"),
        ("put: Wait. (10001)", R2Error, "failed", "Wait. (10001)"),
        ("Network connection lost.", R2Error, "failed", "Network connection lost."),
    ],
)
def test_platforms_words_get_a_class(told: str, kind: type[R2Error], code: str, text: str) -> None:
    error = R2Call("MEDIA", "get", "key").refusal(told)
    assert (type(error), error.code) == (kind, code)
    assert says(error, f'R2 MEDIA get "key": {text}')


async def chunks(*given: bytes) -> AsyncIterator[bytes]:
    for chunk in given:
        yield chunk
