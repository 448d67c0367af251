"""The smaller services on the host: assets, rate limiters, analytics and caches."""

from __future__ import annotations

import mimetypes
import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

from bindings.cloudflare._local.body import EmbeddedBytes

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from bindings.cloudflare._local.config import RateLimit
    from bindings.cloudflare._local.queues import Queues
    from bindings.cloudflare.backend import FetchRequest
    from bindings.cloudflare.shapes import FetchData

KEPT_POINTS = 10_000  # of each dataset
# What a cache keeps at all, as miniflare has it.
KEPT_STATUSES = {200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501}
NOT_FOUND = 404

Counts = dict[str, tuple[int, int]]
"""By key: the number of the period, and the calls in it."""

Answers = dict[str, tuple[float, int, list[tuple[str, str]], bytes]]
"""By URL: until when it is fresh in Unix seconds, status, headers and body."""


class AssetResponse(Protocol):
    """An answer of the development server."""

    status: int

    @property
    def headers(self) -> Any:
        """Has `items()`."""
        ...

    async def bytes(self) -> bytes:
        """Read the body."""
        ...


if TYPE_CHECKING:
    Fetch: TypeAlias = Callable[[str], Awaitable[AssetResponse | None]]

# By a site's root: where its development server answers for assets, in place of the built ones.
_servers: dict[Path, Fetch] = {}


def serve_assets(root: Path, fetch: Fetch | None) -> None:
    """Answer a site's assets from a development server; None goes back to the built ones."""
    if fetch is None:
        _servers.pop(root.resolve(), None)
    else:
        _servers[root.resolve()] = fetch


class EmbeddedFetcher:
    """The site's assets: those of the development server, else those that were built."""

    def __init__(self, root: Path, folder: str) -> None:
        self._root = root.resolve()
        self._folder = root / folder

    async def fetch(self, request: FetchRequest) -> FetchData:
        """Answer GET and HEAD; the host of the URL does not matter."""
        if request.method not in {"GET", "HEAD"}:
            return 405, [("allow", "GET, HEAD")], EmbeddedBytes(b"")
        parts = urlsplit(request.url)
        if (serve := _servers.get(self._root)) is not None:
            answer = await serve(parts.path)
            if answer is None:
                return NOT_FOUND, [], EmbeddedBytes(b"")
            return answer.status, answer.headers.items(), EmbeddedBytes(await answer.bytes())
        return self._built(unquote(parts.path))

    def _built(self, path: str) -> FetchData:
        folder, name = self._folder.resolve(), path.strip("/")
        for candidate in (name, f"{name}.html", f"{name}/index.html".lstrip("/")):
            file = (folder / candidate).resolve()
            if file.is_relative_to(folder) and file.is_file():
                kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                text = "; charset=utf-8" if kind.startswith("text/") else ""
                return 200, [("content-type", f"{kind}{text}")], EmbeddedBytes(file.read_bytes())
        return NOT_FOUND, [], EmbeddedBytes(b"")


class EmbeddedQueue:
    """The sending end of a queue in memory."""

    def __init__(self, queues: Queues, name: str) -> None:
        self._queues = queues
        self._name = name

    async def send(self, body: Any, options: dict[str, Any]) -> None:
        """Send a message."""
        self._queues.send(self._name, body, options.get("delaySeconds", 0))

    async def send_batch(self, messages: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        """Send several."""
        for body, options in messages:
            await self.send(body, options)


class EmbeddedRateLimiter:
    """Counts in fixed windows of the period."""

    def __init__(self, config: RateLimit, counts: Counts) -> None:
        self._config = config
        self._counts = counts

    async def limit(self, key: str) -> bool:
        """Count a call."""
        period = int(time.time() // self._config.period)
        last, calls = self._counts.get(key, (period, 0))
        calls = calls + 1 if last == period else 1
        self._counts[key] = (period, calls)
        return calls <= self._config.limit


class EmbeddedAnalytics:
    """Keeps the newest data points."""

    def __init__(self, points: deque[dict[str, Any]]) -> None:
        self._points = points

    def write(self, point: dict[str, Any]) -> None:
        """Record a data point."""
        self._points.append(point)


class EmbeddedCache:
    """Answers in memory for as long as their headers say.

    Source:
        https://developers.cloudflare.com/workers/runtime-apis/cache/#headers
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def match(self, url: str) -> FetchData | None:
        """Find an answer that is fresh."""
        until, status, headers, body = self._answers.get(url, (0.0, 0, [], b""))
        if until <= time.time():
            self._answers.pop(url, None)
            return None
        return status, [*headers, ("cf-cache-status", "HIT")], EmbeddedBytes(body)

    async def put(
        self, url: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
    ) -> None:
        """Keep an answer."""
        seconds = lifetime(headers)
        if seconds > 0 and status in KEPT_STATUSES:
            self._answers[url] = (time.time() + seconds, status, list(headers), body)

    async def delete(self, url: str) -> bool:
        """Forget an answer."""
        return self._answers.pop(url, (0.0,))[0] > time.time()


def lifetime(headers: Iterable[tuple[str, str]]) -> float:
    """Return for how many seconds a shared cache may keep an answer.

    Source:
        https://www.rfc-editor.org/rfc/rfc9111.html#section-4.2.1
    """
    fields = {name.lower(): value for name, value in headers}
    control = fields.get("cache-control", "").lower()
    if re.search(r"\b(no-store|no-cache|private)\b(?!=)", control) or "set-cookie" in fields:
        return 0
    for directive in ("s-maxage", "max-age"):
        if found := re.search(rf"(?<![\w-]){directive}=\"?(\d+)", control):
            return int(found[1])
    try:
        return parsedate_to_datetime(fields.get("expires", "")).timestamp() - time.time()
    except ValueError:
        return 0
