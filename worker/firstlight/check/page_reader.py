"""Checks pages one by one: what was built, and the templates of what runs on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.build.frontmatter import split_source
from firstlight.build.scan import canonical_path
from firstlight.check.finding import Finding, Problem
from firstlight.check.markup import image_problems, page_problems, repeated_ids
from firstlight.check.page_parts import PageParts, page_parts
from firstlight.check.source_lines import SourceText, without_jinja
from firstlight.routing import is_dynamic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.build.adapter import SiteBuild
    from firstlight.build.prerender import Rendered
    from firstlight.build.scan import SiteRoute
    from firstlight.check.links import LinkCheck
    from firstlight.check.source_lines import SourceLines, SourcePlace

COMPUTED = "\0"  # what `without_jinja` leaves
NEEDS_LAYOUT = ("no-lang", "no-viewport")


class PageReader:
    """Checks pages and finds the author's lines.

    Args:
        build: The site.
        lines: Finds what its authors wrote.
        links: Checks its links.
    """

    def __init__(self, build: SiteBuild, lines: SourceLines, links: LinkCheck) -> None:
        self._config = build.site.config
        self._lines = lines
        self._links = links

    def built(self, page: Rendered, parts: PageParts) -> Iterator[Finding]:
        """Check a prerendered page."""
        route, path = page.path.route, page.path.path
        url = canonical_path(path, self._config, is_endpoint=route.is_endpoint)
        problems = [self._links.problem(link, url, parts.base) for link in parts.links]
        problems += [*page_problems(parts), *image_problems(parts), *repeated_ids(parts)]
        for problem in filter(None, problems):
            yield from self._placed(problem, route, path)

    def on_demand(self, route: SiteRoute) -> Iterator[Finding]:
        """Check what the templates of a page on demand say without being run."""
        if route.kind != "page":
            return
        url = canonical_path(route.pattern, self._config, is_endpoint=False)
        whole = PageParts()
        for source in self._lines.chain(route):
            parts = _template_parts(source)
            for problem in self._template_problems(parts, None if is_dynamic(url) else url):
                yield _finding(problem, source.file, problem.line, route.pattern)
            _add(whole, parts)
        if whole.html_line or whole.head_line or whole.title is not None:
            for problem in page_problems(whole):
                yield from self._placed(problem, route, route.pattern)

    def _template_problems(self, parts: PageParts, url: str | None) -> Iterator[Problem]:
        for link in parts.links:
            is_known = COMPUTED not in link.value and not link.value.startswith("#")
            if is_known and link.value and (problem := self._links.problem(link, url)):
                yield problem
        yield from (each for each in image_problems(parts) if COMPUTED not in each.value)

    def _placed(self, problem: Problem, route: SiteRoute, path: str) -> Iterator[Finding]:
        """Yield a finding for each line of the author's that has a problem."""
        places = self._places(problem, route)
        for file, line in places:
            yield _finding(problem, file, line, path)
        if not places:
            if problem.check in NEEDS_LAYOUT and route.kind == "markdown":
                problem = problem._replace(
                    hint=f"Name a `layout` in the front matter, and there: {problem.hint}"
                )
            yield _finding(problem, route.file, None, path)

    def _places(self, problem: Problem, route: SiteRoute) -> list[SourcePlace]:
        if not problem.value:
            return self._lines.of_tag(route, problem.tag, problem.attribute)
        places = self._lines.of_value(route, problem.value, problem.attribute, problem.tag)
        if not places and problem.attribute == "id":
            return self._lines.of_heading(route, problem.value)
        return places


def _finding(problem: Problem, file: str, line: int | None, path: str) -> Finding:
    return Finding(
        problem.check,
        problem.severity,
        problem.message,
        problem.hint,
        file,
        line,
        (path,),
        problem.line,
    )


def _template_parts(source: SourceText) -> PageParts:
    """Read a template; its frontmatter is left out and the lines are the file's."""
    if not source.file.endswith((".html", ".jinja")):
        return PageParts()
    page = split_source(source.file, source.text)
    return page_parts("\n" * (page.body_line - 1) + without_jinja(page.body))


def _add(whole: PageParts, parts: PageParts) -> None:
    """Take over what a template has of what a page needs once."""
    whole.title = whole.title or parts.title
    whole.title_line = whole.title_line or parts.title_line
    whole.lang = whole.lang or parts.lang
    whole.html_line = whole.html_line or parts.html_line
    whole.head_line = whole.head_line or parts.head_line
    whole.has_viewport = whole.has_viewport or parts.has_viewport
