"""From a page to the Python module that renders it; its template as straight-line Python."""

from __future__ import annotations

import ast
import datetime
import math
import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, nodes

from firstlight.build.codegen import TemplateCode, TemplateWriter, compile_template
from firstlight.build.frontmatter import SYNTAX_HINT, Source, analyse, key_line, split_source
from firstlight.build.jinja_parts import JinjaParts
from firstlight.build.markdown import render_markdown
from firstlight.build.scan import Site, SiteRoute
from firstlight.build.source_file import PAGES, read_text
from firstlight.build.streamer import StreamedWriter, streamed_templates
from firstlight.build.template_errors import explain_syntax, missing_template
from firstlight.errors import (
    SAME_LINES,
    FirstlightError,
    FrontmatterError,
    Location,
    TemplateError,
    page_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class CompiledModule:
    """A module of the site, ready to be run or written to dist/server/.

    Attributes:
        name: Import name, such as `pages.blog._slug__html`.
        file: The file it comes from, relative to the site's root.
        text: Its Python source.
        templates: Names of the templates it may render; None stands for a name that is
            computed, so for any of them.
        lines: Which line of the file each line of the text comes from, as `page_line` reads it.
    """

    name: str
    file: str
    text: str
    templates: frozenset[str | None] = frozenset()
    lines: str = SAME_LINES


class CompileMemory:
    """Keeps what was compiled, for a site that is compiled again after each change.

    Attributes:
        parts: What the templates of all times have needed of Jinja2.
    """

    def __init__(self) -> None:
        self.parts = JinjaParts(f"{PAGES}._jinja2")
        self._templates: dict[str, str] = {}
        self._modules: dict[object, CompiledModule] = {}
        self._used: dict[object, CompiledModule] = {}

    def begin(self, site: Site) -> None:
        """Forget what the last compilation had no use for, or what named other templates."""
        self._modules = self._used if site.templates == self._templates else {}
        self._templates, self._used = site.templates, {}

    def module(self, key: object, compile_: Callable[[], CompiledModule]) -> CompiledModule:
        """Return what was compiled from the same before, else compile it."""
        found = self._modules.get(key)
        self._used[key] = module = compile_() if found is None else found
        return module


class Compiler:
    """Compiles the pages and templates of a site.

    Args:
        site: As scanned; its templates are what `extends` and `include` may name.
        memory: Of earlier times; None begins with nothing.
    """

    def __init__(self, site: Site, memory: CompileMemory | None = None) -> None:
        self.site = site
        self._template_modules = template_modules(site)
        self._memory = memory or CompileMemory()
        self._memory.begin(site)
        self._parts = self._memory.parts

    @cached_property
    def _environments(self) -> tuple[Environment, Environment]:
        """What compiles templates, and what those that stream."""
        # design.md 4: autoescape always on, and a name that is not there is an error.
        plain = Environment(autoescape=True, undefined=StrictUndefined)
        plain.code_generator_class = TemplateWriter
        streamed = Environment(autoescape=True, undefined=StrictUndefined, enable_async=True)
        streamed.code_generator_class = StreamedWriter
        return plain, streamed

    @cached_property
    def _streamed(self) -> frozenset[str]:
        """The templates that pages with `stream = True` may render, their own included."""
        pages = [route.file for route in self.site.routes if route.stream]
        return streamed_templates(self.site, [name.removeprefix(f"{PAGES}/") for name in pages])

    def page(self, route: SiteRoute) -> CompiledModule:
        """Compile a page, or take an endpoint as it is.

        Raises:
            FrontmatterError, TemplateError: With the page's own line.
        """
        key = (route.source, route.module, route.file.removeprefix(f"{PAGES}/") in self._streamed)
        return self._memory.module(key, lambda: self._page(route))

    def _page(self, route: SiteRoute) -> CompiledModule:
        if route.is_endpoint:
            text = route.source.frontmatter or ""
            check_syntax(text, route.file)
            return CompiledModule(route.module, route.file, text)
        if route.kind == "markdown":
            return self._markdown_page(route)
        module = _Writer(route.file)
        template = route.file.removeprefix(f"{PAGES}/")
        _write_frontmatter(module, route)
        used = self._write_template(module, template, route.source)
        return module.finish(route.module, template, used)

    def template(self, name: str) -> CompiledModule:
        """Compile a layout or component.

        Raises:
            FirstlightError: With the template's own line.
        """
        file = self.site.templates[name]
        source = split_source(file, read_text(self.site.root / file, file))
        key = (source, self._template_modules[name], name in self._streamed)
        return self._memory.module(key, lambda: self._template(name, source))

    def _template(self, name: str, source: Source) -> CompiledModule:
        file = source.file
        if source.frontmatter is not None and file.startswith(f"{PAGES}/_"):
            raise FrontmatterError(
                "Only pages have frontmatter; this is a layout or component.",
                hint="Compute the values in the page, or pass them to a macro.",
                location=Location(file, 1),
            )
        module = _Writer(file)
        module.add_header()
        used = self._write_template(module, name, source)
        return module.finish(self._template_modules[name], name, used)

    def parts(self) -> dict[str, CompiledModule]:
        """Return the modules of Jinja2's filters and the like that the templates use."""
        return {
            name: CompiledModule(name, f"{name.replace('.', '/')}.py", text)
            for name, text in self._parts.texts.items()
        }

    def _markdown_page(self, route: SiteRoute) -> CompiledModule:
        module = _Writer(route.file)
        document = render_markdown(route.source.body)
        layout = route.data.get("layout")
        module.add_header()
        if layout is None:
            _write_plain_markdown(module, document.html, _title(route, document.headings))
            return module.finish(route.module, "", frozenset())
        line = key_line(route.source, "layout")
        if not isinstance(layout, str) or layout not in self.site.templates:
            text, hint = missing_template([str(layout)], self.site.templates)
            raise TemplateError(text, hint=hint, location=Location(route.file, line))
        names = {
            "frontmatter": route.data,
            "headings": document.headings,
            "file": route.file,
        }
        try:
            _write_markdown(module, document.html, names, route.file, line)
        except RecursionError as error:
            raise FrontmatterError(
                "The frontmatter contains itself.", location=Location(route.file, 1)
            ) from error
        return module.finish(route.module, layout, frozenset((layout,)))

    def _write_template(self, module: _Writer, name: str, source: Source) -> frozenset[str | None]:
        offset = source.body_line - 1
        location = Location(source.file, 1)
        environment, streamed = self._environments
        try:
            tree = environment.parse(source.body, name, source.file)
            used = frozenset(self._check_references(tree, source.file, offset))
            codes = {"_template": compile_template(tree, environment, name, self._parts)}
            if name in self._streamed:
                tree = streamed.parse(source.body, name, source.file)
                codes["_stream"] = compile_template(tree, streamed, name, self._parts)
        except TemplateSyntaxError as error:
            location = Location(source.file, error.lineno + offset)
            lines = [*source.body.split("\n"), ""]
            text, hint = explain_syntax(str(error.message), lines[error.lineno - 1])
            raise TemplateError(text, hint=hint, location=location) from error
        except RecursionError as error:
            raise TemplateError("The template nests too deeply.", location=location) from error
        for function, code in codes.items():
            _write_template(module, function, code, offset)
        return used

    def _check_references(
        self, tree: nodes.Template, file: str, offset: int
    ) -> Iterator[str | None]:
        """Yield the templates that a template names; one that is not there is an error."""
        kinds = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)
        for node in tree.find_all(kinds):
            names = _constant_names(node.template)
            yield from (name for name in names if name is None or name in self.site.templates)
            is_optional = isinstance(node, nodes.Include) and node.ignore_missing
            known = [name for name in names if name is None or name in self.site.templates]
            if not known and not is_optional:
                text, hint = missing_template(names, self.site.templates)
                raise TemplateError(text, hint=hint, location=Location(file, node.lineno + offset))


