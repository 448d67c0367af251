"""Names and attributes that are not there, and the errors of templates.

Names, messages and rules are Jinja2's, so that a template fails here as it does there.

Source: https://jinja.palletsprojects.com/en/stable/api/#undefined-types
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, NoReturn


class _Missing:
    def __repr__(self) -> str:
        return "missing"


missing: Any = _Missing()


class TemplateRuntimeError(Exception):
    """Something a template may not do."""


class UndefinedError(TemplateRuntimeError):
    """A template uses what is not there."""


class FilterArgumentError(TemplateRuntimeError):
    """A filter was given arguments it cannot take."""


class TemplateNotFound(OSError, LookupError):  # noqa: N818 - Jinja2's name
    """There is no template of that name."""

    def __init__(self, name: object, message: str | None = None) -> None:
        super().__init__(name)
        if message is None and isinstance(name, Undefined):
            _fail(name)
        self.message = str(name) if message is None else message

    def __str__(self) -> str:
        return self.message


class TemplatesNotFound(TemplateNotFound):
    """There is none of several templates."""

    def __init__(self, names: Iterable[object]) -> None:
        shown = [_message(n) if isinstance(n, Undefined) else str(n) for n in names]
        message = f"none of the templates given were found: {', '.join(shown)}"
        if not shown:
            message = "Tried to select from an empty list of templates."
        super().__init__(None, message)


def _fail(self: Undefined, *_: object, **__: object) -> NoReturn:
    raise UndefinedError(_message(self))


class Undefined:
    """Stands for what is not there: prints as nothing, anything else with it is an error.

    Args:
        hint: The whole message, if the others do not say it.
        obj: What has no such attribute or item.
        name: The name that is not there.
    """

    __slots__ = ("_undefined_hint", "_undefined_obj", "_undefined_name")  # noqa: RUF023 - as in __init__

    def __init__(self, hint: str | None = None, obj: Any = missing, name: Any = None) -> None:
        self._undefined_hint = hint
        self._undefined_obj = obj
        self._undefined_name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # Python probes for its protocols
        _fail(self)

    __add__ = __radd__ = __sub__ = __rsub__ = _fail
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _fail
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _fail
    __pow__ = __rpow__ = __pos__ = __neg__ = _fail
    __lt__ = __le__ = __gt__ = __ge__ = _fail
    __int__ = __float__ = __complex__ = _fail
    __call__ = __getitem__ = _fail

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return id(type(self))

    def __str__(self) -> str:
        return ""

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "Undefined"


class StrictUndefined(Undefined):
    """An undefined that must not be printed, compared or tested either: only for `is defined`."""

    __slots__ = ()
    __iter__ = __str__ = __len__ = __bool__ = _fail  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]
    __eq__ = __ne__ = __hash__ = __contains__ = _fail  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]


# As Jinja2's compiler calls them; an inline `if` without `else` prints as nothing.
undefined = StrictUndefined
cond_expr_undefined = Undefined


def attr(obj: Any, name: str) -> Any:
    """Resolve `obj.name`: the attribute, else the item."""
    try:
        return getattr(obj, name)
    except AttributeError as error:
        return instead(obj, name, error)


def instead(obj: Any, name: str, error: Exception) -> Any:
    """Resolve `obj.name` where the attribute failed: the item.

    Raises:
        KeyError: A property's own; only that of a dict says that there is no such item.
    """
    if not (isinstance(error, AttributeError) or _is_dict(obj)):
        raise error
    try:
        return obj[name]
    except (TypeError, LookupError, AttributeError):
        return StrictUndefined(obj=obj, name=name)


def _is_dict(obj: object) -> bool:
    return type(obj) is dict


def item(obj: Any, key: Any) -> Any:
    """Resolve `obj[key]`: the item, else the attribute."""
    try:
        return obj[key]
    except (AttributeError, TypeError, LookupError):
        if isinstance(key, str):
            try:
                return getattr(obj, str(key))
            except AttributeError:
                pass
        return StrictUndefined(obj=obj, name=key)


def unknown(kind: str, name: str) -> Callable[..., NoReturn]:
    """Make what stands for a filter or test that does not exist, and may never be called."""

    def fail(*_: object) -> NoReturn:
        raise TemplateRuntimeError(f"No {kind} named {name!r} found.")

    return fail


def _message(undefined: Undefined) -> str:
    hint, obj, name = (getattr(undefined, slot) for slot in Undefined.__slots__)
    if hint:
        return hint
    if obj is missing:
        return f"{name!r} is undefined"
    if not isinstance(name, str):
        return f"{_kind_of(obj)} has no element {name!r}"
    return f"{_kind_of(obj)!r} has no attribute {name!r}"


def _kind_of(obj: object) -> str:
    if obj is None or obj is Ellipsis:
        return repr(obj)
    kind = type(obj)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__name__} object"
