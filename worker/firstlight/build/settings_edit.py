"""Adds settings to TOML and JSON text; comments, order and line ends stay as they are."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from firstlight.build.config import syntax_error
from firstlight.build.wrangler import parse_jsonc
from firstlight.errors import ConfigError, Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    Path: TypeAlias = tuple[str, ...]  # of a setting: ("assets", "directory")
    Settings: TypeAlias = dict[str, Any]

BOM = "\ufeff"
CRLF = "\r\n"
BEGIN = r"(?:\s|//[^\n]*|/\*.*?\*/)*\{"  # of a JSON document


def add_settings(
    file: str, text: str, wanted: Settings, needed: Mapping[str, str], again: str
) -> str:
    """Add the settings that are missing; what is there is left alone.

    Args:
        file: Its name; what does not end in `.toml` is JSON, perhaps with comments.
        text: What it holds; empty for a new file.
        wanted: Tables of settings, as they would be read. Of a list each item is added.
        needed: Dotted path of the settings that may have no other value, to the reason.
        again: The command that the hint of an error ends with.

    Returns:
        The text itself when nothing is missing.

    Raises:
        ConfigError: It does not parse, has another value for something that is needed, or is
            written in a way that takes no addition.
    """
    bare = text.removeprefix(BOM)
    is_crlf = CRLF in bare and bare.count("\n") == bare.count(CRLF)
    lines = bare.replace(CRLF, "\n") if is_crlf else bare
    found = _parsed(file, lines)
    missing = list(_missing(found, wanted, ()))
    for path, value in missing:
        _check_conflict(file, lines, found, (path, value), needed, again)
    missing = [(path, value) for path, value in missing if _is_free(found, path, value)]
    if not missing:
        return text
    added = _added(file, lines, found, missing, again)
    return text[: len(text) - len(bare)] + (added.replace("\n", CRLF) if is_crlf else added)


def replace_setting(
    file: str, text: str, path: tuple[str | int, ...], value: str, again: str
) -> str:
    """Give a setting of a TOML file another value; its comment stays.

    Args:
        file: Its name.
        text: What it holds; valid TOML that has the setting.
        path: Keys and indexes: `("project", "dependencies", 0)`.
        value: The new one.
        again: The command that the hint of an error ends with.

    Raises:
        ConfigError: The file is written in a way that takes no change.
    """
    bare = text.removeprefix(BOM)
    expected: Any = tomllib.loads(bare)
    _item(expected, path[:-1])[path[-1]] = value
    try:
        document: Any = tomlkit.parse(bare)
        _item(document, path[:-1])[path[-1]] = value
        edited = tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]
    except TOMLKitError:
        edited = bare
    if tomllib.loads(edited) == expected:
        return text[: len(text) - len(bare)] + edited
    name = ".".join(map(str, path))
    raise ConfigError(
        f"The file is written in a way that takes no `{name} = {json.dumps(value)}`.",
        hint=f"Change it yourself, then run `{again}` again.",
        location=Location(file),
    )


def _item(table: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        table = table[key]
    return table


def _added(
    file: str, text: str, found: Settings, missing: list[tuple[Path, Any]], again: str
) -> str:
    edit = _to_toml if file.endswith(".toml") else _to_json
    expected = copy.deepcopy(found)
    for path, value in missing:
        _put(expected, path, value)
    try:
        added = edit(text, missing)
        is_right = _parsed(file, added) == expected
    except (ConfigError, TOMLKitError, ValueError, TypeError, KeyError):
        is_right, added = False, text
    if is_right:
        return added
    names = ", ".join(f"`{'.'.join(path)} = {json.dumps(value)}`" for path, value in missing)
    raise ConfigError(
        f"The file is written in a way that takes no {names}.",
        hint=f"Add it yourself, then run `{again}` again.",
        location=Location(file),
    )


def _parsed(file: str, text: str) -> Settings:
    try:
        found: Any = tomllib.loads(text) if file.endswith(".toml") else parse_jsonc(text or "{}")
    except ValueError as error:
        raise syntax_error(file, text, error) from error
    if isinstance(found, dict):
        return found  # pyright: ignore[reportUnknownVariableType]
    raise ConfigError("This is no object.", location=Location(file))


def _missing(found: Any, wanted: Settings, above: Path) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of what is not there as it is wanted; whole tables where none is."""
    for key, value in wanted.items():
        path, own = (*above, key), found.get(key)
        if isinstance(value, dict) and isinstance(own, dict):
            yield from _missing(own, value, path)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, list) and isinstance(own, list):
            lacking: list[Any] = [each for each in value if each not in own]  # pyright: ignore[reportUnknownVariableType]
            if lacking:
                yield path, lacking
        elif key not in found or own != value:
            yield path, value


