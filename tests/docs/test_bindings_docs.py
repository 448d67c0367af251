"""Every Python example of the bindings' reference runs, on the embedded backend.

The ```` ```python ```` blocks of a page run in order, as one program with `await` at its top
level; its ```` ```sql ```` blocks are the migrations of `DB`. A line that ends in `# → value`
must give that value.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare._local import use

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = sorted((Path(__file__).parents[2] / "pages/docs/bindings").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"  # → (.+)$")

ASSETS = {"hello.txt": "Hello"}
# Of the pages that show no configuration.
WRANGLER_TOML = """
kv_namespaces = [{ binding = "CACHE", id = "cache" }]
d1_databases = [{ binding = "DB", database_name = "db", database_id = "db" }]
r2_buckets = [{ binding = "MEDIA", bucket_name = "media" }]
"""


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """Yield the line before each block of a language, and its text."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match[1] == language:
            yield text[: match.start(2)].count("\n"), match[2]


def program(page: Path) -> tuple[ast.Module, int]:
    """Join a page's examples, with a check of every value they promise."""
    body: list[ast.stmt] = []
    checks = 0
    for line, text in blocks(page, "python"):
        tree = ast.parse(text)
        lines = text.splitlines()
        for node in tree.body:
            expected = EXPECTED.search(lines[(node.end_lineno or 1) - 1])
            if expected and isinstance(node, ast.Expr):
                promise = ast.Constant(expected[1].strip())
                check = ast.Name("check", ast.Load())
                node.value = ast.Call(check, [node.value, promise], [])
                checks += 1
        ast.fix_missing_locations(ast.increment_lineno(tree, line))
        body += tree.body
    return ast.Module(body, []), checks


def write_site(page: Path, folder: Path) -> None:
    """Write the site that a page's examples belong to."""
    config = "\n".join(text for _, text in blocks(page, "toml")) or WRANGLER_TOML
    (folder / "wrangler.toml").write_text(config, encoding="utf-8")
    (folder / "migrations").mkdir()
    for number, (_, text) in enumerate(blocks(page, "sql")):
        (folder / "migrations" / f"{number:04}.sql").write_text(text, encoding="utf-8")
    (folder / "dist/client").mkdir(parents=True)
    for name, text in ASSETS.items():
        (folder / "dist/client" / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    write_site(page, tmp_path)
    checked: list[object] = []

    def check(value: object, promise: str) -> None:
        assert value == eval(promise, namespace), promise  # noqa: S307 - our own page
        checked.append(value)

    namespace: dict[str, Any] = {"check": check, "__name__": page.stem}
    module, checks = program(page)
    asserts = sum(isinstance(node, ast.Assert) for node in ast.walk(module))
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(module, page, "exec", flags, dont_inherit=True)
    with use(tmp_path):
        outcome = eval(code, namespace)  # noqa: S307 - as above
        if inspect.iscoroutine(outcome):
            asyncio.run(outcome)
    assert len(checked) == checks
    assert checks + asserts > 0
