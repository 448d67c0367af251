"""JSON in and out: what a client does wrong is answered with `{"error": …}`."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeVar, cast

from firstlight import Response
from firstlight.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from firstlight import APIContext

Context = TypeVar("Context", bound="APIContext[Mapping[str, Any]]")


def json_errors(
    handler: Callable[[Context], Awaitable[Response]],
) -> Callable[[Context], Awaitable[Response]]:
    """Make a handler answer `{"error": …}` where it raises RequestError."""

    @wraps(handler)
    async def handle(ctx: Context) -> Response:
        try:
            return await handler(ctx)
        except RequestError as error:
            return Response.json({"error": error.message}, error.status)

    return handle


async def read_object(ctx: APIContext) -> dict[str, object]:
    """Read the body as a JSON object.

    Raises:
        RequestError: It is something else (400).
    """
    data: object = await ctx.request.json()
    if not isinstance(data, dict):
        raise RequestError("The body must be a JSON object.")
    return cast("dict[str, object]", data)
