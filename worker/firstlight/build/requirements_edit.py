"""Adds a requirement to the text of a pyproject.toml, or an extra to the one that is there."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, cast

from firstlight.build.settings_edit import add_settings, replace_setting
from firstlight.errors import ConfigError, Location

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.build.settings_edit import Path

# Name, extras and the rest of a requirement: `name[extra]>=1; marker`, `name @ https://…`.
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)(?:\s*\[([^\]]*)\])?(.*)", re.DOTALL)


def add_requirement(file: str, text: str, requirement: str, again: str) -> str:
    """Add a requirement where it is not met.

    An extra goes to where the package stands: `project.dependencies`, else a dependency group,
    else an optional dependency. A package that stands nowhere is added to the first.

    Args:
        file: Its name, for errors.
        text: What it holds; valid TOML.
        requirement: A name, perhaps with extras: `firstlight[asgi]`.
        again: The command that the hint of an error ends with.

    Returns:
        The text itself when nothing is missing, there is no table `project`, it is the package
        itself, or what computes its dependencies would be contradicted.

    Raises:
        ConfigError: `project.dependencies` is no list, or the file is written in a way that takes
            no addition.

    Source:
        https://packaging.python.org/en/latest/specifications/pyproject-toml/
        https://packaging.python.org/en/latest/specifications/dependency-groups/
    """
    table = tomllib.loads(text.removeprefix("\ufeff"))
    project = _table(table.get("project"))
    wanted, extras, _ = _parts(requirement)
    if _plain(str(project.get("name", ""))) == wanted:
        return text
    for path, own in _lists(table):
        index = next((i for i, each in enumerate(own) if _parts(each)[0] == wanted), None)
        if index is None:
            continue
        extended = _extended(str(own[index]), extras)
        if extended == own[index]:
            return text
        return replace_setting(file, text, (*path, index), extended, again)
    if not project or "dependencies" in project.get("dynamic", ()):
        return text
    own = project.get("dependencies", [])
    if not isinstance(own, list):
        raise ConfigError(
            f"`project.dependencies` is `{own}`, but it is a list.",
            hint=f'Write it as `["{own}"]`, then run `{again}` again.',
            location=Location(file),
        )
    settings = {"project": {"dependencies": [requirement]}}
    return add_settings(file, text, settings, {}, again)


def _lists(table: dict[str, Any]) -> Iterator[tuple[Path, list[object]]]:
    """Yield where requirements stand, and the requirements."""
    project = _table(table.get("project"))
    yield ("project", "dependencies"), _list(project.get("dependencies"))
    for path in (("dependency-groups",), ("project", "optional-dependencies")):
        above = project if len(path) > 1 else table
        for name, own in _table(above.get(path[-1])).items():
            yield (*path, name), _list(own)


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _extended(requirement: str, extras: set[str]) -> str:
    """Add extras to a requirement: `firstlight>=1` becomes `firstlight[asgi]>=1`."""
    _, own, rest = _parts(requirement)
    if extras <= own:
        return requirement
    found = REQUIREMENT.fullmatch(requirement)
    name = found[1] if found else requirement
    return f"{name}[{','.join(sorted(own | extras))}]{rest}"


def _parts(requirement: object) -> tuple[str, set[str], str]:
    """Read a requirement; an entry of a group may be a table, which is none."""
    found = REQUIREMENT.fullmatch(requirement) if isinstance(requirement, str) else None
    if found is None:
        return "", set(), ""
    extras = {extra.strip() for extra in (found[2] or "").split(",") if extra.strip()}
    return _plain(found[1]), extras, found[3]


def _plain(name: str) -> str:
    """Write a package's name as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
