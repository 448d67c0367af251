"""`/api/todos/1`: read, change or delete one to-do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from firstlight import APIContext, Response

from pages._lib.api import json_errors, read_object
from pages._lib.todos import (
    change_todo,
    checked_done,
    checked_number,
    checked_text,
    delete_todo,
    find_todo,
)

if TYPE_CHECKING:
    from route_params import ApiTodosId  # written by `firstlight types`


@json_errors
async def GET(ctx: APIContext[ApiTodosId]) -> Response:
    """Answer with the to-do."""
    return Response.json(asdict(await find_todo(read_id(ctx))))


@json_errors
async def PATCH(ctx: APIContext[ApiTodosId]) -> Response:
    """Change what the body names and keep the rest."""
    fields = await read_object(ctx)
    text = checked_text(fields["text"]) if "text" in fields else None
    done = checked_done(fields["done"]) if "done" in fields else None
    return Response.json(asdict(await change_todo(read_id(ctx), text=text, done=done)))


@json_errors
async def DELETE(ctx: APIContext[ApiTodosId]) -> Response:
    """Delete the to-do."""
    await delete_todo(read_id(ctx))
    return Response(None, 204)


def read_id(ctx: APIContext[ApiTodosId]) -> int:
    """Return the `[id]` of the URL; raises RequestError (400)."""
    return checked_number(ctx.params["id"], "id")
