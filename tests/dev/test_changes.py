"""Changes on disk, and what open pages are told of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from watchfiles import Change

from firstlight.dev.changes import Changes, SourceFilter, changed_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "is_source"),
    [
        ("pages/a.html", True),
        ("pages/dist/a.html", True),
        ("pyproject.toml", True),
        ("lib/x.py", True),
        ("dist/client/a.html", False),
        (".firstlight/state/d1.sqlite", False),
        (".wrangler/x", False),
        (".dev.vars.staging", True),
        (".coverage", False),
        ("dev.log", False),
        ("pages/.well-known/x", True),
        ("pages/node_modules/x.js", False),
        ("pages/__pycache__/x.pyc", False),
        ("pages/a.html~", False),
    ],
)
def test_changes_that_matter(tmp_path: Path, path: str, is_source: bool) -> None:  # noqa: FBT001
    for root in (tmp_path, tmp_path / "dist" / "node_modules" / "site"):
        changed = SourceFilter(root)(Change.modified, str(root / path))
        assert changed is is_source


def test_file_that_came_and_went_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/a.html").touch()
    changes = [
        (Change.added, "pages/4913"),
        (Change.deleted, "pages/4913"),
        (Change.added, "pages/a.html"),
        (Change.deleted, "pages/b.html"),
    ]
    found = changed_files(tmp_path, [(kind, str(tmp_path / path)) for kind, path in changes])
    assert found == {"pages/a.html", "pages/b.html"}


def told(changes: Changes, version: str, *more: str) -> list[Any]:
    """List the data of the events that a page gets which shows a version."""

    async def listen() -> list[Any]:
        found: list[bytes] = []
        events = changes.events(version)
        assert (await anext(events)).startswith(b"retry: ")
        listening = asyncio.ensure_future(_collect(events, found))
        await asyncio.sleep(0)
        for file in more:
            changes.add([file], "/")
        changes.close()
        await listening
        return [json.loads(event.split(b"data: ")[1]) for event in found]

    return asyncio.run(listen())


async def _collect(events: Any, found: list[bytes]) -> None:
    async for event in events:
        found.append(event)


def test_page_is_told_what_it_missed_and_what_comes() -> None:
    changes = Changes()
    shown = changes.version
    assert told(changes, shown) == []
    changes.add(["pages/css/a.css", "pyproject.toml"], "/base")
    changes.add(["pages/é.html"], "/base")
    version = changes.version
    paths = ["", "/base/css/a.css", "/base/é.html"]
    assert told(changes, shown) == [{"version": version, "paths": paths}]
    (event,) = told(changes, version, "pages/b.html")
    assert event == {"version": changes.version, "paths": ["/b.html"]}


@pytest.mark.parametrize("version", ["", "x-0", "{start}-2", "{start}-x", "{start}"])
def test_page_of_another_server_is_told_to_reload(version: str) -> None:
    changes = Changes()
    changes.add(["pages/a.html"], "/")
    start = changes.version.partition("-")[0]
    (event,) = told(changes, version.format(start=start))
    assert event == {"version": changes.version, "paths": None}


def test_error_inside_a_page_is_told_until_that_is_loaded_anew() -> None:
    changes = Changes()
    changes.fail("http://localhost/", "<p>")
    changes.fail("http://localhost/b", "<p>")
    changes.forgive("http://localhost/b")
    failure = {"page": "http://localhost/", "html": "<p>"}
    assert told(changes, changes.version) == [failure]
    changes.add(["pages/a.html"], "/")
    assert told(changes, changes.version) == []
