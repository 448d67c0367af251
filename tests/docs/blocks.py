"""What the code blocks of a page are, by their info strings.

| Block | What a test makes of it |
| --- | --- |
| any language with `title="pages/a.html"` | a file of the page's site; a later one replaces it |
| `python` | part of a program that runs when the site is there; `# → value` promises a value |
| `toml`, `sql` | wrangler.toml; a migration of `DB` |
| `http` | a request, sent to the built site, and its answer |
| `sh` | commands, checked against the command line's own options |
| `text` | what the last command before it prints |
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    import httpx

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "pages/_content/docs"
ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        info: Behind the fence, such as `python title="pages/api/a.py"`.
        text: Between the fences.
        line: 1-based, of its first line of text.
    """

    info: str
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @cached_property
    def file(self) -> str | None:
        found = re.search(r'\btitle="([^"]*)"', self.info)
        return found[1] if found else None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found = [token for token in tokens if token.type in ("fence", "code_block")]
    return [Block(t.info.strip(), t.content, (t.map or [0])[0] + 2) for t in found]


@dataclass(frozen=True)
class Exchange:
    """A request and the answer that a page promises.

    Attributes:
        headers: Of the request.
        promised: Headers of the answer; it may have others.
        lines: What the answer's body has, in this order; `…` stands for anything.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    promised: dict[str, str]
    lines: list[str]

    def check(self, answer: httpx.Response) -> None:
        """Compare an answer with the one that is promised."""
        assert answer.status_code == self.status, f"{answer.status_code}: {answer.text}"
        for name, value in self.promised.items():
            given = answer.headers.get(name, "")
            assert matches(value, given), f"`{name}: {given}` is not `{value}`"
        wanted = "\n".join(self.lines)
        if ANYTHING not in wanted and is_json(wanted) and is_json(answer.text):
            assert json.loads(answer.text) == json.loads(wanted), f"the answer is {answer.text}"
        else:
            assert_lines(self.lines, answer.text)


def exchange_of(text: str) -> Exchange:
    """Read a block of `http`: a request, an empty line, and an answer from `HTTP/1.1` on."""
    request, found, answer = text.partition("\nHTTP/1.1 ")
    assert found, "an http block has an answer, from `HTTP/1.1 200 OK` on"
    (first, headers, body), (status, promised, rest) = map(_message, (request, answer))
    method, path = first.split()[:2]
    if headers.get("content-type", "").startswith("multipart/"):
        body = body.replace("\n", "\r\n")  # RFC 2046: lines of parts end so
    lines = [line for line in rest.splitlines() if line.strip()]
    return Exchange(method, path, headers, body, int(status.split()[0]), promised, lines)


def _message(text: str) -> tuple[str, dict[str, str], str]:
    head, _, body = text.partition("\n\n")
    first, *headers = head.splitlines()
    named = (line.partition(":") for line in headers)
    return first, {name: value.strip() for name, _, value in named}, body.strip()


def assert_lines(wanted: list[str], text: str) -> None:
    """Fail unless a text has certain lines or parts of lines, in order."""
    at = 0
    flat = flattened(text)
    for line in wanted:
        if not (pattern := pattern_of(line)).pattern:
            continue
        found = pattern.search(flat, at)
        assert found, f"`{line.strip()}` is not in the rest of:\n{flat[at:]}"
        at = found.end()


def matches(wanted: str, text: str) -> bool:
    return pattern_of(wanted).fullmatch(flattened(text)) is not None


def pattern_of(text: str) -> re.Pattern[str]:
    parts = (re.escape(flattened(part)) for part in text.split(ANYTHING))
    return re.compile(r"\s*.*?\s*".join(parts))


def flattened(text: str) -> str:
    return " ".join(text.split())


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
