from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest
from told import says

from firstlight import Response
from firstlight.errors import ResponseError
from firstlight.response import encoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def pieces() -> AsyncIterator[bytes | str]:
    yield b"a"
    yield "é"


def text(response: Response) -> str:
    return asyncio.run(response.text())


@pytest.mark.parametrize(
    ("response", "content_type"),
    [
        (Response("x"), "text/plain; charset=utf-8"),
        (Response("x", headers={"Content-Type": "text/css"}), "text/css"),
        (Response(b"x"), None),
        (Response(), None),
        (Response.json({}), "application/json"),
        (
            Response.json({}, headers={"content-type": "application/feed+json"}),
            "application/feed+json",
        ),
        (Response.html("x"), "text/html; charset=utf-8"),
        (Response.html("x", headers={"Content-Type": "image/svg+xml"}), "image/svg+xml"),
        (Response.redirect("/"), None),
    ],
)
def test_response_content_type(response: Response, content_type: str | None) -> None:
    assert response.headers.get("content-type") == content_type


def test_response_defaults_to_an_empty_200() -> None:
    response = Response()

    assert (response.status, response.body, response.headers.items()) == (200, None, [])
    assert response.is_empty is True
    assert Response("").is_empty is False
    assert Response(b"").is_empty is False


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("body", ["x", b"x", None])
def test_null_body_status_has_no_body(status: int, body: str | bytes | None) -> None:
    response = Response(body, status)

    assert response.is_empty is True
    assert response.headers.items() == []


@pytest.mark.parametrize("status", [0, 99, 101, 199, 600])
def test_status_must_be_in_range(status: int) -> None:
    with pytest.raises(ResponseError) as caught:
        Response("x", status)

    assert says(caught.value, f"A response's status is 200 to 599, not `{status}`.")


@pytest.mark.parametrize("body", [5, {"a": 1}, ["x"], bytearray(b"x"), iter("x")])
def test_body_must_be_of_a_known_type(body: Any) -> None:
    with pytest.raises(ResponseError) as caught:
        Response(body)

    assert str(caught.value) == (
        f"A response's body cannot be {type(body).__name__}.\n"
        "  Hint: Give str, bytes, an async iterable of bytes, or None; "
        "for data use `Response.json(data)`."
    )


def test_headers_are_copied_and_checked() -> None:
    fields = {"X-A": "1"}
    response = Response("x", 201, fields)
    response.headers["x-a"] = "2"

    assert fields == {"X-A": "1"}
    with pytest.raises(ValueError, match="control character"):
        Response("x", headers={"x": "a\r\nb: c"})


@pytest.mark.parametrize("make", [Response, Response.html, Response.json])
def test_repeated_headers_are_kept(make: Any) -> None:
    cookies = [("Set-Cookie", "a=1"), ("set-cookie", "b=2")]

    assert make("x", 200, cookies).headers.get_all("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"é": [1, None, True]}, '{"é":[1,null,true]}'),
        ("x", '"x"'),
        (None, "null"),
        ([], "[]"),
        ({1: 2}, '{"1":2}'),
    ],
)
def test_json_makes_a_response(data: Any, body: str) -> None:
    response = Response.json(data, 201, {"x-a": "1"})

    assert (response.status, text(response)) == (201, body)
    assert response.headers["x-a"] == "1"


def test_json_reads_a_response() -> None:
    assert asyncio.run(Response.json({"a": ["é"]}).json()) == {"a": ["é"]}
    assert asyncio.run(Response(" [1] ").json()) == [1]
    with pytest.raises(ValueError, match="Expecting value"):
        asyncio.run(Response("x").json())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({1, 2}, "Object of type set is not JSON serializable"),
        (math.nan, "Out of range float values are not JSON compliant"),
    ],
)
def test_json_refuses_what_is_no_json(data: Any, why: str) -> None:
    with pytest.raises(ResponseError) as caught:
        Response.json(data)

    assert str(caught.value).startswith(f"The data cannot be JSON: {why}")


def test_json_refuses_what_holds_itself() -> None:
    data: dict[str, Any] = {}
    data["self"] = [data]

    with pytest.raises(ResponseError, match="Circular reference detected"):
        Response.json(data)