def template_modules(site: Site) -> dict[str, str]:
    """Return the module of every template of a site by the template's name."""
    pages = {route.file: route.module for route in site.routes}
    modules: dict[str, str] = {}
    taken = {*pages.values(), *site.modules}
    for name, file in site.templates.items():
        module = pages.get(file)
        if module is None:
            module = f"{PAGES}." + re.sub(r"[^\w/]", "_", name, flags=re.ASCII).replace("/", ".")
            while module in taken:
                module += "_"
            taken.add(module)
        modules[name] = module
    return modules


class _Writer:
    """Collects a module's lines and where each comes from."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines = [
            f"# {file!r}, compiled by Firstlight: edit that file, not this one.",
            "",
        ]
        self._runs: list[str] = []
        self._header = 0

    def add_header(self) -> None:
        """Leave room for what errors are told by; it is there before anything can fail."""
        self._header = len(self.lines)
        self.lines += ["", "", "", ""]

    def add(self, text: str) -> None:
        """Add a line that comes from nowhere in the page."""
        self.lines.append(text)

    def add_from(self, line: int, text: str) -> None:
        """Add a line that is the page's, as it stands there."""
        self._runs.append(f"{len(self.lines) + 1}+{line}")
        self.lines.append(text)

    def add_code_of(self, line: int, texts: Iterable[str]) -> None:
        """Add lines that a single line of the page became."""
        self._runs.append(f"{len(self.lines) + 1}={line}")
        self.lines.extend(texts)

    def finish(self, name: str, template: str, used: frozenset[str | None]) -> CompiledModule:
        """Close the module; its text must be valid Python."""
        runs = " ".join(_merged(self._runs))
        self.lines[self._header : self._header + 3] = [
            f"__page__ = {self.file!r}",
            f"__template__ = {template!r}",
            f"__lines__ = {runs!r}",
        ]
        text = "\n".join([*self.lines, ""])
        check_syntax(text, self.file, runs)
        return CompiledModule(name, self.file, text, used, runs)


