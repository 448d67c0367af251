"""Templates to straight-line Python: Jinja2's own scoping, our own output.

A template becomes `root(context, out)` and one `block_…(context, out)` for each of its blocks.
They append to the buffer `out`, by turns HTML and text that is escaped at the end (see
`firstlight.rendering.escaping`). Names, scopes and the order of evaluation are Jinja2's:
everything not overridden here is its own code generator.
"""

# ruff: noqa: N802 - `visit_…` are Jinja2's names

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import nodes
from jinja2.compiler import CompilerExit, Frame, find_undeclared
from jinja2.nodes import EvalContext

from firstlight.build.template_statements import OUT, Statements, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Environment

    from firstlight.build.jinja_parts import JinjaParts

# Filters that call another filter or test by name: which, and the argument that names it.
CALLERS = {
    "map": ("filter", 0),
    "select": ("test", 0),
    "reject": ("test", 0),
    "selectattr": ("test", 1),
    "rejectattr": ("test", 1),
}


class TemplateCode(NamedTuple):
    """A compiled template.

    Attributes:
        imports: The import statements that the code needs.
        text: The functions, indented, and the line that returns them.
        targets: 1-based line of the text to line of the template.
    """

    imports: list[str]
    text: str
    targets: dict[int, int]


def compile_template(
    tree: nodes.Template, environment: Environment, name: str, parts: JinjaParts
) -> TemplateCode:
    """Compile a parsed template.

    Args:
        tree: As `environment.parse` gives it.
        environment: The one that parsed it; its `code_generator_class` is a `TemplateWriter`.
        name: Relative to pages/.
        parts: Collects what the template needs of Jinja2's filters, tests and globals.

    Raises:
        TemplateSyntaxError: Such as a block defined twice, or an unknown filter.
    """
    generator: Any = environment.code_generator_class(environment, name, parts)  # pyright: ignore[reportArgumentType] - ours
    return generator.compile(tree)


