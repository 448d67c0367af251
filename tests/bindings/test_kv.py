from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest
from told import says

from bindings.cloudflare import KV, KVError
from bindings.cloudflare._kv import KVCall
from bindings.cloudflare.errors import SQL_SHOWN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from conftest import Run

CACHE = KV("CACHE")
LARGEST = 25 * 1024 * 1024
NOW = 1_700_000_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: float(NOW))


@pytest.mark.parametrize(
    ("key", "options", "code", "expected"),
    [
        ("", {}, "bad_key", "a key is at least one byte long and neither `.` nor `..`."),
        (".", {}, "bad_key", "a key is at least one byte long and neither `.` nor `..`."),
        ("..", {}, "bad_key", "a key is at least one byte long and neither `.` nor `..`."),
        ("ü" * 257, {}, "key_too_long", "the key is 514 bytes long; KV takes 512."),
        ("k", {"ttl": 59}, "bad_ttl", "`ttl` is 59 seconds; KV takes 60 or more."),
        (
            "k",
            {"ttl": 2**31},
            "bad_ttl",
            "`ttl` is 2147483648 seconds; KV takes up to 2147483647.",
        ),
        (
            "k",
            {"ttl": 60, "expires_at": NOW},
            "bad_ttl",
            "`ttl` and `expires_at` exclude each other.\n  Hint: Pass one.",
        ),
        (
            "k",
            {"expires_at": NOW + 59},
            "bad_ttl",
            "`expires_at` lies less than 60 seconds ahead.",
        ),
        (
            "k",
            {"expires_at": 2**31},
            "bad_ttl",
            "`expires_at` is 2147483648; KV takes up to 2147483647, in January 2038.\n"
            "  Hint: Leave it out to keep the key for good.",
        ),
        (
            "k",
            {"metadata": "x" * 1023},
            "metadata_too_large",
            "the metadata is 1025 bytes of JSON; KV takes 1024.",
        ),
        (
            "k",
            {"metadata": "x\udc00"},
            "not_utf8",
            "the metadata holds `\\udc00` at 2, half of a character.\n"
            "  Hint: Replace it: text.encode('utf-8', 'replace').decode().",
        ),
    ],
)
@pytest.mark.usefixtures("backend")
def test_put_keeps_the_limits(
    run: Run, key: str, options: dict[str, Any], code: str, expected: str
) -> None:
    with pytest.raises(KVError) as raised:
        run(CACHE.put(key, "value", **options))
    shown = key if len(key) <= SQL_SHOWN else f"{key[: SQL_SHOWN - 1]}…"
    assert says(raised.value, f'KV CACHE put "{shown}": {expected}')
    assert raised.value.code == code


