"""`/api/notes`: list the newest notes, add one."""

from __future__ import annotations

from firstlight import APIContext, Response
from pages._lib.json_api import json_errors
from pages._lib.notes import create_note, list_notes, read_fields, read_limit, require_text


@json_errors
async def GET(ctx: APIContext) -> Response:
    """Answer with `?limit=` notes (1 to 100, 50 by default), newest first."""
    return Response.from_json(await list_notes(read_limit(ctx)))


@json_errors
async def POST(ctx: APIContext) -> Response:
    """Add `{"text": …, "done": …}`; `done` may be absent."""
    fields = await read_fields(ctx)
    note = await create_note(require_text(fields), done=fields.get("done", False))
    return Response.from_json(note, 201, {"location": f"/api/notes/{note['id']}"})
