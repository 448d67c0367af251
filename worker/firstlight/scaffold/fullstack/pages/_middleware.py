"""Finds the visitor's session, keeps the notes for those who have one, adds headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages._lib.sessions import read_session

if TYPE_CHECKING:
    from firstlight import APIContext, Response
    from firstlight.middleware import Next

GUARDED = ("/notes", "/pictures")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
}


async def on_request(ctx: APIContext, next_: Next) -> Response:
    """Set `ctx.locals.session`, None for a visitor without one."""
    if ctx.is_prerendered:
        return await next_()
    ctx.locals.session = await read_session(ctx)
    if ctx.locals.session is None and is_guarded(ctx.url.pathname):
        return ctx.redirect("/login", 303)
    response = await next_()
    for name, value in HEADERS.items():
        response.headers.set_default(name, value)
    if ctx.locals.session is not None:
        response.headers.set_default("cache-control", "private, no-store")
    return response


def is_guarded(path: str) -> bool:
    """Tell whether a path is for visitors with a session."""
    return any(path == guarded or path.startswith(f"{guarded}/") for guarded in GUARDED)
