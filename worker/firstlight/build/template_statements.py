"""Statements of templates in Python: output, loops and macros."""

# ruff: noqa: N802 - `visit_…` are Jinja2's names

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import nodes
from jinja2.compiler import CompilerExit, Frame, MacroRef

from firstlight.build.counters import Counter, counted_members
from firstlight.build.template_expressions import Expressions

if TYPE_CHECKING:
    from collections.abc import Iterable


OUT = "out"  # the buffer that a template or block is given


class _Rows(NamedTuple):
    """A loop that does nothing but print.

    Attributes:
        html: What stands before each value, and after the last one.
        values: In order.
        columns: Names of the lists of values.
        marks: Name of the list that tells of HTML among them.
    """

    html: list[str]
    values: list[nodes.Expr]
    columns: list[str]
    marks: str


class Statements(Expressions):
    """Output, loops and macros."""

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        """Begin a piece of HTML."""
        self.writeline(f"{frame.buffer} += (", node)

    def end_write(self, frame: Frame) -> None:
        """End it; the text after it is empty."""
        del frame
        self.write(", '')")

    def blockvisit(self, nodes: Iterable[nodes.Node], frame: Frame) -> None:
        """Write statements; `pass` where there are none."""
        before = self.stream.tell()
        try:
            for node in nodes:
                self.visit(node, frame)
        except CompilerExit:
            pass
        if self.stream.tell() == before:
            self.writeline("pass")

    @property
    def text(self) -> str:
        """What is written so far."""
        return self.stream.getvalue()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - a StringIO

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:
        """Append text and values by turns."""
        if frame.require_output_check:
            if self.has_known_extends:
                return
            self.writeline("if parent_template is None:")
            self.indent()
        html: str | None = None
        for child in node.nodes:
            constant = self._constant(child, frame)
            if constant is None:
                self.writeline(f"{frame.buffer}.append({html or ''!r})")
                self._append_value(child, frame)
                html = None
            else:
                html = (html or "") + constant
        if html is not None:
            self.simple_write(repr(html), frame)
        if frame.require_output_check:
            self.outdent()

    def _constant(self, node: nodes.Expr, frame: Frame) -> str | None:
        """Return the HTML of what is known at build; None for what is not."""
        if isinstance(node, nodes.TemplateData):
            return node.data
        try:
            return self._output_child_to_const(node, frame, self._make_finalize())
        except Exception:  # noqa: BLE001 - it fails again where it is rendered
            return None

    def _append_value(self, node: nodes.Expr, frame: Frame) -> None:
        """Write what appends a value; all but strings and integers takes a call."""
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
            dynamic = "(text if context.eval_ctx.autoescape else trusted)"
            self.newline(node)
            self.write(f"{frame.buffer}.append(")
            self.write(f"{dynamic if frame.eval_ctx.volatile else 'trusted'}(")
            self.visit(node, frame)
            self.write(f", {frame.buffer}))")
            return
        if isinstance(node, nodes.Call) and not self.waits and self.cycled(node, frame) is None:
            self.writeline(f"write_call({frame.buffer}, ", node)
            self.write_call_arguments(node, frame)
            return
        self._append_plain(node, frame, f"{frame.buffer}", f"text({{}}, {frame.buffer})")

    def _append_plain(self, node: nodes.Expr, frame: Frame, buffer: str, other: str) -> None:
        """Write what appends a value; `other` is the call for all but strings and integers."""
        before, _, after = other.partition("{}")
        value = self.evaluate(node, frame)
        self.writeline(
            f"{buffer}.append({value} if type({value}) is str else"
            f" f'{{{value}}}' if type({value}) is int else {before}"
        )
        if isinstance(node, nodes.Name) and value != "v":
            self.visit(node, frame)  # it may be undefined
        else:
            self.write(value)
        self.write(f"{after})")

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        """Write a loop; one that only counts goes without Jinja2's `loop`."""
        for name in node.find_all(nodes.Name):
            if name.ctx == "store" and name.name == "loop":
                self.fail("Can't assign to special loop variable in for-loop target", name.lineno)
        members = counted_members(node)
        if members is None:
            super().visit_For(node, frame)
            return
        loop_frame = frame.inner()
        loop_frame.loop_frame = True
        counter = self._counter_for(members)
        if counter is not None:
            self.counters[loop_frame.symbols.declare_parameter("loop")] = counter
        loop_frame.symbols.analyze_node(node, for_branch="body")
        filtered = self._write_loop_filter(node, frame, loop_frame) if node.test else ""
        is_empty = self.temporary_identifier() if node.else_ else ""
        if is_empty:
            self.writeline(f"{is_empty} = 1")
        rows = self._rows(node, frame)
        self._write_loop_head(node, frame, loop_frame, filtered, counter)
        self._write_loop_body(node, loop_frame, is_empty, rows)
        self._leave_loop(loop_frame, counter)
        if rows:
            columns = "".join(f"{column}, " for column in rows.columns)
            html = ", ".join(map(repr, rows.html))
            self.writeline(f"write_rows({frame.buffer}, ({html}), ({columns}), {rows.marks})")
        if is_empty:
            self._write_else(node, frame.inner(), is_empty)
        if self._assign_stack:
            self._assign_stack[-1].difference_update(loop_frame.symbols.stores)

    def _rows(self, node: nodes.For, frame: Frame) -> _Rows | None:
        """Write the lists that a loop collects values in, if all it does is to print them."""
        if self.waits or frame.buffer != OUT or frame.loop_frame or frame.require_output_check:
            return None
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
            return None
        rows = _Rows([""], [], [], self.temporary_identifier())
        for child in (child for part in node.body for child in _outputs(part)):
            constant = self._constant(child, frame)
            if constant is not None:
                rows.html[-1] += constant
            elif isinstance(child, (nodes.Name, nodes.Getattr, nodes.Getitem)):
                rows.html.append("")
                rows.values.append(child)
                rows.columns.append(self.temporary_identifier())
            else:  # it is often HTML, or no output at all
                return None
        if not rows.values:
            return None
        for name in (*rows.columns, rows.marks):
            self.writeline(f"{name} = []")
        return rows

    def _write_loop_body(
        self, node: nodes.For, frame: Frame, is_empty: str, rows: _Rows | None
    ) -> None:
        self.indent()
        self.enter_frame(frame)
        if holds(node.body, (nodes.Call, nodes.CallBlock, nodes.Assign, nodes.AssignBlock)):
            self.writeline("_loop_vars = {}")
        if rows is None:
            self.blockvisit(node.body, frame)
        else:
            for value, column in zip(rows.values, rows.columns, strict=True):
                self._append_plain(value, frame, column, f"cell({{}}, {rows.marks})")
        if is_empty:
            self.writeline(f"{is_empty} = 0")
        self.outdent()

    def _write_else(self, node: nodes.For, frame: Frame, is_empty: str) -> None:
        frame.symbols.analyze_node(node, for_branch="else")
        self.writeline(f"if {is_empty}:")
        self.indent()
        self.enter_frame(frame)
        self.blockvisit(node.else_, frame)
        self.leave_frame(frame)
        self.outdent()

    def _counter_for(self, members: set[str]) -> Counter | None:
        """Make names for what a loop has to count."""
        if not members:
            return None
        n = self.temporary_identifier()
        if not members & {"length", "last", "revindex", "revindex0"}:
            return Counter(n)
        return Counter(n, self.temporary_identifier(), self.temporary_identifier())

    def _write_loop_filter(self, node: nodes.For, frame: Frame, loop_frame: Frame) -> str:
        """Write the generator that leaves items out; returns its name."""
        test_frame = frame.inner()
        test_frame.symbols.analyze_node(node, for_branch="test")
        name = self.temporary_identifier()
        self.writeline(f"{self.func(name)}(fiter):", node.test)
        self.indent()
        self.enter_frame(test_frame)
        self.writeline(self.choose_async("async for ", "for "))
        self.visit(node.target, loop_frame)
        self.write(f" in {self.choose_async('auto_aiter(fiter)', 'fiter')}:")
        self.indent()
        self.writeline("if ", node.test)
        self.visit(node.test, test_frame)  # pyright: ignore[reportArgumentType] - there is one
        self.write(":")
        self.indent()
        self.writeline("yield ")
        self.visit(node.target, loop_frame)
        self.outdent(3)
        return name

    def _write_loop_head(
        self,
        node: nodes.For,
        frame: Frame,
        loop_frame: Frame,
        filtered: str,
        counter: Counter | None,
    ) -> None:
        def write_items(function: str = "") -> None:
            self.write(f"{function}(" if function else "")
            self.write(f"{filtered}(" if filtered else "")
            self.visit(node.iter, frame)
            self.write(")" * (bool(filtered) + bool(function)))

        if counter is not None and counter.items:
            items, size = counter.items, counter.size
            self.writeline(f"{items} = {self.waits}", node)
            write_items(self.choose_async("gathered", ""))
            self.writeline(f"{size} = len({items}) if type({items}) in (list, tuple) else None")
            self.writeline(f"if {size} is None:")
            self.indent()
            self.writeline(f"{items} = Peeked({items}, undefined)")
            self.outdent()
            self.writeline(f"for {counter.n}, ", node)
            self.visit(node.target, loop_frame)
            self.write(f" in enumerate({items})")
        else:
            self.writeline(self.choose_async("async for ", "for "), node)
            self.write(f"{counter.n}, " if counter else "")
            self.visit(node.target, loop_frame)
            self.write(" in ")
            if counter is None:
                write_items(self.choose_async("auto_aiter", ""))
            else:
                write_items(self.choose_async("counted", "enumerate"))
        self.write(":")

    def _leave_loop(self, frame: Frame, counter: Counter | None) -> None:
        """Take the names of a loop's body their values."""
        loop = frame.symbols.refs.get("loop") if counter is not None else None
        names = [target for target in frame.symbols.loads if target != loop]
        if loop is not None:
            del self.counters[loop]
        if names:
            self.writeline(f"{' = '.join(names)} = missing")

    def return_buffer_contents(self, frame: Frame, force_unescaped: bool = False) -> None:  # noqa: FBT001, FBT002 - Jinja2's
        """Write the end of a function; that of a macro, whose text is never HTML by itself."""
        if force_unescaped:
            self.writeline(f"return {frame.buffer}")
        else:
            super().return_buffer_contents(frame)

    def macro_def(self, macro_ref: MacroRef, frame: Frame) -> None:
        """Write what makes a macro of its function."""
        del frame
        node = macro_ref.node
        arguments = tuple(argument.name for argument in node.args)
        self.write(
            f"Macro(macro, {getattr(node, 'name', None)!r}, {arguments!r},"
            f" {macro_ref.accesses_kwargs!r}, {macro_ref.accesses_varargs!r},"
            f" {macro_ref.accesses_caller!r}, context.eval_ctx.autoescape)"
        )


def holds(body: Iterable[nodes.Node], kinds: tuple[type[nodes.Node], ...]) -> bool:
    """Tell whether there is a node of some kinds in a body."""
    return any(isinstance(node, kinds) or any(node.find_all(kinds)) for node in body)


def _outputs(node: nodes.Node) -> list[Any]:
    """List what a node prints; another statement stands for itself."""
    return list(node.nodes) if isinstance(node, nodes.Output) else [node]
