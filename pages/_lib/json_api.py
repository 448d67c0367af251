"""JSON answers for what a client of the API does wrong."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING

from firstlight import Response
from firstlight.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from firstlight import APIContext

    Handler = Callable[[APIContext], Awaitable[Response]]


def json_errors(handler: Handler) -> Handler:
    """Make a handler answer `{"error": …}` where it raises RequestError."""

    @wraps(handler)
    async def handle(ctx: APIContext) -> Response:
        try:
            return await handler(ctx)
        except RequestError as error:
            return Response.from_json({"error": error.message}, error.status)

    return handle
