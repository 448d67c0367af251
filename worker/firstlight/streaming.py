"""Streamed bodies: the first piece is made before the headers go out, so that it may still fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable
    from typing import Any

    from firstlight.response import Response


async def started(response: Response, report: Callable[[Exception], object]) -> Response:
    """Return the same answer with the first piece of its body made.

    Args:
        response: Its body is an async iterable; one that has been started stays as it is.
        report: Called with an exception that comes after the first piece: the visitor has the
            headers by then, and gets a body that breaks off.

    Raises:
        Exception: What making the first piece raised.
    """
    body: Any = response.body
    if isinstance(body, StartedBody):
        return response
    pieces: AsyncIterator[bytes | str] = aiter(body)
    first = await anext(pieces, b"")
    return response.with_body(StartedBody(first, pieces, report))


class StartedBody:
    """A body whose first piece is here."""

    def __init__(
        self,
        first: bytes | str,
        rest: AsyncIterator[bytes | str],
        report: Callable[[Exception], object],
    ) -> None:
        self._first = first
        self._rest = rest
        self._report = report

    async def __aiter__(self) -> AsyncIterator[bytes | str]:
        try:
            yield self._first
            async for piece in self._rest:
                yield piece
        except Exception as error:
            self._report(error)
            raise
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Let what makes the body clean up; it is not sent any further."""
        await close(self._rest)


async def close(body: AsyncIterable[Any]) -> None:
    """Close an async generator; other iterables have nothing to close."""
    if (aclose := getattr(body, "aclose", None)) is not None:
        await aclose()
