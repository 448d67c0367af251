"""Frontmatter: where it ends, what belongs to the module, what runs per render."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from firstlight.build.syntax import bound_names, own_scope
from firstlight.errors import FirstlightError, FrontmatterError, Location, RouteError

if TYPE_CHECKING:
    from collections.abc import Iterator

FENCE = "---"
SYNTAX_HINT = "Mend that line, or the one before: Python reads no further."
# What a page's frontmatter may set for the build to read.
PAGE_OPTIONS = ("prerender", "stream")


@dataclass(frozen=True, slots=True)
class Source:
    """A page's text, split.

    Attributes:
        file: Relative to the site's root.
        frontmatter: The lines between the fences; None without fences.
        body: What follows the second fence, or everything.
        frontmatter_line: 1-based line of the file on which the frontmatter begins.
        body_line: 1-based line of the file on which the body begins.
    """

    file: str
    frontmatter: str | None
    body: str
    frontmatter_line: int = 2
    body_line: int = 1


def split_source(file: str, text: str) -> Source:
    """Split a page at its first pair of `---` lines, if its first line is one.

    Raises:
        FrontmatterError: The frontmatter is not closed.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return Source(file, None, text)
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            frontmatter = "\n".join(lines[1:index])
            return Source(file, frontmatter, "\n".join(lines[index + 1 :]), body_line=index + 2)
    raise FrontmatterError(
        "The frontmatter has no closing `---` line.",
        hint="Put a line of three dashes after it.",
        location=Location(file, 1),
    )


def key_line(source: Source, key: str) -> int | None:
    """Find the line of the file that sets a top-level key of YAML frontmatter."""
    return next(iter(key_lines(source, key)), None)


def key_lines(source: Source, key: str) -> list[int]:
    """Find every line of the file that sets a top-level key of YAML frontmatter."""
    lines = (source.frontmatter or "").split("\n")
    return [
        number
        for number, line in enumerate(lines, source.frontmatter_line)
        if line.startswith(f"{key}:")
    ]


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """Python frontmatter, analysed.

    Attributes:
        future_lines: (1-based line in the file, text) of `from __future__` imports.
        module_lines: The same of what else is evaluated once.
        render_lines: The same of what runs per render, indented by four spaces.
        imported: Names that module-level imports bind; templates see them too.
        tree: The syntax tree, lines as in the frontmatter (its first line is 1).
    """

    future_lines: list[tuple[int, str]]
    module_lines: list[tuple[int, str]]
    render_lines: list[tuple[int, str]]
    imported: list[str]
    tree: ast.Module


def analyse(source: Source) -> Frontmatter:
    """Tell apart what belongs to the module and what runs per render.

    Top-level imports, the lines of `PAGE_OPTIONS` and `get_static_paths` belong to the module.

    Raises:
        FrontmatterError: It is not valid Python.
    """
    text = source.frontmatter or ""
    tree = parse_python(text, source.file, source.frontmatter_line)
    _refuse_yield(tree, source)
    lines = text.split("\n")
    shared = _shared_lines(tree)
    once: list[tuple[int, str]] = []
    future: list[tuple[int, str]] = []
    whole: set[int] = set()
    for node in filter(_is_module_level, reversed(tree.body)):  # so that columns stay right
        part = future if _is_future(node) else once
        if _span(node) & shared:
            part += _cut_out(node, lines)
        else:
            part += [(n, lines[n - 1]) for n in _span(node) - whole]
            whole |= _span(node)
    once.reverse()
    offset = source.frontmatter_line - 1
    verbatim = _lines_inside_strings(text)
    render_lines = [
        (
            number + offset,
            line if number in verbatim or not line.strip() else f"    {line}",
        )
        for number, line in enumerate(lines, 1)
        if number not in whole
    ]
    return Frontmatter(
        [(n + offset, line) for n, line in sorted(future)],
        [(n + offset, line) for n, line in sorted(once, key=lambda item: item[0])],
        render_lines,
        sorted({name for node in tree.body for name in _imported_names(node, source)}),
        tree,
    )


