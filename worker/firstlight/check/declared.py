"""Finds what the wrangler configuration declares and no code asks for, and the other way round."""

from __future__ import annotations

import ast
import difflib
import re
from typing import TYPE_CHECKING

from firstlight.build.bindings import PACKAGE, site_trees
from firstlight.build.source_file import read_text
from firstlight.build.type_stub import DEV_VARS
from firstlight.build.wrangler import ASSETS
from firstlight.check.finding import WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from firstlight.build.adapter import Bundle, SiteBuild

# Of dist/server/, what is no code of the site.
NOT_THE_SITE = ("entry.py", "manifest.py", "firstlight/", "bindings/", "jinja2/", "markupsafe/")
LIKELY = 0.8


def unused_declarations(build: SiteBuild, bundle: Bundle) -> Iterator[Finding]:
    """Find bindings and variables whose name stands nowhere in the site's code."""
    wrangler = build.wrangler
    if wrangler.file is None or not build.site.config.adapter:
        return
    used = _names(build, bundle)
    text = read_text(build.site.root / wrangler.file, wrangler.file)
    declared = {name: f"The {kind} binding" for name, kind in wrangler.bindings.items()}
    declared |= dict.fromkeys(wrangler.variables, "The variable")
    for name, what in declared.items():
        if name not in used and name not in (ASSETS, wrangler.assets):
            yield Finding(
                "unused-binding",
                WARNING,
                f"{what} `{name}` is declared, but nothing uses it.",
                "Take it out of the configuration, or use it.",
                wrangler.file,
                _declaration_line(text, name),
            )


def undeclared_variables(build: SiteBuild) -> Iterator[Finding]:
    """Find `env.X` that is a misspelling of what is declared; others may be secrets."""
    known = {*build.wrangler.variables, *build.wrangler.bindings, "get"}
    known |= _secrets(build.site.root)
    for file, tree, first_line in site_trees(build.site):
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == PACKAGE
            for alias in node.names
            if alias.name == "env"
        }
        for name, line in _attributes_of(tree, names):
            if name not in known and (near := difflib.get_close_matches(name, known, 1, LIKELY)):
                yield Finding(
                    "undeclared-variable",
                    WARNING,
                    f"`env.{name}` is declared nowhere.",
                    f"Did you mean `{near[0]}`? A secret is set with `wrangler secret put {name}`, "
                    "and for your machine in .dev.vars.",
                    file,
                    line + first_line - 1,
                )


def _attributes_of(tree: ast.Module, names: set[str]) -> Iterator[tuple[str, int]]:
    """Yield attribute and line of each `name.attribute`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id in names:
            yield node.attr, node.lineno


def _secrets(root: Path) -> set[str]:
    return {
        name
        for path in root.glob(".dev.vars*")
        for name in DEV_VARS.findall(path.read_text("utf-8"))
    }


def _names(build: SiteBuild, bundle: Bundle) -> set[str]:
    """Collect every name, attribute and text in the code of the site."""
    texts = [text for path, text in bundle.server.items() if not path.startswith(NOT_THE_SITE)]
    texts += [module.text for module in build.modules.values()]
    names: set[str] = set()
    for tree in [*map(ast.parse, texts), *(tree for _, tree, _ in site_trees(build.site))]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.alias):
                names.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return names


def _declaration_line(text: str, name: str) -> int | None:
    """Find the line that gives a binding its name, or sets a variable."""
    quoted = re.escape(name)
    pattern = re.compile(
        rf"""^[^#\n]*?(?:\b(?:binding|name)["']?\s*[=:]\s*["']{quoted}["']"""
        rf"""|(?:^|[\s{{,"']){quoted}["']?\s*[=:])""",
        re.MULTILINE,
    )
    found = pattern.search(text)
    return text.count("\n", 0, found.end()) + 1 if found else None
