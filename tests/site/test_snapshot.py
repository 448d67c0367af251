"""Importing the Worker leaves nothing behind that a memory snapshot must not hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from servers import copy_site, download_sdk, npx_node

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's site, built."""
    folder = copy_site(tmp_path_factory.mktemp("snapshot"))
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=folder, check=True)
    return folder


def cold_import(server: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(HERE / "cold_import.py"), str(server)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_import_touches_nothing(site: Path) -> None:
    done = cold_import(site / "dist/server")

    assert (done.returncode, done.stderr) == (0, "")
    assert "firstlight.app" in done.stdout.splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "import js; js.Object.new()",
        "from pyodide.ffi import to_js; to_js([])",
        "import os; os.urandom(1)",
        "import random; random.random()",
        "import time; time.time()",
        "from pathlib import Path; Path('notes.txt').read_text()",
    ],
)
def test_the_guard_sees_what_it_guards_against(tmp_path: Path, line: str) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "entry.py").write_text(f"{line}\n")

    done = cold_import(tmp_path)

    assert done.returncode == 1
    assert "while the Worker is imported" in done.stderr


@pytest.mark.current
@pytest.mark.parametrize("pyodide", ["0.28.3", "314.0.7"])
def test_the_import_touches_nothing_on_pyodide(site: Path, pyodide: str) -> None:
    sdk = download_sdk(site / f"sdk-{pyodide}")
    command = [*npx_node(f"pyodide@{pyodide}"), str(HERE / "cold_import.mjs"), str(site), str(sdk)]

    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
