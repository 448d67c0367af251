"""From what a built page holds back to the line that its author wrote."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from firstlight.build.compile import template_modules
from firstlight.build.markdown import slugify
from firstlight.build.source_file import PAGES, read_text
from firstlight.errors import FirstlightError
from firstlight.url import percent_decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from firstlight.build.adapter import SiteBuild
    from firstlight.build.scan import SiteRoute

JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
# An attribute whose value is computed, wholly or in part.
COMPUTED = re.compile(
    r"""([\w:-]+)\s*=\s*(?:"((?>\{\{.*?\}\}|\{%.*?%\}|[^"])*+)\""""
    r"""|'((?>\{\{.*?\}\}|\{%.*?%\}|[^'])*+)')""",
    re.DOTALL,
)
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)
# What stands around a URL: in an attribute, a string or a Markdown link; and in a list or text.
STRICT = r"(?:[\"'=(<]|\]:\s)", r"(?=[\"'>)\s,]|$)"
NO_ALT = r"(?![^>]*\balt\b)"
LOOSE = r"(?:[\s,]|^)", r"(?=[\"'>)\s,]|$)"


class SourcePlace(NamedTuple):
    """A line of a file of the site."""

    file: str
    line: int


class SourceText(NamedTuple):
    """A file's text."""

    file: str
    text: str

    def place(self, position: int) -> SourcePlace:
        """Return the line of a position in the text."""
        return SourcePlace(self.file, self.text.count("\n", 0, position) + 1)


class SourceLines:
    """Finds lines in the files that a route is made of.

    Args:
        build: The site.
    """

    def __init__(self, build: SiteBuild) -> None:
        self._site = build.site
        self._modules = build.modules
        self._template_modules = template_modules(build.site)
        self._chains: dict[str, list[SourceText]] = {}
        self._found: dict[tuple[str, str, str, str], list[SourcePlace]] = {}

    def chain(self, route: SiteRoute) -> list[SourceText]:
        """Return a route's own file and the templates it may use, nearest first."""
        if route.file not in self._chains:
            names: dict[str, None] = {}
            pending = [route.module]
            while pending:
                module = self._modules.get(pending.pop(0))
                wanted = module.templates if module else ()
                for name in sorted(self._template_modules if None in wanted else wanted, key=str):
                    if name in self._template_modules and name not in names:
                        names[str(name)] = None
                        pending.append(self._template_modules[str(name)])
            files = [route.file, *(self._site.templates[name] for name in names)]
            self._chains[route.file] = list(self._texts(files))
        return self._chains[route.file]

    def of_value(self, route: SiteRoute, value: str, attribute: str, tag: str) -> list[SourcePlace]:
        """Find the lines that hold a URL or an id, or that compute it.

        Args:
            route: On whose page it was seen.
            value: As the browser sees it.
            attribute: Where it stands.
            tag: The element's name; empty for any. An `img` is one without `alt`.

        Returns:
            Those of the first file that has any.
        """
        key = (route.file, value, attribute, tag)
        if key not in self._found:
            self._found[key] = self._of_value(route, value, attribute, tag)
        return self._found[key]

    def of_tag(self, route: SiteRoute, tag: str, empty: str = "") -> list[SourcePlace]:
        """Find the line that opens an element; none when the first file with any has several.

        Args:
            route: On whose page it was seen.
            tag: The element's name.
            empty: An attribute that is empty there, if it is known.
        """
        patterns = [rf"""<{tag}\b[^>]*?\b{empty}\s*=\s*(?:""|'')"""] if empty else []
        for pattern in (*patterns, rf"<{tag}\b"):
            for source in self.chain(route):
                if places := _search(re.compile(pattern, re.IGNORECASE), source):
                    return places if len(places) == 1 else []
        return []

    def of_heading(self, route: SiteRoute, slug: str) -> list[SourcePlace]:
        """Find the Markdown heading that became an id."""
        for source in [*self.chain(route), *self._content()]:
            if source.file.endswith(".md"):
                for found in HEADING.finditer(source.text):
                    if slugify(re.sub(r"[`*_]", "", found[1])) == slug:
                        return [source.place(found.start())]
        return []

    def _of_value(
        self, route: SiteRoute, value: str, attribute: str, tag: str
    ) -> list[SourcePlace]:
        written = "|".join(re.escape(spelling) for spelling in _spellings(value))
        sources = [*self.chain(route), *self._content(), *self._helpers()]
        opening = rf"<{tag}\b{NO_ALT if tag == 'img' else ''}[^>]*?{STRICT[0]}"
        for before, after in [(opening, STRICT[1]), STRICT, LOOSE]:
            pattern = re.compile(f"{before}(?:{written}){after}", re.MULTILINE)
            for source in sources:
                if places := _search(pattern, source):
                    return places
        return _best_computed(self.chain(route), value, attribute)

    def _content(self) -> list[SourceText]:
        folder = self._site.root / PAGES / "_content"
        names = sorted(path.relative_to(self._site.root) for path in folder.rglob("*.md"))
        return self._read_all(tuple(name.as_posix() for name in names))

    def _helpers(self) -> list[SourceText]:
        return self._read_all(tuple(self._site.modules.values()))

    @lru_cache(maxsize=8)  # noqa: B019 - lives as long as one check
    def _read_all(self, files: tuple[str, ...]) -> list[SourceText]:
        return list(self._texts(files))

    def _texts(self, files: Iterable[str]) -> Iterator[SourceText]:
        for file in dict.fromkeys(files):
            try:
                yield SourceText(file, read_text(self._site.root / file, file))
            except FirstlightError:
                continue  # the build reports it


def without_jinja(text: str) -> str:
    """Put a sign that HTML never holds in place of Jinja's tags, lines kept as they are."""
    return JINJA.sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)


def _spellings(value: str) -> list[str]:
    """List how an author may have written a URL."""
    spellings = [value, escape(value, quote=False), value.replace("'", "&#39;")]
    with suppress(ValueError):
        spellings.append(percent_decode(value))
    return list(dict.fromkeys(spellings))


def _search(pattern: re.Pattern[str], source: SourceText) -> list[SourcePlace]:
    """Return the lines of all matches; a match begins with what stands before the value."""
    places = (source.place(found.end()) for found in pattern.finditer(source.text))
    return list(dict.fromkeys(places))


def _best_computed(sources: list[SourceText], value: str, attribute: str) -> list[SourcePlace]:
    """Find the computed attribute that fits a value, with the most of it written out."""
    fitting: list[tuple[int, SourcePlace]] = []
    for source in sources:
        for found in COMPUTED.finditer(source.text):
            written = found[2] if found[2] is not None else found[3]
            literals = JINJA.split(written)
            if len(literals) > 1 and (not attribute or found[1].lower() == attribute):
                expression = ".*".join(map(re.escape, literals))
                if re.fullmatch(expression, value, re.DOTALL):
                    place = source.place(found.start(2 if found[2] is not None else 3))
                    fitting.append((sum(map(len, literals)), place))
    best = max((literal for literal, _ in fitting), default=0)
    places = list(dict.fromkeys(place for literal, place in fitting if literal == best))
    return places if best or len(places) == 1 else []