class TemplateWriter(Statements):
    """The functions of a template, and how it uses others."""

    parent: str | None = None  # the template that it always extends

    def compile(self, tree: nodes.Template) -> TemplateCode:
        """Write a parsed template."""
        self.visit(tree)
        return TemplateCode(
            self.import_lines(), self.text, {at: line for line, at in self.debug_info}
        )

    def import_lines(self) -> list[str]:
        """List the import statements for the names that are used."""
        tree = ast.parse(f"def _template():\n{self.text}")
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names: dict[str, list[str]] = {}
        for name in sorted(used & self.modules.keys()):
            names.setdefault(self.modules[name], []).append(name)
        return [f"from {module} import {', '.join(names[module])}" for module in sorted(names)]

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        """Write the functions."""
        del frame
        eval_ctx = EvalContext(self.environment, self.name)
        for block in node.find_all(nodes.Block):
            if block.name in self.blocks:
                self.fail(f"block {block.name!r} defined twice", block.lineno)
            self.blocks[block.name] = block
        namespace = self.parts.find("global", "namespace") if node.find(nodes.NSRef) else None
        if namespace is not None:
            self.use(namespace)
        for line in dict.fromkeys(self._registrations(node)):
            self.writeline(line)
        self._write_root(node, Frame(eval_ctx))
        for name, block in self.blocks.items():
            self._write_block(name, block, Frame(eval_ctx))
        blocks = ", ".join(f"{name!r}: block_{name}" for name in self.blocks)
        self.writeline(f"return root, {{{blocks}}}, {self.parent!r}", extra=1)

    def _registrations(self, node: nodes.Template) -> Iterator[str]:
        """Yield what registers filters and tests that are called by name: `map('upper')`."""
        for found in node.find_all(nodes.Filter):
            kind, position = CALLERS.get(found.name, ("", 0))
            if found.dyn_args is not None and kind:
                yield self._register_all(kind)
            elif kind and len(found.args) > position:
                name = found.args[position]
                if isinstance(name, nodes.Const):
                    yield from self._register(kind, name.value)
                else:
                    yield self._register_all(kind)
        for found in node.find_all(nodes.Test):
            if found.name in ("filter", "test"):
                yield self._register_all(found.name)

    def _register(self, kind: str, name: object) -> Iterator[str]:
        part = self.parts.find(kind, name) if isinstance(name, str) else None
        if part is not None:
            yield f"environment.{kind}s[{name!r}] = {self.use(part)}"

    def _register_all(self, kind: str) -> str:
        return f"environment.{kind}s.update({self.use(self.parts.all_of(kind))})"

    def _write_root(self, node: nodes.Template, frame: Frame) -> None:
        have_extends = node.find(nodes.Extends) is not None
        self.writeline(f"{self.func('root')}(context, out):", extra=1)
        self.indent()
        self._begin_function(frame, node.body)
        frame.symbols.analyze_node(node)
        frame.toplevel = frame.rootlevel = True
        frame.require_output_check = have_extends
        if have_extends:
            self.writeline("parent_template = None")
        self.enter_frame(frame)
        self.blockvisit(node.body, frame)
        if have_extends:
            if not self.has_known_extends:
                self.writeline("if parent_template is not None:")
                self.indent()
            self.writeline(f"{self.waits}parent_template.root(context, out)")
            self.outdent(not self.has_known_extends)
        self.outdent()

    def _write_block(self, name: str, block: nodes.Block, frame: Frame) -> None:
        self.writeline(f"{self.func(f'block_{name}')}(context, out):", block, 1)
        self.indent()
        frame.block_frame = True
        self._begin_function(frame, block.body)
        if "super" in find_undeclared(block.body, ("super",)):
            ref = frame.symbols.declare_parameter("super")
            self.writeline(f"{ref} = super_of(context, {name!r}, block_{name})")
        frame.symbols.analyze_node(block)
        frame.block = name
        if holds(block.body, (nodes.Call, nodes.CallBlock, nodes.Assign, nodes.AssignBlock)):
            self.writeline("_block_vars = {}")
        self.enter_frame(frame)
        self.blockvisit(block.body, frame)
        self.outdent()

    def _begin_function(self, frame: Frame, body: list[nodes.Node]) -> None:
        frame.buffer = OUT
        if holds(body, (nodes.Name, nodes.NSRef)):
            self.writeline("resolve = context.vars.get")
        if "self" in find_undeclared(body, ("self",)):
            ref = frame.symbols.declare_parameter("self")
            self.writeline(f"{ref} = TemplateReference(context)")

    def visit_Block(self, node: nodes.Block, frame: Frame) -> None:
        """Write the call of a block."""
        is_checked = frame.toplevel and self.extends_so_far > 0
        if frame.toplevel and self.has_known_extends:
            return
        if is_checked:
            self.writeline("if parent_template is None:")
            self.indent()
        context = self.derive_context(frame) if node.scoped else "context"
        if node.required:
            self.writeline(f"if len(context.blocks[{node.name!r}]) <= 1:", node)
            self.indent()
            message = f"Required block {node.name!r} not found"
            self.writeline(f"raise TemplateRuntimeError({message!r})", node)
            self.outdent()
        call = f"context.blocks[{node.name!r}][0]({context}, {frame.buffer})"
        self.writeline(f"{self.waits}{call}", node)
        self.outdent(is_checked)

    def visit_Extends(self, node: nodes.Extends, frame: Frame) -> None:
        """Write what makes another template the parent."""
        if not frame.toplevel:
            self.fail("cannot use extend from a non top-level scope", node.lineno)
        if self.extends_so_far > 0:
            if not self.has_known_extends:
                self.writeline("if parent_template is not None:")
                self.indent()
            self.writeline("raise TemplateRuntimeError('extended multiple times')")
            if self.has_known_extends:
                raise CompilerExit
            self.outdent()
        self.writeline("parent_template = context.templates.get_template(", node)
        self.visit(node.template, frame)
        self.write(")")
        is_first = frame.rootlevel and self.extends_so_far == 0
        if is_first and isinstance(node.template, nodes.Const):
            self.parent = str(node.template.value)  # its blocks are known when it is loaded
        else:
            self.writeline("context.extend(parent_template)")
        self.has_known_extends = self.has_known_extends or frame.rootlevel
        self.extends_so_far += 1

    def visit_Include(self, node: nodes.Include, frame: Frame) -> None:
        """Write an include."""
        if node.ignore_missing:
            self.writeline("try:")
            self.indent()
        self.writeline(f"template = context.templates.{_getter(node.template)}(", node)
        self.visit(node.template, frame)
        self.write(")")
        if node.ignore_missing:
            self.outdent()
            self.writeline("except TemplateNotFound:")
            self.writeline("    pass")
            self.writeline("else:")
            self.indent()
        if node.with_context:
            names = self.dump_local_context(frame)
            self.writeline(f"{self.waits}template.include(context, {names}, {frame.buffer})")
        else:
            self.simple_write(f"str({self.waits}template.module(context))", frame)
        self.outdent(bool(node.ignore_missing))

    def _import_common(self, node: nodes.Import | nodes.FromImport, frame: Frame) -> None:
        self.write(f"{self.waits}context.templates.get_template(")
        self.visit(node.template, frame)
        self.write(").")
        if node.with_context:
            self.write(f"make_module(context, {self.dump_local_context(frame)})")
        else:
            self.write("module(context)")


def _getter(template: nodes.Expr) -> str:
    """Tell how to get a template, as far as the expression shows whether it is one or several."""
    if isinstance(template, (nodes.Tuple, nodes.List)):
        return "select_template"
    if isinstance(template, nodes.Const):
        kinds = {str: "get_template", tuple: "select_template", list: "select_template"}
        return kinds.get(type(template.value), "get_or_select_template")  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]
    return "get_or_select_template"