def test_json_takes_data_again_that_was_refused() -> None:
    data: list[Any] = [{"a": {1}}]
    with pytest.raises(ResponseError, match="set is not JSON"):
        Response.json(data)
    data[0]["a"] = 1

    assert text(Response.json(data)) == '[{"a":1}]'


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_redirect_takes_redirect_statuses(status: int) -> None:
    response = Response.redirect("/to?x=1#top", status)

    assert (response.status, response.headers.items()) == (status, [("location", "/to?x=1#top")])
    assert response.is_empty is True


def test_redirect_is_a_302_unless_told() -> None:
    assert Response.redirect("/").status == 302


@pytest.mark.parametrize("status", [200, 305, 306, 309, 404])
def test_redirect_refuses_other_statuses(status: int) -> None:
    with pytest.raises(ResponseError) as caught:
        Response.redirect("/", status)

    assert says(caught.value, f"`{status}` is no status of a redirect.")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://a.test/b?c=d&e=%20", "https://a.test/b?c=d&e=%20"),
        ("/é b", "/%C3%A9%20b"),
        ('/"<>', "/%22%3C%3E"),
        ("//a.test/[x]", "//a.test/[x]"),
        ("../up", "../up"),
    ],
)
def test_redirect_keeps_the_url_and_escapes_what_no_header_takes(url: str, location: str) -> None:
    assert Response.redirect(url).headers["location"] == location


@pytest.mark.parametrize("url", ["/\r\nSet-Cookie: a=1", "/\x00", "/\x7f"])
def test_redirect_refuses_control_characters(url: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        Response.redirect(url)


@pytest.mark.parametrize(
    ("body", "data"),
    [("é", b"\xc3\xa9"), (b"\xff", b"\xff"), (None, b""), ("", b"")],
)
def test_body_is_read_back(body: str | bytes | None, data: bytes) -> None:
    response = Response(body)

    assert asyncio.run(response.bytes()) == data
    assert text(response) == data.decode("utf-8", "replace")
    assert response.body == body


def test_streamed_body_can_be_read_and_still_be_sent() -> None:
    response = Response(pieces())  # pyright: ignore[reportArgumentType] - text is encoded

    assert text(response) == "aé"
    assert asyncio.run(response.bytes()) == b"a\xc3\xa9"
    assert response.body == b"a\xc3\xa9"


class Handed:
    """A body that an adapter hands over as it is."""

    js_body = object()

    def __aiter__(self) -> AsyncIterator[bytes | str]:
        return pieces()


def test_only_what_python_makes_is_streamed() -> None:
    bodies: list[Any] = [None, "x", b"x", Handed(), pieces()]

    assert [Response(body).is_streamed for body in bodies] == [False, False, False, False, True]


def test_copies_have_headers_of_their_own() -> None:
    response = Response("x", 404, {"a": "1"})
    response.is_final = True
    copies = [response.copy(), response.without_body(), response.with_status(500)]
    for copy in copies:
        copy.headers["a"] = "2"

    assert response.headers["a"] == "1"
    assert [copy.status for copy in copies] == [404, 404, 500]
    assert [copy.body for copy in copies] == ["x", None, "x"]
    assert [copy.is_final for copy in copies] == [True, True, True]


def test_with_status_keeps_the_response_when_nothing_changes() -> None:
    response = Response("x")

    assert response.with_status(200) is response


def test_response_repr_shows_status_and_headers() -> None:
    assert repr(Response(None, 204)) == "Response(status=204, headers=Headers([]))"


def test_encoded_turns_text_into_bytes() -> None:
    assert (encoded("é"), encoded(b"\xff")) == (b"\xc3\xa9", b"\xff")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("a\0b", "a\0b"),
    ],
)
def test_encoded_is_always_utf_8(text: str, data: str) -> None:
    assert encoded(text) == data.encode()
    assert Response.json([text]).body == Response.json([data]).body


def test_json_inside_of_json_fails_alone() -> None:
    class Inner(dict[str, object]):
        def items(self) -> Any:
            with pytest.raises(ResponseError):
                Response.json([object()])
            return {"a": 1}.items()

    response = Response.json([[Inner(a=0)]])

    assert response.body == '[[{"a":1}]]'


def test_json_of_a_class_of_the_site_is_made_as_the_class_says() -> None:
    class Api(Response):
        def __init__(self, body: None = None, status: int = 200, headers: None = None) -> None:
            super().__init__(body, status, headers)
            self.headers["x-api"] = "1"

    assert Api.json({}).headers["x-api"] == "1"


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_content_takes_the_body_away(status: int) -> None:
    assert Response("text").with_status(status).body is None
