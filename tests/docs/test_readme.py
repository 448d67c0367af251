"""The README: its example runs, its links lead somewhere, its pictures are small and ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blocks import GUIDE, ROOT, blocks_of, exchange_of
from example_site import ExampleSite

from firstlight.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

README = ROOT / "README.md"
MOST_BYTES = 150_000  # of a picture
SCHEMA = "create table guestbook (id integer primary key, name text);"
EMPTY = "GET /guests HTTP/1.1\n\nHTTP/1.1 200 OK\n\n<main>\n<ul></ul>\n</main>"


def test_the_example_is_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    site = ExampleSite(README, tmp_path)
    site.write("migrations/0001.sql", SCHEMA)
    for block in blocks_of(README):
        site.take(block)
    site.ask(exchange_of(EMPTY))


def test_links_lead_to_files() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README.read_text("utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_page_of_the_guide_is_linked() -> None:
    linked = re.findall(r"\]\((pages/_content/docs/[^)]+)\)", README.read_text("utf-8"))
    pages = (page.relative_to(ROOT).as_posix() for page in GUIDE.rglob("*.md"))
    assert sorted(linked) == sorted(pages)


def test_every_command_has_a_line_in_the_table() -> None:
    listed = re.findall(r"^\| `firstlight (\w+)", README.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(main.commands)


def test_pictures_are_small_and_show_nothing_of_a_machine() -> None:
    pictures = re.findall(r"\]\((docs/[^)]+\.(?:svg|webp))\)", README.read_text("utf-8"))
    assert len(pictures) == 2
    for name in pictures:
        assert (ROOT / name).stat().st_size < MOST_BYTES
    drawn = (ROOT / "docs/build.svg").read_text("utf-8")
    assert "firstlight&#160;build" in drawn
    assert not re.search(r"/(tmp|home|work|root|Users)\b|url\(http", drawn)
