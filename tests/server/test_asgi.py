"""The bridge between ASGI and our request and response, as `dev` and `preview` use it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.response import Response
from firstlight.server.asgi import asgi_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from firstlight.request import Request
    from firstlight.server.asgi import HostPlatform

    Handler = Callable[[Request, HostPlatform], Awaitable[Response]]

DISCONNECT = {"type": "http.disconnect"}


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def scope(method: str = "GET", path: str = "/a", **more: Any) -> dict[str, Any]:
    made = {
        "type": "http",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"site.test")],
        "server": ("127.0.0.1", 80),
        "client": ("192.0.2.1", 1234),
    }
    return made | more


async def call(
    handler: Handler, scope: dict[str, Any], messages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Run one request; after the messages there, nothing more comes."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        await asyncio.sleep(0.01)
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    await asyncio.wait_for(asgi_app(handler)(scope, receive, send), 5)
    return sent


def answer_of(
    response: Response, method: str = "GET"
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    async def handler(request: Request, platform: HostPlatform) -> Response:
        del request, platform
        return response

    start, *rest = asyncio.run(call(handler, scope(method), []))
    return start["status"], start["headers"], b"".join(message["body"] for message in rest)


async def parts() -> AsyncIterator[bytes | str]:
    yield b"one"
    yield "zwö"


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        (Response("é"), 200, "é".encode()),
        (Response(b"\xff", 201), 201, b"\xff"),
        (Response(None, 404), 404, b""),
    ],
)
def test_a_body_in_memory_goes_out_with_its_length(
    response: Response, status: int, body: bytes
) -> None:
    sent_status, headers, sent = answer_of(response)

    assert (sent_status, sent) == (status, body)
    assert dict(headers)[b"content-length"] == str(len(body)).encode()


def test_a_stream_goes_out_piece_by_piece_without_a_length() -> None:
    assert answer_of(Response(parts())) == (200, [], "onezwö".encode())


@pytest.mark.parametrize("status", [204, 304])
def test_null_body_statuses_send_neither_body_nor_length(status: int) -> None:
    assert answer_of(Response("x").with_status(status))[2] == b""
    assert answer_of(Response(None, status)) == (status, [], b"")


def test_a_205_has_the_length_zero() -> None:
    assert answer_of(Response(None, 205)) == (205, [(b"content-length", b"0")], b"")


def test_head_sends_the_headers_as_they_are() -> None:
    response = Response(b"1234").without_body()

    assert answer_of(response, "HEAD") == (200, [(b"content-length", b"4")], b"")


def test_repeated_headers_stay_apart() -> None:
    response = Response(
        b"", 200, [("set-cookie", "a=1"), ("x-l", "caf\xe9"), ("set-cookie", "b=2")]
    )

    assert answer_of(response)[1][:3] == [
        (b"set-cookie", b"a=1"),
        (b"x-l", b"caf\xe9"),
        (b"set-cookie", b"b=2"),
    ]


def seen(made: dict[str, Any], read: str = "url") -> Any:
    found: list[Any] = []

    async def handler(request: Request, platform: HostPlatform) -> Response:
        found.extend((request.url, request.headers.items(), platform.client_address))
        return Response("x")

    asyncio.run(call(handler, made, [{"type": "http.request"}]))
    return found[("url", "headers", "address").index(read)]


@pytest.mark.parametrize(
    ("made", "url"),
    [
        (scope(path="/a%2Fb//c"), "http://site.test/a%2Fb//c"),
        (scope(query_string=b"a=1&b=%20"), "http://site.test/a?a=1&b=%20"),
        (scope(headers=[]), "http://127.0.0.1:80/a"),
        (scope(path="http://other.test/a"), "http://site.test/a"),
        (scope(path="http://other.test"), "http://site.test/"),
        (scope("OPTIONS", path="*"), "http://site.test/"),
    ],
)
def test_the_url_is_the_hosts_and_the_path_as_sent(made: dict[str, Any], url: str) -> None:
    assert seen(made) == url


def test_headers_and_address_are_the_connections() -> None:
    made = scope(headers=[(b"x-a", b"1"), (b"x-a", b"caf\xe9")], client=None)

    assert seen(made, "headers") == [("x-a", "1"), ("x-a", "caf\xe9")]
    assert seen(made, "address") is None
    assert seen(scope(), "address") == "192.0.2.1"


def test_a_body_is_read_in_pieces() -> None:
    async def handler(request: Request, platform: HostPlatform) -> Response:
        del platform
        return Response(await request.bytes())

    messages = [piece(b"ab", more=True), piece(b"", more=True), piece(b"c")]
    sent = asyncio.run(call(handler, scope("POST"), messages))

    assert sent[1]["body"] == b"abc"


def test_a_visitor_who_leaves_while_sending_is_an_error() -> None:
    async def handler(request: Request, platform: HostPlatform) -> Response:
        del platform
        return Response(await request.bytes())

    with pytest.raises(ConnectionError, match=r"The client went away\."):
        asyncio.run(call(handler, scope("POST"), [piece(b"ab", more=True), DISCONNECT]))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_endless_stream_ends_with_its_visitor(method: str) -> None:
    closed: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    async def handler(request: Request, platform: HostPlatform) -> Response:
        del platform
        if method == "POST":
            await request.bytes()
        return Response(endless())

    messages = [piece(b"x"), DISCONNECT] if method == "POST" else [piece(b""), DISCONNECT]
    asyncio.run(call(handler, scope(method), messages))

    assert closed == [True]


def test_a_stream_answers_with_what_it_reads() -> None:
    async def handler(request: Request, platform: HostPlatform) -> Response:
        del platform
        return Response(request.stream())

    messages = [piece(b"ab", more=True), piece(b"cd", more=True), piece(b"e")]
    sent = asyncio.run(call(handler, scope("POST"), messages))

    assert b"".join(message.get("body", b"") for message in sent) == b"abcde"


def test_a_failing_stream_is_not_ended_as_if_it_were_whole() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"one"
        raise ValueError("mid-stream")

    async def handler(request: Request, platform: HostPlatform) -> Response:
        del request, platform
        return Response(failing())

    with pytest.raises(ValueError, match="mid-stream"):
        asyncio.run(call(handler, scope(), []))


def test_other_protocols_are_left_alone() -> None:
    async def handler(request: Request, platform: HostPlatform) -> Response:
        raise NotImplementedError

    assert asyncio.run(call(handler, {"type": "lifespan"}, [])) == []
