"""Checks that every binding the site's code names is declared in the wrangler configuration."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from firstlight.advice import did_you_mean
from firstlight.build.source_file import read_text
from firstlight.errors import ConfigError, FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from firstlight.build.scan import Site
    from firstlight.build.wrangler import Wrangler

PACKAGE = "bindings.cloudflare"
TOML = {
    "KV": '[[kv_namespaces]]\nbinding = "{name}"\nid = "{lower}"',
    "D1": '[[d1_databases]]\nbinding = "{name}"\ndatabase_name = "{lower}"\n'
    'database_id = "{lower}"',
    "R2": '[[r2_buckets]]\nbinding = "{name}"\nbucket_name = "{lower}"',
    "Fetcher": '[[services]]\nbinding = "{name}"\nservice = "{lower}"',
    "Queue": '[[queues.producers]]\nbinding = "{name}"\nqueue = "{lower}"',
    "DurableObjects": '[[durable_objects.bindings]]\nname = "{name}"\nclass_name = "…"\n'
    'script_name = "…"',
    "WorkersAI": '[ai]\nbinding = "{name}"',
    "Vectorize": '[[vectorize]]\nbinding = "{name}"\nindex_name = "{lower}"',
    "AnalyticsEngine": '[[analytics_engine_datasets]]\nbinding = "{name}"\ndataset = "{lower}"',
    "RateLimiter": '[[ratelimits]]\nname = "{name}"\nnamespace_id = "1001"\n'
    "simple = {{ limit = 100, period = 60 }}",
}


class SiteTree(NamedTuple):
    """Python of a site's file; `first_line` is where in the file it begins, from 1."""

    file: str
    tree: ast.Module
    first_line: int


def undeclared_bindings(trees: Iterable[SiteTree], wrangler: Wrangler) -> list[Exception]:
    """Find `KV("X")` and its like whose X is declared nowhere or as another kind.

    `from bindings.cloudflare import X` is looked at, too.
    """
    errors: list[Exception] = []
    exported = exported_names()
    exports = {name for names in exported.values() for name in names}
    modules = {module.rpartition(".")[2] for module in exported}
    for file, tree, first_line in trees:
        for name, line in _imported(tree):
            if name not in exports | modules | {*wrangler.bindings, "*"}:
                location = Location(file, line + first_line - 1)
                errors.append(_import_error(name, exports, wrangler, location))
        for kind, name, line in _handles(tree):
            declared = wrangler.bindings.get(name)
            if declared != kind:
                location = Location(file, line + first_line - 1)
                errors.append(_error(kind, name, declared, wrangler, location))
    return errors


def site_trees(site: Site) -> Iterator[SiteTree]:
    """Yield all Python under pages/ that parses."""
    for route in site.routes:
        if route.frontmatter is not None:
            yield SiteTree(route.file, route.frontmatter.tree, route.source.frontmatter_line)
    for file in site.modules.values():
        try:
            yield SiteTree(file, ast.parse(read_text(site.root / file, file)), 1)
        except (SyntaxError, FirstlightError):
            continue  # its import reports it


def _handles(tree: ast.Module) -> Iterator[tuple[str, str, int]]:
    """Yield (class, binding, line) of each handle made with a literal name."""
    classes: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            classes |= {a.asname or a.name: a.name for a in node.names if a.name in TOML}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            argument = node.args[0]
            if node.func.id in classes and isinstance(argument, ast.Constant):
                yield classes[node.func.id], str(argument.value), node.lineno


def exported_names() -> dict[str, list[str]]:
    """Read which names `bindings.cloudflare` exports, by the module that has them."""
    spec = find_spec(PACKAGE)  # imports the package above it only, which is empty
    tree = ast.parse(Path(str(spec and spec.origin)).read_text("utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    listed = next(node for node in assigned if ast.unparse(node.targets[0]) == "__all__")
    exports: set[str] = set(ast.literal_eval(listed.value))
    names: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            found = exports.intersection(alias.name for alias in node.names)
            names.setdefault(str(node.module), []).extend(found)
    return {module: sorted(found) for module, found in sorted(names.items()) if found}


def bindings_names(text: str) -> set[str]:
    """List what a module imports from `bindings.cloudflare`; `*` for the package as a whole."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set()  # reported where it is compiled
    names = {name for name, _ in _imported(tree)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            package = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names |= {"*" for alias in node.names if f"{package}{alias.name}" == PACKAGE}
    return names


def _imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield (name, line) of what is imported from the package itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE and not node.level:
            yield from ((alias.name, alias.lineno) for alias in node.names)


def _import_error(
    name: str, exports: set[str], wrangler: Wrangler, location: Location
) -> ConfigError:
    file = wrangler.file or "wrangler.toml"
    known = ", ".join(sorted(wrangler.bindings)) or "no binding"
    return ConfigError(
        f"`{name}` is not declared in {file}; it declares {known}.",
        hint=did_you_mean(name, [*wrangler.bindings, *exports])
        or f"Declare it in {file}, or import a name of `{PACKAGE}`.",
        location=location,
    )


def _error(
    kind: str, name: str, declared: str | None, wrangler: Wrangler, location: Location
) -> ConfigError:
    file = wrangler.file or "wrangler.toml"
    if declared:
        return ConfigError(
            f"`{name}` is a {declared} binding in {file}, not {kind}.",
            hint=f'Use `{declared}("{name}")`.',
            location=location,
        )
    known = sorted(n for n, k in wrangler.bindings.items() if k == kind)
    listed = f"it declares {', '.join(known)}" if known else f"it declares no {kind} binding"
    snippet = TOML[kind].format(name=name, lower=name.lower().replace("_", "-"))
    return ConfigError(
        f'{kind}("{name}") is not declared in {file}; {listed}.',
        hint=did_you_mean(name, known) or "Declare it:\n    " + snippet.replace("\n", "\n    "),
        location=location,
    )
