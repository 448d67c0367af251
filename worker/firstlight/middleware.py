"""Middleware: `on_request(ctx, next)` around the page, and `sequence` of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.context import Rewrite
from firstlight.errors import ResponseError, wrong_answer
from firstlight.response import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Protocol, TypeAlias

    from firstlight.context import APIContext
    from firstlight.url import URL

    class Next(Protocol):
        """Goes on to the next middleware, in the end to the page."""

        def __call__(self, path: str | URL | None = None, /) -> Awaitable[Response]:
            """Answer; with a path, render that route instead."""
            ...

    Middleware: TypeAlias = Callable[[APIContext, Next], Any]


async def call_middleware(on_request: Middleware, ctx: APIContext, next_: Next) -> Response:
    """Run one middleware.

    Returns:
        What it returned; when it returned nothing but called `next`, what that answered.

    Raises:
        ResponseError: It returned nothing and did not call `next`, or no response.
    """
    answered: list[Response] = []

    async def tracked(path: str | URL | None = None, /) -> Response:
        answered[:] = [await next_(path)]
        return answered[0]

    result = on_request(ctx, tracked)
    if not isinstance(result, (Response, Rewrite)) and hasattr(result, "__await__"):
        result = await result
    if isinstance(result, Rewrite):
        result = await result
    if isinstance(result, Response):
        # Site code may keep its own response for other requests: nothing is added to that one.
        return result if answered and result is answered[0] else result.copy()
    if result is None and answered:
        return answered[0]
    if result is None:
        raise ResponseError(
            "Middleware returned nothing and did not call `next()`.",
            hint="End with `return await next()`, or return a `Response`.",
        )
    raise wrong_answer("Middleware returned", result)


def sequence(*handlers: Middleware | None) -> Middleware:
    """Make one middleware of several that run in order; None is passed over.

    Source:
        https://docs.astro.build/en/reference/modules/astro-middleware/#sequence
    """
    chain = [handler for handler in handlers if handler is not None]

    async def on_request(ctx: APIContext, next_: Next) -> Response:
        return await _run_from(chain, 0, ctx, next_)

    return on_request


async def _run_from(chain: list[Middleware], index: int, ctx: APIContext, next_: Next) -> Response:
    if index == len(chain):
        return await next_()

    async def following(path: str | URL | None = None, /) -> Response:
        if path is not None:
            exchange = ctx._exchange  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001 - set by it
            if exchange is None:
                return await next_(path)
            exchange.step(path)  # the handlers that follow see the route they stand before
        return await _run_from(chain, index + 1, ctx, next_)

    return await call_middleware(chain[index], ctx, following)
