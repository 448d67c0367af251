"""The server inside a Vercel function: it tells its port, and when a request begins and ends.

Vercel's builder puts a server of its own into the functions that it builds from source; a function
that is uploaded prebuilt brings one along.

Source:
    https://github.com/vercel/vercel/blob/main/python/vercel-runtime/src/vercel_runtime/vc_init.py
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import sys
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.server.asgi import ASGIApp

    Context = dict[str, Any]

SOCKET = "VERCEL_IPC_PATH"  # the environment's variable with the path of Vercel's socket
HOST = "127.0.0.1"
PING = "/_vercel/ping"
INTERNAL = "x-vercel-internal-"
INVOCATION = f"{INTERNAL}invocation-id"
REQUEST = f"{INTERNAL}request-id"
OIDC_TOKEN = f"{INTERNAL}oidc-token"
PUBLIC_OIDC_TOKEN = "x-vercel-oidc-token"  # noqa: S105 - a header's name

OUTSIDE: Context = {"invocationId": "0", "requestId": 0}  # of a request
_request: ContextVar[Context] = ContextVar("_request")


def serve(app: ASGIApp, path: str) -> None:
    """Answer requests until the process is ended.

    Args:
        app: Called in one event loop, for several requests at a time.
        path: Of Vercel's Unix socket.

    Raises:
        OSError: There is no such socket.
    """
    messages = _Messages(path)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = _Server(app, loop, messages)
    duration = round(time.process_time() * 1000)
    messages.send("server-started", {"initDuration": duration, "httpPort": server.server_port})
    sys.stdout, sys.stderr = _Log(messages, "stdout"), _Log(messages, "stderr")
    server.serve_forever()


class _Messages:
    """JSON messages, each ended by a zero byte."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._lock = threading.Lock()

    def send(self, kind: str, payload: dict[str, Any]) -> None:
        message = json.dumps({"type": kind, "payload": payload}).encode()
        with self._lock:
            self._socket.sendall(message + b"\0")


class _Log(io.TextIOBase):
    """A stream of log lines, each told with the request that wrote it."""

    def __init__(self, messages: _Messages, name: str) -> None:
        self._messages = messages
        self._name = name
        self._rest: ContextVar[str] = ContextVar("_rest", default="")

    def write(self, text: str) -> int:
        lines, newline, rest = (self._rest.get() + text).rpartition("\n")
        self._rest.set(rest)
        if newline:
            self._tell(lines + newline)
        return len(text)

    def flush(self) -> None:
        if rest := self._rest.get():
            self._rest.set("")
            self._tell(rest)

    def _tell(self, text: str) -> None:
        payload = {
            "context": _request.get(OUTSIDE),
            "message": base64.b64encode(text.encode("utf-8", "replace")).decode(),
            "stream": self._name,
        }
        self._messages.send("log", payload)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop, messages: _Messages) -> None:
        super().__init__((HOST, 0), _Handler)
        self.app = app
        self.loop = loop
        self.messages = messages


class _Handler(BaseHTTPRequestHandler):
    """One request; the connection ends with the answer, and so tells where a stream ends."""

    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - it is ours

    def __getattr__(self, name: str) -> Any:
        """Serve every method: the base class looks for `do_GET` and the like."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        if self.path == PING:
            self.send_response_only(200)
            self.end_headers()
            return
        sent = [(name.lower(), value) for name, value in self.headers.items()]
        context = _context(dict(sent))
        _request.set(context)
        messages = self.server.messages
        now = round(time.time() * 1000)
        messages.send("handler-started", {"handlerStartedAt": now, "context": context})
        try:
            answer = self.server.app(self._scope(_public(sent)), self._receive(), self._send)
            with suppress(ConnectionError):  # the visitor is gone
                asyncio.run_coroutine_threadsafe(_awaited(answer), self.server.loop).result()
        finally:
            messages.send("end", {"context": context})

    def _scope(self, headers: list[tuple[str, str]]) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        return {
            "type": "http",
            "method": self.command,
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers],
        }

    def _receive(self) -> Any:
        """Return what gives the body, and then waits for what never comes."""
        pieces = [{"type": "http.request", "body": self._body(), "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not pieces:
                await asyncio.Event().wait()
            return pieces.pop()

        return receive

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        """Yield the parts of a body of RFC 9112 §7.1; one that breaks off is a ValueError."""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.send_response_only(message["status"])
            for name, value in message["headers"]:
                self.send_header(name.decode("latin-1"), value.decode("latin-1"))
            await asyncio.to_thread(self.end_headers)
            return
        await asyncio.to_thread(self.wfile.write, message.get("body", b""))
        if not message.get("more_body"):
            # The connection stays until the work of `wait_until` is done; the visitor need not.
            with suppress(OSError):  # the visitor is gone
                self.connection.shutdown(socket.SHUT_WR)


async def _awaited(answer: Any) -> None:
    await answer


def _context(headers: dict[str, str]) -> Context:
    request = headers.get(REQUEST, "")
    return {
        "invocationId": headers.get(INVOCATION, OUTSIDE["invocationId"]),
        "requestId": int(request) if request.isascii() and request.isdigit() else 0,
    }


def _public(sent: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out what Vercel tells the server alone."""
    names = {name for name, _ in sent}
    kept: list[tuple[str, str]] = []
    for name, value in sent:
        if name == OIDC_TOKEN and PUBLIC_OIDC_TOKEN not in names:
            kept.append((PUBLIC_OIDC_TOKEN, value))
        elif not name.startswith((INTERNAL, "x-vercel-sc-")):
            kept.append((name, value))
    return kept
