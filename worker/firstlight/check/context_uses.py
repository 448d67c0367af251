"""Reads from syntax trees what code and templates ask of `ctx`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, TemplateSyntaxError, nodes

from firstlight.build.frontmatter import split_source
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.check.source_lines import SourceText

CONTEXT = "ctx"


class Use(NamedTuple):
    """One use of the context.

    Attributes:
        names: The attributes that are asked for, such as `("url", "search")`; empty when
            `ctx` itself is handed on.
        line: 1-based line of the file.
    """

    names: tuple[str, ...]
    line: int

    def __str__(self) -> str:
        return ".".join((CONTEXT, *self.names))


def python_uses(tree: ast.AST, first_line: int = 1) -> Iterator[Use]:
    """Yield each use of `ctx` in Python."""
    inner: set[int] = set()  # the nodes that are part of a longer chain
    for node in ast.walk(tree):  # outer nodes come first
        if id(node) in inner or not isinstance(node, (ast.Attribute, ast.Name)):
            continue
        names: list[str] = []
        part: ast.expr = node
        while isinstance(part, ast.Attribute):
            names.insert(0, part.attr)
            part = part.value
            inner.add(id(part))
        if isinstance(part, ast.Name) and part.id == CONTEXT:
            yield Use(tuple(names), node.lineno + first_line - 1)


def template_uses(source: SourceText) -> list[Use]:
    """List each use of `ctx` in a template; none in one that does not parse."""
    if not source.file.endswith((".html", ".jinja")):
        return []
    try:
        page = split_source(source.file, source.text)
        tree = Environment(autoescape=True).parse(page.body)
    except (FirstlightError, TemplateSyntaxError):
        return []  # the build reports it
    return list(_template_uses(tree, page.body_line - 1))


def _template_uses(tree: nodes.Template, offset: int) -> Iterator[Use]:
    chains: list[nodes.Node] = [*tree.find_all((nodes.Getattr, nodes.Name))]
    inner: set[int] = set()
    for node in chains:
        names: list[str] = []
        part: nodes.Node = node
        while isinstance(part, nodes.Getattr):
            names.insert(0, part.attr)
            part = part.node
            inner.add(id(part))
        if id(node) not in inner and isinstance(part, nodes.Name) and part.name == CONTEXT:
            yield Use(tuple(names), node.lineno + offset)
