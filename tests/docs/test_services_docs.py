"""The Python of two reference pages, run on a site that has the pages' own configuration."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare._local import use

if TYPE_CHECKING:
    from collections.abc import Coroutine

PAGES = Path(__file__).parent.parent.parent / "pages" / "docs" / "bindings"
ASSETS = {"hello.txt": "Hello"}


def blocks(page: str, language: str) -> list[tuple[int, str]]:
    """List the fenced blocks of a language with the line that each begins on."""
    text = (PAGES / page).read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


async def run_blocks(page: str) -> int:
    """Run a page's blocks in their order, in one namespace; return how many there are."""
    namespace: dict[str, Any] = {}
    found = blocks(page, "python")
    for line, source in found:
        # Empty lines before keep the page's own line numbers in tracebacks.
        text = "\n" * (line - 1) + source
        code = compile(text, str(PAGES / page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result: Coroutine[Any, Any, None] | None = eval(code, namespace)  # noqa: S307 - our page
        if inspect.iscoroutine(result):
            await result
    return len(found)


@pytest.mark.parametrize("page", ["env.md", "services.md"])
def test_examples_of_the_reference_run(tmp_path: Path, page: str) -> None:
    config = "\n".join(source for _, source in blocks(page, "toml"))
    assert tomllib.loads(config)
    (tmp_path / "wrangler.toml").write_text(config, encoding="utf-8")
    for name, text in ASSETS.items():
        (tmp_path / "dist" / "client").mkdir(parents=True, exist_ok=True)
        (tmp_path / "dist" / "client" / name).write_text(text, encoding="utf-8")
    with use(tmp_path):
        assert asyncio.run(run_blocks(page)) > 1
