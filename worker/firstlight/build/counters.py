"""Loops that use `loop` only to count: they get a counter instead of Jinja2's object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

# `{n}` counts from 0, `{size}` is the number of items; None where the items cannot tell, and
# `{items}` is then what looks ahead.
LENGTH = "({size} if {size} is not None else {items}.length)"
MEMBERS = {
    "index": "({n} + 1)",
    "index0": "{n}",
    "first": "({n} == 0)",
    "depth": "1",
    "depth0": "0",
    "length": LENGTH,
    "last": "({n} + 1 >= len({items}) if {size} is not None else {items}.last)",
    "revindex": f"({LENGTH} - {{n}})",
    "revindex0": f"({LENGTH} - {{n}} - 1)",
}


@dataclass(frozen=True, slots=True)
class Counter:
    """The names of a loop's counter in the compiled code.

    Attributes:
        n: Counts from 0.
        items: What is looped over; empty where nobody asks how many there are.
        size: Their number.
    """

    n: str
    items: str = ""
    size: str = ""

    def member(self, name: str) -> str:
        """Write `loop.name`."""
        return MEMBERS[name].format(n=self.n, items=self.items, size=self.size)


def counted_members(node: nodes.For) -> set[str] | None:
    """Return the members of `loop` that a loop uses; None when it needs the object itself.

    It does when `loop` is passed on, or seen by what is rendered elsewhere: an include, an import
    with context, a scoped block, or a macro, which may be called after the loop.
    """
    uses = {use for child in node.body for use in _uses(child)}
    elsewhere = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Macro)
    is_seen = any(
        getattr(found, "with_context", True)
        for child in node.body
        for found in _all(child, elsewhere)
    )
    has_scoped_block = any(block.scoped for block in node.find_all(nodes.Block))
    names = [name for child in node.body for name in _all(child, (nodes.Name,))]
    is_named = any(getattr(name, "name", None) == "loop" for name in names)
    if node.recursive or None in uses or has_scoped_block or (is_seen and is_named):
        return None
    return {use for use in uses if use is not None}


def _uses(node: nodes.Node) -> Iterator[str | None]:
    """Yield the members of this loop's `loop` that a node uses; None for any other use."""
    if _is_loop(node):
        yield None
    elif isinstance(node, nodes.Getattr) and _is_loop(node.node):
        yield node.attr if node.attr in MEMBERS else None
    elif is_cycle(node):
        yield "cycle"
        for child in node.iter_child_nodes(exclude=("node",)):
            yield from _uses(child)
    elif not isinstance(node, nodes.Block):
        # In the body of an inner loop, `loop` is that loop's own.
        inner = ("body",) if isinstance(node, nodes.For) else ()
        for child in node.iter_child_nodes(exclude=inner):
            yield from _uses(child)


def is_cycle(node: nodes.Node) -> bool:
    """Tell whether a node is `loop.cycle(…)` with arguments that are all there to see."""
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Getattr)
        and _is_loop(node.node.node)
        and node.node.attr == "cycle"
        and bool(node.args)
        and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
    )


def _is_loop(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "loop" and node.ctx == "load"


def _all(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> Iterator[nodes.Node]:
    if isinstance(node, kinds):
        yield node
    yield from node.find_all(kinds)
