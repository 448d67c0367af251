"""The server inside a Vercel function; the test is Vercel: a socket, and requests over HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from conftest import WriteSite

SITE = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "vercel"\n',
    "pages/404.html": "nothing here",
    "pages/api/echo.py": """\
from firstlight import Response

async def work():
    print("worked")

async def POST(ctx):
    ctx.wait_until(work())
    ctx.cookies.set("a", "1")
    ctx.cookies.set("b", "2")
    told = [await ctx.request.text(), ctx.client_address, str(ctx.url)]
    return Response.json([*told, sorted(ctx.request.headers)])

def PROPFIND(ctx): return "never"
""",
    "pages/api/parts.py": """\
import asyncio
from firstlight import Response

gate = asyncio.Event()

async def parts():
    yield "first"
    await gate.wait()
    yield "second"

def GET(ctx):
    return Response(parts())

def PUT(ctx):
    ctx.wait_until(gate.wait())
    return Response(once())

def DELETE(ctx):
    ctx.wait_until(late())
    return Response(endless())

async def late():
    await gate.wait()
    print("worked")

async def endless():
    try:
        while True:
            yield "x" * 65536
    finally:
        print("closed")

async def once():
    yield "all"

def POST(ctx):
    gate.set()
    return "open"
""",
    "pages/api/broken.py": "def GET(ctx):\n    raise RuntimeError('oh no')\n",
}
INTERNAL = {
    "x-vercel-internal-invocation-id": "i7",
    "x-vercel-internal-request-id": "42",
    "x-vercel-internal-span-id": "s",
    "x-vercel-internal-oidc-token": "token",
    "x-vercel-sc-host": "inside",
}
PUBLIC = {
    "host": "tea.example",
    "origin": "https://tea.example",
    "x-forwarded-proto": "https",
    "x-real-ip": "9.9.9.9",
}
CONTEXT = {"invocationId": "i7", "requestId": 42}


class Vercel:
    """What starts a function and listens to it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        self._connection = connection
        self._data = b""
        self.port = 0

    def next(self) -> tuple[str, dict[str, Any]]:
        """Return the kind and payload of the next message."""
        while b"\0" not in self._data:
            received = self._connection.recv(65536)
            assert received, "the function has closed the socket"
            self._data += received
        message, _, self._data = self._data.partition(b"\0")
        told = json.loads(message)
        return told["type"], told["payload"]

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: str | Iterator[bytes] | None = None,
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        chunked = not isinstance(body, str | None)
        connection.request(method, path, body, headers, encode_chunked=chunked)
        return connection.getresponse()


@pytest.fixture
def vercel(write_site: WriteSite) -> Generator[Vercel, None, None]:
    root = write_site(SITE)
    build(root)
    function = root / ".vercel/output/functions/_firstlight.func"
    with started(function) as vercel:
        kind, payload = vercel.next()
        assert kind == "server-started"
        assert 0 < payload["initDuration"] < 60_000
        vercel.port = payload["httpPort"]
        yield vercel


@contextmanager
def started(function: Path) -> Generator[Vercel, None, None]:
    handler = json.loads((function / ".vc-config.json").read_text())["handler"]
    module, _, name = handler.partition(".")
    script = (
        "import sys; sys.path = ['.', *(p for p in sys.path if 'worker' not in p)]; "
        f"from {module} import {name}"
    )
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = str(Path(folder) / "ipc")  # short: a socket's path has a limit
        listener.bind(path)
        listener.listen()
        listener.settimeout(20)
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=function,
            env={**os.environ, "VERCEL_IPC_PATH": path},
        )
        try:
            connection, _ = listener.accept()
            with connection:
                yield Vercel(connection)
        finally:
            process.kill()
            process.wait(10)


