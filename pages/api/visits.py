"""`/api/visits`: how often the site was visited, give or take."""

from __future__ import annotations

from firstlight import APIContext, Response
from pages._lib.visits import count_visit, read_visits

# The number is approximate: KV is eventually consistent and has no increment.


async def GET(_ctx: APIContext) -> Response:
    """Answer with the number of visits."""
    return Response.from_json({"visits": await read_visits()})


async def POST(_ctx: APIContext) -> Response:
    """Count a visit."""
    return Response.from_json({"visits": await count_visit()})
