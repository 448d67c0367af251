"""The site's options in `[tool.firstlight]` of pyproject.toml, every key checked."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstlight.advice import did_you_mean, nearest
from firstlight.build.adapter import BUILT_IN, adapter_names, load_adapter
from firstlight.build.source_file import read_text
from firstlight.errors import ConfigError, FirstlightError, Location
from firstlight.manifest import Redirect
from firstlight.request import DEFAULT_MAX_BODY
from firstlight.response import REDIRECT_STATUSES
from firstlight.routing import param_names, parse_pattern, route_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

FILE = "pyproject.toml"
CHOICES = {
    "output": ("static", "hybrid", "server"),
    "trailing_slash": ("ignore", "always", "never"),
    "format": ("directory", "file"),
}
SYNTAX_HINTS = {
    "TOML": 'Write `key = "text"`, `key = 1`, `key = true` or a `[section]`, each key once.',
    "JSON": "Put a comma between entries, and names and text in double quotes.",
}
SECTION = "Write the section as `[tool.firstlight]`."
USABLE = 'Write `"/old" = "/new"` or `"/old" = { status = 302, destination = "/new" }`.'


@dataclass(frozen=True, slots=True)
class Config:
    """A site's options.

    Attributes:
        output: What a page without a `prerender` line does: `static`, `hybrid` or `server`.
        adapter: The platform on-demand routes run on; None means there are none.
        site: Absolute origin, without a final slash; None when not configured.
        base: Sub-path without a final slash; `/` for none.
        trailing_slash: `ignore`, `always` or `never`.
        format: `directory` writes a/index.html, `file` writes a.html.
        max_body: Bytes that form_data(), json() and text() accept.
        trusted_origins: Other origins whose forms are accepted.
        redirects: In priority order.
        check_sql: Whether SQL in the code is checked against the migrations.
        adapter_options: What `[tool.firstlight.NAME]` of the adapter says, its defaults included.
    """

    output: str = "static"
    adapter: str | None = None
    site: str | None = None
    base: str = "/"
    trailing_slash: str = "ignore"
    format: str = "directory"
    max_body: int = DEFAULT_MAX_BODY
    trusted_origins: tuple[str, ...] = ()
    redirects: tuple[Redirect, ...] = field(default=())
    check_sql: bool = True
    adapter_options: Mapping[str, Any] = field(default_factory=dict[str, "Any"])


def load_config(root: Path) -> Config:
    """Read and check a site's options; a site without pyproject.toml has the defaults.

    Raises:
        ConfigError: An unknown key, a value it cannot have, or TOML that does not parse.
    """
    tools = load_tools(root)
    try:
        return _checked(tools if type(tools) is not dict else tools.get("firstlight", {}))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    except _OptionError as error:
        error.location = option_location(root, error.key)
        raise


def load_tools(root: Path) -> Any:
    """Read what pyproject.toml says under `tool`, whatever that is; a table when nothing.

    Raises:
        ConfigError: It does not parse.
    """
    path = root / FILE
    if not path.exists():
        return {}
    text = read_text(path, FILE)
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        raise syntax_error(FILE, text, error) from error
    _check_sections(table, text)
    return table.get("tool", {})


def _check_sections(table: dict[str, Any], text: str) -> None:
    """Refuse a section that would be ours if it were spelt as ours."""
    tools = table.get("tool", {})
    names: dict[str, str] = {}
    if isinstance(tools, dict):
        names = {str(name): f"tool.{name}" for name in tools}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    names |= {name: name for name in table if name != "tool"}
    for name, section in names.items():
        if nearest(name, ["firstlight"], alike=0.85) and section != "tool.firstlight":
            lines = enumerate(text.splitlines(), 1)
            line = next((number for number, read in lines if f"[{section}" in read), None)
            raise ConfigError(
                f"Nothing reads the section `[{section}]`.",
                hint=SECTION,
                location=Location(FILE, line),
            )


def syntax_error(file: str, text: str, error: ValueError) -> ConfigError:
    """Say which line of a TOML or JSON file does not parse, and why."""
    line = error_line(error, text)
    lines = text.splitlines()
    quoted = lines[line - 1].strip() if line and line <= len(lines) else ""
    language = "TOML" if file.endswith(".toml") else "JSON"
    told = re.sub(r" \(at .*\)$|: line \d+ column.*$", "", str(error))
    return ConfigError(
        f"{f'`{quoted}`' if quoted else 'This'} is not {language}: {told}.",
        hint=SYNTAX_HINTS[language],
        location=Location(file, line),
    )


def error_line(error: ValueError, text: str) -> int | None:
    """Return the 1-based line that a TOML or JSON parser stumbled over; None if it is not told."""
    if "(at end of document)" in str(error):
        return text.count("\n") + 1
    told = re.search(r"\(at line (\d+)", str(error))
    return int(told[1]) if told else getattr(error, "lineno", None)


def option_location(root: Path, key: str) -> Location:
    """Point to the line of pyproject.toml that sets an option or a redirect."""
    path = root / FILE
    return Location(FILE, _line_of(read_text(path, FILE), key) if path.exists() else None)


class _OptionError(ConfigError):
    """A wrong option; `key` finds its line."""

    def __init__(self, key: str, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.key = key


def _checked(table: dict[str, Any]) -> Config:
    if type(table) is not dict:
        raise _OptionError(
            "firstlight", f"`tool.firstlight` is a table, not `{_written(table)}`.", SECTION
        )
    for key in table:
        if key not in _CHECKS and not _is_adapter_table(key, table):
            raise _unknown(key, list(_CHECKS), "tool.firstlight")
    values = {key: _CHECKS[key](key, value) for key, value in table.items() if key in _CHECKS}
    if adapter := values.get("adapter"):
        values["adapter_options"] = _adapter_options(adapter, table.get(adapter, {}))
    if values.get("trailing_slash") == "never":
        if table.get("format") == "directory":
            raise _OptionError(
                "format",
                '`format = "directory"` contradicts `trailing_slash = "never"`.',
                'Leave `format` out or set it to "file".',
            )
        values["format"] = "file"
    return Config(**values)


def _unknown(key: str, known: list[str], table: str) -> _OptionError:
    hint = did_you_mean(key, known) or f"Known: {', '.join(known)}."
    return _OptionError(key, f"`{key}` is not an option of [{table}].", hint)


def _is_adapter_table(key: str, table: dict[str, Any]) -> bool:
    """Tell whether a key holds the options of an adapter, if only of one that is not in use."""
    return key in (*BUILT_IN, table.get("adapter")) or key in adapter_names()


def _adapter_options(name: str, table: object) -> dict[str, Any]:
    """Check the options of an adapter against its defaults."""
    defaults = load_adapter(name).options
    if not isinstance(table, dict):
        raise _OptionError(name, f"`{name}` is a table, not `{table}`.")
    options: dict[str, Any] = dict(defaults)
    for key, value in table.items():  # pyright: ignore[reportUnknownVariableType]
        if key not in defaults:
            raise _unknown(key, list(defaults), f"tool.firstlight.{name}")  # pyright: ignore[reportUnknownArgumentType]
        if type(value) is not type(defaults[key]):  # pyright: ignore[reportUnknownArgumentType]
            raise _OptionError(
                key,  # pyright: ignore[reportUnknownArgumentType]
                f"`{key}` of [tool.firstlight.{name}] cannot be `{value}`.",
                f"Give {_KINDS[type(defaults[key])]}.",
            )
        options[key] = value
    return options


_KINDS = {bool: "`true` or `false`", int: "a whole number", str: "a string", list: "a list"}


def _adapter(key: str, value: object) -> str:
    return str(value) if value in BUILT_IN else _one_of(key, value, adapter_names())


def _written(value: object) -> str:
    """Write a value as TOML does, text without its quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choice(key: str, value: object) -> str:
    return _one_of(key, value, CHOICES[key])


