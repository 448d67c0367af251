"""Visitors' files in R2: what may be a key, how much is read, how it is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bindings.cloudflare import R2, R2Object
from firstlight.errors import RequestError

if TYPE_CHECKING:
    from firstlight import APIContext

FILES = R2("FILES")
LONGEST_KEY = 1024  # bytes
MOST_BYTES = 10 * 1024 * 1024
UNKNOWN_TYPE = "application/octet-stream"
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


async def read_upload(ctx: APIContext) -> bytes:
    """Read the body.

    Raises:
        RequestError: It is larger than 10 MB (413); no more than that is read.
    """
    length = ctx.request.headers.get("content-length") or ""
    if length.isdigit() and int(length) > MOST_BYTES:
        raise _too_large()
    content = bytearray()
    async for chunk in ctx.request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise _too_large()
    return bytes(content)


def is_current(ctx: APIContext, found: R2Object) -> bool:
    """Tell whether the visitor's copy is the stored one (RFC 9110 §13.1.2)."""
    given = ctx.request.headers.get("if-none-match") or ""
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return "*" in tags or found.http_etag in tags


def headers_of(found: R2Object) -> dict[str, str]:
    """Make the headers of a file, which share the site's origin but none of its rights."""
    content_type = found.http_metadata.content_type or UNKNOWN_TYPE
    is_shown = content_type.partition(";")[0].strip().lower() in SHOWN
    return {
        "content-type": content_type,
        "etag": found.http_etag,
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
