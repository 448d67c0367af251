from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare import KV, KVError

if TYPE_CHECKING:
    from conftest import Run

CACHE = KV("CACHE")
NOW = 1_700_000_000


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: float(NOW))


@pytest.mark.parametrize(
    ("key", "options", "expected"),
    [
        ("", {}, 'put "": a key is at least one byte long and neither `.` nor `..`.'),
        (".", {}, 'put ".": a key is at least one byte long and neither `.` nor `..`.'),
        (
            "..",
            {},
            'put "..": a key is at least one byte long and neither `.` nor `..`.',
        ),
        ("ü" * 257, {}, f'put "{"ü" * 257}": the key is 514 bytes long; KV takes 512.'),
        ("k", {"ttl": 59}, 'put "k": `ttl` is 59 seconds; KV takes 60 or more.'),
        (
            "k",
            {"ttl": 60, "expires_at": NOW},
            'put "k": `ttl` and `expires_at` exclude each other.\n  Hint: Pass one of them.',
        ),
        (
            "k",
            {"expires_at": NOW + 59},
            'put "k": `expires_at` lies less than 60 seconds ahead.',
        ),
        (
            "k",
            {"metadata": "x" * 1023},
            'put "k": the metadata is 1025 bytes of JSON; KV takes 1024.',
        ),
    ],
)
@pytest.mark.usefixtures("backend")
def test_put_keeps_the_limits(run: Run, key: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(KVError) as raised:
        run(CACHE.put(key, "value", **options))
    assert str(raised.value) == f"KV CACHE {expected}"


@pytest.mark.usefixtures("backend")
def test_put_refuses_more_than_25_mib(run: Run) -> None:
    with pytest.raises(KVError, match=r"is 26214401 bytes long; KV takes 26214400"):
        run(CACHE.put("key", b"x" * (25 * 1024 * 1024 + 1)))


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (1, {}, r"KV stores str or bytes, not int\. Use `put_json\(\)`"),
        ("x", {"metadata": {1, 2}}, "set is not JSON serializable"),
        ("x", {"expires_at": datetime(2030, 1, 1)}, "no time zone"),
    ],
)
@pytest.mark.usefixtures("backend")
def test_put_refuses_other_types(
    run: Run, value: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        run(CACHE.put("key", value, **options))


@pytest.mark.usefixtures("backend")
def test_put_json_refuses_what_json_cannot_say(run: Run) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        run(CACHE.put_json("key", float("nan")))


@pytest.mark.usefixtures("backend")
def test_get_keeps_the_limits(run: Run) -> None:
    with pytest.raises(KVError, match=r"`cache_ttl` is 29; KV takes 30 or more\."):
        run(CACHE.get("key", cache_ttl=29))
    with pytest.raises(KVError, match="`type` is `stream`; it may be `text`, `json`"):
        run(CACHE.get_with_metadata("key", "stream"))  # pyright: ignore[reportArgumentType]


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
