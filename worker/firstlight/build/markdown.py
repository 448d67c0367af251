"""Markdown to HTML: CommonMark with tables, task lists, footnotes, anchors and highlighting."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import yaml
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]
from pygments.util import ClassNotFound

from firstlight.errors import FrontmatterError, Location

_PAGE_LANGUAGES = ("html", "jinja")
# The same loader in C, where PyYAML was built with it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

    from firstlight.build.frontmatter import Source


@dataclass(frozen=True, slots=True)
class Document:
    """Rendered Markdown.

    Attributes:
        html: Safe to print as it is.
        headings: In order; each has `depth` (1 to 6), `slug` and `text`.
    """

    html: str
    headings: list[dict[str, Any]]


class Documents(Protocol):
    """Where rendered Markdown is remembered."""

    def document(self, text: str) -> Document:
        """Return what a text renders to."""
        ...


# Set by the build.
current_documents: ContextVar[Documents | None] = ContextVar("documents", default=None)


def render_markdown(text: str) -> Document:
    """Render Markdown; raw HTML passes through, template syntax is text.

    Source:
        https://spec.commonmark.org, https://github.github.com/gfm/
    """
    store = current_documents.get()
    return convert(text) if store is None else store.document(text)


def convert(text: str) -> Document:
    """Render Markdown that nobody has rendered before."""
    markdown = _markdown()
    tokens = markdown.parse(text)
    headings = _anchor_headings(tokens)
    return Document(markdown.renderer.render(tokens, markdown.options, {}), headings)


def load_frontmatter(source: Source) -> dict[str, Any]:
    """Parse the YAML frontmatter of a Markdown file.

    Raises:
        FrontmatterError: It is not YAML, or no mapping.
    """
    try:
        data: Any = _load_yaml(source.frontmatter or "")
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        mark = getattr(error, "problem_mark", None)
        line = source.frontmatter_line + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FrontmatterError(
            f"The frontmatter is not YAML: {problem}.",
            hint="Write `key: value` lines, and put a value in quotes that holds `: ` or `#`.",
            location=Location(source.file, line),
        ) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise FrontmatterError(
            f"The frontmatter is a {type(data).__name__}, not a mapping.",
            hint="Write lines such as `title: Hello`.",
            location=Location(source.file, source.frontmatter_line),
        )
    return data  # pyright: ignore[reportUnknownVariableType]


def _load_yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe one
    except yaml.YAMLError:
        return yaml.safe_load(text)  # Python's own loader says where and what more exactly


def slugify(text: str) -> str:
    """Make an anchor as GitHub does: lower case, spaces to dashes, punctuation dropped."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


@cache
def _markdown() -> MarkdownIt:
    options = {"html": True, "linkify": False, "highlight": _highlight}
    markdown = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    return markdown.use(footnote_plugin).use(tasklists_plugin)


def _highlight(code: str, language: str, attributes: str) -> str:
    """Colour a fenced block with Pygments' short CSS classes; empty for an unknown language.

    `title="…"` behind the language becomes `data-title`.
    """
    if not language:
        return ""
    try:
        spans = "".join(_spans(part, name) for part, name in _parts(code, language))
    except ClassNotFound:
        return ""
    found = re.search(r'\btitle="([^"]*)"', attributes)
    title = f' data-title="{escape(found[1])}"' if found else ""
    name = escape(language)
    return f'<pre class="highlight"{title}><code class="language-{name}">{spans}</code></pre>\n'


def _parts(code: str, language: str) -> list[tuple[str, str]]:
    """Split what is of several languages.

    A page of ours is Python between `---` lines and then a template; an exchange by HTTP is a
    request and an answer.
    """
    if language == "http":
        return [(part, language) for part in re.split(r"^(?=HTTP/)", code, flags=re.MULTILINE)]
    page = re.match(r"(---\n)(.*?\n)?(---\n)", code, re.DOTALL)
    if language not in _PAGE_LANGUAGES or page is None:
        return [(code, language)]
    template = (code[page.end() :], "html+jinja")
    return [("---\n", "text"), (page[2] or "", "python"), ("---\n", "text"), template]


def _spans(code: str, language: str) -> str:
    lexer: Any = get_lexer_by_name(language, stripnl=False)
    return highlight(code, lexer, HtmlFormatter[str](nowrap=True)) if code else ""


def _anchor_headings(tokens: Sequence[Token]) -> list[dict[str, Any]]:
    """Give each heading an id and list them; a repeated slug gets a number, as on GitHub."""
    headings: list[dict[str, Any]] = []
    used: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = _plain_text(inline)
        base = slug = slugify(text)
        number = 0
        while slug in used:
            number += 1
            slug = f"{base}-{number}"
        used.add(slug)
        opening.attrSet("id", slug)
        headings.append({"depth": int(opening.tag[1]), "slug": slug, "text": text})
    return headings


def _plain_text(inline: Token) -> str:
    kinds = ("text", "code_inline")
    return "".join(child.content for child in inline.children or [] if child.type in kinds)
