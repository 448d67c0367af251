"""`firstlight dev`: the site from its sources; the browser reloads when they change."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from watchfiles import DefaultFilter, awatch  # pyright: ignore[reportUnknownVariableType]

from firstlight.build.output import STATE
from firstlight.build.pipeline import importable
from firstlight.dev.dev_site import DevSite
from firstlight.dev.host_bindings import serve_assets
from firstlight.dev.serving import serve
from firstlight.response import Response, encoded
from firstlight.server.asgi import asgi_app
from firstlight.streaming import close
from firstlight.url import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator
    from pathlib import Path

    from watchfiles import Change

    from firstlight.request import Request
    from firstlight.server.asgi import HostPlatform

RELOAD_PATH = "/_firstlight/reload"
SCRIPT = (
    "<script>(()=>{let first=true;const s=new EventSource('" + RELOAD_PATH + "');"
    "s.addEventListener('open',()=>{if(!first)location.reload();first=false});"
    "s.addEventListener('reload',()=>location.reload())})()</script>"
)
# What the site's own tools write; a change there is none of the site.
IGNORED = (STATE, "dist", ".wrangler", "python_modules", ".venv-workers")
KEEP_ALIVE = 15  # seconds between comments that keep the connection open


class SourceFilter(DefaultFilter):
    """Passes over what builds write, and folders such as node_modules, below the root only."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._prefix = f"{root}{os.sep}"

    def __call__(self, change: Change, path: str) -> bool:
        """Tell whether a changed path is one of the site's sources."""
        relative = path.removeprefix(self._prefix)
        return relative.partition(os.sep)[0] not in IGNORED and super().__call__(change, relative)


class DevServer:
    """Serves a site from its sources and tells open pages to reload.

    Args:
        root: The site's root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._site = DevSite(root)
        self._listeners: set[asyncio.Event] = set()

    async def handle(self, request: Request, platform: HostPlatform) -> Response:
        """Answer a request; HTML gets the script that reloads it."""
        if URL(request.url).pathname == RELOAD_PATH:
            headers = {"content-type": "text/event-stream", "cache-control": "no-store"}
            return Response(self._events(), 200, headers)
        response = await self._site.handle(request, platform)
        return await with_script(response)

    async def fetch(self, path: str) -> Response | None:
        """Answer from the prerendered pages."""
        return await self._site.fetch(path)

    async def watch(self) -> None:
        """Reload on every change below the root, until cancelled."""
        async for _ in awatch(self._root, watch_filter=SourceFilter(self._root)):
            self._site.reload()
            for listener in self._listeners:
                listener.set()

    async def _events(self) -> AsyncIterator[bytes]:
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            yield b": connected\n\n"
            while True:
                try:
                    await asyncio.wait_for(changed.wait(), KEEP_ALIVE)
                except TimeoutError:
                    yield b": still here\n\n"
                else:
                    changed.clear()
                    yield b"event: reload\ndata:\n\n"
        finally:
            self._listeners.discard(changed)


async def with_script(response: Response) -> Response:
    """Add the reload script to an HTML response, behind the last piece of a streamed one."""
    kind = response.headers.get("content-type") or ""
    if not kind.startswith("text/html") or response.body is None:
        return response
    if not isinstance(response.body, (str, bytes)):
        return response.with_body(_followed_by_script(response.body))
    text = encoded(response.body).decode("utf-8", "replace")
    before, closing, after = text.rpartition("</body>")
    body = f"{before}{SCRIPT}{closing}{after}" if closing else text + SCRIPT
    answer = Response(body, response.status, response.headers)
    if "etag" in answer.headers:
        del answer.headers["etag"]
    return answer


async def _followed_by_script(body: AsyncIterable[bytes | str]) -> AsyncIterator[bytes | str]:
    try:
        async for piece in body:
            yield piece
        yield SCRIPT
    finally:
        await close(body)


def serve_dev(root: Path, host: str, port: int) -> None:
    """Serve the site until interrupted.

    Raises:
        FirstlightError: The port is taken.
    """
    os.chdir(root)  # the embedded bindings look for wrangler.toml here
    server = DevServer(root)
    serve_assets(root, server.fetch)
    with importable(root):
        serve("dev", asgi_app(server.handle, server.fetch), host, port, server.watch)
