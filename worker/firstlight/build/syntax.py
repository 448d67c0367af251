"""Which names Python code binds, read from its syntax tree."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
NAMED = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
)


def module_names(tree: ast.Module) -> set[str]:
    """Collect the names a module binds at its top level, in `if` and `try` blocks too."""
    return {
        name
        for statement in tree.body
        for node in own_scope(statement)
        for name in bound_names(node)
    }


def own_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through a node in the order of the text, but not into functions and classes."""
    pending = [node]
    while pending:
        yield (found := pending.pop())
        if not isinstance(found, SCOPES):
            pending += reversed(list(ast.iter_child_nodes(found)))


def bound_names(node: ast.AST) -> list[str]:
    """List the names that a single node binds, what lies below it left out."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.partition(".")[0]]
    if isinstance(node, ast.arg):
        return [node.arg]
    name = node.rest if isinstance(node, ast.MatchMapping) else None
    if isinstance(node, NAMED):
        name = node.name
    return [name] if name else []
