"""The tests that the page about testing shows pass, and none of them by chance."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from blocks import GUIDE, blocks_of
from example_site import WRANGLER_TOML, ExampleSite

if TYPE_CHECKING:
    from pathlib import Path

PAGE = GUIDE / "testing.md"
WORKER_TOML = """\
name = "notes"
main = "dist/server/entry.py"
compatibility_date = "2026-04-20"
compatibility_flags = ["python_workers"]
build = { command = "firstlight build" }
"""


def run_pytest(site: Path, *options: str) -> str:
    example = ExampleSite(PAGE, site)
    for block in blocks_of(PAGE):
        if block.language != "sh":
            example.take(block)
    (site / "wrangler.toml").write_text(WORKER_TOML + WRANGLER_TOML, "utf-8")
    plain = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plain, *options],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )
    return done.stdout.splitlines()[-1]


def test_shown_tests_pass(tmp_path: Path) -> None:
    assert run_pytest(tmp_path).startswith("10 passed, 1 deselected in ")


@pytest.mark.workerd
def test_shown_test_passes_in_the_real_runtime(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    assert run_pytest(tmp_path, "-m", "workerd").startswith("1 passed, 10 deselected in ")
