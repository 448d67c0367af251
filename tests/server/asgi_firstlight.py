"""Stands in for `firstlight` in the conformance runner: `preview` is a site on an ASGI server.

Called as `asgi_firstlight.py SERVER build` or `asgi_firstlight.py SERVER preview --port N`.
"""

from __future__ import annotations

import os
import sys

HOST = "127.0.0.1"
# Each with what makes it send a site's own headers only.
SERVERS = {
    "uvicorn": "--app-dir dist/server app:app --host {host} --port {port} --no-proxy-headers"
    " --no-server-header --no-date-header --log-level warning",
    "granian": "--interface asgi --working-dir dist/server app:app --host {host} --port {port}",
    "hypercorn": "dist/server/app:app --bind {host}:{port}",
}


def server_command(name: str, port: int) -> list[str]:
    """Return the command that serves the site in the current folder."""
    return [sys.executable, "-m", name, *SERVERS[name].format(host=HOST, port=port).split()]


if __name__ == "__main__":
    server, command, *rest = sys.argv[1:]
    arguments = [sys.executable, "-m", "firstlight", command, *rest]
    if command == "preview":
        arguments = server_command(server, int(rest[1]))
    os.execv(sys.executable, arguments)  # noqa: S606 - so that signals reach the server
