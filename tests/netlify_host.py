"""Node 22 with Pyodide and Netlify's own packages, and a process of it that serves built sites."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from firstlight.build.pyodide_package import VERSION

if TYPE_CHECKING:
    from collections.abc import Generator

SERVER = Path(__file__).parent / "server"
PACKAGES = (
    "node@22",
    f"pyodide@{VERSION}",
    "@netlify/zip-it-and-ship-it@16.2.3",
    "@netlify/redirect-parser@16.1.1",
    "@netlify/headers-parser@10.1.1",
    "netlify-redirector@0.5.0",
)


@cache
def node_modules(packages: tuple[str, ...] = PACKAGES) -> Path:
    """Return the folder where npx has put Node and other packages."""
    wanted = [argument for name in packages for argument in ("-p", name)]
    command = ["npx", "--yes", *wanted, "node", "-p", "process.execPath"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Path(told.strip()).parents[2]


def node() -> str:
    return str(node_modules() / "node/bin/node")


@contextmanager
def netlify_host() -> Generator[str, None, None]:
    """Start a process that serves a site for as long as somebody stays connected to its port."""
    command = [node(), str(SERVER / "netlify_host.mjs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()
