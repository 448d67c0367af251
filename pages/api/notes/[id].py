"""`/api/notes/7`: read, replace, change or delete one note."""

from __future__ import annotations

from firstlight import APIContext, Response
from pages._lib.json_api import json_errors
from pages._lib.notes import (
    delete_note,
    find_note,
    read_fields,
    read_id,
    require_text,
    update_note,
)


@json_errors
async def GET(ctx: APIContext) -> Response:
    """Answer with the note."""
    return Response.from_json(await find_note(read_id(ctx)))


@json_errors
async def PUT(ctx: APIContext) -> Response:
    """Replace the note: `text` must be there, `done` becomes false when it is not."""
    note_id = read_id(ctx)
    fields = await read_fields(ctx)
    done = fields.get("done", False)
    return Response.from_json(await update_note(note_id, require_text(fields), done=done))


@json_errors
async def PATCH(ctx: APIContext) -> Response:
    """Change what the body names and keep the rest."""
    note_id = read_id(ctx)
    fields = await read_fields(ctx)
    note = await update_note(note_id, fields.get("text"), done=fields.get("done"))
    return Response.from_json(note)


@json_errors
async def DELETE(ctx: APIContext) -> Response:
    """Delete the note."""
    await delete_note(read_id(ctx))
    return Response(None, 204)
