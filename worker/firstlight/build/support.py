"""Compares what a site needs with what its adapter can do."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from firstlight.build.adapter import UNSUPPORTED
from firstlight.build.bundle import trace
from firstlight.build.config import FILE
from firstlight.build.frontmatter import key_line
from firstlight.errors import AdapterError, Location, page_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from firstlight.build.adapter import Adapter, SiteBuild
    from firstlight.build.imports import Origin
    from firstlight.build.scan import Site, SiteRoute

PACKAGE = "bindings"


class Need(NamedTuple):
    """One place of a site that needs a feature.

    Attributes:
        what: As the subject of a sentence, such as `This page runs on demand`.
    """

    feature: str
    location: Location
    what: str


def check_support(build: SiteBuild, adapter: Adapter) -> tuple[list[Exception], list[str]]:
    """Find the places that need what an adapter lacks.

    Returns:
        An error for each place that needs what is unsupported, and a warning for each feature
        that is limited.
    """
    weak = {
        feature: support.level
        for feature in _FINDERS
        if (support := adapter.supports.get(feature, UNSUPPORTED)).level != "stable"
    }
    errors: list[Exception] = []
    warnings: list[str] = []
    for feature, level in weak.items():
        note = adapter.supports.get(feature, UNSUPPORTED).note
        needs = list(_FINDERS[feature](build))
        if level == "limited":
            warnings += _warning(needs, adapter.name, note)
        else:
            errors += [lacking(need, adapter.name, note) for need in needs]
    return errors, warnings


def lacking(need: Need, name: str, note: str) -> AdapterError:
    """Make the error of a place that needs what an adapter lacks.

    Args:
        need: The place.
        name: The adapter's.
        note: How to fix it; empty for the general advice.
    """
    return AdapterError(
        f"{need.what}, which the adapter `{name}` does not support.",
        hint=note or f"Leave it out, or choose another `adapter` in {FILE}.",
        location=need.location,
    )


def _warning(needs: list[Need], name: str, note: str) -> list[str]:
    if not needs:
        return []
    others = f" (and {len(needs) - 1} more)" if len(needs) > 1 else ""
    first = needs[0]
    told = f"{first.location}: {first.what}{others}, which the adapter `{name}` does with limits."
    return [f"{told} {note}".rstrip()]


def _static(build: SiteBuild) -> Iterator[Need]:
    for route in build.site.routes:
        if route.is_prerendered:
            yield Need("static", _prerender_line(route), f"This is prerendered ({route.why})")


def _hybrid(build: SiteBuild) -> Iterator[Need]:
    if build.site.config.output != "server":
        yield from _on_demand(build.site, "hybrid")


def _server(build: SiteBuild) -> Iterator[Need]:
    if build.site.config.output == "server":
        yield from _on_demand(build.site, "server")


def _on_demand(site: Site, feature: str) -> Iterator[Need]:
    for route in site.on_demand:
        yield Need(feature, _prerender_line(route), f"This runs on demand ({route.why})")


def _streaming(build: SiteBuild) -> Iterator[Need]:
    for route in build.site.on_demand:
        if route.stream:
            yield Need("streaming", _option_line(route, "stream"), "This page streams")


def _wait_until(build: SiteBuild) -> Iterator[Need]:
    for origin, tree in _on_demand_code(build):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "wait_until":
                yield _in_code("wait_until", origin, node.lineno, "This calls `wait_until()`")


def _bindings(build: SiteBuild) -> Iterator[Need]:
    for origin, tree in _on_demand_code(build):
        for node in ast.walk(tree):
            names = _imported(node)
            if any(name.partition(".")[0] == PACKAGE for name in names):
                line = getattr(node, "lineno", 1)
                yield _in_code("bindings", origin, line, f"This imports `{names[0]}`")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []


def bindings_beside(build: SiteBuild, allowed: set[str]) -> Iterator[Need]:
    """Find the imports of bindings in on-demand code, but for some names.

    Args:
        build: The site.
        allowed: Names of `bindings.cloudflare` that an adapter has, such as `env`.
    """
    for origin, tree in _on_demand_code(build):
        for node in ast.walk(tree):
            for name in _imported(node):
                is_allowed = isinstance(node, ast.ImportFrom) and allowed.issuperset(
                    alias.name for alias in node.names
                )
                if name.partition(".")[0] == PACKAGE and not is_allowed:
                    line = getattr(node, "lineno", 1)
                    yield _in_code("bindings", origin, line, f"This imports {_names(node, name)}")


def _names(node: ast.AST, module: str) -> str:
    if not isinstance(node, ast.ImportFrom):
        return f"`{module}`"
    return ", ".join(f"`{alias.name}`" for alias in node.names)


def _in_code(feature: str, origin: Origin, line: int, what: str) -> Need:
    return Need(feature, Location(origin.file, page_line(origin.lines, line)), what)


def _on_demand_code(build: SiteBuild) -> Iterator[tuple[Origin, ast.Module]]:
    """Yield the site's own modules that its on-demand routes import."""
    found = trace(build, "firstlight.manifest", has_environment=True).found
    for origin in found.values():
        try:
            yield origin, ast.parse(origin.text)
        except SyntaxError:  # reported where it is compiled
            continue


def _prerender_line(route: SiteRoute) -> Location:
    """Point to the line that decides whether a route is prerendered; else to its first line."""
    return _option_line(route, "prerender")


def _option_line(route: SiteRoute, option: str) -> Location:
    line = 1
    if route.kind == "markdown":
        line = key_line(route.source, option) or 1
    elif route.frontmatter is not None:
        line = _assignment_line(route.frontmatter.tree.body, option, route) or 1
    return Location(route.file, line, route.pattern)


def _assignment_line(body: Iterable[ast.stmt], option: str, route: SiteRoute) -> int | None:
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == option for target in targets):
            return node.lineno + route.source.frontmatter_line - 1
    return None


_FINDERS = {
    "static": _static,
    "hybrid": _hybrid,
    "server": _server,
    "streaming": _streaming,
    "wait_until": _wait_until,
    "bindings": _bindings,
}
