"""Today's wrangler accepts the site as it would upload it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from servers import copy_site, environment

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY = ["npx", "--yes", "-p", "node@22", "-p", "wrangler@4", "wrangler", "deploy", "--dry-run"]
BINDINGS = ("env.SESSIONS", "env.COUNTERS", "env.DB", "env.FILES", "env.ASSETS", "env.SITE_NAME")


@pytest.mark.current
def test_wrangler_4_accepts_the_site(tmp_path: Path) -> None:
    site = copy_site(tmp_path)
    done = subprocess.run(
        [*DEPLOY, "--outdir", str(tmp_path / "upload")],
        cwd=site,
        env=environment() | {"COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "--dry-run: exiting now." in done.stdout
    assert all(binding in done.stdout for binding in BINDINGS)
    assert (tmp_path / "upload" / "entry.py").exists()
