"""What Jinja2's filters and tests ask of the environment they run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.rendering.undefined import StrictUndefined, TemplateRuntimeError, attr, item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

# Jinja2's defaults; a test holds them to jinja2.defaults.
POLICIES = {
    "compiler.ascii_str": True,
    "urlize.rel": "noopener",
    "urlize.target": None,
    "urlize.extra_schemes": None,
    "truncate.leeway": 5,
    "json.dumps_function": None,
    "json.dumps_kwargs": {"sort_keys": True},
    "ext.i18n.trimmed": False,
}


class Environment:
    """The one environment of all templates.

    Attributes:
        filters: Those that templates call by name, as `map('upper')` does; the compiled modules
            put them in.
        tests: The same of tests.
    """

    newline_sequence = "\n"
    policies = POLICIES
    undefined = StrictUndefined
    getattr = staticmethod(attr)
    getitem = staticmethod(item)

    def __init__(self) -> None:
        self.filters: dict[str, Callable[..., Any]] = {}
        self.tests: dict[str, Callable[..., Any]] = {}

    def call_filter(
        self,
        name: str,
        value: Any,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        context: Any = None,
    ) -> Any:
        """Call a filter by name."""
        return _call(
            "filter", name, self.filters.get(name), [value, *(args or ())], kwargs, context
        )

    def call_test(
        self,
        name: str,
        value: Any,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        context: Any = None,
    ) -> Any:
        """Call a test by name."""
        return _call("test", name, self.tests.get(name), [value, *(args or ())], kwargs, context)


def _call(
    kind: str,
    name: str,
    function: Callable[..., Any] | None,
    args: list[Any],
    kwargs: Mapping[str, Any] | None,
    context: Any,
) -> Any:
    if function is None:
        raise TemplateRuntimeError(f"No {kind} named {name!r}.")
    wanted = getattr(function, "jinja_pass_arg", None)
    if wanted == "context":
        args.insert(0, context)
    elif wanted == "eval_context":
        args.insert(0, context.eval_ctx)
    elif wanted == "environment":
        args.insert(0, environment)
    return function(*args, **(kwargs or {}))


environment = Environment()
