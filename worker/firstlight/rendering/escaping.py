"""Output: templates collect trusted and raw pieces by turns; raw ones are escaped all at once.

A buffer is a list whose even items are HTML and whose odd items are text to be escaped.
Escaping one long string costs a fraction of escaping every value by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape, soft_str

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_SEPARATOR = "\0"


def concat(buffer: list[str]) -> str:
    """Join a buffer, its odd items escaped; the buffer must not be used again."""
    raw = buffer[1::2]
    escaped = escape_all(raw)
    if escaped is not raw:
        buffer[1::2] = escaped
    return "".join(buffer)


def escape_all(values: list[str]) -> list[str]:
    """Escape strings; returns the same list when none of them needs it."""
    joined = _SEPARATOR.join(values)
    escaped = _escaped(joined)
    if escaped is joined:
        return values
    pieces = escaped.split(_SEPARATOR)
    # A value may contain the separator itself.
    return pieces if len(pieces) == len(values) else list(map(_escaped, values))


def text(value: Any, buffer: list[str]) -> str:
    """Return a value's text, the buffer's next raw item; HTML goes to the item before it."""
    if type(value) is int:
        return str(value)
    if type(value) is Markup:
        html = value
    elif hasattr(value, "__html__"):
        html = Markup(value.__html__())  # noqa: S704 - what `__html__` is for
    else:
        shown = str(value)
        return shown if type(shown) is str else "".join((shown,))  # `__str__` may give Markup
    buffer[-1] = "".join((buffer[-1], html))
    return ""


def trusted(value: Any, buffer: list[str]) -> str:
    """Add a value's text as HTML, where autoescape is off; returns the empty raw item after it."""
    buffer[-1] = "".join((buffer[-1], str(value)))
    return ""


def markup_join(values: Iterable[Any]) -> str:
    """Join what `~` joins: HTML as soon as one of the values is."""
    texts = [soft_str(value) for value in values]
    if any(hasattr(piece, "__html__") for piece in texts):
        return Markup("").join(texts)
    return "".join(texts)


def str_join(values: Iterable[Any]) -> str:
    """Join what `~` joins where autoescape is off."""
    return "".join(map(str, values))


def identity(value: Any) -> Any:
    """Return the value: what stands for `Markup` where autoescape is off."""
    return value


def _escaped(raw: str) -> str:
    return (
        raw.replace("&", "&amp;")
        .replace(">", "&gt;")
        .replace("<", "&lt;")
        .replace("'", "&#39;")
        .replace('"', "&#34;")
    )


__all__ = [
    "Markup", "concat", "escape", "identity", "markup_join", "soft_str", "str_join", "text",
    "trusted",
]  # fmt: skip
