"""Static pages do not need the Worker: they stay when it is broken."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from servers import HOST, WRANGLER, environment, serving

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "pyproject.toml": '[tool.firstlight]\nadapter = "cloudflare"\n',
    "wrangler.toml": """\
name = "broken"
main = "dist/server/entry.py"
compatibility_date = "2026-04-20"
compatibility_flags = ["python_workers"]

[assets]
directory = "dist/client"
binding = "ASSETS"
""",
    "pages/index.html": "still here\n",
    "pages/favicon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    "pages/live.html": "---\nprerender = False\n---\nlive\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A built site whose Worker cannot even be imported."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    build = [sys.executable, "-m", "firstlight", "build"]
    subprocess.run(build, cwd=tmp_path, env=environment(), check=True)
    (tmp_path / "dist/server/entry.py").write_text('raise RuntimeError("broken on purpose")\n')
    return tmp_path


@pytest.mark.workerd
def test_a_static_page_stays_while_the_worker_is_broken(site: Path) -> None:
    command = [*WRANGLER, "dev", "--ip", HOST, "--show-interactive-dev-session=false"]
    with serving(command, site) as origin:
        for _ in range(2):
            live = httpx.get(f"{origin}/live", timeout=30)
            page = httpx.get(f"{origin}/", timeout=30)

            assert (live.status_code, "live" in live.text.splitlines()) == (500, False)
            assert (page.status_code, page.text) == (200, "still here")
