"""Macros and the bodies of `call` blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from firstlight.rendering.escaping import concat
from firstlight.rendering.undefined import StrictUndefined, missing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any


class Macro:
    """A macro: takes arguments as Jinja2's do, and gives HTML.

    Args:
        function: Takes `arguments`, then `caller`, `kwargs` and `varargs` as far as it uses them;
            returns a buffer.
        name: The macro's; None for the body of a `call` block.
        arguments: Their names.
        catch_kwargs: Whether the function takes other keyword arguments.
        catch_varargs: Whether it takes more positional arguments.
        caller: Whether it takes `caller`.
        autoescape: Whether the text is HTML when other than templates call it.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - only compiled code makes macros
        self,
        function: Callable[..., list[str] | Awaitable[list[str]]],
        name: str | None,
        arguments: tuple[str, ...],
        catch_kwargs: bool,  # noqa: FBT001
        catch_varargs: bool,  # noqa: FBT001
        caller: bool,  # noqa: FBT001
        autoescape: bool,  # noqa: FBT001
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.catch_kwargs = catch_kwargs
        self.catch_varargs = catch_varargs
        self.caller = caller
        self._function = function
        self._autoescape = autoescape
        self._is_plain = not (catch_kwargs or catch_varargs or caller)

    def __call__(self, *args: Any, **kwargs: Any) -> str | Awaitable[str]:
        """Call it as Python does."""
        return self.invoke(self._autoescape, args, kwargs)

    def invoke(
        self,
        autoescape: bool,  # noqa: FBT001
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> str | Awaitable[str]:
        """Call it as a template does, which knows whether autoescape is on.

        In a template that streams, the result is to be awaited.
        """
        pieces = self.pieces(args, kwargs)
        if isinstance(pieces, list):
            return _joined(pieces, autoescape=autoescape)
        return _joined_later(pieces, autoescape=autoescape)

    def pieces(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[str] | Awaitable[list[str]]:
        """Call it; returns a buffer, to be joined or added to another."""
        count = len(self.arguments)
        if self._is_plain and not kwargs and len(args) == count:
            return self._function(*args)
        values = list(args[:count])
        values += [kwargs.pop(name, missing) for name in self.arguments[len(values) :]]
        if self.caller and "caller" not in self.arguments:
            caller = kwargs.pop("caller", None)
            values.append(
                StrictUndefined("No caller defined", name="caller") if caller is None else caller
            )
        if self.catch_kwargs:
            values.append(kwargs)
        elif kwargs:
            self._refuse(kwargs)
        if self.catch_varargs:
            values.append(args[count:])
        elif len(args) > count:
            raise TypeError(f"macro {self.name!r} takes not more than {count} argument(s)")
        return self._function(*values)

    def _refuse(self, kwargs: dict[str, Any]) -> None:
        if "caller" in kwargs:
            raise TypeError(
                f"macro {self.name!r} was invoked with two values for the special caller argument."
                " This is most likely a bug."
            )
        raise TypeError(f"macro {self.name!r} takes no keyword argument {next(iter(kwargs))!r}")

    def __repr__(self) -> str:
        return f"<Macro {'anonymous' if self.name is None else repr(self.name)}>"


def _joined(pieces: list[str], *, autoescape: bool) -> str:
    text = concat(pieces)
    return str.__new__(Markup, text) if autoescape else text


async def _joined_later(pieces: Awaitable[list[str]], *, autoescape: bool) -> str:
    return _joined(await pieces, autoescape=autoescape)
