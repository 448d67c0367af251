"""Bridges our request and response to ASGI, for the development servers."""

from __future__ import annotations

import asyncio
from types import NoneType
from typing import TYPE_CHECKING

from firstlight.app import NoPlatform
from firstlight.headers import Headers
from firstlight.request import Request
from firstlight.response import NULL_BODY_STATUSES, Response, encoded
from firstlight.streaming import close

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from typing import Any, TypeAlias

    Scope: TypeAlias = dict[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
    Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
    ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
    Handler: TypeAlias = Callable[[Request, "HostPlatform"], Awaitable[Response]]

BODILESS = ("GET", "HEAD")


class HostPlatform(NoPlatform):
    """What a host server offers beside the request.

    Args:
        client_address: The peer's address, None when it is not known.
        fetch: Answers from the assets.
    """

    def __init__(
        self,
        client_address: str | None,
        fetch: Callable[[str], Awaitable[Response | None]] | None = None,
    ) -> None:
        self.client_address = client_address
        self._fetch = fetch

    async def fetch_asset(self, path: str) -> Response | None:
        """Answer from the assets; None when there is none."""
        return await self._fetch(path) if self._fetch else None


def asgi_app(
    handle: Handler, fetch: Callable[[str], Awaitable[Response | None]] | None = None
) -> ASGIApp:
    """Make an ASGI application of a handler.

    Source:
        https://asgi.readthedocs.io/en/stable/specs/www.html
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        client = scope.get("client")
        body = _Body(receive)
        response = await handle(
            request_of(scope, body),
            HostPlatform(client[0] if client else None, fetch),
        )
        sending = send_response(response, scope["method"], send)
        # What reads the request while it answers would miss what the watch receives.
        has_come = body.is_read or scope["method"] in BODILESS
        if has_come and not isinstance(response.body, (str, bytes, NoneType)):
            await _while_connected(sending, receive)
        else:
            await sending

    return app


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


def request_of(scope: Scope, body: _Body) -> Request:
    """Make our request of an ASGI scope."""
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    headers = Headers.of_trusted(fields)
    host = (headers.get("host") or "").lower() or "{}:{}".format(*scope["server"])
    path = scope.get("raw_path", scope["path"].encode()).decode("utf-8", "replace")
    if not path.startswith("/"):  # RFC 9112 §3.2: `*`, or a whole URL
        path = "/" + path.partition("://")[2].partition("/")[2]
    query = scope["query_string"].decode("latin-1")
    url = f"{scope['scheme']}://{host}{path}{'?' + query if query else ''}"
    return Request(scope["method"], url, headers, body)


async def send_response(response: Response, method: str, send: Send) -> None:
    """Send our response."""
    body = None if method == "HEAD" or response.status in NULL_BODY_STATUSES else response.body
    fields = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in response.headers.items()]
    if body is None or isinstance(body, (str, bytes)):
        data = encoded(body or b"")
        if method != "HEAD" and response.status not in (204, 304):
            fields.append((b"content-length", str(len(data)).encode()))
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": fields,
            }
        )
        await send({"type": "http.response.body", "body": data})
        return
    await send({"type": "http.response.start", "status": response.status, "headers": fields})
    try:
        async for chunk in body:
            await send({"type": "http.response.body", "body": encoded(chunk), "more_body": True})
    finally:
        await close(body)
    await send({"type": "http.response.body", "body": b""})


class _Body:
    """An ASGI request body."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_read = False

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.stream()])

    async def stream(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("The client went away.")
            more = message.get("more_body", False)
            self.is_read = not more
            if message.get("body"):
                yield message["body"]
