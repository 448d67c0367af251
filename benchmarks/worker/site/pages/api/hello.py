"""The JSON endpoint."""

from __future__ import annotations

from firstlight import APIContext, Response


def GET(ctx: APIContext) -> Response:
    """Answer with a small object."""
    return Response.json({"path": ctx.url.pathname, "message": "Hello, World!"})
