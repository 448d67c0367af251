"""What happens to an R2 object while it is served."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from bindings.cloudflare import R2, R2Object, _r2_serving
from firstlight import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from conftest import Run

MEDIA = R2("MEDIA")

pytestmark = pytest.mark.usefixtures("backend")


class ChangingR2(R2):
    """A bucket where somebody else does something after each `head()`."""

    changes: list[Callable[[], Awaitable[object]]]

    async def head(self, key: str) -> R2Object | None:
        found = await MEDIA.head(key)
        if self.changes:
            await self.changes.pop(0)()
        return found


def asked(**headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", "https://example.com/key", named)


def test_answer_makes_a_response(run: Run) -> None:
    async def serve() -> tuple[Response, bytes]:
        await MEDIA.put("key", "0123456789", content_type="text/plain")
        answer = await MEDIA.respond("key", asked(range="bytes=2-4"))
        assert answer is not None
        response = Response(*answer)
        return response, await response.bytes()

    response, body = run(serve())
    assert (response.status, body) == (206, b"234")
    assert response.headers.get("content-range") == "bytes 2-4/10"
    assert response.headers.get("content-type") == "text/plain"


def test_replaced_object_is_looked_at_again(run: Run) -> None:
    async def serve() -> tuple[int, str, bytes]:
        old = await MEDIA.put("key", "old")
        bucket = ChangingR2("MEDIA")
        ChangingR2.changes = [lambda: MEDIA.put("key", "new")]
        request = asked(if_match=f'{old.http_etag}, "22af645d1859cb5ca6da0c484f1f37ea"')
        answer = await bucket.respond("key", request)
        assert answer is not None
        response = Response(*answer)
        return answer.status, answer.headers["etag"], await response.bytes()

    assert run(serve()) == (200, '"22af645d1859cb5ca6da0c484f1f37ea"', b"new")


def test_object_that_is_deleted_meanwhile_is_missing(run: Run) -> None:
    async def serve(request: Request) -> object:
        await MEDIA.put("key", "old")
        ChangingR2.changes = [lambda: MEDIA.delete("key")]
        return await ChangingR2("MEDIA").respond("key", request)

    assert run(serve(asked(if_none_match='"other"'))) is None


def test_object_that_is_deleted_before_its_size_is_asked_is_missing(run: Run) -> None:
    class Gone(R2):
        async def head(self, key: str) -> R2Object | None:
            await self.delete(key)
            return None

    async def serve() -> object:
        await MEDIA.put("key", "old")
        return await Gone("MEDIA").respond("key", asked(range="bytes=99-"))

    assert run(serve()) is None


def test_dates_that_are_absent_are_not_parsed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    class Clock(datetime):
        @classmethod
        def strptime(cls, date_string: str, format: str, /) -> Self:  # noqa: A002 - its name
            parsed.append(date_string)
            return super().strptime(date_string, format)

    monkeypatch.setattr(_r2_serving, "datetime", Clock)
    run(MEDIA.put("key", "value"))
    answer = run(MEDIA.respond("key", asked(if_none_match="*")))
    assert answer is not None
    assert (answer.status, parsed) == (304, [])
