"""ASGI servers such as uvicorn, hypercorn and granian: the whole site, files and all.

Runs on CPython, behind a reverse proxy or alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from firstlight.app import App
from firstlight.server.asgi import (
    ASGIRequest,
    Body,
    HostPlatform,
    origin_of,
    refuse_websocket,
    respond,
    target_of,
)
from firstlight.server.proxies import Proxies
from firstlight.server.static import StaticServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import Protocol

    from firstlight.manifest import Manifest
    from firstlight.response import Response
    from firstlight.server.asgi import Receive, Scope, Send

    class Bindings(Protocol):
        """The package that answers the site's bindings."""

        def serve(
            self, root: Path, state: Path, fetch: Callable[[str], Awaitable[Any]]
        ) -> Callable[[], Awaitable[None]]:
            """Answer the bindings of a site from now on.

            Args:
                root: The folder of wrangler.toml.
                state: The folder of the databases.
                fetch: Answers the assets.

            Returns:
                Ends it.
            """
            ...


TRUSTED_PROXIES = "FIRSTLIGHT_TRUSTED_PROXIES"
STATE = "FIRSTLIGHT_STATE"


class Options(NamedTuple):
    """What `[tool.firstlight.asgi]` says.

    Attributes:
        trusted_proxies: Addresses and networks whose `X-Forwarded-*` counts, and `unix`; the
            variable FIRSTLIGHT_TRUSTED_PROXIES (separated by commas) replaces them.
        immutable: Patterns of paths, as in `_headers`, whose content never changes.
        state: The folder of the embedded bindings, relative to the site's root; the variable
            FIRSTLIGHT_STATE replaces it.
        html_handling: How a URL becomes a file, as `assets.html_handling` of wrangler.toml.
    """

    trusted_proxies: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    state: str = ".firstlight/state"
    html_handling: str = "auto-trailing-slash"


class Application:
    """A built site as an ASGI application.

    Args:
        manifest: The site.
        root: The folder that holds `dist/`, and wrangler.toml if there are bindings.
        options: How to serve it.
        bindings: What answers the bindings; None for a site without any.

    Raises:
        ConfigError: A trusted proxy is neither an address nor a network.

    Source:
        https://asgi.readthedocs.io/en/stable/specs/www.html
        https://asgi.readthedocs.io/en/stable/specs/lifespan.html
    """

    def __init__(
        self,
        manifest: Manifest,
        root: Path,
        options: Options | None = None,
        *,
        bindings: Bindings | None = None,
    ) -> None:
        options = options or Options()
        named = os.environ.get(TRUSTED_PROXIES)
        trusted = options.trusted_proxies if named is None else filter(None, named.split(","))
        self._proxies = Proxies(entry.strip() for entry in trusted)
        self._assets = StaticServer(
            root / "dist" / "client", options.html_handling, immutable=options.immutable
        )
        self._app = App(manifest)
        self._tasks: set[asyncio.Future[Any]] = set()
        self._close: Callable[[], Awaitable[None]] | None = None
        if bindings is not None:
            state = root / os.environ.get(STATE, options.state)
            self._close = bindings.serve(root, state, self._assets.fetch)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            body = Body(receive)
            await respond(await self._answer(scope, body), scope["method"], body, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await refuse_websocket(receive, send)

    async def _answer(self, scope: Scope, body: Body) -> Response:
        address, origin = self._proxies.seen(scope)
        target = target_of(scope)
        request = ASGIRequest(scope, body, (origin or origin_of(scope)) + target)
        if self._assets.concerns(target.partition("?")[0]):
            response = await self._assets.handle(request)
            if response is not None:
                return response
        platform = HostPlatform(address, self._assets.fetch, self._tasks)
        return await self._app.handle(request, platform)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                self._load()
                await send({"type": "lifespan.startup.complete"})
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._close is not None:
            await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    def _load(self) -> None:
        """Import the site's code, so that no visitor waits for it; errors are told twice."""
        manifest = self._app.manifest
        names = [route.module for route in manifest.routes]
        for name in filter(None, [*names, manifest.middleware, *manifest.templates.values()]):
            try:
                import_module(name)
            except Exception:  # noqa: BLE001 - its route answers 500, the others work
                sys.stderr.write(f"{name} cannot be imported:\n{traceback.format_exc()}")
