"""Follows import statements without running anything, to the files that code really needs."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from firstlight.advice import VERY_ALIKE, did_you_mean
from firstlight.build.source_file import read_text
from firstlight.errors import SAME_LINES, FirstlightError, Location, page_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# Modules that the Workers runtime itself provides.
RUNTIME = frozenset(
    ("js", "pyodide", "pyodide_js", "_pyodide", "workers", "cloudflare", "manifest")
)
# What compiled templates need of Jinja2; its lexer, parser and compiler stay at home.
JINJA2_MODULES = (
    "async_utils",
    "constants",
    "exceptions",
    "filters",
    "runtime",
    "tests",
    "utils",
)
OURS = ("firstlight", "bindings")
# App imports these with the first template; a Worker without one goes without them.
TEMPLATING = "firstlight.templating"
STREAMED_TEMPLATES = "firstlight.streamed_templates"
# Firstlight's own modules that need the host.
HOST_ONLY = (
    "firstlight.build",
    "firstlight.check",
    "firstlight.cli",
    "firstlight.content",
    "firstlight.dev",
    "firstlight.paginate",
    "firstlight.__main__",
)


# https://developers.cloudflare.com/workers/languages/python/stdlib/#excluded-modules
MISSING_IN_WORKER = {
    *("curses", "dbm", "ensurepip", "fcntl", "grp", "idlelib", "lib2to3", "msvcrt", "pty", "pwd"),
    *("resource", "syslog", "termios", "tkinter", "tty", "turtle", "turtledemo", "venv"),
    *("winreg", "winsound"),
}
MODULES = ("bindings.cloudflare", *sys.stdlib_module_names)
INSTALL = (
    "Install it into this environment: `pip install {}`. On-demand code may import the standard "
    "library and pure-Python packages."
)
PURE = (
    "Use a pure-Python package, or set `prerender = True` to run the route at build, where "
    "everything can be imported."
)
AT_BUILD = "Set `prerender = True` to run the route at build, or read the data from KV, D1 or R2."
ELSEWHERE = "Do without it, or set `prerender = True` to run the route at build."


class Import(NamedTuple):
    """One imported module, or a name that may be one.

    Attributes:
        is_optional: Whether the code goes on without it: a guarded import, or `from x import y`
            where y need not be a module.
        is_lazy: Whether it stands in a function or under a condition.
    """

    module: str
    line: int
    is_optional: bool = False
    is_lazy: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """A module's source: where it is shown to be, and its text.

    Attributes:
        lines: Which line of the file each line of the text comes from, as `page_line` reads it.
    """

    file: str
    text: str
    path: Path | None = None
    is_package: bool = False
    lines: str = SAME_LINES

    @property
    def is_installed(self) -> bool:
        """Whether it belongs to an installed package, which the site cannot mend."""
        return self.path is not None and "site-packages" in self.path.parts


class ImportTracer:
    """Collects the modules that code needs, from an entry module on.

    Args:
        root: The site's root, searched before the installed packages.
        own: Modules whose text is known, by name.
        has_environment: Whether installed packages are there where the code runs: then they are
            left out, and may be compiled.
    """

    def __init__(
        self, root: Path, own: Mapping[str, Origin], *, has_environment: bool = False
    ) -> None:
        self._root = root
        self._own = own
        self._has_environment = has_environment
        self._search = (str(root), *(entry for entry in sys.path if entry))
        self._places: dict[str, Place | None] = {}
        self._traced: set[str] = set()
        self.found: dict[str, Origin] = {}
        self.errors: list[Exception] = []

    def trace(self, name: str) -> None:
        """Add a module and everything it imports to `found`."""
        pending: list[tuple[Import, Origin | None]] = [(Import(name, 0), None)]
        while pending:
            wanted, importer = pending.pop()
            if _needs_compiler(wanted) and not self._has_environment:
                why = f"`{wanted.module}` works at build only, not in the Worker"
                self._refuse(wanted, importer, why, AT_BUILD)
            for step in self._with_parents(wanted):
                origin = self._add(step, importer)
                if origin is None:
                    break
                if step.module in self._traced:
                    continue
                self._traced.add(step.module)
                for imported in imports_of(origin.text, step.module, is_package=origin.is_package):
                    # A package imports what its optional features need when they are used.
                    is_optional = imported.is_optional or (imported.is_lazy and origin.is_installed)
                    pending.append((imported._replace(is_optional=is_optional), origin))

    def _with_parents(self, wanted: Import) -> Iterator[Import]:
        parts = wanted.module.split(".")
        for length in range(1, len(parts) + 1):
            yield wanted._replace(module=".".join(parts[:length]))

    def _add(self, wanted: Import, importer: Origin | None) -> Origin | None:
        """Find a module's source; None for one that needs no copy or cannot be had."""
        name = wanted.module
        if self._is_missing_in_worker(wanted, importer):
            self._refuse(wanted, importer, f"Workers have no module `{name}`", ELSEWHERE)
        if name in self.found:
            return self.found[name]
        if wanted.is_lazy and name in (TEMPLATING, STREAMED_TEMPLATES):
            return None
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in RUNTIME or top == "jinja2":
            if top == "jinja2" and not self._has_environment:
                self.found.setdefault("jinja2", Origin("jinja2", "", None, is_package=True))
            return None
        if any(name == host or name.startswith(host + ".") for host in HOST_ONLY):
            why = f"`{name}` works at build only, not in the Worker"
            self._refuse(wanted, importer, why, AT_BUILD)
            return None
        if self._has_environment and top in OURS:
            return None
        origin = self._own.get(name) or self._find(wanted, importer)
        if origin is not None:
            self.found[name] = origin
        return origin

    def _is_missing_in_worker(self, wanted: Import, importer: Origin | None) -> bool:
        """Tell whether code of the site imports what Python has and Workers do not."""
        is_ours = importer is not None and not importer.is_installed
        is_needed = is_ours and not (wanted.is_optional or wanted.is_lazy)
        return is_needed and not self._has_environment and wanted.module in MISSING_IN_WORKER

    def _find(self, wanted: Import, importer: Origin | None) -> Origin | None:
        place = self._place(wanted.module)
        if place is None:
            if not wanted.is_optional:
                hint = did_you_mean(wanted.module, MODULES, alike=VERY_ALIKE) or INSTALL.format(
                    wanted.module.partition(".")[0]
                )
                self._refuse(wanted, importer, f"There is no module `{wanted.module}`", hint)
            return None
        path = place.file
        if self._has_environment and self._is_installed(place):
            return None
        if path is None:
            return Origin(wanted.module, "", None, is_package=True)
        if path.name.endswith(tuple(EXTENSION_SUFFIXES)):
            if not wanted.is_optional:
                why = f"`{wanted.module}` is compiled for this machine"
                self._refuse(wanted, importer, why, PURE)
            return None
        origin = Origin(wanted.module, "", path, bool(place.folders))
        if not origin.is_installed and path.is_relative_to(self._root):
            origin = replace(origin, file=path.relative_to(self._root).as_posix())
        try:
            return replace(origin, text=read_text(path, origin.file))
        except FirstlightError as error:
            self.errors.append(error)
            return None

    def _is_installed(self, place: Place) -> bool:
        """Tell whether a module comes from the environment and not from the site."""
        path = place.file or Path(place.folders[0])
        return "site-packages" in path.parts or not path.is_relative_to(self._root)

    def _place(self, name: str) -> Place | None:
        if name not in self._places:
            parent, _, last = name.rpartition(".")
            package = self._place(parent) if parent else Place(None, self._search)
            self._places[name] = find_module(last, package.folders if package else ())
        return self._places[name]

    def _refuse(self, wanted: Import, importer: Origin | None, why: str, hint: str) -> None:
        line = page_line(importer.lines, wanted.line) if importer else None
        location = Location(importer.file if importer else None, line)
        self.errors.append(FirstlightError(f"{why}.", hint=hint, location=location))


