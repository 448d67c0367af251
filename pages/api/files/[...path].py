"""`/api/files/a/b.png`: store, serve and delete files of R2; `/api/files` lists them."""

from __future__ import annotations

from firstlight import APIContext, Response
from firstlight.errors import RequestError
from pages._lib.files import (
    FILES,
    check_length,
    describe,
    http_metadata_of,
    read_key,
    safe,
    upload_of,
)
from pages._lib.json_api import json_errors


@json_errors
async def GET(ctx: APIContext) -> Response:
    """Serve a file, or the part that is asked for; without a path, list the first thousand."""
    if not ctx.params["path"]:
        return await _list()
    answer = await FILES.respond(read_key(ctx), ctx.request)
    if answer is None:
        raise RequestError("No such file.", status=404)
    body, status, headers = answer
    return Response(body, status, safe(headers))


HEAD = GET


@json_errors
async def PUT(ctx: APIContext) -> Response:
    """Store the body with its content type, in place of what was there."""
    key = read_key(ctx)
    check_length(ctx)
    stored = await FILES.put(key, upload_of(ctx), http_metadata=http_metadata_of(ctx))
    return Response.from_json(describe(stored), 201)


@json_errors
async def DELETE(ctx: APIContext) -> Response:
    """Delete a file, whether it is there or not."""
    await FILES.delete(read_key(ctx))
    return Response(None, 204)


async def _list() -> Response:
    page = await FILES.list(include=[])
    files = [describe(found) for found in page.objects]
    return Response.from_json({"files": files, "truncated": page.truncated})
