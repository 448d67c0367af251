"""Checks of the text that visitors send."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """Tell whether SQLite keeps a text as it is.

    NUL ends a text for SQLite's own functions, and a lone surrogate, which JSON
    can carry, has no UTF-8.
    """
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def check_length(text: str, label: str, longest: int) -> str | None:
    """Return what is wrong with a field's text, None when nothing is."""
    if not text:
        return f"Please enter {label}."
    if len(text) > longest:
        return f"That is {len(text)} characters; {longest} is the most."
    if not is_storable(text):
        return "That has characters that cannot be stored."
    return None
