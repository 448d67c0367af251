"""Finds the SQL that a site's code gives to D1, where it is a literal beyond doubt."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from firstlight.build.syntax import SCOPES, bound_names, own_scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PACKAGE = "bindings.cloudflare"
RUNNING = ("first", "all", "run", "raw")


class SQLCall(NamedTuple):
    """A statement and what the code gives it.

    Attributes:
        binding: Whose database, such as `DB`.
        literal: The SQL, a string.
        values: How many values its placeholders get; None when the code does not say.
        line: 1-based line of the call in the tree.
    """

    binding: str
    literal: ast.Constant
    values: int | None
    line: int


def sql_calls(tree: ast.Module, bindings: Mapping[str, str]) -> Iterator[SQLCall]:
    """Yield the calls of D1 handles whose SQL is a literal or a constant.

    Args:
        tree: A module, or a page's frontmatter.
        bindings: Declared name to class name.
    """
    shared = {
        name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Global, ast.Nonlocal))
        for name in node.names
    }
    for scope in _scopes(tree, None, shared):
        for node in _own_nodes(scope.node):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from _call(node, node.func, scope, bindings)


class _Scope:
    """The names that a module, a class or a function binds.

    What is bound twice, or from a function by `global`, stands for nothing certain.
    """

    def __init__(self, node: ast.AST, outer: _Scope | None, shared: set[str]) -> None:
        self.node = node
        self.outer = outer
        self._shared = shared
        self.count: dict[str, int] = {}
        self.values: dict[str, ast.expr] = {}
        self.imports: dict[str, str] = {}
        for part in _own_nodes(node):
            self._add(part)

    def value(self, name: str) -> tuple[ast.expr, _Scope] | None:
        """Return what a name is bound to, and where; None when in doubt."""
        scope = self._home(name)
        return None if scope is None or name not in scope.values else (scope.values[name], scope)

    def imported(self, name: str) -> str | None:
        """Return the name in the bindings' package that a name stands for."""
        scope = self._home(name)
        return None if scope is None else scope.imports.get(name)

    def _home(self, name: str) -> _Scope | None:
        scope: _Scope | None = self
        while scope is not None and name not in scope.count:
            scope = scope.outer
            while scope is not None and isinstance(scope.node, ast.ClassDef):
                scope = scope.outer  # a method does not see its class's names
        is_sure = scope is not None and scope.count[name] == 1 and name not in self._shared
        return scope if is_sure else None

    def _add(self, node: ast.AST) -> None:
        for name in bound_names(node):
            self.count[name] = self.count.get(name, 0) + 1
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            self.values |= {t.id: node.value for t in targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE and not node.level:
            self.imports |= {alias.asname or alias.name: alias.name for alias in node.names}


def _scopes(node: ast.AST, outer: _Scope | None, shared: set[str]) -> Iterator[_Scope]:
    scope = _Scope(node, outer, shared)
    yield scope
    for part in _own_nodes(node):
        if isinstance(part, SCOPES):
            yield from _scopes(part, scope, shared)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Walk what belongs to a scope; of one inside it, only its own node."""
    for child in ast.iter_child_nodes(scope):
        yield from own_scope(child)


def _call(
    node: ast.Call, method: ast.Attribute, scope: _Scope, bindings: Mapping[str, str]
) -> Iterator[SQLCall]:
    if (prepared := _prepared(method.value, scope, bindings)) is not None:
        if method.attr in ("bind", *RUNNING):
            values = _count(node.args) if method.attr == "bind" else 0
            yield SQLCall(*prepared, values, node.lineno)
    elif (found := _statement(node, scope, bindings)) is not None:
        values = None if method.attr == "prepare" else _count(node.args[1:])
        yield SQLCall(*found, values, node.lineno)


def _prepared(
    expression: ast.expr, scope: _Scope, bindings: Mapping[str, str]
) -> tuple[str, ast.Constant] | None:
    """Read `DB.prepare("…")`, or the name of one."""
    if isinstance(expression, ast.Name):
        if (found := scope.value(expression.id)) is None:
            return None
        expression, scope = found
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Attribute):
        return None
    is_prepare = expression.func.attr == "prepare"
    return _statement(expression, scope, bindings) if is_prepare else None


def _statement(
    node: ast.Call, scope: _Scope, bindings: Mapping[str, str]
) -> tuple[str, ast.Constant] | None:
    """Read the handle and the SQL of a call."""
    method = node.func
    if not isinstance(method, ast.Attribute) or method.attr not in ("prepare", *RUNNING):
        return None
    binding = _handle(method.value, scope, bindings)
    literal = _text(node.args[0], scope) if node.args else None
    return None if binding is None or literal is None else (binding, literal)


def _handle(expression: ast.expr, scope: _Scope, bindings: Mapping[str, str]) -> str | None:
    """Return the binding of `D1("DB")`, of a name bound to it, or of an imported handle."""
    if isinstance(expression, ast.Name):
        imported = scope.imported(expression.id)
        if imported is not None:
            return imported if bindings.get(imported) == "D1" else None
        if (found := scope.value(expression.id)) is None:
            return None
        expression, scope = found
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Name):
        return None
    if scope.imported(expression.func.id) != "D1" or not expression.args:
        return None
    name = _text(expression.args[0], scope)
    return None if name is None else str(name.value)


def _text(expression: ast.expr, scope: _Scope) -> ast.Constant | None:
    """Return a string literal, or the one that a constant is bound to."""
    if isinstance(expression, ast.Name):
        found = scope.value(expression.id)
        expression = expression if found is None else found[0]
    is_text = isinstance(expression, ast.Constant) and isinstance(expression.value, str)
    return expression if is_text and isinstance(expression, ast.Constant) else None


def _count(arguments: list[ast.expr]) -> int | None:
    is_starred = any(isinstance(argument, ast.Starred) for argument in arguments)
    return None if is_starred else len(arguments)
