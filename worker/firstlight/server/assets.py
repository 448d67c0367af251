"""Static assets by Cloudflare's rules: which file a URL is, redirects, ETag, `_headers`.

Source:
    https://developers.cloudflare.com/workers/static-assets/routing/advanced/html-handling/
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from firstlight.exchange import plain_page
from firstlight.headers import Headers
from firstlight.response import Response
from firstlight.routing import with_query
from firstlight.url import ASSET_SAFE, URL, percent_decode, percent_encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Protocol

    from firstlight.request import Request

    class Files(Protocol):
        """The files to serve, by path relative to the root, without a leading slash."""

        def __contains__(self, path: object) -> bool: ...

        async def read(self, path: str) -> Asset | None:
            """Read a file; None when nothing is there after all."""
            ...


PLATFORM_FILES = ("/_headers", "/_redirects", "/.assetsignore")  # read, and never served
READ_METHODS = ("GET", "HEAD")
PLACEHOLDER = re.compile(r":([A-Za-z]\w*)")
CACHE_CONTROL = "public, max-age=0, must-revalidate"
MIME_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".ico": "image/vnd.microsoft.icon",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file's content.

    Attributes:
        headers: What the page that made it wants to be sent along.
    """

    body: bytes
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class FolderFiles:
    """The files below a folder, which never leads outside of it."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def __contains__(self, path: object) -> bool:
        found = self._find(str(path))
        return found is not None

    async def read(self, path: str) -> Asset | None:
        """Read a file; None when it is gone, as during a build."""
        found = self._find(path)
        try:
            return Asset(found.read_bytes(), content_type_of(path)) if found else None
        except OSError:
            return None

    def _find(self, path: str) -> Path | None:
        if not path or "\x00" in path or path.endswith("/"):
            return None
        try:
            found = (self._root / path).resolve()
            inside = found.is_relative_to(self._root) and found.is_file()
        except OSError:  # such as a name that is too long
            return None
        return found if inside else None


class Found(NamedTuple):
    """What a path is: a file, or a redirect to the file's own URL."""

    file: str | None = None
    redirect: str | None = None


class AssetServer:
    """Answers from files, by one of the platform's four ways to handle HTML.

    Args:
        files: What there is.
        html_handling: `auto-trailing-slash`, `force-trailing-slash`, `drop-trailing-slash`
            or `none`.
        headers: Text of a `_headers` file.
        redirects: Text of a `_redirects` file.
    """

    def __init__(
        self,
        files: Files,
        html_handling: str = "auto-trailing-slash",
        *,
        headers: str = "",
        redirects: str = "",
    ) -> None:
        self._files = files
        self._find = _HANDLING[html_handling]
        self._headers = parse_headers(headers)
        self._redirects = parse_redirects(redirects)

    async def handle(self, request: Request) -> Response | None:
        """Answer a request; None when no asset has its URL."""
        url = URL(request.url)
        path = decoded_path(url.pathname)
        if path is None:
            return None
        redirect = self._redirect(url)
        if redirect is not None:
            return redirect
        found = self.find(path)
        if found is None:
            return None
        if request.method not in READ_METHODS:
            return Response("Method Not Allowed", 405, {"allow": "GET, HEAD"})
        location = percent_encode(found.redirect or path, ASSET_SAFE)
        if location != url.pathname:  # an asset has one URL, spelled in one way
            return self._with_headers(Response.redirect(location + url.search, 307), url)
        return await self._serve(found.file or "", request, url)

    async def fetch(self, path: str) -> Response | None:
        """Answer a path from inside, as the ASSETS binding does: redirects are followed."""
        decoded = decoded_path(path)
        found = None if decoded is None else self.find(decoded)
        if found is not None and found.redirect is not None:
            found = self.find(found.redirect)
        if found is None or found.file is None:
            return None
        asset = await self._files.read(found.file)
        return self._response(asset) if asset else None

    async def not_found(self, base: str) -> Response:
        """Answer for a site that is nothing but files: its 404 page, or a plain one."""
        page = await self.fetch(f"{base.rstrip('/')}/404")
        return page.with_status(404) if page else plain_page(404)

    def find(self, path: str) -> Found | None:
        """Find what a decoded path is; None when it is no asset."""
        if "//" in path or path in PLATFORM_FILES:
            return None
        return self._find(path, self._files)

    async def _serve(self, file: str, request: Request, url: URL) -> Response | None:
        asset = await self._files.read(file)
        if asset is None:
            return None
        response = self._response(asset)
        if is_matching(request.headers.get("if-none-match"), response.headers["etag"]):
            kept = {n: v for n, v in response.headers.items() if n in ("etag", "cache-control")}
            response = Response(None, 304, kept)
        return self._with_headers(response, url)

    def _response(self, asset: Asset) -> Response:
        headers = Headers({"etag": _etag(asset.body), "cache-control": CACHE_CONTROL})
        if asset.content_type:
            headers["content-type"] = asset.content_type
        for name, value in asset.headers:
            headers[name] = value
        return Response(asset.body, 200, headers)

    def _with_headers(self, response: Response, url: URL) -> Response:
        added: set[str] = set()
        for pattern, add, remove in self._headers:
            if (found := pattern.fullmatch(url.pathname)) is None:
                continue
            for name in remove:
                if name in response.headers:
                    del response.headers[name]
            for name, value in add:
                filled = _filled(value, found)
                if name.lower() in added:  # two lines of one name are one list
                    filled = f"{response.headers[name]}, {filled}"
                response.headers[name] = filled
                added.add(name.lower())
        return response

    def _redirect(self, url: URL) -> Response | None:
        for pattern, target, status in self._redirects:
            if (found := pattern.fullmatch(url.pathname)) is not None:
                location = with_query(_filled(target, found), url.search)
                return Response.redirect(location, status)
        return None


