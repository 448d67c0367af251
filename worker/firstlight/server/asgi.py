"""Bridges our request and response to ASGI."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from firstlight.app import NoPlatform
from firstlight.headers import Headers
from firstlight.request import Request
from firstlight.response import NULL_BODY_STATUSES, Response, encoded
from firstlight.streaming import close
from firstlight.url import PATH_SAFE, percent_encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
    from typing import Any, TypeAlias

    Scope: TypeAlias = dict[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
    Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
    ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
    Handler: TypeAlias = Callable[[Request, "HostPlatform"], Awaitable[Response]]

BODILESS = ("GET", "HEAD")
MOST_DISCARDED = 16 * 1024 * 1024  # bytes of a body that the site has not read


class Answered(NamedTuple):
    """One request, for the log.

    Attributes:
        path: As it was sent, with the query.
        seconds: From its headers to the last piece of the answer.
        served: `static`, `on demand` or whatever else a handler has noted.
    """

    method: str
    path: str
    status: int
    seconds: float
    served: str


class HostPlatform(NoPlatform):
    """What a host server offers beside the request.

    Args:
        client_address: The visitor's address, None when it is not known.
        fetch: Answers from the assets.
        tasks: Holds the work that goes on after the response; None for a set of all servers.

    Attributes:
        served: Where the answer comes from, for the log; noted by who answers.
    """

    def __init__(
        self,
        client_address: str | None,
        fetch: Callable[[str], Awaitable[Response | None]] | None = None,
        tasks: set[asyncio.Future[Any]] | None = None,
    ) -> None:
        self.client_address = client_address
        self.served = ""
        self._fetch = fetch
        self._tasks = tasks

    async def fetch_asset(self, path: str) -> Response | None:
        """Answer from the assets; None when there is none."""
        return await self._fetch(path) if self._fetch else None

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Run it beside the response; the server holds on to it."""
        if self._tasks is None:
            super().wait_until(awaitable)
            return
        task = asyncio.ensure_future(awaitable)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def asgi_app(
    handle: Handler,
    fetch: Callable[[str], Awaitable[Response | None]] | None = None,
    log: Callable[[Answered], object] | None = None,
) -> ASGIApp:
    """Make an ASGI application of a handler.

    Args:
        handle: Answers a request.
        fetch: Answers from the assets.
        log: Told of each request when it is over.

    Source:
        https://asgi.readthedocs.io/en/stable/specs/www.html
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        client = scope.get("client")
        platform = HostPlatform(client[0] if client else None, fetch)
        body, target, status = Body(receive), target_of(scope), 0
        try:
            request = ASGIRequest(scope, body, origin_of(scope) + target)
            response = await handle(request, platform)
            status = response.status
            await respond(response, scope["method"], body, send)
        finally:
            if log is not None and status:
                seconds = time.perf_counter() - started
                log(Answered(scope["method"], target, status, seconds, platform.served))

    return app


async def respond(response: Response, method: str, body: Body, send: Send) -> None:
    """Send an answer; a stream ends when the visitor goes away.

    Args:
        response: The answer.
        method: Of the request.
        body: Of the request, which a stream may read as it goes.
        send: Takes what goes back.
    """
    if method not in BODILESS and not response.is_streamed:
        await body.discard()
    status, content = response.status, response.body
    if method == "HEAD" or status in NULL_BODY_STATUSES:
        content = None
    fields = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in response.headers.items()]
    start = {"type": "http.response.start", "status": status, "headers": fields}
    if content is None or isinstance(content, (str, bytes)):
        data = encoded(content or b"")
        if method != "HEAD" and status not in (204, 304):
            fields.append((b"content-length", b"%d" % len(data)))
        await send(start)
        await send({"type": "http.response.body", "body": data})
        return
    await send(start)
    sending = _send_stream(content, send)
    # What reads the request while it answers would miss what the watch receives.
    if body.is_read or method in BODILESS:
        await _while_connected(sending, body.receive)
    else:
        await sending
        await body.discard()


async def _send_stream(body: AsyncIterable[bytes | str], send: Send) -> None:
    try:
        async for chunk in body:
            await send({"type": "http.response.body", "body": encoded(chunk), "more_body": True})
    finally:
        await close(body)
    await send({"type": "http.response.body", "body": b""})


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Answer a WebSocket's handshake with 403: the framework has none.

    Source:
        https://asgi.readthedocs.io/en/stable/specs/www.html#close-send-event
    """
    await receive()
    await send({"type": "websocket.close", "code": 1000, "reason": ""})


async def _while_connected(sending: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Send until the client goes away, so that an endless stream ends with it."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.ensure_future(sending), asyncio.ensure_future(watch())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for error in results:
        if isinstance(error, Exception):
            raise error


class ASGIRequest(Request):
    """An ASGI scope as our request; its headers are decoded when they are wanted.

    Args:
        scope: Of the connection.
        body: What the visitor sends.
        url: As the visitor has it.
    """

    def __init__(self, scope: Scope, body: Body, url: str) -> None:
        super().__init__(scope["method"], url, None, body)
        self._scope = scope

    def _read_headers(self) -> Headers:
        pairs = self._scope["headers"]
        return Headers.of_trusted(
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs]
        )


def origin_of(scope: Scope) -> str:
    """Return scheme and host of a connection."""
    for name, value in scope["headers"]:
        if name == b"host" and value:
            return f"{scope['scheme']}://{value.decode('latin-1').lower()}"
    return "{}://{}:{}".format(scope["scheme"], *scope["server"] or ("", ""))


def header_of(scope: Scope, name: bytes) -> str:
    """Return the values of a header, joined by `,`; empty without one."""
    values = [value for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1")


def target_of(scope: Scope) -> str:
    """Return path and query as the visitor has sent them."""
    raw: bytes | None = scope.get("raw_path")
    path = (
        percent_encode(scope["path"], PATH_SAFE) if raw is None else raw.decode("utf-8", "replace")
    )
    if path[:1] != "/":  # RFC 9112 §3.2: `*`, or a whole URL
        path = "/" + path.partition("://")[2].partition("/")[2]
    query: bytes = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


class Body:
    """An ASGI request body."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.is_read = False

    async def read(self) -> bytes:
        """Read it whole."""
        return b"".join([chunk async for chunk in self.stream()])

    async def stream(self) -> AsyncIterator[bytes]:
        """Read it piece by piece.

        Raises:
            ConnectionError: The visitor went away.
        """
        more = True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("The client went away.")
            more = message.get("more_body", False)
            self.is_read = not more
            if message.get("body"):
                yield message["body"]

    async def discard(self) -> None:
        """Take what the site left, unless it is very much.

        A server that closes on a visitor who still sends takes the answer away from them.
        """
        left = MOST_DISCARDED
        while not self.is_read and left > 0:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return
            self.is_read = not message.get("more_body", False)
            left -= len(message.get("body", b""))
