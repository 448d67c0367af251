"""Templates of pages with `stream = True`: the same code, which waits for what it uses."""

# ruff: noqa: N802 - `visit_…` are Jinja2's names

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from firstlight.build.codegen import TemplateWriter
from firstlight.build.frontmatter import split_source
from firstlight.build.source_file import read_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from jinja2.compiler import Frame

    from firstlight.build.scan import Site


class StreamedWriter(TemplateWriter):
    """Writes asynchronous functions, for an Environment with `enable_async`.

    Names, look-ups, calls, filters and tests are awaited where they stand, if they can be. Jinja2
    does the same with all but names.
    """

    def evaluate(self, node: nodes.Expr, frame: Frame) -> str:
        """Write a statement that evaluates an expression."""
        self.writeline("v = ", node)
        self.visit(node, frame)
        return "v"

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:
        """Write a name; what it stands for is awaited."""
        if node.ctx == "load":
            with self._awaited():
                super().visit_Name(node, frame)
        else:
            super().visit_Name(node, frame)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        """Write `a.b`."""
        with self._awaited():
            super().visit_Getattr(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        """Write `a[b]`."""
        with self._awaited():
            super().visit_Getitem(node, frame)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: FBT001, FBT002 - Jinja2's
        """Write a call."""
        with self._awaited():
            super().visit_Call(node, frame, forward_caller=forward_caller)

    @contextmanager
    def _filter_test_common(
        self,
        node: nodes.Filter | nodes.Test,
        frame: Frame,
        is_filter: bool,  # noqa: FBT001 - Jinja2's
    ) -> Generator[None, None, None]:
        with self._awaited(), super()._filter_test_common(node, frame, is_filter):
            self.write("await gathered(")
            yield
            self.write(")")

    @contextmanager
    def _awaited(self) -> Generator[None, None, None]:
        self.write("(await auto_await(")
        yield
        self.write("))")


def streamed_templates(site: Site, names: Iterable[str]) -> frozenset[str]:
    """Return these templates and all that they extend, include or import.

    A name that is computed may be any of the site's templates. A template that does not parse
    is told about where it is compiled.
    """
    environment = Environment(autoescape=True)
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name in found or name not in site.templates:
            continue
        found.add(name)
        file = site.templates[name]
        try:
            body = split_source(file, read_text(site.root / file, file)).body
            used = set(meta.find_referenced_templates(environment.parse(body)))
        except TemplateSyntaxError:
            continue
        pending += site.templates if None in used else filter(None, used)
    return frozenset(found)
