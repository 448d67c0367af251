"""Every code block of the guide does what its page says: blocks.py tells how they are read."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from blocks import GUIDE, blocks_of
from example_site import ExampleSite

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [page for page in sorted(GUIDE.rglob("*.md")) if blocks_of(page)]


def test_the_guide_is_here() -> None:
    assert PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(GUIDE).as_posix())
def test_examples_do_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("NO_COLOR", "1")
    _put_on_path(tmp_path / "bin", "wrangler", monkeypatch)
    site = ExampleSite(page, tmp_path)
    for block in blocks_of(page):
        site.take(block)
    site.finish()
    assert site.checks > 0


def _put_on_path(folder: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command that pages run do nothing, so that no example needs the network."""
    folder.mkdir()
    (folder / command).write_text("#!/bin/sh\n")
    (folder / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
