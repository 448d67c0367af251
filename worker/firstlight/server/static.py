"""The built files as a web server gives them out: ranges, encodings, long lives in caches."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from firstlight.headers import Headers
from firstlight.response import Response
from firstlight.server.assets import (
    CACHE_CONTROL,
    PLATFORM_FILES,
    Asset,
    AssetServer,
    content_type_of,
    decoded_path,
    is_matching,
    path_pattern,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from firstlight.request import Request
    from firstlight.url import URL

IMMUTABLE = "public, max-age=31536000, immutable"
# A name that changes with the content: `site.3f2a9c1b.css`, `app-0123abcd4567.js`.
HASHED = re.compile(r"[.-](?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{8,}\.[a-z0-9.]+$")
ENCODINGS = {"br": ".br", "gzip": ".gz"}  # the one we prefer first
PIECE = 262_144  # bytes of a file that are read, and sent, at once
MOST_IN_MEMORY = 1_048_576  # bytes of a file that is sent in one piece
MOST_HASHED = 16_777_216  # bytes; a larger file is told apart by its time and size
KEPT_ON_304 = ("etag", "cache-control", "vary", "last-modified", "content-location", "expires")


class BuiltFiles:
    """The files that lay below a folder when the server started.

    Attributes:
        names: Their paths below it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.names = frozenset(_names_below(root))

    def __contains__(self, path: object) -> bool:
        return path in self.names

    async def read(self, path: str) -> Asset | None:
        """Read a file; None when it is gone."""
        try:
            return Asset(self.path(path).read_bytes(), content_type_of(path))
        except OSError:
            return None

    def path(self, name: str) -> Path:
        """Return where a file lies."""
        return self._root / name


@dataclass(frozen=True, slots=True)
class _File:
    """One representation of a file, as it is on the disk.

    Attributes:
        modified: Unix seconds.
        encoding: How it is compressed; None when it is not.
    """

    path: Path
    size: int
    modified: int
    etag: str
    encoding: str | None = None

    async def read(self, span: _Span) -> AsyncIterator[bytes]:
        """Yield a part of it without holding up other requests."""
        file = await asyncio.to_thread(self.path.open, "rb")
        try:
            await asyncio.to_thread(file.seek, span.first)
            left = span.length
            while left and (piece := await asyncio.to_thread(file.read, min(left, PIECE))):
                left -= len(piece)
                yield piece
        finally:
            file.close()


class _Span(NamedTuple):
    """A part of a file, in bytes."""

    first: int
    length: int


class StaticServer(AssetServer):
    """Serves `dist/client/` by Cloudflare's rules, and like the web server that it is here.

    Args:
        root: `dist/client/`.
        html_handling: As in `AssetServer`.
        immutable: Patterns of paths, as in `_headers`, whose content never changes.
    """

    def __init__(self, root: Path, html_handling: str, *, immutable: Iterable[str] = ()) -> None:
        self._built = BuiltFiles(root)
        super().__init__(
            self._built,
            html_handling,
            headers=_text(root / "_headers"),
            redirects=_text(root / "_redirects"),
        )
        self._immutable = [path_pattern(pattern) for pattern in immutable]
        self._paths = {path for name in self._built.names for path in _paths_of(name)}
        self._etags: dict[Path, tuple[tuple[int, int], str]] = {}

    def concerns(self, pathname: str) -> bool:
        """Tell, at little cost, whether a path may be an asset's or a redirect's."""
        path = decoded_path(pathname) if "%" in pathname else pathname
        return path in self._paths or bool(self._redirects)

    async def _serve(self, file: str, request: Request, url: URL) -> Response | None:
        encoding = self._encoding(file, request.headers)
        try:
            found = await self._stat(file, encoding)
        except OSError:
            return None
        headers = self._headers_of(file, found, url)
        response = _precondition(request.headers, found, headers)
        if response is None:
            response = await self._content(request, found, headers)
        return self._with_headers(response, url)

    async def _content(self, request: Request, found: _File, headers: Headers) -> Response:
        span, status = _Span(0, found.size), 200
        if request.method == "GET" and (asked := _range(request.headers, found)) is not None:
            headers["content-range"] = _content_range(asked, found.size)
            if not asked.length:
                return Response(None, 416, headers)
            span, status = asked, 206
        if request.method == "HEAD" or span.length > MOST_IN_MEMORY:
            headers["content-length"] = str(span.length)
        if request.method == "HEAD":
            return Response(None, status, headers)
        if span.length > MOST_IN_MEMORY:
            return Response(found.read(span), status, headers)
        with found.path.open("rb") as opened:
            opened.seek(span.first)
            return Response(opened.read(span.length), status, headers)

    def _encoding(self, file: str, headers: Headers) -> str | None:
        """Choose how the file goes out; a part of it goes out as it is."""
        accepted = headers.get("accept-encoding")
        if accepted is None or "range" in headers:
            return None
        offered = [e for e, suffix in ENCODINGS.items() if file + suffix in self._built]
        return preferred_encoding(accepted, offered) if offered else None

    async def _stat(self, file: str, encoding: str | None) -> _File:
        path = self._built.path(file + (ENCODINGS[encoding] if encoding else ""))
        status = path.stat()
        version = (status.st_mtime_ns, status.st_size)
        known = self._etags.get(path)
        if known is None or known[0] != version:
            known = self._etags[path] = (version, await _etag(path, status))
        return _File(path, status.st_size, int(status.st_mtime), known[1], encoding)

    def _headers_of(self, file: str, found: _File, url: URL) -> Headers:
        headers = Headers(
            {
                "etag": found.etag,
                "cache-control": IMMUTABLE if self._is_immutable(url.pathname) else CACHE_CONTROL,
                "last-modified": formatdate(found.modified, usegmt=True),
                "accept-ranges": "bytes",
            }
        )
        if kind := content_type_of(file):
            headers["content-type"] = kind
        if any(file + suffix in self._built for suffix in ENCODINGS.values()):
            headers["vary"] = "accept-encoding"
        if found.encoding:
            headers["content-encoding"] = found.encoding
        return headers

    def _is_immutable(self, pathname: str) -> bool:
        is_configured = any(pattern.fullmatch(pathname) for pattern in self._immutable)
        return is_configured or HASHED.search(pathname) is not None


