"""Expressions of templates in Python: names, attributes, items, calls, filters and tests."""

# ruff: noqa: N802 - `visit_…` are Jinja2's names

from __future__ import annotations

from contextlib import contextmanager
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame, optimizeconst
from jinja2.idtracking import VAR_LOAD_ALIAS, VAR_LOAD_RESOLVE, VAR_LOAD_UNDEFINED
from jinja2.optimizer import Optimizer

from firstlight.build.counters import Counter, is_cycle

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeGuard

    from jinja2 import Environment

    from firstlight.build.jinja_parts import JinjaParts, Part

RENDERING = "firstlight.rendering"
# Which module compiled code imports a name from, if it uses that name.
RUNTIME = {
    name: "builtins" if module == "builtins" else f"{RENDERING}.{module}"
    for module, names in {
        "blocks": "TemplateReference super_of",
        # A page's own imports must not take these from its template.
        "builtins": "dict enumerate isinstance len list range str tuple type",
        "escaping": "Markup concat escape identity markup_join soft_str str_join text trusted",
        "filtering": "environment",
        "loops": "LoopContext Peeked",
        "macros": "Macro",
        "rows": "cell write_rows",
        "scope": "call write_call",
        "waiting": "AsyncLoopContext auto_aiter auto_await counted gathered",
        "undefined": "TemplateNotFound TemplateRuntimeError Undefined attr cond_expr_undefined "
        "instead item missing undefined unknown",
    }.items()
    for name in names.split()
}
DICT_NAMES = frozenset(dir(dict))
# Tests without arguments, or with one, that are an operator of Python.
OPERATOR_TESTS = {
    "defined": "not isinstance({}, Undefined)",
    "undefined": "isinstance({}, Undefined)",
    "none": "{} is None",
    "odd": "{} % 2 == 1",
    "even": "{} % 2 == 0",
    "string": "isinstance({}, str)",
    "divisibleby": "{} % {} == 0",
    "in": "{} in {}",
} | {
    name: f"{{}} {operator} {{}}"
    for operator, names in {
        "==": "== eq equalto",
        "!=": "!= ne",
        ">": "> gt greaterthan",
        ">=": ">= ge",
        "<": "< lt lessthan",
        "<=": "<= le",
    }.items()
    for name in names.split()
}


class LenientOptimizer(Optimizer):
    """Folds constants; what cannot be evaluated is left to fail when, and if, it is rendered."""

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:
        """Fold a node, if it has a value."""
        try:
            return super().generic_visit(node, *args, **kwargs)
        except Exception:  # noqa: BLE001 - whatever a filter raises for a constant
            return node


