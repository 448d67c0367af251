"""Vercel's Python functions: an application, or one event in and the whole answer out."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import TYPE_CHECKING, Any

from firstlight.app import App
from firstlight.headers import Headers
from firstlight.request import Request
from firstlight.response import NULL_BODY_STATUSES, encoded
from firstlight.server.asgi import ASGIRequest, Body, HostPlatform, respond, target_of
from firstlight.server.assets import AssetServer, FolderFiles
from firstlight.streaming import close

if TYPE_CHECKING:
    from pathlib import Path

    from firstlight.manifest import Manifest
    from firstlight.response import Response
    from firstlight.server.asgi import Receive, Scope, Send


class Function:
    """A built site as a Vercel function.

    Args:
        manifest: The site.
        root: The folder of the pages that the site's code may ask for, such as the 404 page.
        html_handling: How a URL becomes a file, as `assets.html_handling` of wrangler.toml.

    Source:
        https://github.com/vercel/vercel/blob/main/python/vercel-runtime/src/vercel_runtime/vc_init.py
    """

    def __init__(self, manifest: Manifest, root: Path, html_handling: str) -> None:
        self._app = App(manifest, log=_log)
        self._assets = AssetServer(FolderFiles(root), html_handling)

    def __call__(self, event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG002 - the platform's
        """Answer one event.

        Args:
            event: Its `body` is JSON: `method`, `path` with the query, `headers` (name to value
                or list of values), `body`, and `encoding`, which is `base64` or missing.
            context: Of the invocation.

        Returns:
            `statusCode`, `headers` (name to list of values), `body` in Base64 and `encoding`.
        """
        return asyncio.run(self._answer(json.loads(event["body"])))

    async def _answer(self, sent: dict[str, Any]) -> dict[str, Any]:
        headers = _headers(sent.get("headers") or {})
        url = _origin(headers) + sent["path"]
        request = Request(sent["method"], url, headers, _body(sent))
        tasks: set[asyncio.Future[Any]] = set()
        response = await self._response(request, tasks)
        content = await _content(response, request.method)
        await _end(tasks)
        return _told(response, content)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as an ASGI application, for the server that Vercel talks to."""
        body = Body(receive)
        request = ASGIRequest(scope, body, "")
        request.url = _origin(request.headers) + target_of(scope)
        tasks: set[asyncio.Future[Any]] = set()
        try:
            await respond(await self._response(request, tasks), scope["method"], body, send)
        finally:
            await _end(tasks)

    async def _response(self, request: Request, tasks: set[asyncio.Future[Any]]) -> Response:
        platform = HostPlatform(_client(request.headers), self._assets.fetch, tasks)
        return await self._app.handle(request, platform)


def _log(text: str) -> None:
    sys.stderr.write(text)  # looked up now: the server puts a stream of its own there


async def _end(tasks: set[asyncio.Future[Any]]) -> None:
    """Wait for what goes on after a response: a frozen function would not go on with it."""
    while tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


def _headers(sent: dict[str, str | list[str]]) -> Headers:
    pairs = [
        (name, value)
        for name, values in sent.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return Headers(pairs)


def _origin(headers: Headers) -> str:
    """Return scheme and host; Vercel replaces what a visitor sends of these headers.

    Source:
        https://vercel.com/docs/headers/request-headers
    """
    host = headers.get("x-forwarded-host") or headers.get("host") or "localhost"
    return f"{headers.get('x-forwarded-proto') or 'https'}://{host.lower()}"


def _client(headers: Headers) -> str | None:
    address = headers.get("x-real-ip") or headers.get("x-forwarded-for") or ""
    return address.partition(",")[0].strip() or None


def _body(sent: dict[str, Any]) -> bytes | None:
    body: str = sent.get("body") or ""
    data = base64.b64decode(body) if sent.get("encoding") == "base64" else body.encode()
    return data or None


async def _content(response: Response, method: str) -> bytes:
    body = response.body
    if body is None or isinstance(body, (str, bytes)):
        content = encoded(body or b"")
    else:
        try:
            content = b"".join([encoded(chunk) async for chunk in body])
        finally:
            await close(body)
    return b"" if method == "HEAD" or response.status in NULL_BODY_STATUSES else content


def _told(response: Response, content: bytes) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.items():
        headers.setdefault(name, []).append(value)
    body = base64.b64encode(content).decode()
    return {"statusCode": response.status, "headers": headers, "body": body, "encoding": "base64"}
