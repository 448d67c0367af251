"""`firstlight preview`: dist/ as Cloudflare would serve it, on CPython."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from firstlight.advice import explain
from firstlight.app import App
from firstlight.build.config import load_config
from firstlight.build.output import DIST
from firstlight.build.wrangler import load_wrangler
from firstlight.dev.host_bindings import scheduled_response, serve_assets
from firstlight.dev.log import DevLog
from firstlight.dev.serving import serve
from firstlight.dev.state import data_in_use
from firstlight.errors import FirstlightError
from firstlight.server.asgi import HostPlatform, asgi_app
from firstlight.server.assets import AssetServer, FolderFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import ModuleType

    from firstlight.request import Request
    from firstlight.response import Response
    from firstlight.server.asgi import Answered, ASGIApp

# Of the bundle's packages, those that the host has whole.
HOST_PACKAGES = ("bindings", "firstlight", "jinja2", "markupsafe")


def serve_preview(root: Path, host: str, port: int, *, quiet: bool = False) -> None:
    """Serve the built site until interrupted.

    Args:
        root: The site's root.
        host: Address to listen on.
        port: The wanted port; the next free one is taken when it is in use.
        quiet: Whether to print no line for each request.

    Raises:
        FirstlightError: There is no build, or the address cannot be had.
    """
    app = preview_app(root, DevLog(root, quiet=quiet).answered)
    with data_in_use(root):
        serve("preview", app, host, port)


def preview_app(root: Path, log: Callable[[Answered], object] | None = None) -> ASGIApp:
    """Make an ASGI application of a built site: assets first, then the Worker's App.

    Args:
        root: The site's root.
        log: Told of each request when it is over.

    Raises:
        FirstlightError: There is no build.
    """
    client = root / DIST / "client"
    if not client.is_dir():
        raise FirstlightError("There is no dist/ to serve.", hint="Run `firstlight build` first.")
    os.chdir(root)  # the embedded bindings look for wrangler.toml here
    assets = _asset_server(root)
    serve_assets(root, assets.fetch)
    app = _worker(root) if (root / DIST / "server" / "manifest.py").exists() else None
    base = load_config(root).base

    async def handle(request: Request, platform: HostPlatform) -> Response:
        platform.served = "static"
        response = await scheduled_response(request) or await assets.handle(request)
        if response is not None:
            return response
        if app is None:
            return await assets.not_found(base)
        platform.served = "on demand"
        return await app.handle(request, platform)

    return asgi_app(handle, assets.fetch, log)


def _asset_server(root: Path) -> AssetServer:
    client = root / DIST / "client"
    texts = {
        name: (client / f"_{name}").read_text("utf-8") if (client / f"_{name}").exists() else ""
        for name in ("headers", "redirects")
    }
    return AssetServer(FolderFiles(client), load_wrangler(root).html_handling, **texts)


def _worker(root: Path) -> App:
    sys.meta_path.insert(0, _BundleFinder(root / DIST / "server"))
    sys.dont_write_bytecode = True
    return App(importlib.import_module("manifest").MANIFEST, explain=explain)


class _BundleFinder(MetaPathFinder):
    """Finds the Worker's own modules in dist/server/; the runtime and bindings are the host's."""

    def __init__(self, server: Path) -> None:
        self._path = [str(server)]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a top-level module; what lies in a package is found beside it."""
        del target
        if path is not None or fullname in HOST_PACKAGES:
            return None
        return PathFinder.find_spec(fullname, self._path)
