"""Compares what pages ask of a request with when they run."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from firstlight.build.bindings import PACKAGE
from firstlight.build.source_file import PAGES, read_text
from firstlight.build.syntax import own_scope
from firstlight.check.context_uses import Use, python_uses, template_uses
from firstlight.check.finding import WARNING, Finding
from firstlight.errors import FirstlightError
from firstlight.routing import is_dynamic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.build.scan import Site, SiteRoute
    from firstlight.check.source_lines import SourceLines

# What only a visitor's request has; asking for it while prerendering raises.
REQUEST = {"request", "cookies", "session", "client_address"}
# What is there while prerendering, but always empty.
QUERY = {"search", "search_params"}
# What a prerendered page can use as well as one on demand.
FREE = {"props", "site", "base", "route_pattern", "is_prerendered"}
FREE_OF_URL = {"pathname", "origin", "host", "hostname", "port", "protocol"}
GUARD = "is_prerendered"
# Modules that give the same answers at build as in the Worker.
PURE = {
    "__future__", "base64", "calendar", "collections", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "hashlib", "html", "itertools", "json", "math", "operator",
    "re", "statistics", "string", "textwrap", "types", "typing", "unicodedata", "urllib.parse",
    "firstlight", "markupsafe",
}  # fmt: skip
CLOCKS = {"now", "today", "utcnow"}
OUTSIDE = {"open", "exec", "eval", "__import__", "globals"}


def needless_on_demand(site: Site, lines: SourceLines) -> Iterator[Finding]:
    """Find pages on demand that would be the same for every visitor.

    A page is left alone when in doubt: when it answers by itself, hands `ctx` on, imports what
    may read a clock or the network, or may be guarded by middleware.
    """
    purity = _Purity(site)
    guard = site.modules.get(f"{PAGES}._middleware")
    if guard is not None and not purity.of_module(f"{PAGES}._middleware"):
        return
    for route in site.on_demand:
        if route.is_endpoint or is_dynamic(route.pattern) or route.pattern in ("/404", "/500"):
            continue
        if _has_answer(route):
            continue
        if all(map(_is_free, _uses(route, lines))) and purity.of_route(route):
            hint = "Leave `prerender = False` out, so that it is built once and served as a file."
            if route.prerender is None:
                hint = "Set `prerender = True`, so that it is built once and served as a file."
            yield Finding(
                "needless-on-demand",
                WARNING,
                "The page runs for each request, but asks nothing of it.",
                hint,
                route.file,
                _prerender_line(route),
                (route.pattern,),
            )


def request_in_prerendered(site: Site, lines: SourceLines) -> Iterator[Finding]:
    """Find what prerendered pages ask of a request that they do not have."""
    for route in site.routes:
        if not route.is_prerendered or route.is_endpoint:
            continue
        for file, use in _located_uses(route, lines):
            name = next(iter(use.names), "")
            hint = "Set `prerender = False` to run the page for each request."
            if name in REQUEST:
                hint += f" A shared template may test `ctx.{GUARD}` first."
                message = f"`ctx.{name}` is not available while prerendering."
            elif name == "url" and len(use.names) > 1 and use.names[1] in QUERY:
                message = f"`ctx.url.{use.names[1]}` is always empty in a prerendered page."
            else:
                continue
            yield Finding(
                "request-in-prerendered", WARNING, message, hint, file, use.line, (route.pattern,)
            )
        yield from _local_data(route)


def _local_data(route: SiteRoute) -> Iterator[Finding]:
    """Find frontmatter that reads a binding at build."""
    tree = route.frontmatter.tree if route.frontmatter else ast.Module([], [])
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            yield Finding(
                "request-in-prerendered",
                WARNING,
                f"A prerendered page reads `{node.id}` once, at build, from this machine's data.",
                "Set `prerender = False` to read what is deployed.",
                route.file,
                node.lineno + route.source.frontmatter_line - 1,
                (route.pattern,),
            )
            return


def _located_uses(route: SiteRoute, lines: SourceLines) -> Iterator[tuple[str, Use]]:
    """Yield file and use, files that ask for `ctx.is_prerendered` left out."""
    for source in lines.chain(route):
        if GUARD in source.text:
            continue
        if source.file == route.file and route.frontmatter is not None:
            yield from (
                (source.file, use)
                for use in python_uses(route.frontmatter.tree, route.source.frontmatter_line)
            )
        yield from ((source.file, use) for use in template_uses(source))


def _uses(route: SiteRoute, lines: SourceLines) -> Iterator[Use]:
    if route.frontmatter is not None:
        yield from python_uses(route.frontmatter.tree)
    for source in lines.chain(route):
        yield from template_uses(source)


def _is_free(use: Use) -> bool:
    name, *rest = use.names or ("",)
    if name == "url":
        return bool(rest) and rest[0] in FREE_OF_URL
    return name in FREE or (name == "response" and rest[:1] == ["headers"])


def _has_answer(route: SiteRoute) -> bool:
    """Tell whether frontmatter returns or raises: a file has no status of its own."""
    tree = route.frontmatter.tree if route.frontmatter else ast.Module([], [])
    return any(
        isinstance(node, (ast.Return, ast.Raise)) for s in tree.body for node in own_scope(s)
    )


def _prerender_line(route: SiteRoute) -> int | None:
    tree = route.frontmatter.tree if route.frontmatter else ast.Module([], [])
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and "prerender" in ast.unparse(node):
            return node.lineno + route.source.frontmatter_line - 1
    return None


class _Purity:
    """Tells which code gives the same result whenever and wherever it runs."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: dict[str, bool] = {}

    def of_route(self, route: SiteRoute) -> bool:
        """Tell about a page's frontmatter and all that it imports."""
        return route.frontmatter is None or self._of_tree(route.frontmatter.tree)

    def of_module(self, name: str) -> bool:
        """Tell about a helper module of the site; False when it hands on or reads a request."""
        if name not in self._known:
            self._known[name] = True  # a circle of imports adds nothing
            file = self._site.modules[name]
            try:
                tree = ast.parse(read_text(self._site.root / file, file))
            except (SyntaxError, FirstlightError):
                return False
            self._known[name] = self._of_tree(tree) and all(map(_is_free, python_uses(tree)))
        return self._known[name]

    def _of_tree(self, tree: ast.Module) -> bool:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                return False
            if isinstance(node, ast.Name) and node.id in OUTSIDE:
                return False
        known = self._site.modules
        return all(
            self._of_import(module)
            for module, is_certain in _imported_modules(tree)
            if is_certain or module in known
        )

    def _of_import(self, module: str) -> bool:
        if module in self._site.modules:
            return self.of_module(module)
        is_folder = module == PAGES or any(n.startswith(f"{module}.") for n in self._site.modules)
        return is_folder or module in PURE or module.startswith("firstlight.middleware")


def _imported_modules(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield the modules that are imported, and whether each surely is one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, True) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module, True
            yield from ((f"{module}.{alias.name}", False) for alias in node.names)
