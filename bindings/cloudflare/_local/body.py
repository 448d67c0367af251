"""A body that is in memory, as KV, assets and caches give it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNK = 64 * 1024  # bytes


class EmbeddedBytes:
    """Bytes to be read whole or in pieces."""

    def __init__(self, content: bytes) -> None:
        self.used = False
        self._content = content

    @property
    def js_body(self) -> object:
        """No JavaScript here."""
        raise AttributeError("`js_body` exists in a Worker only")

    async def read(self) -> bytes:
        """Return the whole body."""
        return self._content

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of 64 KiB."""
        for start in range(0, len(self._content), CHUNK):
            yield self._content[start : start + CHUNK]
