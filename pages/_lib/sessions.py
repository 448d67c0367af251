"""Sessions: a random id in a cookie, and who it belongs to in KV."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bindings.cloudflare import KV

if TYPE_CHECKING:
    from firstlight import APIContext

SESSIONS = KV("SESSIONS")
COOKIE = "session"
MAX_AGE = 86_400  # seconds
ID_LENGTH = 32
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in and when, UTC in ISO 8601."""

    id: str
    name: str
    since: str


async def start_session(ctx: APIContext, name: str) -> None:
    """Store a new session and send its cookie."""
    # Workers give no randomness while a module is imported, only to a request.
    session_id = os.urandom(ID_LENGTH // 2).hex()
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    await SESSIONS.put_json(session_id, {"name": name, "since": since}, ttl=MAX_AGE)
    ctx.cookies.set(
        COOKIE,
        session_id,
        http_only=True,
        same_site="lax",
        secure=ctx.url.protocol == "https:",
        max_age=MAX_AGE,
    )


async def read_session(ctx: APIContext) -> Session | None:
    """Return the visitor's session; None without a cookie, or when it has ended."""
    session_id = _session_id(ctx)
    data = await SESSIONS.get_json(session_id) if session_id else None
    if session_id is None or data is None:
        return None
    return Session(session_id, data["name"], data["since"])


async def end_session(ctx: APIContext) -> None:
    """Delete the session and its cookie.

    Other Cloudflare locations may serve KV's old value for up to a minute; the
    browser has no cookie to ask for it.
    """
    session_id = _session_id(ctx)
    if session_id is not None:
        await SESSIONS.delete(session_id)
    ctx.cookies.delete(COOKIE)


def _session_id(ctx: APIContext) -> str | None:
    """Return the cookie's value if it can be an id of ours."""
    cookie = ctx.cookies.get(COOKIE)
    if cookie is None or len(cookie.value) != ID_LENGTH or not HEX.issuperset(cookie.value):
        return None
    return cookie.value
