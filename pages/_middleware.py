"""Adds the security headers that Cloudflare's `_headers` gives to static files only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstlight import APIContext, Response
    from firstlight.middleware import Next

# The same as in pages/_headers.
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": (
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
}


async def on_request(ctx: APIContext, next_: Next) -> Response:
    """Add each header unless the page or endpoint set its own."""
    response = await next_()
    if not ctx.is_prerendered:
        for name, value in HEADERS.items():
            response.headers.set_default(name, value)
    return response
