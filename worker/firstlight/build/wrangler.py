"""What Firstlight reads of the user's wrangler configuration; it never writes it."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstlight.build.config import error_line
from firstlight.build.source_file import read_text
from firstlight.errors import ConfigError, Location

if TYPE_CHECKING:
    from pathlib import Path

# wrangler's own order of precedence.
FILES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")
HTML_HANDLING = {
    "ignore": "auto-trailing-slash",
    "always": "force-trailing-slash",
    "never": "drop-trailing-slash",
}
BINDING_TABLES = {"kv_namespaces": "KV", "d1_databases": "D1", "r2_buckets": "R2"}
# From this date on the runtime no longer ships the `workers` package.
EXTERNAL_SDK_DATE = "2026-04-21"


@dataclass(frozen=True, slots=True)
class Wrangler:
    """The parts of a wrangler configuration that matter here.

    Attributes:
        file: Its name, or None when there is none.
        compatibility_date: As written, such as `2026-04-20`; empty when absent.
        html_handling: How the platform maps URLs to HTML files.
        bindings: Declared name to class name (`KV`, `D1`, `R2`).
        migrations: Declared D1 name to the folder of its migrations, relative to the site's root.
    """

    file: str | None = None
    compatibility_date: str = ""
    html_handling: str = "auto-trailing-slash"
    bindings: dict[str, str] = field(default_factory=dict[str, str])
    migrations: dict[str, str] = field(default_factory=dict[str, str])


def load_wrangler(root: Path) -> Wrangler:
    """Read the configuration of a site; defaults when there is none.

    Raises:
        ConfigError: It does not parse, or handles HTML in an unknown way.
    """
    name = next((name for name in FILES if (root / name).exists()), None)
    if name is None:
        return Wrangler()
    text = read_text(root / name, name)
    try:
        table: Any = (
            tomllib.loads(text) if name.endswith(".toml") else json.loads(_without_comments(text))
        )
    except ValueError as error:
        location = Location(name, error_line(error, text))
        raise ConfigError(f"This does not parse: {error}.", location=location) from error
    _check_tables(name, table)
    html_handling = table.get("assets", {}).get("html_handling", HTML_HANDLING["ignore"])
    if html_handling not in (*HTML_HANDLING.values(), "none"):
        raise ConfigError(
            f"`html_handling` cannot be `{html_handling}`.",
            hint=f"Use one of {', '.join(HTML_HANDLING.values())}, none.",
            location=Location(name, _line_of(text, "html_handling")),
        )
    return Wrangler(
        file=name,
        compatibility_date=str(table.get("compatibility_date", "")),
        html_handling=html_handling,
        bindings=_bindings(table),
        migrations={
            entry["binding"]: entry.get("migrations_dir", "migrations")
            for entry in table.get("d1_databases", [])
            if "binding" in entry
        },
    )


def _line_of(text: str, key: str) -> int | None:
    lines = enumerate(text.split("\n"), 1)
    return next((number for number, line in lines if key in line), None)


def _check_tables(file: str, table: Any) -> None:
    """Refuse what is not shaped as wrangler wants it, where it is read here."""
    if not isinstance(table, dict):
        raise ConfigError("This is no object.", location=Location(file))
    if not isinstance(table.get("assets", {}), dict):  # pyright: ignore[reportUnknownMemberType]
        raise ConfigError("`assets` is a table.", location=Location(file))
    for key in BINDING_TABLES:
        if not _is_list_of_tables(table.get(key, [])):  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            raise ConfigError(f"`{key}` is a list of tables.", location=Location(file))


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)  # pyright: ignore[reportUnknownVariableType]


def _bindings(table: dict[str, Any]) -> dict[str, str]:
    return {
        entry["binding"]: kind
        for key, kind in BINDING_TABLES.items()
        for entry in table.get(key, [])
        if "binding" in entry
    }


def _without_comments(text: str) -> str:
    """Turn JSONC into JSON: comments and commas before a closing bracket go."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
    # Comments first, so that a comma before a comment is seen.
    for _ in range(2):
        text = token.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    return text
