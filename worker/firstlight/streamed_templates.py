"""Templates of pages with `stream = True`: text goes out as soon as something has to be waited for.

The compiled functions are Jinja2's asynchronous ones, with every name awaited where it stands.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firstlight.jinja_templating import (
    Render,
    Template,
    TemplateModule,
    Templates,
    current_render,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Any

    from jinja2.runtime import Context


class StreamedTemplate(Template):
    """A compiled template whose functions are asynchronous generators."""

    async def stream(self, names: Mapping[str, Any], ctx: object) -> AsyncIterator[str]:
        """Yield the text in as few pieces as what it waits for allows.

        Args:
            names: The frontmatter's. Those that can be awaited begin at once, side by side; the
                template waits for each where it uses it.
            ctx: Counts as a global.

        Raises:
            Exception: What the template raises, or a name that the template did not use.
        """
        pending = {name: asyncio.ensure_future(v) for name, v in names.items() if _can_await(v)}
        text: list[str] = []
        is_ready = asyncio.Event()

        async def render() -> None:
            current_render.set(Render(ctx))
            async for piece in self.root_render_func(
                self.new_context({**names, **pending, "ctx": ctx})
            ):
                text.append(piece)
                is_ready.set()
            await asyncio.gather(*pending.values())

        rendering = asyncio.ensure_future(render())
        rendering.add_done_callback(lambda _: is_ready.set())
        try:
            while not rendering.done() or text:
                await is_ready.wait()
                is_ready.clear()
                if rendering.done():
                    rendering.result()
                if text:
                    piece = "".join(text)
                    text.clear()
                    yield piece
            rendering.result()
        finally:  # nobody listens any more
            await _cancel(rendering, *pending.values())

    async def make_module_async(
        self,
        vars: dict[str, Any] | None = None,  # noqa: A002 - Jinja2's name
        shared: bool = False,  # noqa: FBT001, FBT002 - compiled code calls it so
        locals: Mapping[str, Any] | None = None,  # noqa: A002
    ) -> TemplateModule:
        """Render it for `import … with context`."""
        context = self.new_context(vars, shared, locals)
        return TemplateModule(self, context, [x async for x in self.root_render_func(context)])

    async def _get_default_module_async(self, ctx: Context | None = None) -> TemplateModule:
        """Render it for `import` and `include` without context: only globals."""
        del ctx
        modules = current_render.get().modules
        if self.name not in modules:
            modules[self.name] = await self.make_module_async()
        return modules[self.name]


class StreamedTemplates(Templates):
    """The site's templates in the form that streams."""

    template_class = StreamedTemplate


def _can_await(value: object) -> bool:
    return hasattr(type(value), "__await__")


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
