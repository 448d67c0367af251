"""The site's templates at run time: modules of straight-line Python that the build has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from firstlight.rendering.escaping import concat
from firstlight.rendering.scope import Context
from firstlight.rendering.undefined import (
    TemplateNotFound,
    TemplatesNotFound,
    Undefined,
    UndefinedError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import ModuleType
    from typing import Any

    from firstlight.rendering.scope import Block


class Render:
    """One render: what all of its templates share.

    Attributes:
        ctx: Of the page; a global name of every template.
        modules: The templates imported without context, rendered once each.
    """

    __slots__ = ("ctx", "modules", "templates")

    def __init__(self, templates: Templates, ctx: object) -> None:
        self.templates = templates
        self.ctx = ctx
        self.modules: dict[str, Any] = {}


class Template:
    """A compiled template.

    Attributes:
        root: Writes the template into a buffer.
        own_blocks: The blocks that it defines.
    """

    function = "_template"  # of a module: what gives the template's functions

    def __init__(self, name: str, templates: Templates, module: ModuleType) -> None:
        self.name = name
        self._templates = templates
        self.root, self.own_blocks, self._parent = getattr(module, self.function)()
        self._blocks: dict[str, list[Block]] | None = None

    @property
    def blocks(self) -> dict[str, list[Block]]:
        """Block name to functions, the own one before those of the templates it always extends."""
        if self._blocks is None:
            parent = self._templates.get_template(self._parent).blocks if self._parent else {}
            own = self.own_blocks
            self._blocks = {
                name: [*([own[name]] if name in own else ()), *parent.get(name, ())]
                for name in {**own, **parent}
            }
        return self._blocks

    def render(self, names: Mapping[str, Any], ctx: object) -> str:
        """Render with the frontmatter's names; `ctx` counts as a global."""
        render = Render(self._templates, ctx)
        buffer: list[str] = []
        self.root(Context(render, self.name, self.blocks, {**names, "ctx": ctx}), buffer)
        return concat(buffer)

    def include(
        self, context: Context, names: Mapping[str, Any], buffer: list[str]
    ) -> Awaitable[None] | None:
        """Write it into another template's buffer, with that template's names."""
        return self.root(self.with_names(context, names), buffer)

    def make_module(self, context: Context, names: Mapping[str, Any]) -> Any:
        """Render it for `import … with context`."""
        return self._module(self.with_names(context, names))

    def module(self, context: Context) -> Any:
        """Render it for `import` and `include` without context, once in each render."""
        modules = context.render.modules
        if self.name not in modules:
            modules[self.name] = self._module(self.alone(context))
        return modules[self.name]

    def _module(self, own: Context) -> TemplateModule:
        buffer: list[str] = []
        self.root(own, buffer)
        return TemplateModule(self.name, own, buffer)

    def with_names(self, context: Context, names: Mapping[str, Any]) -> Context:
        """Make a context that has another one's names."""
        return Context(context.render, self.name, self.blocks, context.with_names(names))

    def alone(self, context: Context) -> Context:
        """Make a context that has only `ctx`."""
        render = context.render
        return Context(render, self.name, self.blocks, {"ctx": render.ctx})


class TemplateModule:
    """What `import` binds: the exported names, and the text when printed."""

    def __init__(self, name: str, context: Context, buffer: list[str]) -> None:
        self._text = concat(buffer)
        self.__dict__.update({name: context.vars[name] for name in context.exported_vars})
        self.__name__ = name

    def __html__(self) -> Markup:
        return Markup(self._text)  # noqa: S704 - rendered with autoescape

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<TemplateModule {self.__name__!r}>"


class Templates:
    """The site's compiled templates, loaded when first used.

    Args:
        modules: Template name, relative to pages/, to module name.
        load: Imports a module by name.
    """

    template_class = Template

    def __init__(self, modules: Mapping[str, str], load: Callable[[str], ModuleType]) -> None:
        self._modules = modules
        self._load = load
        self._templates: dict[str, Template] = {}

    def of_page(self, name: str, module: ModuleType) -> Template:
        """Return the template of a page, which shares the page's module."""
        if name not in self._templates:
            self._templates[name] = self.template_class(name, self, module)
        return self._templates[name]

    def get_template(self, name: str | Template | Undefined) -> Template:
        """Return a template by its name, relative to pages/.

        Raises:
            TemplateNotFound: There is none of that name.
            UndefinedError: The name is undefined.
        """
        if isinstance(name, Template):
            return name
        if isinstance(name, Undefined):
            raise TemplateNotFound(name)
        if name not in self._templates:
            if name not in self._modules:
                raise TemplateNotFound(name)
            module = self._load(self._modules[name])
            self._templates[name] = self.template_class(name, self, module)
        return self._templates[name]

    def select_template(self, names: Iterable[str | Template | Undefined]) -> Template:
        """Return the first template that is there.

        Raises:
            TemplatesNotFound: There is none of them.
        """
        tried = list(names)
        for name in tried:
            try:
                return self.get_template(name)
            except (TemplateNotFound, UndefinedError):
                continue
        raise TemplatesNotFound(tried)

    def get_or_select_template(
        self, names: str | Template | Undefined | Iterable[str | Template | Undefined]
    ) -> Template:
        """Take one name or several."""
        if isinstance(names, (str, Template, Undefined)):
            return self.get_template(names)
        return self.select_template(names)
