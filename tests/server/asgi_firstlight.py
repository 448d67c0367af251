"""Stands in for `firstlight` in the conformance runner: `preview` is a site on an ASGI server.

Called as `asgi_firstlight.py SERVER build` or `asgi_firstlight.py SERVER preview --port N`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOST = "127.0.0.1"
PAGE = Path(__file__).parent.parent.parent / "pages/_content/docs/adapters.md"
WORKERS = " --workers 2"
ADDRESS = {
    "uvicorn": "--host {host} --port {port} --no-server-header --no-date-header",
    "granian": "--host {host} --port {port}",
    "hypercorn": "--bind {host}:{port}",
}


def server_command(name: str, port: int) -> list[str]:
    """Return the command of the guide that serves the site in the current folder, one process."""
    lines = PAGE.read_text("utf-8").splitlines()
    command = next(line for line in lines if line.startswith(f"{name} "))
    command = f"{command.removesuffix(WORKERS)} {ADDRESS[name].format(host=HOST, port=port)}"
    return [sys.executable, "-m", *command.split()]


if __name__ == "__main__":
    server, command, *rest = sys.argv[1:]
    arguments = [sys.executable, "-m", "firstlight", command, *rest]
    if command == "preview":
        arguments = server_command(server, int(rest[1]))
    os.execv(sys.executable, arguments)  # noqa: S606 - so that signals reach the server
