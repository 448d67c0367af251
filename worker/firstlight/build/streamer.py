"""Compiles templates for pages with `stream = True`: Jinja2's asynchronous code, names awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2.compiler import CodeGenerator, Frame

from firstlight.build.frontmatter import split_source
from firstlight.build.source_file import read_text
from firstlight.build.template_expressions import LenientOptimizer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from firstlight.build.frontmatter import Source
    from firstlight.build.scan import Site


class _AwaitingNames(CodeGenerator):
    """Awaits what a name stands for where the template uses it."""

    def __init__(self, environment: Environment, *args: Any) -> None:
        super().__init__(environment, *args)
        self.optimizer = LenientOptimizer(environment)

    def visit_Name(self, node: nodes.Name, frame: Frame) -> None:  # noqa: N802 - Jinja2's name
        if node.ctx != "load":
            super().visit_Name(node, frame)
            return
        self.write("(await auto_await(")
        super().visit_Name(node, frame)
        self.write("))")


class Streamer:
    """Compiles templates that wait for names while they render."""

    def __init__(self) -> None:
        self._environment = Environment(
            autoescape=True, undefined=StrictUndefined, enable_async=True
        )
        self._environment.code_generator_class = _AwaitingNames

    def compile(self, source: Source, name: str) -> str:
        """Return Jinja2's generated code for a template that is known to parse."""
        tree = self._environment.parse(source.body, name, source.file)
        return self._environment.compile(tree, name, source.file, raw=True)


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
