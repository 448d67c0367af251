"""Sessions: a random id in a cookie, and when it began in KV."""

from __future__ import annotations

import hmac
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bindings.cloudflare import KV, env

if TYPE_CHECKING:
    from firstlight import APIContext

SESSIONS = KV("SESSIONS")
COOKIE = "session"
MAX_AGE = 7 * 86_400  # seconds
ID_LENGTH = 32


def is_password(given: str) -> bool:
    """Compare with the secret `PASSWORD`, in a time that tells nothing about it."""
    return hmac.compare_digest(given.encode(), str(env.PASSWORD).encode())


async def start_session(ctx: APIContext) -> None:
    """Store a session and send its cookie."""
    # Workers give no randomness while a module is imported, only to a request.
    session_id = os.urandom(ID_LENGTH // 2).hex()
    since = datetime.now(UTC).isoformat(timespec="seconds")
    await SESSIONS.put(session_id, since, ttl=MAX_AGE)
    secure = ctx.url.protocol == "https:"
    ctx.cookies.set(
        COOKIE, session_id, http_only=True, same_site="lax", secure=secure, max_age=MAX_AGE
    )


async def read_session(ctx: APIContext) -> str | None:
    """Return when the visitor's session began; None without one."""
    session_id = _session_id(ctx)
    return await SESSIONS.get(session_id) if session_id else None


async def end_session(ctx: APIContext) -> None:
    """Delete the session and its cookie."""
    if session_id := _session_id(ctx):
        await SESSIONS.delete(session_id)
    ctx.cookies.delete(COOKIE)


def _session_id(ctx: APIContext) -> str | None:
    """Return the cookie's value if it can be an id of ours."""
    cookie = ctx.cookies.get(COOKIE)
    if cookie is None or not cookie.value.isalnum() or len(cookie.value) != ID_LENGTH:
        return None
    return cookie.value
