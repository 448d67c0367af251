"""What templates that stream wait for; before they do, what is there is sent."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from firstlight.rendering.loops import LoopContext

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator
    from typing import Any

# Of the render at hand: set where it may have to wait.
waits: ContextVar[asyncio.Event] = ContextVar("waits")


def can_await(value: object) -> bool:
    """Tell whether a value is one to wait for."""
    return hasattr(type(value), "__await__")


async def auto_await(value: Any) -> Any:
    """Wait for a value, if it is one to wait for."""
    if not can_await(value):
        return value
    waits.get().set()
    return await value


def auto_aiter(iterable: Any) -> AsyncIterator[Any]:
    """Iterate over what is asynchronous or not."""
    if _is_asynchronous(iterable):
        return _Awaited(iterable)
    return _Iterated(iter(iterable))


async def counted(iterable: Any) -> AsyncIterator[tuple[int, Any]]:
    """Do as `enumerate` does."""
    number = 0
    async for item in auto_aiter(iterable):
        yield number, item
        number += 1


async def gathered(iterable: Any) -> Any:
    """Return a list of what is asynchronous, anything else as it is."""
    if _is_asynchronous(iterable):
        return [item async for item in auto_aiter(iterable)]
    return iterable


def _is_asynchronous(value: object) -> bool:
    return hasattr(type(value), "__aiter__")


class _Awaited:
    """Waits for each item."""

    def __init__(self, iterable: Any) -> None:
        self._iterator = aiter(iterable)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    def __anext__(self) -> Any:
        waits.get().set()
        return self._iterator.__anext__()


class _Iterated:
    """Has each item at once."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        for item in self._iterator:
            return item
        raise StopAsyncIteration


async def AsyncLoopContext(  # noqa: N802 - what Jinja2's compiler calls
    iterable: Any, *args: Any
) -> AsyncIterator[tuple[Any, LoopContext]]:
    """Loop with a `loop`; what is asynchronous is gathered first, to know how much it is."""
    for item in LoopContext(await gathered(iterable), *args):
        yield item