def _one_of(key: str, value: object, known: Sequence[str]) -> str:
    if value in known:
        return str(value)
    choices = ", ".join(f'"{choice}"' for choice in known)
    hint = did_you_mean(str(value), known, '"') or f"Use one of {choices}."
    raise _OptionError(key, f"`{key}` cannot be `{_written(value)}`; it is one of {choices}.", hint)


def _site(key: str, value: object) -> str:
    scheme, separator, host = str(value).partition("://")
    if (
        separator
        and scheme in ("http", "https")
        and host.rstrip("/")
        and "/" not in host.rstrip("/")
    ):
        return str(value).rstrip("/")
    raise _OptionError(
        key,
        f"`{key}` cannot be `{_written(value)}`: an origin is a scheme and a host, without a path.",
        'Write it as "https://example.com".',
    )


def _base(key: str, value: object) -> str:
    text = str(value)
    odd = set(text) & set("?#[]%\\ ") or {".", ".."} & set(text.split("/")) or "//" in text
    if not isinstance(value, str) or not text.startswith("/") or odd:
        raise _OptionError(
            key,
            f"`base` cannot be `{_written(value)}`: it is a path that begins with `/`.",
            'Write it as "/docs".',
        )
    return text.rstrip("/") or "/"


def _size(key: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise _OptionError(
        key, f"`{key}` cannot be `{_written(value)}`.", "Give a number of bytes, such as 1048576."
    )


def _flag(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _OptionError(key, f"`{key}` cannot be `{_written(value)}`.", "Write `true` or `false`.")


def _origins(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_site(key, origin) for origin in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    raise _OptionError(
        key,
        f"`{key}` is a list of origins, not `{_written(value)}`.",
        'Write it as ["https://example.com"].',
    )


def _redirects(key: str, value: object) -> tuple[Redirect, ...]:
    if not isinstance(value, dict):
        raise _OptionError(key, f"`{key}` is a table, not `{_written(value)}`.", USABLE)
    redirects: list[Redirect] = []
    for source, target in value.items():  # pyright: ignore[reportUnknownVariableType]
        redirect = _redirect(str(source), target)  # pyright: ignore[reportUnknownArgumentType]
        if any(redirect.pattern == other.pattern for other in redirects):
            twice = f"The redirect `{redirect.pattern}` stands twice."
            raise _OptionError(str(source), twice, "Keep one of them.")  # pyright: ignore[reportUnknownArgumentType]
        redirects.append(redirect)
    return tuple(sorted(redirects, key=lambda r: route_key(r.pattern, is_endpoint=False)))


def _redirect(source: str, target: object) -> Redirect:
    table: dict[str, object] = dict(target) if isinstance(target, dict) else {"destination": target}  # pyright: ignore[reportUnknownArgumentType]
    destination, status = table.pop("destination", None), table.pop("status", None)
    if table:
        raise _OptionError(
            source, f"The redirect `{source}` has the unknown key `{min(table)}`.", USABLE
        )
    if not isinstance(destination, str) or not destination:
        raise _OptionError(source, f"The redirect `{source}` has no usable destination.", USABLE)
    if status is not None and (type(status) is not int or status not in REDIRECT_STATUSES):
        allowed = ", ".join(map(str, sorted(REDIRECT_STATUSES)))
        raise _OptionError(
            source,
            f"The redirect `{source}` cannot have status `{status}`.",
            f"Use one of {allowed}.",
        )
    if not source.startswith("/"):
        raise _OptionError(
            source, f"The redirect `{source}` does not begin with `/`.", f"Write it as `/{source}`."
        )
    _check_params(source, destination)
    _check_destination(source, destination)
    destination = re.sub(r"^(https?://[^/?#]+)(?![^/?#])(?!/)", r"\1/", destination)
    pattern = unicodedata.normalize("NFC", source.rstrip("/") or "/")  # as file names are
    return Redirect(pattern, destination, status)


def _check_params(source: str, destination: str) -> None:
    try:
        given = _param_names(source)
        used = set(param_names(destination))
    except FirstlightError as error:
        raise _OptionError(source, error.message, error.hint) from error
    if missing := used - given:
        raise _OptionError(
            source,
            f"`{destination}` has the parameter `{min(missing)}`, which `{source}` has not.",
            did_you_mean(min(missing), given) or "Use the source's parameters only.",
        )


def _check_destination(source: str, destination: str) -> None:
    """Refuse what no browser follows: other schemes, and a page that sends to itself."""
    if re.match(r"(?!https?://)[A-Za-z][\w+.-]*:", destination):
        raise _OptionError(
            source,
            f"The redirect `{source}` leads to `{destination}`.",
            "Give a path, or a URL that begins with https:// or http://.",
        )
    if re.split(r"[?#]", destination)[0].rstrip("/") == source.rstrip("/"):
        raise _OptionError(
            source, f"The redirect `{source}` leads to itself.", "Lead it elsewhere, or remove it."
        )


def _param_names(pattern: str) -> set[str]:
    path = pattern.partition("?")[0].partition("#")[0]
    return {part.text for segment in parse_pattern(path) for part in segment if part.is_param}


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "output": _choice,
    "adapter": _adapter,
    "site": _site,
    "base": _base,
    "trailing_slash": _choice,
    "format": _choice,
    "max_body": _size,
    "trusted_origins": _origins,
    "redirects": _redirects,
    "check_sql": _flag,
}


def _line_of(text: str, key: str) -> int | None:
    """Find the line that sets a key inside [tool.firstlight…]."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.startswith("[tool.firstlight")
        names = stripped.partition("=")[0].strip().strip("\"'")
        if inside and (names == key or stripped.strip("[]").endswith(f".{key}")):
            return number
    return None