def content_type_of(path: str) -> str | None:
    """Return the content type the platform gives a file; None for an unknown extension."""
    suffix = "." + path.rpartition(".")[2].lower() if "." in path.rpartition("/")[2] else ""
    kind = MIME_TYPES.get(suffix) or mimetypes.guess_type(path)[0]
    if kind and kind.startswith("text/"):
        return f"{kind}; charset=utf-8"
    return kind


def parse_headers(
    text: str,
) -> list[tuple[re.Pattern[str], list[tuple[str, str]], list[str]]]:
    """Parse a `_headers` file into (pattern, headers to set, headers to remove)."""
    rules: list[tuple[re.Pattern[str], list[tuple[str, str]], list[str]]] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            rules.append((path_pattern(line.strip()), [], []))
        elif rules and line.strip().startswith("!"):
            rules[-1][2].append(line.strip()[1:].strip())
        elif rules and ":" in line:
            name, _, value = line.strip().partition(":")
            rules[-1][1].append((name.strip(), value.strip()))
    return rules


def parse_redirects(text: str) -> list[tuple[re.Pattern[str], str, int]]:
    """Parse a `_redirects` file into (pattern, target, status)."""
    rules: list[tuple[re.Pattern[str], str, int]] = []
    for line in text.splitlines():
        fields = line.partition("#")[0].split() if line.lstrip().startswith("#") else line.split()
        if len(fields) >= 2:  # noqa: PLR2004 - from, to, and a status if it is not 302
            told = fields[2].removesuffix("!") if len(fields) > 2 else ""  # noqa: PLR2004
            status = int(told) if told.isdigit() else 302  # Netlify has the mark
            rules.append((path_pattern(fields[0]), fields[1], status))
    return rules


def path_pattern(rule: str) -> re.Pattern[str]:
    """Turn `/a/:name/*` into an expression."""
    expression = re.escape(rule).replace(r"\*", "(?P<splat>.*)", 1)
    return re.compile(PLACEHOLDER.sub(r"(?P<\1>[^/]+)", expression))


def _filled(text: str, found: re.Match[str]) -> str:
    """Put what a pattern has matched in place of `:name` and `:splat`."""
    values = found.groupdict()
    return PLACEHOLDER.sub(lambda name: values.get(name[1], name[0]), text)


