"""The search index of the guide: small enough to be loaded whole, on first use."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pages._lib.guide import GuidePage

LONGEST = 600  # characters of a part's text; what follows is rarely what is looked for
INLINE = re.compile(r"</?(?:a|code|em|s|strong)\b[^>]*>")
HEADING = re.compile(r'<h[23] id="([^"]+)">(.*?)</h[23]>', re.DOTALL)


def search_index(pages: Sequence[GuidePage]) -> list[dict[str, Any]]:
    """Return what can be found: an object a page.

    Each has `url`, `title`, `section` and `parts`: lists of a heading's anchor, its text and
    the text below it, the first of which stands above all headings and has neither.
    """
    return [
        {
            "url": page.url,
            "title": page.title,
            "section": page.section,
            "parts": [*_parts(page), *_commands(page)],
        }
        for page in pages
    ]


def _parts(page: GuidePage) -> Iterator[list[str]]:
    pieces = HEADING.split(page.entry.html)
    yield ["", "", f"{page.entry.data['description']} {_text(pieces[0])}".strip()[:LONGEST]]
    for slug, heading, html in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        yield [slug, _text(heading), _text(html)[:LONGEST]]


def _commands(page: GuidePage) -> Iterator[list[str]]:
    for command in page.commands:
        names = " ".join(parameter.names for parameter in command.parameters)
        yield [command.heading.slug, command.heading.text, f"{command.text} {names}".strip()]


def _text(html: str) -> str:
    """Return what a reader sees of HTML, code blocks apart."""
    without_code = re.sub(r"<pre.*?</pre>", " ", html, flags=re.DOTALL)
    without_inline = INLINE.sub("", without_code)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", without_inline)).split())
