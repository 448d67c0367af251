"""The repository's own site behind a server: `firstlight preview`, or the real `wrangler dev`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netlify_host import SERVER, node, node_modules

from firstlight.testing.wrangler import COMMAND, HOST, environment, free_port
from firstlight.testing.wrangler import serving as serving_when_ready

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parent.parent.parent
WRANGLER = [*COMMAND]
DRY_RUN = ["npx", "--yes", "-p", "node@22", "-p", "wrangler@4", "wrangler", "deploy", "--dry-run"]
SDK = "workers-runtime-sdk==1.9.5"

# The file is answered without the Worker, which a test may have broken.
serving = partial(serving_when_ready, ready="/favicon.svg")


def deploy(site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Let today's wrangler pack a site as for an upload."""
    return subprocess.run(
        [*DRY_RUN, *options],
        cwd=site,
        env=environment() | {"COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def copy_site(target: Path) -> Path:
    """Copy the site, so that a server's state begins empty and the sources stay as they are."""
    shutil.copytree(ROOT / "pages", target / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "wrangler.toml"):
        shutil.copy(ROOT / name, target / name)
    return target


@contextmanager
def preview_of(site: Path) -> Generator[str, None, None]:
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=site, check=True)
    with serving([sys.executable, "-m", "firstlight", "preview"], site) as origin:
        yield origin


@contextmanager
def wrangler_of(site: Path) -> Generator[str, None, None]:
    """Apply the migrations and start the real runtime; it builds the site by itself."""
    migrate = [*WRANGLER, "d1", "migrations", "apply", "DB", "--local"]
    subprocess.run(migrate, cwd=site, env=environment(), check=True, stdin=subprocess.DEVNULL)
    inspector = ["--inspector-port", str(free_port())]
    options = ["dev", "--ip", HOST, "--show-interactive-dev-session=false", *inspector]
    with serving([*WRANGLER, *options], site) as origin:
        yield origin


@contextmanager
def current_of(site: Path, pyodide: str) -> Generator[str, None, None]:
    """Run the built Worker on a Pyodide of today, with miniflare's assets, KV, D1 and R2."""
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=site, check=True)
    sdk = download_sdk(site / "sdk")
    node = npx_node("miniflare@4.20260730.0", f"pyodide@{pyodide}")
    script = Path(__file__).parent / "current_server.mjs"
    with serving([*node, str(script), str(site), str(sdk)], site) as origin:
        yield origin


@contextmanager
def netlify_of(site: Path) -> Generator[str, None, None]:
    """Run the site as Netlify would: its files, and the function on Pyodide in Node."""
    config = site / "pyproject.toml"
    config.write_text(config.read_text().replace('"cloudflare"', '"netlify"'))
    (site / "node_modules").symlink_to(node_modules())
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=site, check=True)
    with serving([node(), str(SERVER / "netlify_server.mjs"), str(site)], site) as origin:
        yield origin


def npx_node(*packages: str) -> list[str]:
    """Return the command that runs Node 22 with packages beside it."""
    return [
        "npx",
        "--yes",
        "-p",
        "node@22",
        *(p for name in packages for p in ("-p", name)),
        "node",
    ]


def download_sdk(folder: Path) -> Path:
    """Fetch the `workers` package as `pywrangler sync` would, for a Python that is not this one."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    wanted = ["--only-binary=:all:", "--python-version=3.13", SDK, f"--dest={folder}"]
    subprocess.run([*pip, *wanted], check=True, stderr=subprocess.DEVNULL)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


SERVERS = {
    "preview": preview_of,
    "wrangler": wrangler_of,
    "pyodide-0.28.3": partial(current_of, pyodide="0.28.3"),
    "pyodide-314.0.7": partial(current_of, pyodide="314.0.7"),
}