def preferred_encoding(accepted: str, offered: Iterable[str]) -> str | None:
    """Choose of the offered encodings what a visitor likes best; None for none of them.

    Args:
        accepted: An `Accept-Encoding` header, such as `gzip;q=0.5, br`.
        offered: The one we prefer first.

    Source:
        https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
    """
    qualities: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.partition(";")
        qualities[name.strip()] = _quality(parameter)
    others = qualities.get("*", 0)
    liked = [(qualities.get(name, others), name) for name in offered]
    best = max((quality for quality, _ in liked), default=0)
    return next((name for quality, name in liked if quality == best > 0), None)


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def _precondition(asked: Headers, found: _File, headers: Headers) -> Response | None:
    """Answer what is fresh, or not what the visitor means; None to send the content.

    Source:
        https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
    """
    if (match := asked.get("if-match")) is not None and not is_matching(match, found.etag):
        return Response(None, 412)
    if (none_match := asked.get("if-none-match")) is not None:
        is_fresh = is_matching(none_match, found.etag)
    else:
        since = _seconds(asked.get("if-modified-since"))
        is_fresh = since is not None and found.modified <= since
    if not is_fresh:
        return None
    return Response(None, 304, [(n, v) for n, v in headers.items() if n in KEPT_ON_304])


def _range(asked: Headers, found: _File) -> _Span | None:
    """Return the part that is asked for, empty when it lies outside; None for all of it.

    Several ranges at once are answered with all of it, as RFC 9110 §14.2 allows.
    """
    text = re.fullmatch(r"bytes=(\d*)-(\d*)", (asked.get("range") or "").replace(" ", ""))
    condition = asked.get("if-range")
    if text is None or text[0] == "bytes=-" or not _is_current(condition, found):
        return None
    if not text[1]:
        length = min(int(text[2]), found.size)
        return _Span(found.size - length, length)
    first = int(text[1])
    last = min(int(text[2] or found.size), found.size - 1)
    if text[2] and int(text[2]) < first:
        return None  # RFC 9110 §14.1.1: not valid, so it is as if it were not there
    return _Span(first, max(last - first + 1, 0))


def _is_current(condition: str | None, found: _File) -> bool:
    """Tell whether `If-Range` names what is there."""
    return condition is None or condition == found.etag or _seconds(condition) == found.modified


def _content_range(span: _Span, size: int) -> str:
    part = f"{span.first}-{span.first + span.length - 1}" if span.length else "*"
    return f"bytes {part}/{size}"


def _seconds(date: str | None) -> int | None:
    """Read an HTTP date as Unix seconds; None for what is none."""
    try:
        return int(parsedate_to_datetime(date or "").timestamp())
    except (ValueError, TypeError):
        return None


async def _etag(path: Path, status: os.stat_result) -> str:
    """Make a strong validator: of the content, which stays over deployments."""
    if status.st_size > MOST_HASHED:
        return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    digest = await asyncio.to_thread(lambda: hashlib.md5(path.read_bytes(), usedforsecurity=False))
    return f'"{digest.hexdigest()}"'


def _paths_of(name: str) -> set[str]:
    """List every path that may lead to a file, by whatever way to handle HTML."""
    stem = f"/{name}".removesuffix(".html").removesuffix("/index")
    endings = ("", "/", ".html", "/index", "/index.html")
    return {f"/{name}", *(stem + ending for ending in endings)} - {*PLATFORM_FILES}


def _names_below(root: Path) -> list[str]:
    return [
        Path(folder, name).relative_to(root).as_posix()
        for folder, _, names in os.walk(root)
        for name in names
    ]


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
