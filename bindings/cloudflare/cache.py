"""The Cache API: answers kept in the data centre that a request came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import CacheError
from bindings.cloudflare.fetcher import FetchResponse

if TYPE_CHECKING:
    from bindings.cloudflare.shapes import ResponseLike

PARTIAL = 206


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache of answers to GET, by URL; it needs no binding.

    It is local to a data centre, may forget at any time, and keeps nothing on
    `*.workers.dev`. The embedded backend keeps answers in memory.

    Args:
        name: None opens the default cache.

    Source:
        https://developers.cloudflare.com/workers/runtime-apis/cache/
    """

    name: str | None = None

    async def match(self, url: str) -> FetchResponse | None:
        """Find the answer that is kept for a URL.

        Args:
            url: Absolute.

        Returns:
            None when there is none, or it is no longer fresh.
        """
        call = self._call("match", url)
        with call:
            found = await call.backend.cache(self.name).match(url)
        return None if found is None else FetchResponse(found, call)

    async def put(self, url: str, response: ResponseLike) -> None:
        """Keep an answer for as long as its `Cache-Control` says.

        The body is read; a `Response` of Firstlight can be sent afterwards all the same.

        Args:
            url: Absolute.
            response: Without `s-maxage`, `max-age` or `Expires` it is not kept.

        Raises:
            CacheError: It has status 206 or `Vary: *`, which the platform refuses.
        """
        call = self._call("put", url)
        headers = tuple(response.headers.items())
        varies = any(name.lower() == "vary" and "*" in value for name, value in headers)
        if response.status == PARTIAL or varies:
            call.fail("an answer with status 206 or `Vary: *` cannot be kept.")
        body = await response.bytes()
        with call:
            await call.backend.cache(self.name).put(url, response.status, headers, body)

    async def delete(self, url: str) -> bool:
        """Forget the answer for a URL, and tell whether there was one."""
        call = self._call("delete", url)
        with call:
            return await call.backend.cache(self.name).delete(url)

    def _call(self, operation: str, url: str) -> Call:
        call = Call(CacheError, self.name or "default", operation, key=url)
        if not url.startswith(("http://", "https://")):
            call.fail("this is no absolute URL.", "Pass `str(ctx.url)`.")
        return call
