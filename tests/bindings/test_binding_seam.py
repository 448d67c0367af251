"""What the handles make of a backend, shown with one that says what it is told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from bindings.cloudflare import (
    D1,
    KV,
    R2,
    BindingError,
    BindingUnsupported,
    D1ConstraintError,
    D1Meta,
    Fetcher,
    Row,
    WorkersAI,
)
from bindings.cloudflare.backend import PlatformError, PlatformUnsupportedError, current
from bindings.cloudflare.errors import ServiceError
from firstlight import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Sequence

    from conftest import Run

    from bindings.cloudflare.shapes import Backend, D1ResultData, Statement

DB = D1("DB")


@dataclass
class FakeD1:
    """Answers every statement with the same result, or error."""

    answer: D1ResultData | Exception

    def d1(self, _binding: str) -> FakeD1:
        return self

    async def run(self, _statement: Statement) -> D1ResultData:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def batch(self, statements: Sequence[Statement]) -> list[D1ResultData]:
        return [await self.run(statement) for statement in statements]


class FakeBody:
    """A body that is still in JavaScript."""

    js_body = "the stream"
    used = False

    async def read(self) -> bytes:
        return b"body"

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"body"


class BrokenBody(FakeBody):
    """A body that breaks half-way."""

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"bo"
        raise PlatformError("Network connection lost.")


ABOUT = {
    "key": "key",
    "version": "1",
    "size": 4,
    "etag": "e",
    "httpEtag": '"e"',
    "uploaded": "2026-01-01T00:00:00.000+00:00",
}


class FakeBodies:
    """Answers each kind of read with a FakeBody."""

    def kv(self, _binding: str) -> FakeBodies:
        return self

    r2 = fetcher = kv

    def remote(self, _kind: str, _binding: str) -> FakeBodies:
        return self

    async def call(self, *_arguments: object) -> BrokenBody:
        return BrokenBody()

    async def get_stream(self, _key: str, _cache_ttl: None) -> tuple[FakeBody, None]:
        return FakeBody(), None

    async def get(self, _key: str, _options: object) -> tuple[dict[str, Any], FakeBody]:
        return ABOUT, FakeBody()

    async def fetch(self, _request: object) -> tuple[int, list[tuple[str, str]], FakeBody]:
        return 200, [], FakeBody()


@contextmanager
def answering(answer: D1ResultData | Exception) -> Generator[None]:
    with backend(FakeD1(answer)):
        yield


@contextmanager
def backend(fake: object) -> Generator[None]:
    token = current.set(cast("Backend", fake))
    try:
        yield
    finally:
        current.reset(token)


def test_blob_may_come_as_a_list_of_its_bytes(run: Run) -> None:
    with answering({"results": [{"body": [0, 255], "none": []}], "meta": {}}):
        assert run(DB.all("select")) == [Row(body=b"\x00\xff", none=b"")]


def test_first_looks_at_the_first_row_only(run: Run) -> None:
    with answering({"results": [{"n": 1}, {"n": 2**60}], "meta": {}}):
        assert run(DB.first("select n from t")) == Row(n=1)
        assert run(DB.first("select n from t", column="n")) == 1


def test_meta_may_be_incomplete(run: Run) -> None:
    with answering({"results": [], "meta": {"duration": 1.5, "changes": 2}}):
        meta = run(DB.run("select")).meta
    assert meta == D1Meta(duration_ms=1.5, changes=2)


def test_error_of_the_platform_gets_context(run: Run) -> None:
    failure = PlatformError("FOREIGN KEY constraint failed: SQLITE_CONSTRAINT")
    with answering(failure), pytest.raises(D1ConstraintError) as raised:
        run(DB.run("delete from users"))
    assert raised.value.sql == "delete from users"
    assert raised.value.__cause__ is failure
    assert str(raised.value) == (
        'D1 DB run "delete from users": FOREIGN KEY constraint failed: SQLITE_CONSTRAINT'
    )


def test_lack_of_the_platform_is_unsupported(run: Run) -> None:
    failure = PlatformUnsupportedError("the runtime's binding lacks a method: batch.")
    with answering(failure), pytest.raises(BindingUnsupported) as raised:
        run(DB.batch([DB.prepare("select 1")]))
    expected = "DB batch: the runtime's binding lacks a method: batch."
    assert str(raised.value) == expected


def test_error_that_is_none_of_the_platforms_passes(run: Run) -> None:
    with answering(RuntimeError("a bug")), pytest.raises(RuntimeError, match="a bug"):
        run(DB.run("select 1"))


READS = {
    'KV CACHE get_stream "key": the value': lambda: KV("CACHE").get_stream("key"),
    'R2 MEDIA js_body "key": the body': lambda: R2("MEDIA").get("key"),
    'ASSETS fetch "/a": the body': lambda: Fetcher("ASSETS").fetch("/a"),
}


@pytest.mark.parametrize("where", READS)
def test_body_that_was_read_is_not_handed_on(run: Run, where: str) -> None:
    async def check() -> None:
        found: Any = await READS[where]()
        response = Response(found)
        assert not response.is_streamed
        assert [chunk async for chunk in found] == [b"body"]
        with pytest.raises(BindingError) as raised:
            _ = response.is_streamed
        assert str(raised.value).startswith(f"{where} was already read.")

    with backend(FakeBodies()):
        run(check())


def test_stream_of_a_model_that_breaks_knows_its_call(run: Run) -> None:
    async def check() -> None:
        chunks = await WorkersAI("AI").run("@cf/x", {"stream": True})
        assert await anext(chunks) == b"bo"
        with pytest.raises(ServiceError) as raised:
            await anext(chunks)
        assert str(raised.value) == 'AI run "@cf/x": Network connection lost.'

    with backend(FakeBodies()):
        run(check())