def _check_conflict(
    file: str,
    text: str,
    found: Settings,
    setting: tuple[Path, Any],
    needed: Mapping[str, str],
    again: str,
) -> None:
    path, value = setting
    own = _get(found, path)
    dotted = ".".join(path)
    is_table = isinstance(value, dict)
    if own is None or isinstance(own, list) or not (is_table or dotted in needed):
        return
    why = "it is a table" if is_table else f"{needed[dotted]} `{value}`"
    pattern = rf"^\s*[\"']?(?:[\w.]+\.)?{re.escape(path[-1])}[\"']?\s*[=:]"
    lines = text.splitlines()
    line = next((number for number, each in enumerate(lines, 1) if re.match(pattern, each)), None)
    raise ConfigError(
        f"`{dotted}` is `{own}`, but {why}.",
        hint=f"Change or remove it, then run `{again}` again.",
        location=Location(file, line),
    )


def _is_free(found: Settings, path: Path, value: Any) -> bool:
    return _get(found, path) is None or isinstance(value, list)


def _get(found: Any, path: Path) -> Any:
    for key in path:
        found = found.get(key)
        if found is None:
            return None
    return found


def _put(table: Any, path: Path, value: Any) -> None:
    for key in path[:-1]:
        table = table.setdefault(key, {})
    own = table.get(path[-1])
    table[path[-1]] = [*own, *value] if isinstance(own, list) else value


def _to_toml(text: str, missing: list[tuple[Path, Any]]) -> str:
    if text and not text.endswith("\n"):
        text += "\n"
    sections: list[str] = []
    for path, value in missing:
        document = tomlkit.parse(text)
        own: Any = _get(document, path)
        if isinstance(value, dict) and not _is_inline(document, path):
            sections += _sections(path, value)  # pyright: ignore[reportUnknownArgumentType]
        elif own is None and (inserted := _below_header(text, path, value)):
            text = inserted
        else:
            _put_item(_get(document, path[:-1]), path[-1], value)
            text = tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]
    if not sections:
        return text
    return "\n".join([f"{text.rstrip()}\n" if text.strip() else "", *sections]).lstrip("\n")


def _put_item(table: Any, key: str, value: Any) -> None:
    if key in table:
        table[key].extend(value)
    else:
        table[key] = value


def _below_header(text: str, path: Path, value: Any) -> str | None:
    """Put a setting first into its section: at the end it could part a comment from the next."""
    header = re.escape(f"[{'.'.join(map(_key, path[:-1]))}]")
    found = re.search(rf"^{header}[ \t]*(?:#.*)?\n", text, re.MULTILINE)
    if found is None:
        return None
    line = tomlkit.dumps({path[-1]: value})  # pyright: ignore[reportUnknownMemberType]
    return text[: found.end()] + line + text[found.end() :]


def _is_inline(document: Any, path: Path) -> bool:
    """Tell whether a table lies in one that is written as a value."""
    above = (_get(document, path[:end]) for end in range(1, len(path)))
    return any(isinstance(table, InlineTable) for table in above)


def _sections(path: Path, table: Settings) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if plain:
        name = ".".join(map(_key, path))
        yield f"[{name}]\n{tomlkit.dumps(plain)}"  # pyright: ignore[reportUnknownMemberType]
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _sections((*path, key), value)  # pyright: ignore[reportUnknownArgumentType]


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name)


def _to_json(text: str, missing: list[tuple[Path, Any]]) -> str:
    text = text or "{\n}\n"
    insert: Callable[[str, Path, Any], str] = _insert_json
    for path, value in reversed(missing):
        text = insert(text, path, value)
    return text


def _insert_json(text: str, path: Path, value: Any) -> str:
    """Put a setting first into its object, as its first entry is indented."""
    begin = BEGIN if len(path) == 1 else rf'.*?"{re.escape(path[-2])}"\s*:\s*\{{'
    found = re.match(begin, text, re.DOTALL)
    if found is None:
        raise ValueError(path)
    rest = text[found.end() :]
    indented = re.match(r"\s*\n([ \t]+)\S", rest)
    indent = indented[1] if indented else "  " * len(path)
    step = "\t" if "\t" in indent else "  "
    entry = json.dumps(value, indent=step, ensure_ascii=False).replace("\n", f"\n{indent}")
    is_empty = rest.lstrip().startswith("}")
    end = "" if is_empty else ","
    rest = rest if rest[:1].isspace() else f"\n{indent}{rest}"
    return f'{text[: found.end()]}\n{indent}"{path[-1]}": {entry}{end}{rest}'
