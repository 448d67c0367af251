"""Runs every check on a site that was built in memory."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from firstlight.build.pipeline import make
from firstlight.build.prerender import Rendered
from firstlight.check.declared import undeclared_variables, unused_declarations
from firstlight.check.finding import ERROR, WARNING, Finding, finding_of, merged
from firstlight.check.links import LinkCheck
from firstlight.check.page_parts import PageParts, page_parts
from firstlight.check.page_reader import PageReader
from firstlight.check.request_data import needless_on_demand, request_in_prerendered
from firstlight.check.shadowed import shadowed_routes, unreachable_by_browsers
from firstlight.check.source_lines import SourceLines
from firstlight.check.targets import Targets
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from firstlight.build.pipeline import Output, Progress

HTML = "text/html"


class CheckResult(NamedTuple):
    """What `firstlight check` has found.

    Attributes:
        findings: Errors first.
        pages: How many built pages were read.
        links: How many links in them.
        is_whole: Whether everything was built; else nobody knows which links are dead and
            which bindings are unused.
    """

    findings: list[Finding]
    pages: int = 0
    links: int = 0
    is_whole: bool = True

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        """How many are warnings."""
        return len(self.findings) - self.errors


def check_site(root: Path, progress: Progress | None = None) -> CheckResult:
    """Build a site in memory and check it; `dist/` is left alone."""
    try:
        output = make(root, progress)
    except FirstlightError as error:
        return CheckResult([finding_of(error)], is_whole=False)
    return check_output(output, progress)


def check_output(output: Output, progress: Progress | None = None) -> CheckResult:
    """Check a site.

    Args:
        output: The site; what could not be built is among the findings.
        progress: Called with a stage's name, what is done and what there is to do.
    """
    lines = SourceLines(output.build)
    pages: dict[str, tuple[Rendered, PageParts]] = {}
    html = [page for page in output.build.rendered if _is_html(page)]
    for done, page in enumerate(html, 1):
        pages[_output(output, page)] = (
            page,
            page_parts((page.body or b"").decode("utf-8", "replace")),
        )
        if progress:
            progress("check", done, len(html))
    targets = Targets(output.build, is_whole=not output.errors)
    links = LinkCheck(output.build, targets, {path: parts for path, (_, parts) in pages.items()})
    reader = PageReader(output.build, lines, links)
    findings = chain(
        map(finding_of, output.errors),
        (Finding("build", WARNING, warning) for warning in output.warnings),
        *(reader.built(page, parts) for page, parts in pages.values()),
        *(reader.on_demand(route) for route in output.build.site.on_demand),
        links.redirects(),
        shadowed_routes(output.build, targets),
        unreachable_by_browsers(output.build),
        needless_on_demand(output.build.site, lines),
        _not_yet_told(request_in_prerendered(output.build.site, lines), output.errors),
        () if output.errors else unused_declarations(output.build, output.bundle),
        undeclared_variables(output.build),
    )
    count = sum(len(parts.links) for _, parts in pages.values())
    return CheckResult(merged(findings), len(pages), count, is_whole=not output.errors)


def _is_html(page: Rendered) -> bool:
    return page.body is not None and (page.content_type or "").startswith(HTML)


def _output(output: Output, page: Rendered) -> str:
    return f"{output.build.site.config.base}/{page.path.output}".lstrip("/")


def _not_yet_told(findings: Iterable[Finding], errors: list[Exception]) -> Iterator[Finding]:
    """Leave out what the build has stumbled over by itself."""
    told = {(each.file, each.line) for each in map(finding_of, errors)}
    yield from (each for each in findings if (each.file, each.line) not in told)
