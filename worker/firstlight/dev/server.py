"""`firstlight dev`: the site from its sources; open pages follow what changes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]

from firstlight.build.pipeline import importable
from firstlight.dev.changes import Changes, SourceFilter, changed_files
from firstlight.dev.dev_site import DevSite
from firstlight.dev.error_page import ErrorPage
from firstlight.dev.host_bindings import serve_assets
from firstlight.dev.log import INTERNAL, DevLog
from firstlight.dev.serving import serve
from firstlight.dev.state import data_in_use, seed
from firstlight.response import Response, encoded
from firstlight.server.asgi import asgi_app
from firstlight.streaming import close
from firstlight.url import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable

    from firstlight.request import Request
    from firstlight.server.asgi import HostPlatform

EVENTS_PATH = "/_firstlight/events"
CLIENT_PATH = "/_firstlight/client.js"
PAGE_PATH = "/_firstlight/page"
CLIENT = Path(__file__).with_name("client.js")
# Sent by our own script, which brings a page up to date without loading it anew.
SWAP_HEADER = "x-firstlight-swap"
# https://fetch.spec.whatwg.org/#concept-request-destination
DOCUMENTS = ("document", "iframe", "frame")
KEPT_PAGES = 100
PAUSE = 30  # milliseconds without a change after which a save is complete
UNCACHED = {"cache-control": "no-store"}


class DevServer:
    """Serves a site from its sources and tells open pages what changes.

    Args:
        root: The site's root.
        log: Where to tell of changes and errors.

    Attributes:
        site: Answers from the sources.
        changes: What open pages are told.
    """

    def __init__(self, root: Path, log: DevLog) -> None:
        self._root = root
        self._log = log
        self.site = DevSite(root, log.error, log.note)
        self._pages: dict[str, bytes] = {}
        self._sent = 0
        self.changes = Changes()

    async def handle(self, request: Request, platform: HostPlatform) -> Response:
        """Answer a request; a page that a browser shows gets the script that follows changes."""
        url = URL(request.url)
        if url.pathname.startswith(INTERNAL):
            return self._own(url)
        if _is_shown(request):
            self.changes.forgive(url.href)
        version = self.changes.version  # of before the sources are read
        response = await self.site.handle(request, platform)
        if _is_shown(request):
            return self._followed(response, version) if _is_page(response) else response
        if isinstance(response, ErrorPage) and SWAP_HEADER not in request.headers:
            # What a page's own script or image asks for is shown in that page.
            self.changes.fail(request.headers.get("referer") or "", await response.text())
            return response.as_text()
        return response

    async def fetch(self, path: str) -> Response | None:
        """Answer from the prerendered pages."""
        return await self.site.fetch(path)

    async def watch(self) -> None:
        """Follow every change below the root, until cancelled."""
        await self.site.warm()
        source_filter = SourceFilter(self._root)
        async for changes in awatch(self._root, watch_filter=source_filter, step=PAUSE):
            files = changed_files(self._root, changes)
            if files:
                self.site.reload()
                self._log.changed(files)
                self.changes.add(files, self.site.base)
                await self.site.warm()

    def _own(self, url: URL) -> Response:
        query = url.search_params.get
        if url.pathname == EVENTS_PATH:
            headers = UNCACHED | {"content-type": "text/event-stream"}
            return Response(self.changes.events(query("since") or ""), 200, headers)
        if url.pathname == CLIENT_PATH:
            headers = UNCACHED | {"content-type": "text/javascript; charset=utf-8"}
            return Response(CLIENT.read_bytes(), 200, headers)
        text = self._pages.get(query("id") or "") if url.pathname == PAGE_PATH else None
        status = 404 if text is None else 200
        return Response(text, status, UNCACHED | {"content-type": "text/plain; charset=utf-8"})

    def _followed(self, response: Response, version: str) -> Response:
        """Add the script to a page, behind the last piece of a streamed one.

        Behind everything else it splits no text of the page, so that the browser's nodes are
        those of the page as it was sent.
        """
        self._sent += 1
        page = str(self._sent)
        error = " data-error" if isinstance(response, ErrorPage) else ""
        script = (
            f'<script src="{CLIENT_PATH}" async data-version="{version}" data-page="{page}"'
            f"{error}></script>"
        ).encode()
        body = response.body or b""
        if isinstance(body, (str, bytes)):
            self._keep(page, encoded(body))
            answer = response.with_body(encoded(body) + script)
        else:
            answer = response.with_body(self._followed_by(body, page, script))
        if "etag" in answer.headers:
            del answer.headers["etag"]
        return answer

    async def _followed_by(
        self, body: AsyncIterable[bytes | str], page: str, script: bytes
    ) -> AsyncIterator[bytes]:
        pieces: list[bytes] = []
        try:
            async for piece in body:
                pieces.append(encoded(piece))
                yield pieces[-1]
            self._keep(page, b"".join(pieces))
            yield script
        finally:
            await close(body)

    def _keep(self, page: str, text: bytes) -> None:
        """Keep a page as it was sent: changes are told from it, not from what scripts made."""
        self._pages[page] = text
        while len(self._pages) > KEPT_PAGES:
            del self._pages[next(iter(self._pages))]


def _is_shown(request: Request) -> bool:
    """Tell whether a browser asks for a document to show, as far as it says so.

    Source:
        https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Dest
    """
    headers = request.headers
    if SWAP_HEADER in headers:
        return False
    wanted = headers.get("sec-fetch-dest")
    return "text/html" in (headers.get("accept") or "") if wanted is None else wanted in DOCUMENTS


def _is_page(response: Response) -> bool:
    kind = response.headers.get("content-type") or ""
    is_plain = "content-encoding" not in response.headers
    return kind.startswith("text/html") and response.body is not None and is_plain


def serve_dev(
    root: Path, host: str, port: int, *, seeds: Iterable[str] = (), quiet: bool = False
) -> None:
    """Serve the site until interrupted.

    Args:
        root: The site's root.
        host: Address to listen on.
        port: The wanted port; the next free one is taken when it is in use.
        seeds: Files of SQL to run before, as `seed` takes them.
        quiet: Whether to tell of errors only.

    Raises:
        FirstlightError: The address cannot be had, or a statement of a seed fails.
    """
    os.chdir(root)  # the embedded bindings look for wrangler.toml here
    log = DevLog(root, quiet=quiet)
    server = DevServer(root, log)
    serve_assets(root, server.fetch)
    app = asgi_app(server.handle, server.fetch, log.answered)
    with importable(root), data_in_use(root):
        for text in seeds:
            log.note(seed(root, text))
        serve("dev", app, host, port, server.watch, server.changes.close)
