"""Jinja2's filters, tests and globals, one module each.

They are taken from its source when a template uses them, so that results stay Jinja2's and the
Worker gets nothing else of it.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.filters import FILTERS
from jinja2.tests import TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLES: dict[str, Mapping[str, Any]] = {
    "filter": FILTERS,
    "test": TESTS,
    "global": DEFAULT_NAMESPACE,
}
# What the run time has of its own, under the same names.
OWN_MODULES = {
    "Undefined": "firstlight.rendering.undefined",
    "FilterArgumentError": "firstlight.rendering.undefined",
}
PASSED = ("pass_context", "pass_environment", "pass_eval_context")
HEADER = """\
# `{name}`: from jinja2/{module}.py of Jinja2 {version}, without docstrings and annotations.
# Copyright 2007 Pallets, BSD-3-Clause: https://github.com/pallets/jinja/blob/main/LICENSE.txt
__page__ = __lines__ = ""
"""


class Part(NamedTuple):
    """A function or class as compiled templates import it.

    Attributes:
        name: Its name in Python.
        module: Where it is.
        passed: What it wants as its first argument: `context`, `environment` or `eval_context`.
    """

    name: str
    module: str
    passed: str | None = None


class JinjaParts:
    """Collects the modules that the templates of a site need.

    Args:
        package: Name of the package to put them in.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.texts: dict[str, str] = {}

    def find(self, kind: str, name: str) -> Part | None:
        """Return a `filter`, `test` or `global`; None when there is none of that name."""
        if name not in TABLES[kind]:
            return None
        value = TABLES[kind][name]
        value = getattr(value, "__wrapped__", value)  # the synchronous one of two
        passed = getattr(getattr(value, "jinja_pass_arg", None), "name", None)
        module, _, own = value.__module__.rpartition(".")
        if module != "jinja2":
            return Part(value.__name__, value.__module__.lstrip("_"), passed)
        return Part(value.__name__, self._add(own, value.__name__), passed)

    def all_of(self, kind: str) -> Part:
        """Return a dict of every filter or test, for names that are computed."""
        table = f"{kind}s".upper()
        module = f"{self.package}.{table.lower()}"
        if module not in self.texts:
            found = {name: part for name in TABLES[kind] if (part := self.find(kind, name))}
            imports = sorted({_import_line(part) for part in found.values()})
            items = [f"    {name!r}: {part.name}," for name, part in found.items()]
            lines = ['__page__ = __lines__ = ""', *imports, "", f"{table} = {{", *items, "}", ""]
            self.texts[module] = "\n".join(lines)
        return Part(table, module)

    def _add(self, source: str, name: str) -> str:
        """Take a definition, and those it needs, from a module of Jinja2."""
        module = f"{self.package}.{name}"
        if module not in self.texts:
            self.texts[module] = ""  # definitions may need each other
            definition = _definition(source, name)
            lines = [_import_line(self._part(need)) for need in definition.needs]
            header = HEADER.format(name=name, module=source, version=version("jinja2"))
            body = [header + "\n".join([*definition.imports, *lines]), "", definition.text, ""]
            self.texts[module] = "\n".join(body)
        return module

    def _part(self, need: _Need) -> Part:
        if need.name in OWN_MODULES:
            return Part(need.name, OWN_MODULES[need.name])
        return Part(need.name, self._add(need.source, need.name))


class _Need(NamedTuple):
    """A name of another definition, and the module of Jinja2 it comes from."""

    source: str
    name: str


class _Definition(NamedTuple):
    """A definition in Jinja2's source.

    Attributes:
        text: Bare Python.
        imports: Import statements for what is not Jinja2's.
        needs: What is.
    """

    text: str
    imports: tuple[str, ...]
    needs: tuple[_Need, ...]


class _Source:
    """A module of Jinja2: its definitions and imports by the name they bind."""

    def __init__(self, name: str) -> None:
        file = import_module(f"jinja2.{name}").__file__ or ""
        tree = ast.parse(Path(file).read_text("utf-8"))
        self.definitions = {name: node for node in tree.body for name in _bound_names(node)}
        self.imports = {
            alias.asname or alias.name: _only(node, alias)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
            if node in tree.body or getattr(node, "level", 0)
        }


@cache
def _source(name: str) -> _Source:
    return _Source(name)


@cache
def _definition(source: str, name: str) -> _Definition:
    origin = _source(source)
    node = _Bare().visit(origin.definitions[name])
    text = ast.unparse(ast.fix_missing_locations(node))
    if passed := _passed(origin.definitions[name]):
        text += f"\n\n\n{name}.jinja_pass_arg = {passed!r}"
    if isinstance(node, ast.ClassDef):
        text += f"\n\n\n{name}.__module__ = 'jinja2.{source}'  # error messages name it"
    imports: list[str] = []
    needs: list[_Need] = []
    for used in sorted(_globals_of(text) - {name}):
        found = origin.imports.get(used)
        if used == "namedtuple":
            imports.append("from collections import namedtuple")
        elif used in origin.definitions:
            needs.append(_Need(source, used))
        elif isinstance(found, ast.ImportFrom) and found.level:
            needs.append(_Need(found.module or "", used))
        elif found is not None:
            imports.append(ast.unparse(found))
    return _Definition(text, tuple(imports), tuple(needs))


class _Bare(ast.NodeTransformer):
    """Takes off what does nothing at run time: docstrings, annotations, decorators, casts."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        kept = [d for d in node.decorator_list if _name_of(d) in ("property", "classmethod")]
        arguments = ast.arguments(
            posonlyargs=[ast.arg(a.arg) for a in node.args.posonlyargs],
            args=[ast.arg(a.arg) for a in node.args.args],
            vararg=node.args.vararg and ast.arg(node.args.vararg.arg),
            kwonlyargs=[ast.arg(a.arg) for a in node.args.kwonlyargs],
            kw_defaults=node.args.kw_defaults,
            kwarg=node.args.kwarg and ast.arg(node.args.kwarg.arg),
            defaults=node.args.defaults,
        )
        return ast.FunctionDef(node.name, arguments, _without_docstring(node.body), kept, None)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if "NamedTuple" in map(_name_of, node.bases):
            fields = [
                n.target.id
                for n in node.body
                if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
            ]
            call = f"namedtuple({node.name!r}, {fields!r})"
            node.bases = [ast.parse(call, mode="eval").body]
        self.generic_visit(node)
        node.body = _without_docstring(node.body)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return node.value and ast.Assign([node.target], node.value)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return node.args[1] if ast.unparse(node.func) == "t.cast" else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """An import in a function: the name is a need like any other."""
        return None if node.level else node


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    is_docstring = (
        bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
    return (body[1:] if is_docstring else body) or [ast.Pass()]


def _globals_of(text: str) -> set[str]:
    """List the names a definition takes from around it."""
    table = symtable.symtable(text, "<part>", "exec")
    return {name for name in _free_names(table) if not hasattr(builtins, name)}


def _free_names(table: symtable.SymbolTable) -> Iterator[str]:
    is_top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (is_top or symbol.is_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _free_names(child)


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def _only(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.Import | ast.ImportFrom:
    """Return an import statement for one of its names."""
    if isinstance(node, ast.Import):
        return ast.Import([alias])
    return ast.ImportFrom(node.module, [alias], node.level)


def _passed(node: ast.stmt) -> str | None:
    names: list[str] = [_name_of(d) for d in getattr(node, "decorator_list", [])]
    return next((name.removeprefix("pass_") for name in names if name in PASSED), None)


def _name_of(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _import_line(part: Part) -> str:
    return f"from {part.module} import {part.name}"