def _merged(runs: list[str]) -> Iterator[str]:
    """Leave out the runs that only go on as the run before them does."""
    expected = None
    for run in runs:
        linear = "+" in run
        line, target = map(int, run.split("+" if linear else "="))
        if not (linear and expected == line - target):
            yield run
        expected = line - target if linear else None


def check_syntax(text: str, file: str, runs: str = SAME_LINES) -> None:
    """Make sure that a module compiles; `runs` are its `__lines__`.

    Raises:
        FrontmatterError: It does not; the location is the line in the file.
    """
    try:
        compile(text, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = page_line(runs, error.lineno or 1)
        raise FrontmatterError(
            f"This is not Python: {error.msg}.", hint=SYNTAX_HINT, location=Location(file, line)
        ) from error


def _write_frontmatter(module: _Writer, route: SiteRoute) -> None:
    frontmatter = route.frontmatter or analyse(route.source)
    for line, text in frontmatter.future_lines:
        module.add_from(line, text)
    module.add_header()
    if not frontmatter.tree.body:
        return
    keep_static_paths = route.is_prerendered
    static_paths = set[int]() if keep_static_paths else _static_path_lines(frontmatter.tree, route)
    for line, text in frontmatter.module_lines:
        if line not in static_paths:
            module.add_from(line, text)
    imports = "".join(f"{name!r}: {name}, " for name in frontmatter.imported)
    names = _unused("_Names", route)
    own = "locals" if _unused("locals", route) == "locals" else _unused("_locals", route)
    module.add(f"from firstlight.handlers import Names as {names}")
    if own != "locals":
        module.add(f"from builtins import locals as {own}")
    module.add("")
    module.add("")
    module.add("async def _frontmatter(ctx):")
    for line, text in frontmatter.render_lines:
        module.add_from(line, text)
    module.add(f"    return {names}({{{imports}}} | {own}())")


def _unused(name: str, route: SiteRoute) -> str:
    """Make a name of ours one that the frontmatter does not use."""
    while name in (route.source.frontmatter or ""):
        name += "_"
    return name


def _static_path_lines(tree: ast.Module, route: SiteRoute) -> set[int]:
    """Find the lines of `get_static_paths`, which never runs on demand."""
    offset = route.source.frontmatter_line - 1
    return {
        line + offset
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name == "get_static_paths"
        for line in range(
            min([node.lineno, *(d.lineno for d in node.decorator_list)]),
            (node.end_lineno or node.lineno) + 1,
        )
    }


def _write_template(module: _Writer, function: str, code: TemplateCode, offset: int) -> None:
    """Write a template as a function that gives its functions."""
    module.add("")
    module.add("")
    module.add_code_of(1 + offset, [f"def {function}():"])
    for line in code.imports:
        module.add(f"    {line}")
    for number, text in enumerate(code.text.split("\n"), 1):
        if number in code.targets:
            module.add_code_of(code.targets[number] + offset, [text])
        else:
            module.add(text)


def _write_markdown(
    module: _Writer, html: str, names: Mapping[str, Any], file: str, line: int | None
) -> None:
    module.add("import datetime")
    module.add("")
    module.add("from firstlight.handlers import Names as _Names")
    module.add("from markupsafe import Markup")
    module.add("")
    module.add(f"_CONTENT = Markup({html!r})")
    for name, value in names.items():
        module.add(f"_{name.upper()} = {_literal(value, file)}")
    module.add("")
    module.add("")
    module.add("async def _frontmatter(ctx):")
    module.add_code_of(line or 1, ["    return _Names(", "        content=_CONTENT,"])
    module.add('        url=ctx.url.pathname.removesuffix(".html").rstrip("/") or "/",')
    for name in names:
        module.add(f"        {name}=_{name.upper()},")
    module.add("    )")


def _write_plain_markdown(module: _Writer, html: str, title: str) -> None:
    head = f'<!doctype html>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
    module.add("from firstlight import Response")
    module.add("")
    module.add(f"_DOCUMENT = {head + html!r}")
    module.add("")
    module.add("")
    module.add("async def _frontmatter(ctx):")
    module.add("    return Response.html(_DOCUMENT)")


def _title(route: SiteRoute, headings: list[dict[str, Any]]) -> str:
    title = route.data.get("title")
    return str(title) if title else next((h["text"] for h in headings), route.pattern)


def _literal(value: Any, file: str) -> str:
    """Write a YAML value as Python."""
    if isinstance(value, dict):
        items = (f"{_literal(k, file)}: {_literal(v, file)}" for k, v in value.items())  # pyright: ignore[reportUnknownVariableType]
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(item, file) for item in value)}]"  # pyright: ignore[reportUnknownVariableType]
    if value is None or isinstance(value, (str, int, float, bool, bytes)):
        is_number = not isinstance(value, float) or math.isfinite(value)
        return repr(value) if is_number else f"float({str(value)!r})"
    if isinstance(value, (datetime.date, datetime.datetime)):
        return repr(value)
    raise FrontmatterError(
        f"The frontmatter holds a {type(value).__name__}, which has no place in a page.",
        location=Location(file, 1),
    )


def _constant_names(expression: nodes.Expr) -> list[str | None]:
    """List the template names an expression stands for; None for one that is computed."""
    if isinstance(expression, nodes.Const):
        value = expression.value
        return [str(value)]
    if isinstance(expression, (nodes.List, nodes.Tuple)):
        return [name for item in expression.items for name in _constant_names(item)]
    return [None]


def compile_site(
    site: Site, memory: CompileMemory | None = None
) -> tuple[dict[str, CompiledModule], list[Exception]]:
    """Compile every page and template.

    Args:
        site: As scanned.
        memory: What was compiled before need not be compiled again.

    Returns:
        Module name to compiled module, and the errors of those that do not compile.
    """
    compiler = Compiler(site, memory)
    modules: dict[str, CompiledModule] = {}
    errors: list[Exception] = []
    for route in site.routes:
        try:
            modules[route.module] = compiler.page(route)
        except FirstlightError as error:
            errors.append(error)
    pages = {route.file for route in site.routes}
    for name, file in site.templates.items():
        if file in pages:
            continue
        try:
            module = compiler.template(name)
            modules[module.name] = module
        except FirstlightError as error:
            errors.append(error)
    return modules | compiler.parts(), errors
