from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare import R2, R2Error

if TYPE_CHECKING:
    from conftest import Run

MEDIA = R2("MEDIA")

pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize("size", [0, 1025])
def test_key_keeps_the_limits(run: Run, size: int) -> None:
    key = "x" * size
    with pytest.raises(R2Error) as raised:
        run(MEDIA.put(key, "x"))
    expected = f'R2 MEDIA put "{key}": the key is {size} bytes long; R2 takes 1 to 1024.'
    assert str(raised.value) == expected


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
    ],
)
def test_put_refuses_other_types(
    run: Run, value: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        run(MEDIA.put("key", value, **options))


@pytest.mark.parametrize("wanted", [(4, 2), (-3, 1)])
def test_range_is_checked(run: Run, wanted: tuple[int, int]) -> None:
    with pytest.raises(R2Error) as raised:
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


def test_objects_go_on_past_the_first_page(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bindings.cloudflare.r2.MAX_LIST", 1000)

    async def fill_and_count() -> int:
        for number in range(1001):
            await MEDIA.put(f"{number:04}", None)
        return len([each async for each in MEDIA.objects()])

    assert run(fill_and_count()) == 1001