class Expressions(CodeGenerator):
    """Names, attributes, items, calls, filters and tests."""

    def __init__(self, environment: Environment, name: str, parts: JinjaParts) -> None:
        super().__init__(environment, name, None)
        self.optimizer = LenientOptimizer(environment)
        self.parts = parts
        self.counters: dict[str, Counter] = {}
        self.modules = dict(RUNTIME)  # name to the module it is imported from
        self._indentation = 1
        self.waits = self.choose_async("await ")

    def use(self, part: Part) -> str:
        """Return the name of a part; it is imported."""
        self.modules[part.name] = part.module
        return part.name

    def counter(self, node: nodes.Node, frame: Frame) -> Counter | None:
        """Return the counter that stands for `loop`, if that is what a node is."""
        if not (isinstance(node, nodes.Name) and node.name == "loop" and node.ctx == "load"):
            return None
        return self.counters.get(frame.symbols.find_ref("loop") or "")

    def cycled(self, node: nodes.Call, frame: Frame) -> Counter | None:
        """Return the counter that a call of `loop.cycle` goes by."""
        return self.counter(node.node.node, frame) if is_cycle(node) else None  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]

    def enter_frame(self, frame: Frame) -> None:
        """Give the names of a frame their values."""
        undefined: list[str] = []
        for target, (action, name) in frame.symbols.loads.items():
            if action == VAR_LOAD_RESOLVE:
                self.writeline(f"{target} = resolve({name!r}, {self._default(name)})")
            elif action == VAR_LOAD_ALIAS:
                self.writeline(f"{target} = {name}")
            elif action == VAR_LOAD_UNDEFINED:
                undefined.append(target)
        if undefined:
            self.writeline(f"{' = '.join(undefined)} = missing")

    def _default(self, name: str) -> str:
        """Return what a name stands for that nobody has set: a global of Jinja2's, or nothing."""
        part = self.parts.find("global", name)
        return self.use(part) if part else "missing"

    @optimizeconst
    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """Write `a.b`; of a dict it is the item, unless dicts have such a method."""
        counter = self.counter(node.node, frame)
        if counter is not None:
            self.write(counter.member(node.attr))
        else:
            self._lookup("attr", node.node, node.attr, frame, direct=node.attr not in DICT_NAMES)

    @optimizeconst
    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """Write `a[b]`."""
        if isinstance(node.arg, nodes.Slice):
            self.visit(node.node, frame)
            self.write("[")
            self.visit(node.arg, frame)
            self.write("]")
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            self._lookup("item", node.node, node.arg.value, frame, direct=True)
        else:
            self.write("item(")
            self.visit(node.node, frame)
            self.write(", ")
            self.visit(node.arg, frame)
            self.write(")")

    def _lookup(
        self, function: str, node: nodes.Expr, key: str, frame: Frame, *, direct: bool
    ) -> None:
        """Write a look-up by a constant; `direct` goes to the item of a dict without a call."""
        is_name = isinstance(node, nodes.Name) and node.ctx == "load"
        value = frame.symbols.ref(node.name) if isinstance(node, nodes.Name) else "t"
        if direct:
            self.write(f"({value}[{key!r}] if type(")
            if is_name:
                self.write(value)
            else:
                self.write("t := ")
                self.visit(node, frame)
            self.write(f") is dict and {key!r} in {value} else ")
        self.write(f"{function}(")
        if direct and not is_name:
            self.write(value)
        else:
            self.visit(node, frame)
        self.write(f", {key!r})")
        if direct:
            self.write(")")

    def evaluate(self, node: nodes.Expr, frame: Frame) -> str:
        """Write statements that evaluate an expression; returns the name of its value.

        The value of a name may be missing. Attributes, and items of dicts, go without a call.
        """
        if isinstance(node, nodes.Name):
            self.newline(node)
            return frame.symbols.ref(node.name)
        if _is_plain_attribute(node) and self.counter(node.node, frame) is None:
            self._write_attribute(node, frame)
        else:
            self.writeline("v = ", node)
            self.visit(node, frame)
        return "v"

    def _write_attribute(self, node: nodes.Getattr, frame: Frame) -> None:
        value = self.evaluate(node.node, frame)
        item = f"{value}[{node.attr!r}] if type({value}) is dict else "
        self.writeline("try:", node)
        self.writeline(f"    v = {'' if node.attr in DICT_NAMES else item}{value}.{node.attr}")
        self.writeline("except (AttributeError, KeyError) as error:")
        self.writeline("    v = instead(")
        if isinstance(node.node, nodes.Name):
            self.visit(node.node, frame)
        else:
            self.write(value)
        self.write(f", {node.attr!r}, error)")

    @optimizeconst
    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: FBT001, FBT002 - Jinja2's
        """Write a call, with the names that a loop or block has set so far."""
        counter = self.cycled(node, frame)
        if counter is not None:
            self.visit(nodes.Tuple(node.args, "load"), frame)
            self.write(f"[{counter.n} % {len(node.args)}]")
            return
        self.write("call(")
        self.write_call_arguments(node, frame, forward_caller=forward_caller)

    def write_call_arguments(
        self, node: nodes.Call, frame: Frame, *, forward_caller: bool = False
    ) -> None:
        """Write what `call` takes: a function, its arguments, and the names set so far."""
        scopes = "_loop_vars, " * frame.loop_frame + "_block_vars, " * frame.block_frame
        self.write(f"context, ({scopes.rstrip(' ') or ''}), ")
        self.visit(node.node, frame)
        self.signature(node, frame, {"caller": "caller"} if forward_caller else None)
        self.write(")")

    @contextmanager
    def _filter_test_common(
        self,
        node: nodes.Filter | nodes.Test,
        frame: Frame,
        is_filter: bool,  # noqa: FBT001 - Jinja2's
    ) -> Generator[None, None, None]:
        kind = "filter" if is_filter else "test"
        part = self.parts.find(kind, node.name)
        if part is not None:
            self.write(f"{self.use(part)}(")
            if part.passed:
                self.write({"eval_context": "context.eval_ctx"}.get(part.passed, part.passed))
                self.write(", ")
        elif frame.soft_frame:  # it may never be called
            self.write(f"unknown({kind!r}, {node.name!r})(")
        else:
            self.fail(f"No {kind} named {node.name!r}.", node.lineno)
        yield
        self.signature(node, frame)
        self.write(")")

    @optimizeconst
    def visit_Test(self, node: nodes.Test, frame: Frame) -> None:
        """Write a test, as an operator where it is one."""
        pieces = OPERATOR_TESTS.get(node.name, "").split("{}")
        operands = [node.node, *node.args]
        if len(pieces) != len(operands) + 1 or node.kwargs or node.dyn_args or node.dyn_kwargs:
            super().visit_Test(node, frame)
            return
        self.write(f"({pieces[0]}")
        for operand, piece in zip(operands, pieces[1:], strict=True):
            self.visit(operand, frame)
            self.write(piece)
        self.write(")")


def _is_plain_attribute(node: nodes.Expr) -> TypeGuard[nodes.Getattr]:
    """Tell whether `a.b` means the same in Python, and what is missing has no such attribute."""
    if not isinstance(node, nodes.Getattr):
        return False
    return node.attr.isascii() and not iskeyword(node.attr) and not node.attr.startswith("__")
