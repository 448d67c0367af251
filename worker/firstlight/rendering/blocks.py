"""`self.name()` and `super()`: blocks as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from firstlight.rendering.escaping import concat
from firstlight.rendering.undefined import StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from firstlight.rendering.scope import Block, Context


class BlockReference:
    """One of the functions of a block; rendered when it is called."""

    def __init__(self, name: str, context: Context, stack: list[Block], depth: int) -> None:
        self.name = name
        self._context = context
        self._stack = stack
        self._depth = depth

    @property
    def super(self) -> BlockReference | StrictUndefined:
        """The same block of the parent."""
        return _reference(self.name, self._context, self._stack, self._depth + 1)

    def __call__(self) -> str | Awaitable[str]:
        """Render it; in a template that streams, the result is to be awaited."""
        buffer: list[str] = []
        rendering = self._stack[self._depth](self._context, buffer)
        return self._text(buffer) if rendering is None else self._text_later(rendering, buffer)

    async def _text_later(self, rendering: Awaitable[None], buffer: list[str]) -> str:
        await rendering
        return self._text(buffer)

    def _text(self, buffer: list[str]) -> str:
        text = concat(buffer)
        return str.__new__(Markup, text) if self._context.eval_ctx.autoescape else text


class TemplateReference:
    """What templates call `self`."""

    def __init__(self, context: Context) -> None:
        self.__context = context

    def __getitem__(self, name: str) -> BlockReference:
        return BlockReference(name, self.__context, self.__context.blocks[name], 0)

    def __repr__(self) -> str:
        return f"<TemplateReference {self.__context.name!r}>"


def super_of(context: Context, name: str, current: Block) -> BlockReference | StrictUndefined:
    """Return the block of that name which comes after the current one."""
    stack = context.blocks.get(name, [])
    depth = stack.index(current) + 1 if current in stack else len(stack)
    return _reference(name, context, stack, depth)


def _reference(
    name: str, context: Context, stack: list[Block], depth: int
) -> BlockReference | StrictUndefined:
    if depth >= len(stack):
        return StrictUndefined(f"there is no parent block called {name!r}.", name="super")
    return BlockReference(name, context, stack, depth)
