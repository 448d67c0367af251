"""The names a template sees while it renders, and calls from templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.rendering.escaping import text
from firstlight.rendering.macros import Macro
from firstlight.rendering.undefined import StrictUndefined, missing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any, TypeAlias

    # Those of templates that stream are to be awaited.
    Block: TypeAlias = Callable[["Context", list[str]], Awaitable[None] | None]
    Blocks: TypeAlias = Mapping[str, list[Block]]


class EvalContext:
    """Whether autoescape is on at the moment."""

    volatile = False

    def __init__(self, *, autoescape: bool = True) -> None:
        self.autoescape = autoescape

    def save(self) -> dict[str, Any]:
        """Return the state, for `revert`."""
        return self.__dict__.copy()

    def revert(self, saved: dict[str, Any]) -> None:
        """Take back what has changed since `save`."""
        self.__dict__.clear()
        self.__dict__.update(saved)

    @property
    def environment(self) -> Any:
        """What filters ask for options."""
        from firstlight.rendering.filtering import environment  # noqa: PLC0415 - few need it

        return environment


class Context:
    """The names of one template in one render.

    Attributes:
        render: What all templates of this render share.
        name: The template's.
        blocks: Block name to functions, the youngest template's first. Shared; `extend` copies.
        vars: Every name and its value, those set at the top level included.
        exported_vars: Names that importers see.
    """

    __slots__ = ("blocks", "eval_ctx", "exported_vars", "name", "render", "vars")

    def __init__(self, render: Any, name: str, blocks: Blocks, names: dict[str, Any]) -> None:
        self.render = render
        self.name = name
        self.blocks = blocks
        self.vars = names
        self.exported_vars: set[str] = set()
        self.eval_ctx = EvalContext()

    @property
    def templates(self) -> Any:
        """The site's templates."""
        return self.render.templates

    @property
    def environment(self) -> Any:
        """What filters ask for options."""
        return self.eval_ctx.environment

    def with_names(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return every name, the given ones first; those without a value are left out."""
        return self.vars | {name: value for name, value in names.items() if value is not missing}

    def derived(self, names: Mapping[str, Any]) -> Context:
        """Make the context of a scoped block."""
        context = Context(self.render, self.name, self.blocks, self.with_names(names))
        context.eval_ctx = self.eval_ctx
        return context

    def extend(self, parent: Any) -> None:
        """Put a parent's blocks behind the own ones."""
        blocks = {name: list(functions) for name, functions in self.blocks.items()}
        for name, functions in parent.blocks.items():
            blocks.setdefault(name, []).extend(functions)
        self.blocks = blocks

    def resolve(self, name: str) -> Any:
        """Return what a name stands for."""
        value = self.vars.get(name, missing)
        return StrictUndefined(name=name) if value is missing else value

    def get_all(self) -> dict[str, Any]:
        """Return every name."""
        return self.vars

    def __getitem__(self, name: str) -> Any:
        return self.vars[name]

    def __contains__(self, name: object) -> bool:
        return name in self.vars

    def get(self, name: str, default: Any = None) -> Any:
        """Return what a name stands for, or a default."""
        return self.vars.get(name, default)


def call(
    context: Context,
    scopes: tuple[dict[str, Any], ...],
    function: Any,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Call what a template calls; a function may ask for the context as its first argument.

    Args:
        context: Of the template.
        scopes: Names set in the loop or block around the call, which the context does not have.
        function: Anything.
        args: Its arguments.
        kwargs: Its keyword arguments.
    """
    if type(function) is Macro:
        return function.invoke(context.eval_ctx.autoescape, args, kwargs)
    if getattr(getattr(function, "__call__", None), "jinja_pass_arg", None) is not None:  # noqa: B004
        function = function.__call__
    wanted = getattr(function, "jinja_pass_arg", None)
    if wanted is not None:
        args = (_passed(wanted, context, scopes), *args)
    try:
        return function(*args, **kwargs)
    except StopIteration:
        return StrictUndefined(
            "value was undefined because a callable raised a StopIteration exception"
        )


def write_call(
    buffer: list[str],
    context: Context,
    scopes: tuple[dict[str, Any], ...],
    function: Any,
    /,
    *args: Any,
    **kwargs: Any,
) -> None:
    """Call what a template calls and prints; a macro's pieces are not joined in between."""
    if type(function) is Macro and context.eval_ctx.autoescape:
        buffer.append("")
        buffer += function.pieces(args, kwargs)  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType] - nothing here streams
    else:
        value = call(context, scopes, function, *args, **kwargs)
        buffer.append(value if type(value) is str else text(value, buffer))


def _passed(wanted: Any, context: Context, scopes: tuple[dict[str, Any], ...]) -> Any:
    """Return what `pass_context` and its like ask for."""
    kind = getattr(wanted, "name", wanted)
    if kind == "environment":
        return context.environment
    if kind == "eval_context":
        return context.eval_ctx
    for names in filter(None, scopes):
        context = context.derived(names)
    return context
