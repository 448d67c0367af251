"""The contract on today's Pyodide, with miniflare's KV, D1 and R2."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from contract import ASSETS, CONTRACT
from contract.objects import STORAGE
from contract.services import ONLY_CURRENT

import bindings

pytestmark = pytest.mark.current

HERE = Path(__file__).parent
TIMEOUT = 300  # seconds
NPX = ("npx", "--yes", "-p", "node@22", "-p", "miniflare@4.20260730.0")


@pytest.fixture(scope="module", params=["0.28.3", "314.0.7"])
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What became of each function: `ok`, or its traceback."""
    script = (HERE / "contract_current.mjs", Path(bindings.__file__).parent)
    assets = tmp_path_factory.mktemp("assets")
    for name, text in ASSETS.items():
        (assets / name).write_text(text, encoding="utf-8")
    pyodide = ("-p", f"pyodide@{request.param}")
    command = (*NPX, *pyodide, "node", *script, HERE / "contract", assets)
    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [*CONTRACT, *ONLY_CURRENT, *STORAGE])
def test_javascript_backend_keeps_the_contract(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == "ok"
