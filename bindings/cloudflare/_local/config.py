"""Read the bindings and variables that a wrangler configuration declares.

Only the top level: the sections of `[env.<name>]` are left alone.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# The order in which wrangler looks for them.
CONFIG_NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")

# Strings are matched first, so that nothing inside them is stripped.
COMMENTS = r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/'
TRAILING_COMMAS = r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])'

# https://github.com/motdotla/dotenv/blob/master/lib/main.js, which wrangler uses.
DOTENV_LINE = re.compile(
    r"""^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)"""
    r"""(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?"""
    r"""\s*(?:\#.*)?$""",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class D1Config:
    """A declared database; `migrations` is relative to the configuration."""

    id: str
    migrations: str


@dataclass(frozen=True, slots=True)
class Config:
    """What is declared: local ids by binding name, and the variables."""

    kv: dict[str, str] = field(default_factory=dict[str, str])
    d1: dict[str, D1Config] = field(default_factory=dict[str, D1Config])
    r2: dict[str, str] = field(default_factory=dict[str, str])
    variables: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds `kv`, `d1` and `r2` by binding name."""
        tables = (("kv", self.kv), ("d1", self.d1), ("r2", self.r2))
        return {name: kind for kind, table in tables for name in table}


def find_config(folder: Path) -> Path | None:
    """Return the nearest configuration at or above a folder. None without one."""
    for parent in (folder, *folder.parents):
        for name in CONFIG_NAMES:
            if (parent / name).is_file():
                return parent / name
    return None


def load_config(root: Path) -> Config:
    """Read the configuration in `root` and the `.dev.vars` beside it.

    A missing file declares nothing.

    Raises:
        ValueError: The configuration is not TOML or JSON.
    """
    path = next((root / name for name in CONFIG_NAMES if (root / name).exists()), None)
    data = {} if path is None else _parse(path)
    variables = {**data.get("vars", {}), **_read_dev_vars(root / ".dev.vars")}
    return Config(
        kv=_ids(data, "kv_namespaces", ("preview_id", "id")),
        d1=_databases(data),
        r2=_ids(data, "r2_buckets", ("preview_bucket_name", "bucket_name")),
        variables=variables,
    )


def parse_jsonc(text: str) -> Any:
    """Parse JSON with comments and trailing commas."""
    for pattern in (COMMENTS, TRAILING_COMMAS):
        text = re.sub(pattern, _keep_string, text, flags=re.DOTALL)
    return json.loads(text)


def parse_dotenv(text: str) -> dict[str, str]:
    r"""Parse `KEY=value` lines, with quotes, comments and `export`.

    Only double quotes turn `\n` and `\r` into line ends.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return {match[1]: _unquote((match[2] or "").strip()) for match in DOTENV_LINE.finditer(text)}


def _parse(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    try:
        return tomllib.loads(text) if path.suffix == ".toml" else parse_jsonc(text)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}.") from error


def _keep_string(match: re.Match[str]) -> str:
    return match[1] or " "


def _unquote(value: str) -> str:
    quote = value[:1]
    if quote not in {"'", '"', "`"} or not value.endswith(quote) or len(value) == 1:
        return value
    value = value[1:-1]
    return value.replace("\\n", "\n").replace("\\r", "\r") if quote == '"' else value


def _read_dev_vars(path: Path) -> dict[str, str]:
    return parse_dotenv(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _tables(data: dict[str, Any], section: str) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", data.get(section, []))


def _ids(data: dict[str, Any], section: str, keys: Sequence[str]) -> dict[str, str]:
    return {table["binding"]: _local_id(table, keys) for table in _tables(data, section)}


def _databases(data: dict[str, Any]) -> dict[str, D1Config]:
    keys = ("preview_database_id", "database_id")
    return {
        table["binding"]: D1Config(
            _local_id(table, keys), table.get("migrations_dir", "migrations")
        )
        for table in _tables(data, "d1_databases")
    }


def _local_id(table: dict[str, str], keys: Sequence[str]) -> str:
    return next((table[key] for key in keys if table.get(key)), table["binding"])
