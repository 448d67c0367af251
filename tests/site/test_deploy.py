"""Today's wrangler accepts the site as it would upload it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from servers import DRY_RUN, copy_site, deploy, environment

if TYPE_CHECKING:
    from pathlib import Path

BINDINGS = ("env.SESSIONS", "env.COUNTERS", "env.DB", "env.FILES", "env.ASSETS", "env.SITE_NAME")


@pytest.mark.current
def test_wrangler_4_accepts_the_site(tmp_path: Path) -> None:
    site = copy_site(tmp_path)
    done = deploy(site, "--outdir", str(tmp_path / "upload"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "--dry-run: exiting now." in done.stdout
    assert all(binding in done.stdout for binding in BINDINGS)
    assert (tmp_path / "upload" / "entry.py").exists()


@pytest.mark.current
def test_firstlight_deploy_hands_the_site_to_wrangler_4(tmp_path: Path) -> None:
    site = copy_site(tmp_path / "site")
    wrangler = tmp_path / "bin" / "wrangler"  # as if it were installed
    wrangler.parent.mkdir()
    wrangler.write_text(f'#!/bin/sh\nexec {shlex.join(DRY_RUN[:-2])} "$@"\n')
    wrangler.chmod(0o755)
    path = os.pathsep.join([str(wrangler.parent), environment()["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "firstlight", "deploy", "--dry-run"],
        cwd=site,
        env=environment() | {"COLUMNS": "200", "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    told, _, of_wrangler = done.stdout.partition("command      wrangler deploy --dry-run\n")
    assert "Worker       firstlight\n" in told
    assert "--dry-run: exiting now." in of_wrangler


@pytest.mark.current
@pytest.mark.parametrize("has_worker", [False, True])
def test_wrangler_4_accepts_what_add_writes(tmp_path: Path, *, has_worker: bool) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.html").write_text("Hello")
    if has_worker:
        (tmp_path / "pages/_worker.py").write_text("async def scheduled(event): ...\n")
    add = [sys.executable, "-m", "firstlight", "add", "cloudflare", "--yes"]
    subprocess.run(add, cwd=tmp_path, env=environment(), check=True)
    done = deploy(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "--dry-run: exiting now." in done.stdout
    assert ("entry.py" in done.stdout) is ("env.ASSETS" in done.stdout) is has_worker


OWN_FILES = {
    "_headers": "# mine\r\n/x\r\n  X-Own: 1",
    "_redirects": "/mine /a 302   # keep\n\n",
    ".assetsignore": "*.map\n# mine\n",
}


@pytest.mark.current
def test_wrangler_4_accepts_a_site_of_files_with_the_users_own_lines(tmp_path: Path) -> None:
    config = (
        '[tool.firstlight]\nadapter = "cloudflare"\n[tool.firstlight.redirects]\n"/old" = "/a"\n'
    )
    wrangler = (
        'name = "files"\ncompatibility_date = "2026-04-20"\n[assets]\ndirectory = "dist/client"\n'
    )
    (tmp_path / "pages").mkdir()
    (tmp_path / "pyproject.toml").write_text(config)
    (tmp_path / "wrangler.toml").write_text(wrangler)
    (tmp_path / "pages/a.html").write_text("Hello")
    for name, text in OWN_FILES.items():
        (tmp_path / "pages" / name).write_bytes(text.encode())
    subprocess.run(
        [sys.executable, "-m", "firstlight", "build"], cwd=tmp_path, env=environment(), check=True
    )
    for name, text in OWN_FILES.items():
        assert (tmp_path / "dist/client" / name).read_bytes().startswith(text.encode())
    assert not (tmp_path / "dist/server").exists()
    done = deploy(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "--dry-run: exiting now." in done.stdout
    assert (tmp_path / "wrangler.toml").read_text() == wrangler
