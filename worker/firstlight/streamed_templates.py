"""Templates of pages with `stream = True`: text goes out as soon as something has to be waited for.

A compiled template is a function `_stream(environment)` that returns Jinja2's own asynchronous
render function and blocks, with every name awaited where it stands; `StreamedTemplates` stands
where Jinja2 would have its Environment, without its compiler.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING

from jinja2.exceptions import (
    TemplateNotFound,
    TemplateRuntimeError,
    TemplatesNotFound,
    UndefinedError,
)
from jinja2.runtime import Context, StrictUndefined, Undefined, new_context
from jinja2.utils import (
    Cycler,
    Joiner,
    Namespace,
    _PassArg,  # pyright: ignore[reportPrivateUsage] - how Jinja2 marks pass_context filters
    concat,
    generate_lorem_ipsum,
)
from markupsafe import Markup

from firstlight.rendering.filtering import POLICIES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from types import ModuleType
    from typing import Any

    from jinja2.nodes import EvalContext

GLOBALS: dict[str, Any] = {
    "range": range,
    "dict": dict,
    "lipsum": generate_lorem_ipsum,
    "cycler": Cycler,
    "joiner": Joiner,
    "namespace": Namespace,
}


class Render:
    """One render: its `ctx`, and the templates imported without context, rendered once each."""

    def __init__(self, ctx: object) -> None:
        self.ctx = ctx
        self.modules: dict[str, TemplateModule] = {}


current_render: ContextVar[Render] = ContextVar("render")


class StreamedTemplate:
    """A compiled template: its functions are asynchronous generators, which call its members."""

    def __init__(self, name: str, environment: StreamedTemplates, module: ModuleType) -> None:
        self.name = name
        self.environment = environment
        self.root_render_func, self.blocks = module._stream(environment)  # noqa: SLF001 - its interface

    def new_context(
        self,
        vars: dict[str, Any] | None = None,  # noqa: A002 - Jinja2's name
        shared: bool = False,  # noqa: FBT001, FBT002 - compiled code calls it so
        locals: Mapping[str, Any] | None = None,  # noqa: A002
    ) -> Context:
        """Make a context, as `jinja2.Template.new_context` does."""
        return new_context(
            self.environment,  # pyright: ignore[reportArgumentType] - stands for the Environment
            self.name,
            self.blocks,
            vars,
            shared,
            {**GLOBALS, "ctx": current_render.get().ctx},
            locals,
        )

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


def _can_await(value: object) -> bool:
    return hasattr(type(value), "__await__")


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class TemplateModule:
    """What `import` binds: the exported names, and the text when printed."""

    def __init__(self, template: StreamedTemplate, context: Context, body: list[str]) -> None:
        self._body_stream = body
        self.__dict__.update(context.get_exported())
        self.__name__ = template.name

    def __html__(self) -> Markup:
        return Markup(concat(self._body_stream))  # noqa: S704 - rendered with autoescape

    def __str__(self) -> str:
        return concat(self._body_stream)

    def __repr__(self) -> str:
        return f"<TemplateModule {self.__name__!r}>"


class StreamedTemplates:
    """The site's compiled templates, loaded when first used.

    Args:
        modules: Template name, relative to pages/, to module name.
        load: Imports a module by name.
    """

    autoescape = True
    concat = staticmethod(concat)
    context_class = Context
    is_async = True
    newline_sequence = "\n"
    policies = POLICIES
    template_class = StreamedTemplate
    undefined = StrictUndefined

    def __init__(self, modules: Mapping[str, str], load: Callable[[str], ModuleType]) -> None:
        self._modules = modules
        self._load = load
        self._templates: dict[str, StreamedTemplate] = {}

    @cached_property
    def filters(self) -> dict[str, Callable[..., Any]]:
        """Jinja2's filters, imported with the first template that uses one."""
        from jinja2.filters import FILTERS  # noqa: PLC0415 - kept out of the cold start

        return FILTERS

    @cached_property
    def tests(self) -> dict[str, Callable[..., Any]]:
        """Jinja2's tests, imported with the first template that uses one."""
        from jinja2.tests import TESTS  # noqa: PLC0415 - kept out of the cold start

        return TESTS

    def of_page(self, name: str, module: ModuleType) -> StreamedTemplate:
        """Return the template of a page, which shares the page's module."""
        if name not in self._templates:
            self._templates[name] = self.template_class(name, self, module)
        return self._templates[name]

    def get_template(
        self, name: str | StreamedTemplate | Undefined, parent: str | None = None
    ) -> StreamedTemplate:
        """Return a template by its name, relative to pages/.

        Raises:
            TemplateNotFound: There is none of that name.
        """
        del parent
        if isinstance(name, StreamedTemplate):
            return name
        if isinstance(name, Undefined):
            name._fail_with_undefined_error()  # pyright: ignore[reportPrivateUsage]  # noqa: SLF001
        if name not in self._templates:
            if name not in self._modules:
                raise TemplateNotFound(str(name))
            module = self._load(self._modules[name])
            self._templates[name] = self.template_class(name, self, module)
        return self._templates[name]

    def select_template(
        self, names: Iterable[str | StreamedTemplate], parent: str | None = None
    ) -> StreamedTemplate:
        """Return the first template that is there."""
        tried: list[Any] = list(names)
        if not tried:
            raise TemplatesNotFound(message="Tried to select from an empty list of templates.")
        for name in tried:
            try:
                return self.get_template(name, parent)
            except (TemplateNotFound, UndefinedError):
                continue
        raise TemplatesNotFound(tried)

    def get_or_select_template(
        self,
        names: str | StreamedTemplate | Iterable[str | StreamedTemplate],
        parent: str | None = None,
    ) -> StreamedTemplate:
        """Take one name or several."""
        if isinstance(names, (str, StreamedTemplate, Undefined)):
            return self.get_template(names, parent)
        return self.select_template(names, parent)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Resolve `obj.attribute`: the attribute, else the item."""
        try:
            return getattr(obj, attribute)
        except AttributeError:
            pass
        try:
            return obj[attribute]
        except (TypeError, LookupError, AttributeError):
            return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Resolve `obj[argument]`: the item, else the attribute."""
        try:
            return obj[argument]
        except (AttributeError, TypeError, LookupError):
            if isinstance(argument, str):
                try:
                    return getattr(obj, argument)
                except AttributeError:
                    pass
            return self.undefined(obj=obj, name=argument)

    def call_filter(
        self,
        name: str,
        value: Any,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        context: Context | None = None,
        eval_ctx: EvalContext | None = None,
    ) -> Any:
        """Call a filter by name, as `map('upper')` does."""
        call = _Call("filter", name, self.filters.get(name))
        return call(self, value, args, kwargs, context, eval_ctx)

    def call_test(
        self,
        name: str,
        value: Any,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        context: Context | None = None,
        eval_ctx: EvalContext | None = None,
    ) -> Any:
        """Call a test by name, as `select('odd')` does."""
        call = _Call("test", name, self.tests.get(name))
        return call(self, value, args, kwargs, context, eval_ctx)


class _Call:
    """A filter or test called by name."""

    def __init__(self, kind: str, name: str, function: Callable[..., Any] | None) -> None:
        if function is None:
            raise TemplateRuntimeError(f"No {kind} named {name!r}.")
        self.function = function

    def __call__(
        self,
        environment: StreamedTemplates,
        value: Any,
        args: Iterable[Any] | None,
        kwargs: Mapping[str, Any] | None,
        context: Context | None,
        eval_ctx: EvalContext | None,
    ) -> Any:
        leading = [value]
        passed = _PassArg.from_obj(self.function)
        if passed is _PassArg.context:
            leading.insert(0, context)
        elif passed is _PassArg.eval_context:
            leading.insert(0, eval_ctx or (context.eval_ctx if context is not None else None))
        elif passed is _PassArg.environment:
            leading.insert(0, environment)
        return self.function(*leading, *(args or ()), **(kwargs or {}))
