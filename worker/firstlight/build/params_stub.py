"""Writes the stub that tells type checkers the parameters of each route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from firstlight.build.config import load_config
from firstlight.build.scan import scan
from firstlight.build.source_file import PAGES
from firstlight.routing import parse_pattern

if TYPE_CHECKING:
    from pathlib import Path

STUB = "route_params.pyi"
HEAD = '''\
"""The parameters of this site's routes; written by `firstlight types`, do not edit.

if TYPE_CHECKING:
    from route_params import …
"""

from typing import TypedDict
'''


def route_params(root: Path) -> dict[str, str]:
    """Name a class for each route with parameters, such as `ApiNotesId` for `/api/notes/[id]`.

    Returns:
        The pattern by name. Two patterns that come to one name are told apart by a number.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    if not (root / PAGES).is_dir():
        return {}
    named: dict[str, str] = {}
    patterns = {route.pattern for route in scan(root, load_config(root)).routes}
    for pattern in sorted(patterns):
        if "[" in pattern:
            named[_free_name(class_name(pattern), named)] = pattern
    return named


def class_name(pattern: str) -> str:
    """Turn a pattern into the name of a class: `/a-b/[...path]` into `ABPath`."""
    words = re.findall(r"[^\W_]+", pattern)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return name if name.isidentifier() else f"Params{name}"


def params_text(named: dict[str, str]) -> str:
    """Write the stub; a rest parameter may be None."""
    lines = [HEAD]
    for name, pattern in named.items():
        fields = ", ".join(
            f'"{part.text}": {"str | None" if part.is_rest else "str"}'
            for segment in parse_pattern(pattern)
            for part in segment
            if part.is_param
        )
        lines.append(f'# {pattern}\n{name} = TypedDict("{name}", {{{fields}}})')
    return "\n".join([*lines, ""])


def _free_name(name: str, taken: dict[str, str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    return free
