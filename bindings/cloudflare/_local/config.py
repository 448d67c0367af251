"""Read the bindings and variables that a wrangler configuration declares.

CLOUDFLARE_ENV chooses `[env.NAME]`, as it does for wrangler; without it the top level counts.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# The order in which wrangler looks for them.
CONFIG_NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")

# What an environment takes over from the top level, as far as it matters here:
# https://developers.cloudflare.com/workers/wrangler/configuration/#inheritable-keys
INHERITED = ("assets",)
ENVIRONMENT = "CLOUDFLARE_ENV"

# Kind and names of what needs no more than to be declared.
NAMED = (
    ("fetcher", "assets", "binding"),
    ("fetcher", "services", "binding"),
    ("durableobjects", "durable_objects.bindings", "name"),
    ("workersai", "ai", "binding"),
    ("vectorize", "vectorize", "binding"),
    ("analyticsengine", "analytics_engine_datasets", "binding"),
)

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
class RateLimit:
    """A declared rate limiter: calls per period, in seconds."""

    limit: int
    period: int


@dataclass(frozen=True, slots=True)
class Consumer:
    """How a queue is consumed; times in seconds."""

    batch_size: int = 10
    retries: int = 3
    retry_delay: float = 0.0
    dead_letter_queue: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What is declared: local ids by binding name, and the variables.

    `queues` has the queue's name by binding, `consumers` is by the queue's name, `named` has
    the kind of what needs no more than its name, and `objects` the class by the binding of a
    namespace of Durable Objects that the Worker defines itself.
    """

    kv: dict[str, str] = field(default_factory=dict[str, str])
    d1: dict[str, D1Config] = field(default_factory=dict[str, D1Config])
    r2: dict[str, str] = field(default_factory=dict[str, str])
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    queues: dict[str, str] = field(default_factory=dict[str, str])
    consumers: dict[str, Consumer] = field(default_factory=dict[str, Consumer])
    rate_limits: dict[str, RateLimit] = field(default_factory=dict[str, RateLimit])
    named: dict[str, str] = field(default_factory=dict[str, str])
    objects: dict[str, str] = field(default_factory=dict[str, str])
    assets: str | None = None
    assets_folder: str = "dist/client"

    @property
    def kinds(self) -> dict[str, str]:
        """The kind, such as `kv` or `queue`, by binding name."""
        tables = (
            ("kv", self.kv),
            ("d1", self.d1),
            ("r2", self.r2),
            ("queue", self.queues),
            ("ratelimiter", self.rate_limits),
        )
        return {name: kind for kind, table in tables for name in table} | self.named


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
    environment = os.environ.get(ENVIRONMENT) or None
    data = {} if path is None else _chosen(_parse(path), environment, path.name)
    variables = {**data.get("vars", {}), **_read_dev_vars(root, environment)}
    return Config(
        kv=_ids(data, "kv_namespaces", ("preview_id", "id")),
        d1=_databases(data),
        r2=_ids(data, "r2_buckets", ("preview_bucket_name", "bucket_name")),
        variables=variables,
        queues={t["binding"]: t["queue"] for t in _entries(data, "queues.producers")},
        consumers={t["queue"]: _consumer(t) for t in _entries(data, "queues.consumers")},
        rate_limits={t["name"]: RateLimit(**t["simple"]) for t in _rate_limits(data)},
        named={t[key]: kind for kind, at, key in NAMED for t in _entries(data, at) if key in t},
        objects={
            t["name"]: t["class_name"]
            for t in _entries(data, "durable_objects.bindings")
            if {"name", "class_name"} <= t.keys() and "script_name" not in t
        },
        assets=data.get("assets", {}).get("binding"),
        assets_folder=data.get("assets", {}).get("directory", "dist/client"),
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


def _chosen(data: dict[str, Any], environment: str | None, file: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = data.get("env", {})
    if environment is None or not known:
        return data
    if environment not in known:
        raise ValueError(f"{file}: {ENVIRONMENT} is `{environment}`; declared: {', '.join(known)}.")
    return {key: data[key] for key in INHERITED if key in data} | known[environment]


def _read_dev_vars(root: Path, environment: str | None) -> dict[str, str]:
    """Read the environment's own `.dev.vars.NAME` if there is one, else `.dev.vars`."""
    paths = (root / name for name in dev_vars_names(environment))
    path = next((path for path in paths if path.is_file()), None)
    return {} if path is None else parse_dotenv(path.read_text(encoding="utf-8"))


def dev_vars_names(environment: str | None) -> list[str]:
    """List the files that may hold local variables, the one that wins first."""
    return [*([f".dev.vars.{environment}"] if environment else []), ".dev.vars"]


def _entries(data: Any, path: str) -> list[dict[str, Any]]:
    """List the tables at a path; one that stands alone is a list of one."""
    for key in path.split("."):
        data = data.get(key, {})
    tables = cast("list[dict[str, Any]]", data if isinstance(data, list) else [data])
    return [table for table in tables if table]


def _rate_limits(data: dict[str, Any]) -> list[dict[str, Any]]:
    unsafe = _entries(data, "unsafe.bindings")  # where wrangler before 4.36 wants them
    return [*_entries(data, "ratelimits"), *(t for t in unsafe if t.get("type") == "ratelimit")]


def _consumer(table: dict[str, Any]) -> Consumer:
    default = Consumer()
    return Consumer(
        batch_size=table.get("max_batch_size", default.batch_size),
        retries=table.get("max_retries", default.retries),
        retry_delay=table.get("retry_delay", default.retry_delay),
        dead_letter_queue=table.get("dead_letter_queue"),
    )


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
