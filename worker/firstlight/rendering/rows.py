"""Rows of the same shape: the values of each column are escaped at once.

A column of numbers or names often has nothing to escape; its values are then not touched again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from firstlight.rendering.escaping import escape_all, text

if TYPE_CHECKING:
    from typing import Any

LEAST = 16  # fewer rows are escaped with the rest of the page


def cell(value: Any, marks: list[bool]) -> str:
    """Return a value's text; that of HTML is Markup, which is marked."""
    buffer = [""]
    raw = text(value, buffer)
    if not buffer[0]:
        return raw
    marks.append(True)
    return Markup(buffer[0])  # noqa: S704 - what `text` takes for HTML


def write_rows(
    buffer: list[str],
    html: tuple[str, ...],
    columns: tuple[list[str], ...],
    marks: list[bool],
) -> None:
    """Write rows.

    Args:
        buffer: Of the template.
        html: What stands before each value of a row, and after the last one.
        columns: The values, one list for each place in a row.
        marks: Not empty when some of the values are HTML.
    """
    if marks:
        for values in zip(*columns, strict=True):
            for before, value in zip(html, values, strict=False):
                buffer.append(before)
                buffer.append(value if type(value) is str else text(value, buffer))
            buffer += (html[-1], "")
        return
    width, count = 2 * len(html), len(columns[0])
    row = [""] * width
    row[::2] = html
    pieces = row * count
    for number, column in enumerate(columns):
        pieces[2 * number + 1 :: width] = column if count < LEAST else escape_all(column)
    buffer += pieces if count < LEAST else ("".join(pieces), "")
