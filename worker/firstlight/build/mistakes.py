"""Mistakes in the site's code that would stay quiet, or fail only while a visitor waits.

Read from the syntax trees: nothing is run.
"""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePosixPath
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from firstlight.advice import did_you_mean, exports, import_hint, nearest
from firstlight.app import MIDDLEWARE_FILE
from firstlight.build.imports import packages_above, required_imports
from firstlight.build.source_file import PAGES
from firstlight.build.syntax import SCOPES, module_names, own_scope
from firstlight.errors import FirstlightError, FrontmatterError, Location, RouteError
from firstlight.handlers import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from firstlight.build.bindings import SiteTree
    from firstlight.build.scan import Site

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LITERALS = (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.JoinedStr, ast.DictComp)
MADE_TO_BE_RETURNED = ("ctx.redirect", "ctx.rewrite")
CHECKED_BY_NAME = "bindings.cloudflare"  # with what wrangler.toml declares
# What the framework calls, with which arguments.
HANDLER_ARGUMENTS = ("ctx",)
MIDDLEWARE_ARGUMENTS = ("ctx", "next")
MIDDLEWARE_REMEDY = (
    "Define `async def on_request(ctx, next)`, and end it with `return await next()`."
)


def code_errors(site: Site, trees: Iterable[SiteTree]) -> list[Exception]:
    """Find what cannot be meant as it is written in the Python under pages/."""
    trees = list(trees)
    endpoints = {route.file for route in site.routes if route.is_endpoint}
    pages = {route.file for route in site.routes if not route.is_endpoint}
    imports = _Imports(site, trees)
    errors: list[Exception] = []
    for tree in trees:
        errors += _dropped_answers(tree)
        errors += imports.check(tree)
        if tree.file in endpoints:
            errors += _endpoint_errors(tree)
        elif tree.file in pages:
            errors += _page_errors(tree)
        else:
            errors += _middleware_errors(tree)
    return errors


def code_warnings(site: Site, trees: Iterable[SiteTree]) -> list[str]:
    """Find functions of endpoints that look like handlers and are none."""
    endpoints = {route.file for route in site.routes if route.is_endpoint}
    return [
        f"{_place(tree, node)}: `{node.name}` answers no request, because methods are written in "
        f"capitals. Call it `{node.name.upper()}`."
        for tree in trees
        if tree.file in endpoints
        for node in tree.tree.body
        if isinstance(node, FUNCTIONS) and node.name != node.name.upper() in HANDLERS
    ]


def _place(tree: SiteTree, node: ast.stmt | ast.expr | ast.alias) -> Location:
    return Location(tree.file, node.lineno + tree.first_line - 1)


def _dropped_answers(tree: SiteTree) -> Iterator[Exception]:
    """Yield statements that make an answer and do nothing with it."""
    for node in ast.walk(tree.tree):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            continue
        function = ast.unparse(node.value.func)
        if function in MADE_TO_BE_RETURNED:
            yield FirstlightError(
                f"`{function}()` does nothing unless it is returned.",
                hint=f"Write `return {ast.unparse(node.value)}`.",
                location=_place(tree, node),
            )


def _endpoint_errors(tree: SiteTree) -> Iterator[Exception]:
    for node in tree.tree.body:
        if isinstance(node, FUNCTIONS) and node.name in HANDLERS:
            yield from _handler_errors(tree, node)
    yield from _literal_errors(tree, dict.fromkeys(HANDLERS, HANDLER_ARGUMENTS))


def _literal_errors(tree: SiteTree, called: dict[str, tuple[str, ...]]) -> Iterator[Exception]:
    """Yield an error where a name that is called is given a literal."""
    for node in tree.tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, LITERALS):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in called:
                yield RouteError(
                    f"`{target.id}` is `{ast.unparse(node.value)}`, not a function.",
                    hint=f"Define `async def {target.id}({', '.join(called[target.id])})`.",
                    location=_place(tree, node),
                )