def _needs_compiler(wanted: Import) -> bool:
    """Tell whether an import wants the part of Jinja2 that is not uploaded."""
    top, _, rest = wanted.module.partition(".")
    if top != "jinja2" or wanted.is_optional:
        return False
    return rest.partition(".")[0] not in JINJA2_MODULES


class Place(NamedTuple):
    """Where a module lies.

    Attributes:
        file: Its source or compiled extension; None for a package without `__init__.py`.
        folders: Where its submodules lie; empty for a module that is no package.
    """

    file: Path | None
    folders: tuple[str, ...] = ()


def find_module(name: str, search: tuple[str, ...]) -> Place | None:
    """Find a module in folders without importing anything.

    importlib's own finder needs the parents of a namespace package to be imported.
    """
    folders: list[str] = []
    for entry in search:
        folder = Path(entry, name)
        if (folder / "__init__.py").is_file():
            return Place(folder / "__init__.py", (str(folder),))
        for suffix in (".py", *EXTENSION_SUFFIXES):
            if (file := Path(entry, name + suffix)).is_file():
                return Place(file)
        if folder.is_dir():
            folders.append(str(folder))
    return Place(None, tuple(folders)) if folders else None


def packages_above(names: Iterable[str]) -> set[str]:
    """Name the packages that hold modules: `a` and `a.b` for `a.b.c`."""
    return {
        ".".join(parts[:length])
        for parts in (name.split(".") for name in names)
        for length in range(1, len(parts))
    }


