"""Visitors' files in R2: what may be a key, how much is read, what a browser may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bindings.cloudflare import R2, HTTPMetadata, R2Object
from firstlight.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from firstlight import APIContext

FILES = R2("FILES")
LONGEST_KEY = 1024  # bytes
MOST_BYTES = 10 * 1024 * 1024
# What a browser shows without running it; everything else is offered as a download.
SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "text/plain")


def read_key(ctx: APIContext) -> str:
    """Return the path of the URL as an R2 key.

    Raises:
        RequestError: There is none, or it is too long (400).
    """
    key = ctx.params["path"]
    if not key:
        raise RequestError("Name the file: /api/files/<path>.")
    if len(key.encode()) > LONGEST_KEY:
        raise RequestError(f"A path is at most {LONGEST_KEY} bytes long.")
    return key


def check_length(ctx: APIContext) -> None:
    """Refuse a body that is announced as too large.

    Raises:
        RequestError: It is larger than 10 MB (413).
    """
    length = ctx.request.headers.get("content-length") or ""
    if length.isdigit() and int(length) > MOST_BYTES:
        raise _too_large()


async def upload_of(ctx: APIContext) -> AsyncIterator[bytes]:
    """Pass the body on piece by piece.

    Raises:
        RequestError: It is larger than 10 MB (413); no more than that is read.
    """
    size = 0
    async for chunk in ctx.request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            raise _too_large()
        yield chunk


def http_metadata_of(ctx: APIContext) -> HTTPMetadata:
    """Return what is to be kept of the headers of an upload."""
    headers = ctx.request.headers
    return HTTPMetadata(
        content_type=headers.get("content-type"),
        content_encoding=headers.get("content-encoding"),
    )


def safe(headers: dict[str, str]) -> dict[str, str]:
    """Complete the headers of a file, which shares the site's origin but none of its rights."""
    content_type = headers.get("content-type", "")
    is_shown = content_type.partition(";")[0].strip().lower() in SHOWN
    return {
        **headers,
        "cache-control": "no-cache",  # ask again, get a 304
        "content-disposition": "inline" if is_shown else "attachment",
        "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "x-content-type-options": "nosniff",
    }


def describe(found: R2Object) -> dict[str, Any]:
    """Describe a file as JSON; `size` is in bytes."""
    return {"key": found.key, "size": found.size, "etag": found.etag}


def _too_large() -> RequestError:
    return RequestError(f"A file is at most {MOST_BYTES} bytes long.", status=413)