@pytest.mark.parametrize("value", [b"x" * (LARGEST + 1), "ü" * (LARGEST // 2) + "x"])
@pytest.mark.usefixtures("backend")
def test_put_refuses_more_than_25_mib(run: Run, value: str | bytes) -> None:
    with pytest.raises(KVError) as raised:
        run(CACHE.put("key", value))
    expected = "the value is 26214401 bytes long; KV takes 26214400 (25 MiB)."
    assert says(raised.value, f'KV CACHE put "key": {expected}')
    assert raised.value.code == "value_too_large"


async def pieces(*chunks: object, read: list[object] | None = None) -> AsyncIterator[Any]:
    for chunk in chunks:
        if read is not None:
            read.append(chunk)
        yield chunk


@pytest.mark.usefixtures("backend")
def test_put_reads_a_stream_only_to_the_limit(run: Run) -> None:
    read: list[object] = []
    with pytest.raises(KVError, match="is 26214401 bytes long"):
        run(CACHE.put("key", pieces(bytes(LARGEST), b"x", b"never read", read=read)))
    assert read == [bytes(LARGEST), b"x"]
    assert run(CACHE.get("key")) is None


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (
            1,
            {},
            "KV stores str, bytes or an async iterable of bytes, not int. "
            "Use `put_json()`, or convert first.",
        ),
        (
            bytearray(b"x"),
            {},
            "KV stores str, bytes or an async iterable of bytes, not bytearray. "
            "Use `bytes(value)`.",
        ),
        (pieces("x"), {}, "KV stores an async iterable of bytes; it yielded str."),
        ("x", {"metadata": {1, 2}}, "Object of type set is not JSON serializable"),
        ("x", {"ttl": 60.5}, "`ttl` is seconds as an int, not float."),
        (
            "x",
            {"expires_at": datetime(2030, 1, 1)},
            "`expires_at` has no time zone. Pass an aware datetime, such as "
            "`datetime.now(UTC) + timedelta(hours=1)`.",
        ),
    ],
)
@pytest.mark.usefixtures("backend")
def test_put_refuses_other_types(
    run: Run, value: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError) as raised:
        run(CACHE.put("key", value, **options))
    assert str(raised.value) == message


@pytest.mark.usefixtures("backend")
def test_put_json_refuses_what_json_cannot_say(run: Run) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        run(CACHE.put_json("key", float("nan")))


@pytest.mark.parametrize(
    ("call", "code", "expected"),
    [
        (
            lambda: CACHE.get("key", cache_ttl=29),
            "bad_cache_ttl",
            'get "key": `cache_ttl` is 29 seconds; KV takes 30 or more.',
        ),
        (
            lambda: CACHE.get_with_metadata("key", cast("Literal['text']", "blob")),
            "bad_type",
            'get_with_metadata "key": `type` is `blob`; '
            "it may be `text`, `json`, `bytes` or `stream`.",
        ),
        (
            lambda: CACHE.get_many(["key"], cast("Literal['text']", "stream")),
            "bad_type",
            "get_many: `type` is `stream`; it may be `text`, `json` or `bytes`.",
        ),
        (
            lambda: CACHE.list(prefix="x" * 513),
            "key_too_long",
            "list: the prefix is 513 bytes long; KV takes 512.",
        ),
    ],
)
@pytest.mark.usefixtures("backend")
def test_reads_keep_the_limits(
    run: Run, call: Callable[[], Coroutine[None, None, Any]], code: str, expected: str
) -> None:
    with pytest.raises(KVError) as raised:
        run(call())
    assert says(raised.value, f"KV CACHE {expected}")
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("message", "code", "hint"),
    [
        ("KV PUT failed: 413 Value length of 1 exceeds limit of 0.", "value_too_large", ""),
        ("KV GET failed: 414 too long", "key_too_long", ""),
        (
            "KV PUT failed: 429 Too Many Requests",
            "too_many_requests",
            "\n  Hint: Write a key at most once a second; spread what changes faster over keys.",
        ),
        ("KV GET failed: 500 Internal Server Error", "failed", ""),
    ],
)
def test_status_of_the_platform_becomes_a_code(message: str, code: str, hint: str) -> None:
    error = KVCall("CACHE", "put", "key").refusal(message)
    assert says(error, f'KV CACHE put "key": {message}{hint}')
    assert error.code == code


@pytest.mark.usefixtures("backend")
def test_stream_is_read_once_and_has_no_javascript_here(run: Run) -> None:
    run(CACHE.put("key", b"x" * 100_000))
    stream = run(CACHE.get_stream("key"))
    assert stream is not None
    assert not hasattr(stream, "js_body")

    async def sizes() -> list[int]:
        return [len(chunk) async for chunk in stream]

    assert run(sizes()) == [65_536, 34_464]
    with pytest.raises(KVError) as raised:
        aiter(stream)
    assert str(raised.value) == (
        'KV CACHE get_stream "key": the value was already read.\n'
        "  Hint: Keep what the first read gave."
    )


@pytest.mark.parametrize("limit", [0, 1001])
@pytest.mark.usefixtures("backend")
def test_list_keeps_the_limits(run: Run, limit: int) -> None:
    with pytest.raises(KVError) as raised:
        run(CACHE.list(limit=limit))
    expected = f"KV CACHE list: `limit` is {limit}; it must lie between 1 and 1000."
    assert str(raised.value) == expected


@pytest.mark.usefixtures("backend")
def test_list_refuses_a_strange_cursor(run: Run) -> None:
    with pytest.raises(KVError) as raised:
        run(CACHE.list(cursor="!"))
    assert str(raised.value) == "KV CACHE list: the cursor `!` is none of KV's."
    assert raised.value.code == "bad_cursor"


@pytest.mark.usefixtures("backend")
def test_expired_entry_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run(CACHE.put("ttl", "x", ttl=60))
    run(CACHE.put("moment", "x", expires_at=datetime.fromtimestamp(NOW + 60, UTC)))
    run(CACHE.put("stays", "x"))
    monkeypatch.setattr(time, "time", lambda: NOW + 59.9)
    assert run(CACHE.get("ttl")) == "x"
    monkeypatch.setattr(time, "time", lambda: NOW + 60.0)
    assert run(CACHE.get("ttl")) is None
    assert run(CACHE.get("moment")) is None
    assert [key.name for key in run(CACHE.list()).keys] == ["stays"]


@pytest.mark.usefixtures("backend")
def test_keys_go_on_past_the_first_page(run: Run) -> None:
    names = [f"{number:04}" for number in range(1001)]

    async def fill_and_list() -> list[str]:
        for name in names:
            await CACHE.put(name, "")
        return [name async for name in CACHE.keys()]  # noqa: SIM118 - KV is no mapping

    assert run(fill_and_list()) == names
