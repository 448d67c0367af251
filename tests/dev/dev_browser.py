"""Headless Chromium by its debugging protocol, over a pipe: no client library is needed.

Source:
    https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

# Without the networking flags, Chromium looks up its maker's hosts at every start.
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1000,700",
]
LIMIT = 20.0  # seconds until what is awaited must be there
READ, WRITE = 3, 4  # the descriptors on which Chromium reads and writes


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.call("Page.enable")
        self.call("Runtime.enable")

    def call(self, method: str, **params: object) -> Any:
        """Call a method of the protocol."""
        return self._browser.call(method, self._session, **params)

    def open(self, url: str) -> None:
        """Go to an address and wait until the page is loaded and follows changes."""
        self.run("window.isOld = true")
        self.call("Page.navigate", url=url)
        self.wait("!window.isOld && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return what an expression gives, promises awaited; None while a page goes away."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer.get("result", {}).get("value")

    def wait(self, script: str) -> Any:
        """Wait until an expression is true; fails with what it is instead."""
        deadline = time.monotonic() + LIMIT
        value = None
        while time.monotonic() < deadline:
            try:
                value = self.run(script)
            except (AssertionError, ProtocolError) as error:  # as a page goes away
                value = error
            else:
                if value:
                    return value
            time.sleep(0.01)
        raise AssertionError(f"{script} is {value!r}")

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )


class ProtocolError(Exception):
    """The browser refused a call."""


class Browser:
    """A running Chromium."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._count = 0
        self._pending = b""

    @contextmanager
    def page(self) -> Generator[Page, None, None]:
        """Open a tab for as long as the context is open."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        yield Page(self, attached["sessionId"])
        self.call("Target.closeTarget", targetId=target)

    def call(self, method: str, session: str | None = None, **params: object) -> Any:
        """Call a method of the protocol and return its result; events are passed over."""
        self._count += 1
        message: dict[str, object] = {"id": self._count, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise ProtocolError(answer["error"]["message"])
                return answer["result"]

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            if not select.select([self._reader], [], [], LIMIT)[0]:
                raise ProtocolError("The browser does not answer.")
            piece = os.read(self._reader, 1 << 16)
            if not piece:
                raise ProtocolError("The browser is gone.")
            self._pending += piece
        message, _, self._pending = self._pending.partition(b"\0")
        return json.loads(message)


@contextmanager
def chromium(profile: Path) -> Generator[Browser, None, None]:
    """Run Chromium with a profile of its own."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("Chromium is missing: apt-get install chromium")
    to_read, to_write = os.pipe(), os.pipe()
    # The descriptors get their numbers in a shell: there they hide none that Python holds.
    shell = f'exec "$0" "$@" {READ}<&{to_read[0]} {WRITE}>&{to_write[1]}'
    arguments = [program, *OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        ["/bin/bash", "-c", shell, *arguments],
        pass_fds=[to_read[0], to_write[1]],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Browser(to_write[0], to_read[1])
    finally:
        process.terminate()
        process.wait(10)
        for descriptor in (*to_read, *to_write):
            os.close(descriptor)
