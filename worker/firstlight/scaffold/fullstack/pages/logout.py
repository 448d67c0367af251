"""`/logout`: end the session."""

from __future__ import annotations

from firstlight import APIContext, Response

from pages._lib.sessions import end_session

prerender = False


async def POST(ctx: APIContext) -> Response:
    """Sign out and go home."""
    await end_session(ctx)
    return ctx.redirect("/", 303)