def _handler_errors(
    tree: SiteTree, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[Exception]:
    yield from _argument_errors(tree, function, HANDLER_ARGUMENTS)
    walked = (node for statement in function.body for node in own_scope(statement))
    for node in walked:
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            yield RouteError(
                f"`{function.name}` yields, so it is a generator and returns no `Response`.",
                hint="Move the loop into an `async def` of its own that yields bytes, "
                "and return `Response(that())`.",
                location=_place(tree, node),
            )
            return


def _argument_errors(
    tree: SiteTree,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    names: tuple[str, ...],
) -> Iterator[Exception]:
    """Yield an error where a function cannot be called with so many arguments."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    least = len(positional) - len(arguments.defaults)
    most = len(names) if arguments.vararg else len(positional)
    if least <= len(names) <= most and None in [*arguments.kw_defaults, None]:
        return
    given = ", ".join(f"`{name}`" for name in names) or "nothing"
    kind = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    yield FirstlightError(
        f"`{function.name}({ast.unparse(arguments)})` is called with {given}.",
        hint=f"Write `{kind} {function.name}({', '.join(names)})`.",
        location=_place(tree, function),
    )


def _page_errors(tree: SiteTree) -> Iterator[Exception]:
    for statement in tree.tree.body:
        if isinstance(statement, FUNCTIONS) and statement.name == "get_static_paths":
            yield from _argument_errors(tree, statement, ())
        for node in () if isinstance(statement, SCOPES) else own_scope(statement):
            if isinstance(node, ast.Return) and isinstance(node.value, (*LITERALS, type(None))):
                yield FrontmatterError(
                    f"The frontmatter returns `{_shown(node.value)}`, not a `Response`.",
                    hint="Return a `Response`, such as `ctx.redirect(…)`, or nothing at all: "
                    "the names it binds are the template's.",
                    location=_place(tree, node),
                )


def _shown(value: ast.expr | None) -> str:
    return "None" if value is None else ast.unparse(value)


def _middleware_errors(tree: SiteTree) -> Iterator[Exception]:
    names = module_names(tree.tree)
    if tree.file == MIDDLEWARE_FILE:
        yield from _literal_errors(tree, {"on_request": MIDDLEWARE_ARGUMENTS})
        if "on_request" not in names:
            yield FirstlightError(
                "This middleware defines no `on_request`.",
                hint=_misspelt("on_request", names) or MIDDLEWARE_REMEDY,
                location=Location(tree.file),
            )
        for node in tree.tree.body:
            if isinstance(node, FUNCTIONS) and node.name == "on_request":
                yield from _argument_errors(tree, node, MIDDLEWARE_ARGUMENTS)
    elif "on_request" in names and _is_meant_as_middleware(tree.file):
        yield FirstlightError(
            f"Nothing runs the `on_request` of this file: middleware is `{MIDDLEWARE_FILE}`.",
            hint="Rename the file, or put several into one with `sequence()`.",
            location=Location(tree.file),
        )


def _misspelt(name: str, names: Iterable[str]) -> str | None:
    near = nearest(name, names)
    return None if near is None else f"Rename `{near}` to `{name}`."


def _is_meant_as_middleware(file: str) -> bool:
    return nearest(PurePosixPath(file).stem, ["_middleware"]) is not None


class _Imports:
    """Looks for what the site's code imports from the site and from Firstlight."""

    def __init__(self, site: Site, trees: list[SiteTree]) -> None:
        files = {file: name for name, file in site.modules.items()}
        self._trees = {files[tree.file]: tree.tree for tree in trees if tree.file in files}
        modules = {*site.modules, *(route.module for route in site.routes)}
        self._modules = modules | packages_above(modules)
        self._folders = packages_above(site.modules) - {*site.modules}
        self._own = {*site.modules} | packages_above(site.modules)

    def check(self, tree: SiteTree) -> Iterator[Exception]:
        """Yield what a file imports and nothing defines."""
        for node in required_imports(tree.tree):
            module = node.module or ""
            if node.level or module == CHECKED_BY_NAME:
                continue
            top = module.partition(".")[0]
            if top == PAGES or f"{PAGES}.{module}" in self._own:
                yield from self._check_own(tree, node, module)
            elif top in ("firstlight", "bindings"):
                yield from _check_installed(tree, node, module)

    def _check_own(self, tree: SiteTree, node: ast.ImportFrom, module: str) -> Iterator[Exception]:
        if module not in self._modules:
            near = did_you_mean(module, self._own)
            if f"{PAGES}.{module}" in self._own:
                near = f"Did you mean `{PAGES}.{module}`?"
            yield _no_module(tree, node, module, near)
        elif module in self._trees:
            names = module_names(self._trees[module])
            if not names & {"*", "__getattr__"}:
                yield from self._missing_names(tree, node, module, names)
        elif module in self._folders:
            yield from self._missing_names(tree, node, module, set())

    def _missing_names(
        self, tree: SiteTree, node: ast.ImportFrom, module: str, names: set[str]
    ) -> Iterator[Exception]:
        prefix = f"{module}."
        inside = {name.removeprefix(prefix) for name in self._modules if name.startswith(prefix)}
        known = names | {name for name in inside if "." not in name}
        yield from _missing(tree, node, module, known)


def _check_installed(tree: SiteTree, node: ast.ImportFrom, module: str) -> Iterator[Exception]:
    try:
        found = import_module(module)
    except ModuleNotFoundError:
        top = module.partition(".")[0]
        beside = [f"{top}.{found.name}" for found in iter_modules(import_module(top).__path__)]
        yield _no_module(tree, node, module, did_you_mean(module, beside))
        return
    known = exports(module)
    others = [alias.name for alias in node.names if alias.name not in known]
    is_package = hasattr(found, "__path__")
    if not all(is_package and find_spec(f"{module}.{name}") for name in others):
        yield from _missing(tree, node, module, known)


def _missing(
    tree: SiteTree, node: ast.ImportFrom, module: str, known: set[str]
) -> Iterator[Exception]:
    for alias in node.names:
        if alias.name not in {*known, "*"}:
            yield FirstlightError(
                f"`{module}` has no `{alias.name}`.",
                hint=import_hint(alias.name, module, known),
                location=_place(tree, alias),
            )


def _no_module(
    tree: SiteTree, node: ast.ImportFrom, module: str, hint: str | None
) -> FirstlightError:
    return FirstlightError(
        f"There is no module `{module}`.",
        hint=hint or f"Mend its name; helpers lie under {PAGES}/, such as `{PAGES}._lib.text`.",
        location=_place(tree, node),
    )
