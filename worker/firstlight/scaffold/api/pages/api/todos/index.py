"""`/api/todos`: list to-dos, add one."""

from __future__ import annotations

from dataclasses import asdict

from firstlight import APIContext, Response
from firstlight.errors import RequestError

from pages._lib.api import json_errors, read_object
from pages._lib.todos import add_todo, checked_number, checked_text, list_todos

DONE = {None: None, "true": True, "false": False}
MOST = 100


@json_errors
async def GET(ctx: APIContext) -> Response:
    """List to-dos; `?done=true` or `false` chooses, `?limit=` is at most 100."""
    query = ctx.url.search_params
    done = query.get("done")
    if done not in DONE:
        raise RequestError(f"`done` is `true` or `false`, not `{done}`.")
    limit = checked_number(query.get("limit") or "20", "limit", MOST)
    todos = await list_todos(done=DONE[done], limit=limit)
    return Response.json({"todos": [asdict(todo) for todo in todos]})


@json_errors
async def POST(ctx: APIContext) -> Response:
    """Add a to-do."""
    fields = await read_object(ctx)
    todo = await add_todo(checked_text(fields.get("text")))
    return Response.json(asdict(todo), 201, {"location": f"/api/todos/{todo.id}"})
