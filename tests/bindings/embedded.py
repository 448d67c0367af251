"""The embedded backend with a store that lies elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.embedded import EmbeddedBackend
from bindings.cloudflare.backend import current

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path


def run_with(option: str, root: Path, url: str, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Await with a backend of its own: a client of a store may belong to an event loop.

    Args:
        option: Of the backend, which the URL of the store is for.
        root: Of the site.
        url: Of the store.
        coroutine: What to await.
    """

    async def served() -> Any:
        options: Any = {option: url}
        backend = EmbeddedBackend(root, root / "state", **options)
        token = current.set(backend)
        try:
            return await coroutine
        finally:
            current.reset(token)
            await backend.end()

    return asyncio.run(served())
