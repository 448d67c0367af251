"""What Firstlight reads of the user's wrangler configuration; it never writes it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from firstlight.advice import VERY_ALIKE, did_you_mean, nearest
from firstlight.build.config import syntax_error
from firstlight.build.source_file import read_text
from firstlight.errors import ConfigError, Location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# wrangler's own order of precedence.
FILES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")
HTML_HANDLING = {
    "ignore": "auto-trailing-slash",
    "always": "force-trailing-slash",
    "never": "drop-trailing-slash",
}
# Tables whose entries name something of the account: the key, the ids it can be, what makes one.
MADE_FIRST = {
    "d1_databases": ("database_id", re.compile(r"[0-9a-f-]{36}"), "d1 create NAME"),
    "kv_namespaces": ("id", re.compile(r"[0-9a-f]{32}"), "kv namespace create NAME"),
}
ASSETS = "ASSETS"  # the name under which adapters/cloudflare.py looks for them
# Where the names of bindings stand: path of the tables, key of the name, class of the handle.
BINDING_TABLES = (
    ("kv_namespaces", "binding", "KV"),
    ("d1_databases", "binding", "D1"),
    ("r2_buckets", "binding", "R2"),
    ("assets", "binding", "Fetcher"),
    ("services", "binding", "Fetcher"),
    ("queues.producers", "binding", "Queue"),
    ("durable_objects.bindings", "name", "DurableObjects"),
    ("ai", "binding", "WorkersAI"),
    ("vectorize", "binding", "Vectorize"),
    ("analytics_engine_datasets", "binding", "AnalyticsEngine"),
    ("ratelimits", "name", "RateLimiter"),
)
BINDING_KEYS = (
    *("binding", "name", "id", "preview_id", "database_name", "database_id", "migrations_dir"),
    *("bucket_name", "preview_bucket_name", "service", "queue", "class_name", "script_name"),
    *("index_name", "dataset", "namespace_id", "simple"),
)
# Keys of wrangler's own that look like one of those above.
OTHER_KEYS = ("preview_database_id", "migrations_table", "jurisdiction", "service_bindings")
LISTS = (*(path for path, _, _ in BINDING_TABLES if path not in ("assets", "ai")),)
TABLES = ("assets", "ai", "queues", "durable_objects", "unsafe", "triggers", "vars", "env")
# What an environment takes over from the top level unless it says otherwise:
# https://developers.cloudflare.com/workers/wrangler/configuration/#inheritable-keys
INHERITED = (
    *("assets", "compatibility_date", "compatibility_flags", "main", "migrations", "triggers"),
)
ENVIRONMENT = "CLOUDFLARE_ENV"
ROUTES = {"route", "routes"}
# From this date on the runtime no longer ships the `workers` package.
EXTERNAL_SDK_DATE = "2026-04-21"


@dataclass(frozen=True, slots=True)
class Wrangler:
    """The parts of a wrangler configuration that matter here.

    Attributes:
        file: Its name, or None when there is none.
        compatibility_date: As written, such as `2026-04-20`; empty when absent.
        html_handling: How the platform maps URLs to HTML files.
        bindings: Declared name to the class of its handle (`KV`, `D1`, `Queue`, …).
        migrations: Declared D1 name to the folder of its migrations, relative to the site's root.
        variables: What `vars` declares, JSON values as they are.
        consumed: The queues that the Worker consumes.
        has_crons: Whether it has cron triggers.
        objects: The classes of Durable Objects that this Worker defines itself.
        migrated: The classes of Durable Objects that its migrations have made.
        assets: What the static assets are called in the Worker; empty when nothing is declared.
        main: The Worker's entry; empty for a site of assets only.
        not_found_handling: What the platform answers where no asset is, without a Worker.
        runs_worker_first: Whether the Worker runs before assets are looked for, for some
            URLs at least.
    """

    file: str | None = None
    compatibility_date: str = ""
    html_handling: str = "auto-trailing-slash"
    bindings: dict[str, str] = field(default_factory=dict[str, str])
    migrations: dict[str, str] = field(default_factory=dict[str, str])
    variables: dict[str, Any] = field(default_factory=dict[str, "Any"])
    consumed: tuple[str, ...] = ()
    has_crons: bool = False
    objects: tuple[str, ...] = ()
    migrated: tuple[str, ...] = ()
    assets: str = ""
    main: str = ""
    not_found_handling: str = "none"
    runs_worker_first: bool = False


def load_wrangler(root: Path) -> Wrangler:
    """Read the configuration of a site; defaults when there is none.

    The variable CLOUDFLARE_ENV chooses `[env.NAME]`, as it does for wrangler.

    Raises:
        ConfigError: It does not parse, handles HTML in an unknown way, or lacks the environment.
    """
    name, table = _read(root)
    return _wrangler(name, _environment(name, table, os.environ.get(ENVIRONMENT) or None))


class Target(NamedTuple):
    """Where a configuration deploys to.

    Attributes:
        file: The configuration; None when there is none.
        environment: The chosen `[env.NAME]`; None for the top level.
        environments: All that are declared.
        worker: The Worker's name; empty when none is given.
        account: The account's id as configured; empty when that is left to the login.
        routes: Patterns and domains; none for `NAME.<subdomain>.workers.dev` alone.
        placeholders: A sentence for each id that is none of Cloudflare's.
    """

    file: str | None
    environment: str | None
    environments: tuple[str, ...]
    worker: str
    account: str
    routes: tuple[str, ...]
    placeholders: tuple[str, ...]


def load_target(root: Path) -> Target:
    """Read where a site is deployed to, by the environment of CLOUDFLARE_ENV.

    Raises:
        ConfigError: The configuration does not parse, or lacks the environment.

    Source:
        https://developers.cloudflare.com/workers/wrangler/environments/
    """
    file, table = _read(root)
    declared: dict[str, dict[str, Any]] = table.get("env", {})
    environment = os.environ.get(ENVIRONMENT) or None
    if environment is not None and file is not None and not declared:
        raise _unknown_environment(file, environment, declared)
    own = _environment(file, table, environment) if environment else table
    name = str(table.get("name", ""))
    inherited = table | own
    if ROUTES & own.keys():  # it has its own, by either key
        inherited |= dict.fromkeys(ROUTES - own.keys())
    if environment:
        name = str(own.get("name", f"{name}-{environment}" if name else ""))
    return Target(
        file,
        environment,
        tuple(declared),
        name,
        str(inherited.get("account_id", "")),
        tuple(_routes(inherited)),
        tuple(_placeholders(file, own)),
    )


def _placeholders(file: str | None, table: dict[str, Any]) -> Iterator[str]:
    for path, (key, ids, command) in MADE_FIRST.items():
        for entry in _entries(table, path):
            value = entry.get(key)
            if value and not ids.fullmatch(str(value)):
                yield (
                    f"{file} gives `{entry.get('binding')}` the {key} `{value}`, which is none of "
                    f"Cloudflare's. Run `npx wrangler {command}`, and write the id that it tells."
                )


def _routes(table: dict[str, Any]) -> Iterator[str]:
    routes: Any = table.get("routes")
    for route in [*(routes if isinstance(routes, list) else []), table.get("route")]:  # pyright: ignore[reportUnknownVariableType]
        if isinstance(route, dict):
            custom = " (custom domain)" if route.get("custom_domain") else ""  # pyright: ignore[reportUnknownMemberType]
            yield f"{route.get('pattern', '')}{custom}"  # pyright: ignore[reportUnknownMemberType]
        elif route:
            yield str(route)  # pyright: ignore[reportUnknownArgumentType]


def load_environments(root: Path) -> list[Wrangler]:
    """Read the configuration as it is at the top level and in each `[env.NAME]`.

    Raises:
        ConfigError: It does not parse, or handles HTML in an unknown way.
    """
    name, table = _read(root)
    names = [None, *table.get("env", {})]
    return [_wrangler(name, _environment(name, table, environment)) for environment in names]


def _read(root: Path) -> tuple[str | None, dict[str, Any]]:
    name = next((name for name in FILES if (root / name).exists()), None)
    if name is None:
        return None, {}
    text = read_text(root / name, name)
    try:
        table: Any = tomllib.loads(text) if name.endswith(".toml") else parse_jsonc(text)
    except ValueError as error:
        raise syntax_error(name, text, error) from error
    _check_tables(name, table)
    _check_names(name, table, text)
    for part in (table, *table.get("env", {}).values()):
        if (html_handling := _html_handling(part)) not in (*HTML_HANDLING.values(), "none"):
            raise ConfigError(
                f"`html_handling` cannot be `{html_handling}`.",
                hint=did_you_mean(str(html_handling), HTML_HANDLING.values())
                or f"Use one of {', '.join(HTML_HANDLING.values())}, none.",
                location=Location(name, _line_of(text, "html_handling")),
            )
    return name, table


def _html_handling(table: dict[str, Any]) -> Any:
    return table.get("assets", {}).get("html_handling", HTML_HANDLING["ignore"])


def _environment(
    file: str | None, table: dict[str, Any], environment: str | None
) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = table.get("env", {})
    if environment is None or not known:
        return table
    if environment not in known:
        raise _unknown_environment(file, environment, known)
    return {key: table[key] for key in INHERITED if key in table} | known[environment]


def _unknown_environment(
    file: str | None, environment: str, known: Mapping[str, object]
) -> ConfigError:
    hint = f"Declared environments: {', '.join(known)}." if known else "It declares none."
    return ConfigError(
        f"{ENVIRONMENT} is `{environment}`, which {file or 'wrangler.toml'} does not declare.",
        hint=did_you_mean(environment, known) or hint,
        location=Location(file) if file else None,
    )


def _wrangler(name: str | None, table: dict[str, Any]) -> Wrangler:
    return Wrangler(
        file=name,
        compatibility_date=str(table.get("compatibility_date", "")),
        html_handling=_html_handling(table),
        bindings={
            entry[key]: kind
            for path, key, kind in BINDING_TABLES
            for entry in _entries(table, path)
            if key in entry
        }
        | {
            entry["name"]: "RateLimiter"
            for entry in _entries(table, "unsafe.bindings")  # for wrangler before 4.36
            if entry.get("type") == "ratelimit"
        },
        migrations={
            entry["binding"]: entry.get("migrations_dir", "migrations")
            for entry in _entries(table, "d1_databases")
            if "binding" in entry
        },
        variables=table.get("vars", {}),
        consumed=tuple(t["queue"] for t in _entries(table, "queues.consumers") if "queue" in t),
        objects=tuple(
            str(entry["class_name"])
            for entry in _entries(table, "durable_objects.bindings")
            if "class_name" in entry and "script_name" not in entry
        ),
        migrated=_migrated(table),
        has_crons=bool(table.get("triggers", {}).get("crons")),
        assets=table.get("assets", {}).get("binding", ""),
        main=str(table.get("main", "")),
        not_found_handling=str(table.get("assets", {}).get("not_found_handling", "none")),
        runs_worker_first=bool(table.get("assets", {}).get("run_worker_first")),
    )


def _migrated(table: dict[str, Any]) -> tuple[str, ...]:
    """Follow the migrations to the classes there are in the end."""
    classes: dict[str, None] = {}
    for step in _entries(table, "migrations"):
        for key in ("new_classes", "new_sqlite_classes"):
            classes |= dict.fromkeys(step.get(key, []))
        for key in ("renamed_classes", "transferred_classes"):
            for change in step.get(key, []):
                classes.pop(change.get("from"), None)
                classes[change.get("to")] = None
        for name in step.get("deleted_classes", []):
            classes.pop(name, None)
    return tuple(classes)


def _line_of(text: str, key: str, *, last: bool = False) -> int | None:
    lines = [number for number, line in enumerate(text.split("\n"), 1) if key in line]
    return lines[-1 if last else 0] if lines else None


def _check_tables(file: str, table: Any, path: str = "") -> None:
    """Refuse what is not shaped as wrangler wants it, where it is read here."""
    if not isinstance(table, dict):
        message = f"`{path.rstrip('.')}` is a table." if path else "This is no object."
        raise ConfigError(message, location=Location(file))
    tables = cast("dict[str, Any]", table)
    for key in TABLES:
        if not isinstance(tables.get(key, {}), dict):
            raise ConfigError(
                f"`{path}{key}` is `{tables[key]}`, not a table.",
                hint=f"Write it as a section: `[{path}{key}]`.",
                location=Location(file),
            )
    for key in LISTS:
        entries: list[object] = [*_entries(tables, key)]
        if not all(isinstance(entry, dict) for entry in entries):
            raise ConfigError(
                f"`{path}{key}` is a list of tables, and something else stands in it.",
                hint=f"Write each entry as a section: `[[{path}{key}]]`.",
                location=Location(file),
            )
    for name, environment in tables.get("env", {}).items():
        _check_tables(file, environment, f"{path}env.{name}.")


def _check_names(file: str, table: dict[str, Any], text: str) -> None:
    """Refuse bindings without a name, names that stand twice, and keys that are misspelt."""
    for part in (table, *table.get("env", {}).values()):
        known = [path.partition(".")[0] for path, _, _ in BINDING_TABLES]
        _check_keys(file, text, part, known, "wrangler.toml")
        seen: dict[str, str] = {}
        for path, key, _ in BINDING_TABLES:
            for entry in filter(None, _entries(part, path) if path in LISTS else ()):
                _check_keys(file, text, entry, BINDING_KEYS, path)
                _check_name(file, text, entry, path, key)
                if other := seen.get(entry[key]):
                    raise ConfigError(
                        f"`{entry[key]}` is declared twice: in `{other}` and in `{path}`.",
                        hint="Give each binding a name of its own.",
                        location=Location(file, _line_of(text, f'"{entry[key]}"', last=True)),
                    )
                seen[entry[key]] = path


def _check_keys(
    file: str, text: str, table: dict[str, Any], known: Sequence[str], where: str
) -> None:
    for name in table:
        near = nearest(name, known, alike=VERY_ALIKE) if name not in (*known, *OTHER_KEYS) else None
        if near is not None and near not in table:
            raise ConfigError(
                f"`{name}` is no key of {where}.",
                hint=f"Did you mean `{near}`?",
                location=Location(file, _line_of(text, name)),
            )


def _check_name(file: str, text: str, entry: dict[str, Any], path: str, key: str) -> None:
    name = entry.get(key)
    if isinstance(name, str) and name:
        return
    what = f"has no `{key}`" if name is None else f"has the {key} `{name}`, which is no text"
    raise ConfigError(
        f"An entry of `{path}` {what}: code could not reach it.",
        hint=f'Write `{key} = "NAME"`, and use it as in `KV("NAME")`.',
        location=Location(file, _line_of(text, path)),
    )


def _entries(table: Any, path: str) -> list[dict[str, Any]]:
    """List the tables at a path; one that stands alone is a list of one."""
    for key in path.split("."):
        table = table.get(key, {})
    return cast("list[dict[str, Any]]", table if isinstance(table, list) else [table])


def parse_jsonc(text: str) -> Any:
    """Parse JSON with comments and commas before a closing bracket."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
    # Comments first, so that a comma before a comment is seen.
    for _ in range(2):
        text = token.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    return json.loads(text)