def test_a_request_is_told_from_its_start_to_its_end(vercel: Vercel) -> None:
    answer = vercel.send("POST", "/api/echo?q=%2F1", PUBLIC | INTERNAL, "tea")

    text, address, url, headers = json.loads(answer.read())
    assert (answer.status, text, address) == (200, "tea", "9.9.9.9")
    assert url == "https://tea.example/api/echo?q=%2F1"
    assert set(headers) >= {*PUBLIC, "x-vercel-oidc-token"}
    assert not [name for name in headers if name.startswith(("x-vercel-internal", "x-vercel-sc"))]
    cookies = answer.headers.get_all("set-cookie")
    assert cookies is not None
    assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2"]
    kind, payload = vercel.next()
    assert (kind, payload["context"]) == ("handler-started", CONTEXT)
    assert payload["handlerStartedAt"] > 1.6e12
    kind, payload = vercel.next()
    message = base64.b64decode(payload.pop("message"))
    assert (kind, payload, message) == (
        "log",
        {"context": CONTEXT, "stream": "stdout"},
        b"worked\n",
    )
    assert vercel.next() == ("end", {"context": CONTEXT})


def test_a_ping_is_no_request(vercel: Vercel) -> None:
    assert vercel.send("GET", "/_vercel/ping", {}).read() == b""
    assert (
        vercel.send("GET", "/no", {"x-vercel-internal-request-id": "x"}).read() == b"nothing here"
    )
    kind, payload = vercel.next()
    assert (kind, payload["context"]) == (
        "handler-started",
        {"invocationId": "0", "requestId": 0},
    )


def test_a_body_in_chunks_is_read_whole(vercel: Vercel) -> None:
    headers = PUBLIC | {"transfer-encoding": "chunked"}
    answer = vercel.send("POST", "/api/echo", headers, iter([b"t", b"e" * 20, b"a"]))
    assert json.loads(answer.read())[0] == f"t{'e' * 20}a"


def test_a_body_that_breaks_off_never_reaches_the_site(vercel: Vercel) -> None:
    with socket.create_connection(("127.0.0.1", vercel.port), timeout=20) as connection:
        head = b"POST /api/echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        connection.sendall(head + b"3\r\nte")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert [vercel.next()[0] for _ in range(2)] == ["handler-started", "end"]


def test_a_stream_ends_before_the_work_that_goes_on(vercel: Vercel) -> None:
    assert vercel.send("PUT", "/api/parts", PUBLIC | INTERNAL).read() == b"all"
    assert vercel.send("POST", "/api/parts", PUBLIC).read() == b"open"
    contexts = [payload["context"] for _, payload in (vercel.next() for _ in range(4))]
    assert contexts[:2] == [CONTEXT, {"invocationId": "0", "requestId": 0}]


def test_work_goes_on_when_the_visitor_is_gone(vercel: Vercel) -> None:
    vercel.send("DELETE", "/api/parts", PUBLIC | INTERNAL).close()
    assert [vercel.next()[0] for _ in range(2)] == ["handler-started", "log"]
    vercel.send("POST", "/api/parts", PUBLIC).read()
    told = [vercel.next() for _ in range(4)]
    assert [kind for kind, payload in told if payload["context"] == CONTEXT] == ["log", "end"]


def test_a_stream_goes_out_as_it_is_made_beside_other_requests(vercel: Vercel) -> None:
    stream = vercel.send("GET", "/api/parts", PUBLIC)
    assert stream.read(5) == b"first"
    assert vercel.send("POST", "/api/parts", PUBLIC).read() == b"open"
    assert stream.read() == b"second"


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("HEAD", "/api/echo", 405, b""),
        ("PROPFIND", "/api/echo", 405, b"Method Not Allowed"),
        ("OPTIONS", "/api/echo", 204, b""),
        ("GET", "/%00", 400, b"400 Bad Request"),
    ],
)
def test_every_method_is_answered(
    vercel: Vercel, method: str, path: str, status: int, body: bytes
) -> None:
    answer = vercel.send(method, path, PUBLIC)
    assert (answer.status, answer.read()) == (status, body)


def test_an_error_is_logged_with_its_request(vercel: Vercel) -> None:
    answer = vercel.send("GET", "/api/broken", PUBLIC | INTERNAL)

    assert answer.status == 500
    answer.read()
    assert vercel.next()[0] == "handler-started"
    kind, payload = vercel.next()
    assert (kind, payload["stream"], payload["context"]) == ("log", "stderr", CONTEXT)
    assert b"pages/api/broken.py:2" in base64.b64decode(payload["message"])
