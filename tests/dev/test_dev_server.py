"""`firstlight dev` over HTTP: it reloads what changes on disk, and only that."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from watchfiles import Change

from firstlight.dev.server import SourceFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]


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
        ("pages/node_modules/x.js", False),
        ("pages/__pycache__/x.pyc", False),
        ("pages/a.html~", False),
    ],
)
def test_changes_that_matter(tmp_path: Path, path: str, is_source: bool) -> None:  # noqa: FBT001
    for root in (tmp_path, tmp_path / "dist" / "node_modules" / "site"):
        changed = SourceFilter(root)(Change.modified, str(root / path))
        assert changed is is_source


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def wait_for(port: int, path: str, status: int, text: str) -> None:
    """Ask until the answer is the one expected."""
    deadline = time.monotonic() + 20
    answer = (0, "")
    while time.monotonic() < deadline:
        try:
            answer = get(port, path)
        except OSError:
            answer = (0, "")
        if answer[0] == status and text in answer[1]:
            return
        time.sleep(0.05)
    raise AssertionError(answer)


def test_dev_server_follows_the_disk(write_site: WriteSite) -> None:
    root = write_site({"pages/a.html": "one", "pyproject.toml": "[tool.firstlight]\n"})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "firstlight", "dev", "--port", str(port)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, env=os.environ) as server:
        try:
            wait_for(port, "/a/", 200, "one")
            (root / "pages/a.html").write_text("two")
            wait_for(port, "/a/", 200, "two")
            (root / "pages/sub").mkdir()
            (root / "pages/sub/b.html").write_text("new")
            wait_for(port, "/sub/b/", 200, "new")
            (root / "pages/a.html").unlink()
            wait_for(port, "/a/", 404, "404")
            (root / "pages/a.html").write_text("{% if %}")
            wait_for(port, "/a/", 500, "pages/a.html:1")
        finally:
            server.terminate()
            server.wait(10)
