"""The `wrangler` fixture's side: the site in the real runtime, started once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from firstlight.build.wrangler import load_wrangler
from firstlight.errors import FirstlightError
from firstlight.testing.client import Client

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from firstlight.testing.client import Sent

HOST = "127.0.0.1"
__tracebackhide__ = True  # by pytest: the test's error is not here
# The last release whose Python runtime needs no network to start.
COMMAND = ("npx", "--yes", "wrangler@3.92.0")
START_LIMIT = 120  # seconds
TIMEOUT = 30  # seconds
STOP_LIMIT = 10  # seconds
# What is made by tools, not by people.
LEFT_OUT = (
    ".firstlight",
    ".git",
    ".venv-workers",
    ".wrangler",
    "__pycache__",
    "dist",
    "node_modules",
    "python_modules",
)


class Wrangler(Client):
    """Calls the site as `wrangler dev` serves it."""

    async def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes
    ) -> Sent:
        """Send one request over the network."""
        return await asyncio.to_thread(exchange, method, url, headers, body)


def exchange(
    method: str, url: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
) -> Sent:
    """Send a request and read the answer; redirects are not followed."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=TIMEOUT)
    try:
        connection.putrequest(method, url.partition(parts.netloc)[2] or "/")
        for name, value in headers:
            connection.putheader(name, value)
        if body or method not in ("GET", "HEAD", "OPTIONS"):
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


@contextmanager
def wrangler_dev(
    root: Path, folder: Path, command: Sequence[str] = COMMAND
) -> Generator[str, None, None]:
    """Serve a copy of a site by `wrangler dev`, with empty bindings, and give its origin.

    Args:
        root: The site's root.
        folder: An empty folder for the copy and its state.
        command: What runs wrangler.

    Raises:
        FirstlightError: There is no Node, a migration fails, or the server does not start.
    """
    if shutil.which(command[0]) is None:
        raise FirstlightError(
            f"`{command[0]}` is not there, so wrangler cannot run.",
            hint="Install Node.js 18 or newer, or leave these tests out.",
        )
    site = folder / "site"
    shutil.copytree(root, site, symlinks=True, ignore=_ignored)
    for binding, migrations in load_wrangler(root).migrations.items():
        if (site / migrations).is_dir():
            _migrate(command, site, binding)
    inspector = ("--inspector-port", str(free_port()))
    options = ("dev", "--ip", HOST, "--show-interactive-dev-session=false", *inspector)
    with serving((*command, *options), site) as origin:
        yield origin


@contextmanager
def serving(command: Sequence[str], site: Path, ready: str = "/") -> Generator[str, None, None]:
    """Run a server with `--port` and give its origin; it is ended afterwards.

    Args:
        command: What starts it.
        site: The folder to start it in; its log goes there.
        ready: The path that is asked for until there is an answer.

    Raises:
        FirstlightError: It ended early, or answered nothing in time.
    """
    port = free_port()
    log = site / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the caller's own command
            (*command, "--port", str(port)),
            cwd=site,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    origin = f"http://{HOST}:{port}"
    try:
        _wait_for(origin + ready, process, log)
        yield origin
    finally:
        _stop(process)


def environment() -> dict[str, str]:
    """Make `firstlight` and this Python the ones that wrangler's build command finds."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "NO_COLOR": "1", "WRANGLER_SEND_METRICS": "false"}


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _ignored(folder: str, names: list[str]) -> set[str]:
    """Leave out what tools have made, virtual environments of any name included."""
    environments = {name for name in names if Path(folder, name, "pyvenv.cfg").exists()}
    return environments | {name for name in names if name in LEFT_OUT}


def _migrate(command: Sequence[str], site: Path, binding: str) -> None:
    migrate = (*command, "d1", "migrations", "apply", binding, "--local")
    done = subprocess.run(  # noqa: S603 - the caller's own command
        migrate,
        cwd=site,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FirstlightError(
            f"The migrations of `{binding}` failed:\n{done.stdout}{done.stderr}".rstrip()
        )


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            exchange("HEAD", url)
        except (OSError, HTTPException):
            time.sleep(0.1)
        else:
            return
    text = log.read_text("utf-8", "replace")
    raise FirstlightError(f"The server did not start:\n{text}".rstrip())


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it has started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    process.wait(STOP_LIMIT)