def imports_of(text: str, module: str, *, is_package: bool) -> list[Import]:
    """List what a module's text imports, wherever the statements stand.

    Imports for type checkers only are left out.
    """
    package = module if is_package else module.rpartition(".")[0]
    return list(_imports_in(text, package))


@lru_cache(maxsize=1024)  # tests and tools build many sites with one runtime
def _imports_in(text: str, package: str) -> tuple[Import, ...]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()  # reported where it is compiled
    return tuple(_imports(tree, package, is_optional=False))


def required_imports(node: ast.AST) -> Iterator[ast.ImportFrom]:
    """Yield every `from … import` that must succeed wherever it runs."""
    if isinstance(node, ast.ImportFrom):
        yield node
        return
    for child, is_guarded in _parts(node):
        if not is_guarded:
            yield from required_imports(child)


def _imports(node: ast.AST, package: str, *, is_optional: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, is_optional) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if base := _absolute(node, package):
            yield Import(base, node.lineno, is_optional)
            yield from (
                Import(f"{base}.{alias.name}", node.lineno, is_optional=True)
                for alias in node.names
            )
    else:
        is_lazy = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.If))
        for child, is_guarded in _parts(node):
            for found in _imports(child, package, is_optional=is_optional or is_guarded):
                yield found._replace(is_lazy=True) if is_lazy else found


def _parts(node: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """Yield what a node holds, and whether a module may be missing there.

    What only type checkers read is left out.
    """
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        yield from ((child, False) for child in node.orelse)
    elif isinstance(node, ast.Try):
        # What stands in for a missing module is needed only where that module is missing.
        is_guarded = any(map(_catches_import_error, node.handlers))
        yield from ((child, is_guarded) for child in (*node.body, *node.handlers, *node.orelse))
        yield from ((child, False) for child in node.finalbody)
    else:
        is_guarded = isinstance(node, ast.With) and any(map(_suppresses, node.items))
        yield from ((child, is_guarded) for child in ast.iter_child_nodes(node))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".") if package else []
    kept = parents[: len(parents) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(map(_is_import_error, types))


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith("suppress"):
        return False
    return any(map(_is_import_error, call.args))


def _is_import_error(kind: ast.expr) -> bool:
    names = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
    return getattr(kind, "id", None) in names
