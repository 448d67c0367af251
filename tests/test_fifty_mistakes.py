"""What a site's author is told for a mistake: the table in mistakes.toml, row by row.

A row has the `files` of a site, and what is asked of it: nothing, for a build, or a `request`.
`worker = true` builds with an adapter; `status` is of an answer that the visitor is told.
"""

from __future__ import annotations

import asyncio
import gc
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare._local import use
from firstlight.build.pipeline import build
from firstlight.errors import BuildFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import MakeApp, WriteSite

GUIDE = Path(__file__).parent.parent / "pages/_content/docs/errors.md"
Mistake = dict[str, Any]
# Python's own word about an `await` that is missing comes when the coroutine is thrown away.
pytestmark = pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
)

MISTAKES: list[Mistake] = tomllib.loads(
    (Path(__file__).parent / "mistakes.toml").read_text("utf-8")
)["mistake"]
CONFIG = '[tool.firstlight]\noutput = "{}"\nadapter = "cloudflare"\n'
WRANGLER = """
main = "dist/server/entry.py"
d1_databases = [{ binding = "DB", database_name = "db", database_id = "db" }]
kv_namespaces = [{ binding = "CACHE", id = "cache" }]
r2_buckets = [{ binding = "MEDIA", bucket_name = "media" }]
"""
MIGRATION = "create table users (id integer primary key, name text);\n"
# file:line (route); without the line where the file itself or its name is wrong.
PLACE = re.compile(r"\S[^:]*(:\d+)?( \(route [^)]*\))?: ")
TOLD = [row for row in MISTAKES if "message" in row and "status" not in row]
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def throw_away(request: pytest.FixtureRequest) -> Iterator[None]:
    """Throw away what a missing `await` has left behind, before another test is told of it."""
    yield
    if "await" in getattr(request.node, "name", ""):
        gc.collect()


def rows(*, is_build: bool) -> list[Any]:
    chosen = [row for row in MISTAKES if ("request" not in row) is is_build]
    return [pytest.param(row, id=row["name"]) for row in chosen]


def site_of(row: Mistake) -> dict[str, str]:
    config = ""
    if "request" in row or row.get("worker"):
        config = CONFIG.format("server" if "request" in row else "hybrid")
    files = {"pyproject.toml": config, "wrangler.toml": WRANGLER, "migrations/1.sql": MIGRATION}
    if not any(name.startswith("pages/") for name in row["files"]):
        files["pages/index.html"] = "Hello"
    return {**files, **row["files"]}


@pytest.mark.parametrize("row", rows(is_build=True))
def test_build_says(write_site: WriteSite, monkeypatch: pytest.MonkeyPatch, row: Mistake) -> None:
    monkeypatch.setenv("CLOUDFLARE_ENV", row.get("environment", ""))
    root = write_site(site_of(row))
    if "warning" in row:
        assert build(root).warnings == [row["warning"]]
        return
    with pytest.raises(BuildFailedError) as caught:
        build(root)
    assert "\n".join(map(str, caught.value.errors)) == row["message"].strip()


@pytest.mark.parametrize("row", rows(is_build=False))
def test_request_says(make_app: MakeApp, row: Mistake) -> None:
    client = make_app(site_of(row))
    method, path = row["request"].split()
    with use(Path.cwd()):
        body = row["body"].encode() * row.get("times", 1) if "body" in row else None
        response = client.request(method, path, JSON, body)
        text = asyncio.run(response.text())
    told = f"{response.status}: {text}" if "status" in row else "".join(client.log)
    assert told.strip() == row["message"].strip()


def test_there_are_more_than_fifty() -> None:
    names = [row["name"] for row in MISTAKES]
    assert len(names) > 50
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", TOLD, ids=lambda row: row["name"])
def test_message_has_a_place_and_a_hint(row: Mistake) -> None:
    first, *others = row["message"].strip().split("\n")
    assert PLACE.match(first)
    has_hint = any(line.startswith("  Hint: ") for line in others)
    assert has_hint is row.get("hint", True)  # Python's own words may need none


def test_the_guides_tables_are_what_is_told() -> None:
    rows = re.findall(r"^\| (`+)\s?(.+?)\s?\1 \| (.+) \|$", GUIDE.read_text("utf-8"), re.MULTILINE)
    told = {
        (first, hint.removeprefix("  Hint: "))
        for first, *others in (row["message"].strip().split("\n") for row in TOLD)
        for hint in others
    }
    assert len(rows) > 50
    assert [(first, hint) for _, first, hint in rows if (first, hint) not in told] == []
