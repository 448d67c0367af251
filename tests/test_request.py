from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firstlight import Headers, Request
from firstlight.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "http://a.test/"
READ_TWICE = (
    "The request's body was read already.\n"
    "  Hint: Read it once and pass the result on, such as in `ctx.locals`."
)
TOO_LARGE = (
    "The body is larger than 4 bytes.\n"
    "  Hint: Raise `max_body` in [tool.firstlight], or read it with `stream()`."
)


class Chunks:
    """An adapter's body that counts what was taken of it."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.taken = 0

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.stream()])

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk


def post(
    body: bytes | Chunks | None, headers: dict[str, str] | None = None, max_body: int = 1_048_576
) -> Request:
    request = Request("POST", URL, headers, body)
    request.max_body = max_body
    return request


def read(request: Request, how: str) -> Any:
    return asyncio.run(getattr(request, how)())


def refusal(request: Request, how: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        read(request, how)
    return caught.value


async def collect(request: Request) -> list[bytes]:
    return [chunk async for chunk in request.stream()]


def test_request_holds_what_it_was_made_of() -> None:
    request = Request("PUT", URL, {"X-A": "1"}, cf={"country": "FR"})

    assert (request.method, request.url, request.headers["x-a"]) == ("PUT", URL, "1")
    assert request.cf == {"country": "FR"}
    assert (Request("GET", URL).cf, len(Request("GET", URL).headers)) == ({}, 0)


def test_request_takes_headers_as_they_are() -> None:
    headers = Headers({"a": "1"})

    assert Request("GET", URL, headers).headers is headers


@pytest.mark.parametrize("body", [b'{"a": "\xc3\xa9"}', Chunks(b'{"a": "\xc3', b'\xa9"}')])
@pytest.mark.parametrize(
    ("how", "expected"),
    [("bytes", b'{"a": "\xc3\xa9"}'), ("text", '{"a": "é"}'), ("json", {"a": "é"})],
)
def test_body_is_read_whole(body: bytes | Chunks, how: str, expected: object) -> None:
    request = post(body)
    assert request.body_used is False

    assert read(request, how) == expected
    assert request.body_used is True


def test_text_replaces_bad_bytes() -> None:
    assert read(post(b"a\xff"), "text") == "a\ufffd"


def test_form_data_follows_the_content_type() -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}

    assert read(post(b"a=1", headers), "form_data").items() == [("a", "1")]


@pytest.mark.parametrize(("body", "chunks"), [(b"ab", [b"ab"]), (None, [])])
def test_stream_yields_a_body_in_memory(body: bytes | None, chunks: list[bytes]) -> None:
    assert asyncio.run(collect(post(body))) == chunks


def test_stream_yields_the_pieces_of_an_adapter() -> None:
    request = post(Chunks(b"a", b"b"), max_body=1)

    assert asyncio.run(collect(request)) == [b"a", b"b"]
    assert request.body_used is True


@pytest.mark.parametrize("second", ["bytes", "text", "json", "form_data"])
@pytest.mark.parametrize("first", ["bytes", "text"])
def test_body_is_read_once(first: str, second: str) -> None:
    request = post(b"{}")
    read(request, first)
    error = refusal(request, second)

    assert (error.status, str(error)) == (500, READ_TWICE)


def test_stream_after_reading_is_refused() -> None:
    request = post(b"x")
    read(request, "bytes")

    with pytest.raises(RequestError, match="read already"):
        asyncio.run(collect(request))


def test_a_body_that_is_not_there_is_never_used_up() -> None:
    request = post(None)

    assert (read(request, "text"), read(request, "bytes")) == ("", b"")
    assert request.body_used is False


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (
            b"{'a': 1}",
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        (b"{} x", "Extra data: line 1 column 4 (char 3)"),
    ],
)
def test_a_body_that_is_no_json_is_a_400(body: bytes, why: str) -> None:
    error = refusal(post(body), "json")

    assert (error.status, str(error)) == (400, f"The body is not JSON: {why}.")


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000])
def test_json_that_cannot_be_decoded_is_a_400(body: bytes) -> None:
    assert refusal(post(body), "json").status == 400


@pytest.mark.parametrize("how", ["text", "json", "form_data"])
@pytest.mark.parametrize("announced", [None, "5", "2"])
@pytest.mark.parametrize("body", [b"12345", Chunks(b"123", b"45", b"6")])
def test_a_larger_body_than_max_body_is_a_413(
    how: str, announced: str | None, body: bytes | Chunks
) -> None:
    error = refusal(post(body, {"content-length": announced} if announced else {}, 4), how)

    assert (error.status, str(error)) == (413, TOO_LARGE)


@pytest.mark.parametrize("announced", [None, "4"])
@pytest.mark.parametrize("body", [b"1234", Chunks(b"12", b"34")])
def test_a_body_of_exactly_max_body_is_read(announced: str | None, body: bytes | Chunks) -> None:
    headers = {"content-length": announced} if announced else {}

    assert read(post(body, headers, 4), "text") == "1234"


@pytest.mark.parametrize("length", ["", "x", "-1", "²", "1 2"])
def test_a_length_that_is_none_is_ignored(length: str) -> None:
    assert read(post(Chunks(b"12"), {"content-length": length}, 4), "text") == "12"


def test_an_announced_length_beyond_max_body_is_refused_unread() -> None:
    body = Chunks(b"12345")

    assert refusal(post(body, {"content-length": "5"}, 4), "text").status == 413
    assert body.taken == 0


def test_a_stream_beyond_max_body_is_left_where_it_is() -> None:
    body = Chunks(b"123", b"45", b"6", b"7")

    assert refusal(post(body, max_body=4), "text").status == 413
    assert body.taken == 2


def test_bytes_takes_any_size() -> None:
    assert read(post(b"12345", max_body=4), "bytes") == b"12345"
    assert read(post(Chunks(b"123", b"45"), max_body=4), "bytes") == b"12345"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_json_that_is_nested_too_deep_is_refused(encoding: str) -> None:
    escaped = '["\\\\", "\\"", "\u2200", '
    for text in ("[" * 501, escaped + "[" * 500, '[{"a": ' * 251 + "1" + "}]" * 251):
        with pytest.raises(RequestError) as error:
            asyncio.run(Request("POST", URL, body=text.encode(encoding)).json())
        assert str(error.value) == "The body is not JSON: it is nested more than 500 deep."
        assert error.value.status == 400


def test_json_may_have_many_lists_and_brackets_in_strings() -> None:
    for text in ("[" * 500 + "]" * 500, f'["{"[" * 501}"]', f"[{'[],' * 600}[]]"):
        asyncio.run(Request("POST", URL, body=text.encode()).json())
