"""The cursors of a listing: the last key of a page, in Base64."""

from __future__ import annotations

import base64

from bindings.cloudflare.backend import PlatformError

AFTER_ALL = b"\xff"  # a byte that no UTF-8 holds


def encode_cursor(last: bytes) -> str:
    """Make a cursor of the last key."""
    return base64.b64encode(last).decode()


def decode_cursor(cursor: str, service: str) -> bytes:
    """Return the last key; it is empty before the first page.

    Raises:
        PlatformError: The cursor is none of the service's.
    """
    try:
        return base64.b64decode(cursor, validate=True)
    except ValueError as error:
        raise PlatformError(f"the cursor `{cursor}` is none of {service}'s.") from error
