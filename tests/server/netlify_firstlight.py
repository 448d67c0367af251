"""Stands in for `firstlight` in the conformance runner: `preview` is Netlify's part of a request.

Called as `netlify_firstlight.py MODULES HOST build` or `… preview --port N`: the folder where npx
has put Node and the packages, and the port of netlify_host.mjs.
"""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path
from urllib.parse import urlencode


def serve(host: str, port: str) -> None:
    """Stay connected, as the site is served no longer than that."""
    connection = http.client.HTTPConnection("127.0.0.1", int(host))
    connection.request("GET", "/?" + urlencode({"site": Path.cwd(), "port": port}))
    connection.getresponse()


if __name__ == "__main__":
    modules, host, command, *rest = sys.argv[1:]
    if command == "preview":
        serve(host, rest[1])
    if command == "build":
        Path("node_modules").symlink_to(modules)
        os.environ["PATH"] = f"{modules}/node/bin:{os.environ['PATH']}"
    arguments = [sys.executable, "-m", "firstlight", command, *rest]
    os.execv(arguments[0], arguments)  # noqa: S606 - as the runner would call it
