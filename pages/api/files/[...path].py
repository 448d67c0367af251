"""`/api/files/a/b.png`: store, serve and delete files of R2; `/api/files` lists them."""

from __future__ import annotations

from firstlight import APIContext, Response
from firstlight.errors import RequestError
from pages._lib.files import (
    FILES,
    UNKNOWN_TYPE,
    describe,
    headers_of,
    is_current,
    read_key,
    read_upload,
)
from pages._lib.json_api import json_errors


@json_errors
async def GET(ctx: APIContext) -> Response:
    """Serve a file; without a path, list the first thousand."""
    if not ctx.params["path"]:
        return await _list()
    if "if-none-match" in ctx.request.headers:
        found = await FILES.head(read_key(ctx))
        if found is not None and is_current(ctx, found):
            return Response(None, 304, headers_of(found))
    stored = await FILES.get(read_key(ctx))
    if stored is None:
        raise _missing()
    return Response(stored, headers=headers_of(stored))


@json_errors
async def HEAD(ctx: APIContext) -> Response:
    """Answer as GET does, without opening the file."""
    if not ctx.params["path"]:
        return await _list()
    found = await FILES.head(read_key(ctx))
    if found is None:
        raise _missing()
    if is_current(ctx, found):
        return Response(None, 304, headers_of(found))
    return Response(None, 200, {**headers_of(found), "content-length": str(found.size)})


@json_errors
async def PUT(ctx: APIContext) -> Response:
    """Store the body with its content type, in place of what was there."""
    key = read_key(ctx)
    content_type = ctx.request.headers.get("content-type") or UNKNOWN_TYPE
    stored = await FILES.put(key, await read_upload(ctx), content_type=content_type)
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


def _missing() -> RequestError:
    return RequestError("No such file.", status=404)
