"""`/pictures/…`: a picture of a note, from R2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight import APIContext, Response

from pages._lib.notes import PICTURES

if TYPE_CHECKING:
    from route_params import PicturesKey  # written by `firstlight types`

prerender = False


async def GET(ctx: APIContext[PicturesKey]) -> Response:
    """Answer with the picture, or the part of it that is asked for."""
    answer = await PICTURES.respond(ctx.params["key"], ctx.request)
    return Response("No such picture.", 404) if answer is None else Response(*answer)


HEAD = GET