def _cut_out(node: ast.stmt, lines: list[str]) -> list[tuple[int, str]]:
    """Take a statement out of lines that it shares with others, as in `import a; b = 1`."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    cut = ast.get_source_segment("\n".join(lines), node) or ""
    before = lines[first].encode()[: node.col_offset].decode()
    after = lines[last].encode()[node.end_col_offset :].decode()
    if first == last:
        lines[first] = f"{before}pass{after}"
    else:
        rest = f"pass{after}" if after.lstrip().startswith(";") else after
        lines[first : last + 1] = [f"{before}pass", *[""] * (last - first - 1), rest]
    return [(first + 1 + n, text) for n, text in enumerate(cut.split("\n"))]


def _refuse_yield(tree: ast.Module, source: Source) -> None:
    for node in (node for statement in tree.body for node in own_scope(statement)):
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            raise FrontmatterError(
                "`yield` has no place in frontmatter.",
                hint="Bind a name for the template, or return a `Response`.",
                location=Location(source.file, node.lineno + source.frontmatter_line - 1),
            )


def parse_python(text: str, file: str, first_line: int = 1) -> ast.Module:
    """Parse Python, `await` and `return` at the top level allowed.

    Raises:
        FrontmatterError: It does not parse; the location is the line in the file.
    """
    try:
        return ast.parse(text, file)
    except SyntaxError as error:
        line = (error.lineno or 1) + first_line - 1
        message = re.sub(
            r"\b(line) (\d+)", lambda told: f"line {int(told[2]) + first_line - 1}", error.msg
        )
        shown = text.split("\n")[(error.lineno or 1) - 1 :][:1]
        what = f"`{shown[0].strip()}`" if shown and shown[0].strip() else "This"
        raise FrontmatterError(
            f"{what} is not Python: {message}.", hint=SYNTAX_HINT, location=Location(file, line)
        ) from error
    except ValueError as error:
        raise FrontmatterError(f"This is not Python: {error}.", location=Location(file)) from error


def option_value(tree: ast.Module, option: str, file: str, first_line: int = 1) -> bool | None:
    """Read the literal of a module-level `prerender = …` or `stream = …`; None without one.

    Raises:
        RouteError: It is no literal, stands in a block, or stands twice.
    """
    found: list[ast.expr] = []
    for node in tree.body:
        value = _assigned(node, option)
        if value is not None:
            found.append(value)
        elif line := next(_bindings_of(option, node), None):
            place = Location(file, line + first_line - 1)
            raise _option_error(option, place, "is not a plain assignment")
    values = [_literal_bool(option, value, file, first_line) for value in found]
    if len(values) > 1:
        place = Location(file, found[1].lineno + first_line - 1)
        raise _option_error(option, place, "is assigned twice")
    return values[0] if values else None


def _literal_bool(option: str, value: ast.expr, file: str, first_line: int) -> bool:
    if isinstance(value, ast.Constant) and isinstance(value.value, bool):
        return value.value
    place = Location(file, value.lineno + first_line - 1)
    raise _option_error(option, place, f"is `{ast.unparse(value)}`")


def _option_error(option: str, location: Location, what: str) -> FirstlightError:
    return RouteError(
        f"`{option}` {what}; the build reads it without running the file.",
        hint=f"Write `{option} = True` or `{option} = False` once, at the top level.",
        location=location,
    )


def _assigned(node: ast.stmt, name: str) -> ast.expr | None:
    """Return what a plain or annotated assignment gives a name; None for other statements."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        target = node.target
    else:
        return None
    return node.value if isinstance(target, ast.Name) and target.id == name else None


def _bindings_of(name: str, statement: ast.stmt) -> Iterator[int]:
    """Yield the lines on which a statement binds a name in the module's scope."""
    for node in own_scope(statement):
        if name in bound_names(node):
            yield getattr(node, "lineno", statement.lineno)
    for node in ast.walk(statement):
        if isinstance(node, ast.Global) and name in node.names:
            yield node.lineno


def _is_module_level(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_static_paths(node):
        return True
    return any(_assigned(node, option) is not None for option in PAGE_OPTIONS)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_static_paths(node: ast.stmt) -> bool:
    is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return is_function and node.name == "get_static_paths"


def _span(node: ast.stmt) -> set[int]:
    decorators = [d.lineno for d in getattr(node, "decorator_list", [])]
    return set(range(min([node.lineno, *decorators]), (node.end_lineno or node.lineno) + 1))


def _shared_lines(tree: ast.Module) -> set[int]:
    """Find the lines whose statements go to different places, as in `import a; b = 1`."""
    seen: dict[int, tuple[bool, bool]] = {}
    shared: set[int] = set()
    for node in tree.body:
        place = (_is_module_level(node), _is_future(node))
        shared |= {line for line in _span(node) if seen.setdefault(line, place) != place}
    return shared


def _imported_names(node: ast.stmt, source: Source) -> list[str]:
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return []
    if _is_future(node):
        return []
    names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if "*" in names:
        raise FrontmatterError(
            "`import *` hides which names the template can use.",
            hint="Import the names you need.",
            location=Location(source.file, node.lineno + source.frontmatter_line - 1),
        )
    return names


def _lines_inside_strings(text: str) -> set[int]:
    """Find the lines that begin inside a string, which must not be indented."""
    inside: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name == "STRING":
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        elif name in ("FSTRING_START", "TSTRING_START"):
            opened.append(token.start[0])
        elif name in ("FSTRING_END", "TSTRING_END"):
            inside.update(range(opened.pop() + 1, token.end[0] + 1))
    return inside
