"""The embedded backend: KV, D1 and R2 in SQLite, the rest in memory, without Node or network.

For development, the ASGI adapter and tests; never uploaded.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bindings.cloudflare._local.config import find_config, load_config
from bindings.cloudflare._local.embedded import EmbeddedBackend
from bindings.cloudflare._local.services import serve_assets
from bindings.cloudflare.backend import current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from bindings.cloudflare._local.services import AssetResponse

STATE = Path(".firstlight", "state")
KV_URL = "FIRSTLIGHT_KV_URL"
R2_URL = "FIRSTLIGHT_R2_URL"

_backends: dict[Path, EmbeddedBackend] = {}
_served: list[EmbeddedBackend] = []
_lock = threading.Lock()


@contextmanager
def use(root: Path, state: Path | None = None) -> Generator[EmbeddedBackend]:
    """Answer bindings from the site at `root` while the context is open.

    Args:
        root: The folder that holds wrangler.toml.
        state: The folder for databases and objects. None means
            `.firstlight/state` in the root.
    """
    backend = EmbeddedBackend(root, state or root / STATE)
    token = current.set(backend)
    try:
        yield backend
    finally:
        current.reset(token)
        backend.close()


@contextmanager
def attached(root: Path, state: Path) -> Generator[EmbeddedBackend]:
    """Answer bindings from another folder wherever the site at `root` is the nearest one.

    Unlike `use()`, in every task and thread, such as those of a test's event loop.

    Args:
        root: The folder that holds wrangler.toml.
        state: The folder for databases and objects.
    """
    root = root.resolve()  # as the current folder is
    backend = EmbeddedBackend(root, state)
    with _lock:
        before = _backends.get(root)
        _backends[root] = backend
    try:
        yield backend
    finally:
        with _lock:
            del _backends[root]
            if before is not None:
                _backends[root] = before
        backend.close()


def serve(
    root: Path, state: Path, fetch: Callable[[str], Awaitable[AssetResponse | None]]
) -> Callable[[], Awaitable[None]]:
    """Answer this process's bindings from a site, for a server in earnest.

    Variables of the process win over those that wrangler.toml declares. FIRSTLIGHT_KV_URL names
    a Redis for the KV namespaces, FIRSTLIGHT_R2_URL an S3-compatible store for the R2 buckets.

    Args:
        root: The folder that holds wrangler.toml.
        state: The folder for databases and objects.
        fetch: Answers the site's assets.

    Returns:
        Hands out the messages that wait in queues, and closes the databases.
    """
    stores = {"kv_url": os.environ.get(KV_URL), "r2_url": os.environ.get(R2_URL)}
    backend = EmbeddedBackend(root, state, os.environ, **stores)
    serve_assets(root, fetch)
    _served.append(backend)

    async def end() -> None:
        _served.remove(backend)
        serve_assets(root, None)
        await backend.end()

    return end


def default_backend() -> EmbeddedBackend | None:
    """Return the backend that is served, or that of the nearest site at or above this folder.

    None when no folder has a wrangler.toml, wrangler.jsonc or wrangler.json.
    """
    if _served:
        return _served[-1]
    config = find_config(Path.cwd())
    if config is None:
        return None
    root = config.parent
    with _lock:
        if root not in _backends:
            _backends[root] = EmbeddedBackend(root, root / STATE)
        return _backends[root]


def declared_bindings() -> dict[str, str]:
    """Return the kinds, such as `kv` or `queue`, by declared name."""
    backend = current.get()
    if isinstance(backend, EmbeddedBackend):
        return backend.config().kinds
    config = find_config(Path.cwd())
    return {} if config is None else load_config(config.parent).kinds


@atexit.register
def _close_all() -> None:
    while _backends:
        _backends.popitem()[1].close()
