"""`firstlight dev` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

LIMIT = 30.0  # seconds until what is awaited must be there
PORT = 41000  # or the next one that is free: the server sees to that
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


class DevProcess:
    """A running development server; `log()` is what it has printed so far."""

    count = 0

    def __init__(self, root: Path, *options: str, command: str = "dev") -> None:
        self.root = root
        DevProcess.count += 1
        self._log = root / f".server-{DevProcess.count}.log"
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "firstlight", command, "--port", str(PORT), *options],
                cwd=root,
                env=os.environ | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.origin = ADDRESS.findall(self.wait_for(ADDRESS.search))[-1]

    def log(self) -> str:
        return self._log.read_text("utf-8")

    def wait_for(self, condition: Callable[[str], object]) -> str:
        """Wait until the log fulfils a condition; fails when the server ends before."""
        deadline = time.monotonic() + LIMIT
        while not condition(log := self.log()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.process.poll()}:\n{log}")
            time.sleep(0.01)
        return log

    def get(self, path: str, accept: str = "text/html") -> httpx.Response:
        return httpx.get(self.origin + path, headers={"accept": accept}, timeout=LIMIT)

    def wait_get(self, path: str, status: int, text: str) -> None:
        """Ask until the answer is the one expected."""
        deadline = time.monotonic() + LIMIT
        answer = self.get(path)
        while answer.status_code != status or text not in answer.text:
            if time.monotonic() > deadline:
                raise AssertionError((answer.status_code, answer.text, self.log()))
            time.sleep(0.05)
            answer = self.get(path)

    def write(self, name: str, text: str | bytes) -> None:
        """Change a file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def stop(self) -> int:
        """Interrupt it as Ctrl+C does; returns its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT)


@contextmanager
def dev_process(
    root: Path, *options: str, command: str = "dev"
) -> Generator[DevProcess, None, None]:
    """Run `firstlight dev`, or another command, until the context is left."""
    server = DevProcess(root, *options, command=command)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
