"""Templates of pages with `stream = True`: text goes out as soon as something has to be waited for.

Their modules have the template a second time, as `_stream()`: with asynchronous functions.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firstlight.rendering.escaping import concat
from firstlight.rendering.scope import Context
from firstlight.rendering.waiting import can_await, waits
from firstlight.templating import Render, Template, TemplateModule, Templates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Any


class StreamedTemplate(Template):
    """A compiled template whose functions are asynchronous."""

    function = "_stream"

    async def stream(self, names: Mapping[str, Any], ctx: object) -> AsyncIterator[str]:
        """Yield the text in as few pieces as what it waits for allows.

        Args:
            names: The frontmatter's. Those that can be awaited begin at once, side by side; the
                template waits for each where it uses it.
            ctx: Counts as a global.

        Raises:
            Exception: What the template raises, or a name that the template did not use.
        """
        pending = {name: asyncio.ensure_future(v) for name, v in names.items() if can_await(v)}
        buffer: list[str] = []
        waiting = asyncio.Event()
        every = {**names, **pending, "ctx": ctx}
        context = Context(Render(self._templates, ctx), self.name, self.blocks, every)

        async def render() -> None:
            waits.set(waiting)
            await self.root(context, buffer)
            waiting.set()
            await asyncio.gather(*pending.values())

        rendering = asyncio.ensure_future(render())
        rendering.add_done_callback(lambda _: waiting.set())
        try:
            while not rendering.done():
                await waiting.wait()
                waiting.clear()
                if not rendering.done() and (text := _take(buffer)):
                    yield text
            rendering.result()
            if text := concat(buffer):
                yield text
        finally:  # nobody listens any more
            await _cancel(rendering, *pending.values())

    async def make_module(self, context: Context, names: Mapping[str, Any]) -> TemplateModule:
        """Render it for `import … with context`."""
        return await self._module_of(self.with_names(context, names))

    async def module(self, context: Context) -> TemplateModule:
        """Render it for `import` and `include` without context, once in each render."""
        modules = context.render.modules
        if self.name not in modules:
            modules[self.name] = await self._module_of(self.alone(context))
        return modules[self.name]

    async def _module_of(self, own: Context) -> TemplateModule:
        buffer: list[str] = []
        await self.root(own, buffer)
        return TemplateModule(self.name, own, buffer)


class StreamedTemplates(Templates):
    """The site's templates, in the form that streams."""

    template_class = StreamedTemplate


def _take(buffer: list[str]) -> str:
    """Empty a buffer; what comes next is HTML or text as it would have been."""
    taken = buffer[:]
    buffer[:] = [""] if len(taken) % 2 else []
    return concat(taken)


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
