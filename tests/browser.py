"""Chromium without a window, driven through its debugging pipe: no library, no port.

Source:
    https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

# Without the networking flags, Chromium looks up its maker's hosts at every start.
CHROMIUM = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
NARROW = 600  # pixels; a narrower window is a phone's
# The window that a page opens in unless the test says otherwise.
WIDTH, HEIGHT = 1280, 900
PATIENCE = 20.0  # seconds until what is awaited must be there
SILENCE = 60  # seconds after which Chromium is taken for dead
ENDED = "Chromium has ended, or says nothing any more."


class Browser:
    """One Chromium. Each `tab()` has cookies and storage of its own.

    Args:
        profile: An empty folder.
    """

    def __init__(self, profile: Path) -> None:
        if shutil.which("chromium") is None:
            pytest.fail("Chromium is missing: apt-get install chromium")
        commands, self._send = os.pipe()
        self._receive, answers = os.pipe()
        # Chromium reads file descriptor 3 and writes 4; a shell puts the pipes there.
        arguments = [*CHROMIUM, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
        script = f'exec "$@" 3<&{commands} 4>&{answers}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", *arguments],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._number = 0
        self._buffer = b""
        self._events: dict[str | None, list[dict[str, Any]]] = {}

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                break
            self._keep(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def wait(self, session: str, method: str) -> dict[str, Any]:
        """Return the parameters of the next event of a name that no one has waited for."""
        while True:
            events = self._events.setdefault(session, [])
            for event in events:
                if event["method"] == method:
                    events.remove(event)
                    return event["params"]
            self._keep(self._read())

    def events(self, session: str, method: str) -> list[dict[str, Any]]:
        """List the parameters of the events of a name that have come and not been waited for."""
        kept = self._events.get(session, [])
        return [event["params"] for event in kept if event["method"] == method]

    def forget(self, session: str) -> None:
        """Drop the events of a session."""
        self._events.pop(session, None)

    @contextmanager
    def tab(self, *, script: bool = True) -> Generator[Tab, None, None]:
        """Open a tab; `script` tells whether its pages may run JavaScript."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, attached["sessionId"], script=script)
        try:
            yield tab
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def close(self) -> None:
        """End Chromium."""
        os.close(self._send)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._receive)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receive], [], [], SILENCE)
            piece = os.read(self._receive, 1 << 16) if ready else b""
            if not piece:
                raise RuntimeError(ENDED)
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def _keep(self, event: dict[str, Any]) -> None:
        if "method" in event:
            self._events.setdefault(event.get("sessionId"), []).append(event)


class Tab:
    """A tab: where it goes, what its page says, what it asked for."""

    def __init__(self, browser: Browser, session: str, *, script: bool) -> None:
        self._browser = browser
        self._session = session
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        if not script:
            self.call("Emulation.setScriptExecutionDisabled", value=True)
        self.resize(WIDTH, HEIGHT)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the debugging protocol."""
        return self._browser.call(method, self._session, **params)

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", **size, mobile=width < NARROW)

    def prefer(self, scheme: str, *, media: str = "") -> None:
        """Prefer `light` or `dark`; `media` may be `print`."""
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def before_each_page(self, source: str) -> None:
        """Run a script in every page before its own."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=source)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self._browser.forget(self._session)
        self.call("Page.navigate", url=url)
        self.wait_until_loaded()

    def wait_until_loaded(self) -> None:
        """Wait for the load that is under way."""
        self._browser.wait(self._session, "Page.loadEventFired")

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited.

        It works where pages may run no script, too.
        """
        options = {"returnByValue": True, "awaitPromise": True}
        result = self.call("Runtime.evaluate", expression=expression, **options)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"].get("exception", result)))
        return result["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true, in this page or in one that replaces it."""
        deadline = time.monotonic() + PATIENCE
        failure: RuntimeError | None = None
        while time.monotonic() < deadline:
            try:
                if self.run(f"!!({condition})"):
                    return
            except RuntimeError as error:  # as a page goes away
                failure = error
            time.sleep(0.01)
        raise AssertionError(f"`{condition}` is never true.") from failure

    def press(self, key: str, *, text: str = "", shift: bool = False) -> None:
        """Press a key by its name, such as `Tab`; `text` is what it types."""
        event = {"key": key, "code": key, "modifiers": 8 if shift else 0}
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, " ": 32}
        event["windowsVirtualKeyCode"] = codes.get(key, ord(text) if text else 0)
        text = "\r" if key == "Enter" else text
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def requests(self) -> list[str]:
        """List the URLs that the page has asked for."""
        sent = self._browser.events(self._session, "Network.requestWillBeSent")
        return [event["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """List what the console says of errors and warnings."""
        logged = self._browser.events(self._session, "Log.entryAdded")
        thrown = self._browser.events(self._session, "Runtime.exceptionThrown")
        called = self._browser.events(self._session, "Runtime.consoleAPICalled")
        texts = [e["entry"]["text"] for e in logged if e["entry"]["level"] in ("error", "warning")]
        texts += [str(event["exceptionDetails"]) for event in thrown]
        return texts + [str(e["args"]) for e in called if e["type"] in ("error", "warning")]

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """Save a picture of the window, or of the whole page; PNG or, by its name, WebP."""
        options: dict[str, Any] = (
            {"format": "webp", "quality": 90} if file.suffix == ".webp" else {}
        )
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            options |= {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        picture = self.call("Page.captureScreenshot", **options)
        file.write_bytes(base64.b64decode(picture["data"]))


@contextmanager
def chromium(profile: Path) -> Generator[Browser, None, None]:
    """Start Chromium and end it."""
    browser = Browser(profile)
    try:
        yield browser
    finally:
        browser.close()