def decoded_path(pathname: str) -> str | None:
    """Decode a path once, as the platform does; None when it is not UTF-8."""
    try:
        return percent_decode(pathname)
    except ValueError:
        return None


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def is_matching(header: str | None, etag: str) -> bool:
    """Compare weakly, as RFC 9110 §13.1.2 says for If-None-Match."""
    tags = [tag.strip().removeprefix("W/") for tag in (header or "").split(",")]
    return etag in tags or "*" in tags


def _auto(path: str, files: Files) -> Found | None:
    """A file's URL has no slash, a folder's index has one; the other form redirects."""
    stem = path.strip("/")
    if path.endswith(("/index", "/index.html")):
        return _index_redirect(path, files, folder_slash=True)
    if path.endswith("/"):
        if _join(stem, "index.html") in files:
            return Found(_join(stem, "index.html"))
        return Found(redirect=path.rstrip("/")) if stem and f"{stem}.html" in files else None
    if stem.endswith(".html"):
        return _extension_redirect(path, files, folder_slash=True)
    page = next((name for name in (stem, f"{stem}.html") if name in files), None)
    if page is not None:
        return Found(page)
    return Found(redirect=path + "/") if _join(stem, "index.html") in files else None


def _force(path: str, files: Files) -> Found | None:
    """Every page's URL ends with a slash."""
    stem = path.strip("/")
    if path.endswith(("/index", "/index.html")):
        return _index_redirect(path, files, folder_slash=True, file_slash=True)
    candidates = [name for name in (_join(stem, "index.html"), f"{stem}.html") if name in files]
    if path.endswith("/"):
        return Found(candidates[0]) if candidates else None
    if stem in files and not stem.endswith(".html"):
        return Found(stem)
    if stem.endswith(".html"):
        return _extension_redirect(path, files, folder_slash=True, file_slash=True)
    return Found(redirect=path + "/") if candidates else None


def _drop(path: str, files: Files) -> Found | None:
    """No page's URL but the root's ends with a slash."""
    stem = path.strip("/")
    if path.endswith(("/index", "/index.html")):
        return _index_redirect(path, files, folder_slash=False)
    candidates = [name for name in (f"{stem}.html", _join(stem, "index.html")) if name in files]
    if path == "/":
        return Found("index.html") if "index.html" in files else None
    if path.endswith("/"):
        return Found(redirect=path.rstrip("/")) if candidates else None
    if stem in files and not stem.endswith(".html"):
        return Found(stem)
    if stem.endswith(".html"):
        return _extension_redirect(path, files, folder_slash=False)
    return Found(candidates[0]) if candidates else None


def _none(path: str, files: Files) -> Found | None:
    """A URL is a file's path, letter by letter."""
    name = path[1:]
    return Found(name) if name in files else None


def _index_redirect(
    path: str, files: Files, *, folder_slash: bool, file_slash: bool = False
) -> Found | None:
    """Send `/a/index` and `/a/index.html` to the folder's own URL."""
    folder = path.removesuffix("index.html").removesuffix("index").strip("/")
    if path[1:] in files and not folder_slash and f"{folder}.html" in files:
        return Found(path[1:])  # the folder's own URL is that of the other file
    if _join(folder, "index.html") in files:
        slash = "/" if folder_slash or not folder else ""
        return Found(redirect=f"/{folder}{slash if folder else ''}" if folder else "/")
    if folder and f"{folder}.html" in files:
        return Found(redirect=f"/{folder}{'/' if file_slash else ''}")
    return None


def _extension_redirect(
    path: str, files: Files, *, folder_slash: bool, file_slash: bool = False
) -> Found | None:
    """Send `/a.html` to the page's own URL."""
    stem = path.strip("/").removesuffix(".html")
    if path[1:] in files and file_slash and _join(stem, "index.html") in files:
        return Found(path[1:])  # its URL with a slash is that of the folder
    if f"{stem}.html" in files:
        return Found(redirect=f"/{stem}{'/' if file_slash else ''}")
    if _join(stem, "index.html") in files:
        return Found(redirect=f"/{stem}{'/' if folder_slash and stem else ''}")
    return None


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


_HANDLING: dict[str, Callable[[str, Files], Found | None]] = {
    "auto-trailing-slash": _auto,
    "force-trailing-slash": _force,
    "drop-trailing-slash": _drop,
    "none": _none,
}
