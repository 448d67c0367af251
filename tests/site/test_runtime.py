"""A site of corner cases on every runtime: bodies both ways, headers, and what the log tells."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from servers import HOST, WRANGLER, current_of, environment, netlify_of, serving

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

JSON = {"content-type": "application/json"}
BIG = bytes(range(256)) * 20_000  # 5 MB

ECHO = """\
from firstlight import Response

def POST(ctx):
    return Response(ctx.request.stream())

async def PUT(ctx):
    stream = ctx.request.stream()
    first = await anext(stream)

    async def both():
        yield first
        async for chunk in stream:
            yield chunk

    return Response(both())

async def PATCH(ctx):
    async for chunk in ctx.request.stream():
        return {"first": len(chunk) > 0}

def DELETE(ctx):
    return "unread"
"""
UPLOAD = """\
async def POST(ctx):
    return {"size": len(await ctx.request.bytes())}

async def PUT(ctx):
    return {"size": sum([len(chunk) async for chunk in ctx.request.stream()])}

async def PATCH(ctx):
    return {"text": await ctx.request.text()}
"""
ODD = """\
import asyncio
from firstlight import Headers, Response

async def parts():
    for _ in range(50):
        yield bytes(102_400)

async def fail_late():
    await asyncio.sleep(0.01)
    raise ValueError("late failure")

def ALL(ctx):
    kind = ctx.params["kind"]
    if kind == "headers":
        fields = [("x-b", "1"), ("set-cookie", "a=1"), ("x-a", "2"), ("set-cookie", "b=2; Path=/")]
        ctx.cookies.set("c", "3")
        return Response("ok", 299, Headers(fields))
    if kind == "wait":
        ctx.wait_until(fail_late())
        return "waiting"
    if kind == "exit":
        raise SystemExit(3)
    if kind == "length":
        return Response("12345", headers={"content-length": "3"})
    bodies = {
        "bytes": bytes(5_120_000), "text": "é" * 2_560_000, "stream": parts(),
        "nul": "a\\0b", "surrogate": "a\\ud800b", "empty": "", "none": None,
    }
    if kind in bodies:
        return Response(bodies[kind])
    return Response(kind, int(kind)) if kind.isdecimal() else Response(ctx.request.method)
"""
MACROS = "{% macro fail() %}\n{{ 1 // 0 }}\n{% endmacro %}\n"
LAYOUT = (
    "<main>\n{% block main %}{% endblock %}\n{% block side %}\n"
    "{{ ctx.locals.side | default(0) and 1 // 0 }}\n{% endblock %}\n"
    "{% if ctx.locals.layout is defined %}{{ 1 // 0 }}{% endif %}\n</main>\n"
)
PAGE = "---\nprerender = False\n---\n"
FILES = {
    "pyproject.toml": '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n',
    "wrangler.toml": (
        'name = "corners"\nmain = "dist/server/entry.py"\ncompatibility_date = "2026-04-20"\n'
        'compatibility_flags = ["python_workers"]\n[assets]\ndirectory = "dist/client"\n'
        'binding = "ASSETS"\n'
    ),
    "pages/favicon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    "pages/_migrations/0001.sql": "select 1;\n",
    "pages/500.html": "<h1>broken</h1>\n",
    "pages/api/echo.py": ECHO,
    "pages/api/upload.py": UPLOAD,
    "pages/odd/[kind].py": ODD,
    "pages/_helper.py": "def fail():\n    value = {}\n    return value['missing']\n",
    "pages/_macros.html": MACROS,
    "pages/_part.html": "part\n\n{{ 1 // 0 }}\n",
    "pages/_layout.html": LAYOUT,
    "pages/error/frontmatter.html": "---\n\nnumber = 1\nnumber // 0\n---\n",
    "pages/error/helper.html": "---\nfrom pages._helper import fail\n\nfail()\n---\n",
    "pages/error/template.html": "---\nx = 0\n---\n<p>\n{{ 1 // x }}\n",
    "pages/error/undefined.html": "one\ntwo {{ missing_name }}\n",
    "pages/error/layout.html": ("---\nctx.locals.layout = 1\n---\n{% extends '_layout.html' %}\n"),
    "pages/error/parent.html": "---\nctx.locals.side = 1\n---\n{% extends '_layout.html' %}\n",
    "pages/error/block.html": (
        "{% extends '_layout.html' %}\n{% block main %}\n\n{{ 1 // 0 }}\n{% endblock %}\n"
    ),
    "pages/error/include.html": "one\n{% include '_part.html' %}\n",
    "pages/error/macro.html": "{% from '_macros.html' import fail %}\n\n{{ fail() }}\n",
    "pages/error/loop.html": "{% for n in [1, 0] %}\n{{ 1 // n }}\n{% endfor %}\n",
    "pages/error/markdown.md": "---\nlayout: _md.html\n---\n# Title\n",
    "pages/_md.html": "{{ content }}\n{{ 1 // 0 }}\n",
    "pages/error/answer.py": "\ndef GET(ctx):\n    return 42\n",
    "pages/error/[name]/[...rest].py": "def GET(ctx):\n    raise LookupError(ctx.params['name'])\n",
    "pages/error/stream.py": (
        "import asyncio\nfrom firstlight import Response\nasync def parts():\n    yield 'first'\n"
        "    await asyncio.sleep(0.2)\n    raise ValueError('mid-stream')\n"
        "def GET(ctx):\n    return Response(parts())\n"
    ),
}


class Served(NamedTuple):
    """A running site, and where its server writes."""

    origin: str
    log: Path

    def log_has(self, text: str) -> bool:
        """Wait a little for a text to be logged."""
        deadline = time.monotonic() + 5
        while text not in self.log.read_text("utf-8", "replace"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def build(site: Path) -> None:
    command = [sys.executable, "-m", "firstlight", "build"]
    subprocess.run(command, cwd=site, env=environment(), check=True)


@contextlib.contextmanager
def preview_of(site: Path) -> Generator[str, None, None]:
    build(site)
    with serving([sys.executable, "-m", "firstlight", "preview"], site) as origin:
        yield origin


@contextlib.contextmanager
def wrangler_of(site: Path) -> Generator[str, None, None]:
    build(site)
    options = ["dev", "--ip", HOST, "--show-interactive-dev-session=false"]
    with serving([*WRANGLER, *options], site) as origin:
        yield origin


SERVERS = {
    "preview": preview_of,
    "wrangler": wrangler_of,
    "pyodide-0.28.3": partial(current_of, pyodide="0.28.3"),
    "pyodide-314.0.7": partial(current_of, pyodide="314.0.7"),
    "netlify": netlify_of,
}


@pytest.fixture(
    scope="module",
    params=[
        "preview",
        pytest.param("wrangler", marks=pytest.mark.workerd),
        pytest.param("pyodide-0.28.3", marks=pytest.mark.current),
        pytest.param("pyodide-314.0.7", marks=pytest.mark.current),
        pytest.param("netlify", marks=pytest.mark.current),
    ],
)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Served, None, None]:
    site = tmp_path_factory.mktemp(request.param)
    for name, text in FILES.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    with SERVERS[request.param](site) as origin:
        yield Served(origin, site / "server.log")


@pytest.fixture
def client(served: Served) -> Generator[httpx.Client, None, None]:
    with httpx.Client(base_url=served.origin, timeout=30) as browser:
        yield browser


def pieces(data: bytes) -> Iterator[bytes]:
    """Send in pieces, with no length announced."""
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("size", [3, len(BIG)])
@pytest.mark.parametrize("how", ["announced", "chunked"])
def test_a_stream_answers_with_what_it_reads(
    client: httpx.Client, method: str, size: int, how: str
) -> None:
    content = pieces(BIG[:size]) if how == "chunked" else BIG[:size]
    response = client.request(method, "/api/echo", content=content, headers=JSON)

    assert response.content == BIG[:size]


@pytest.mark.parametrize(("method", "body"), [("PATCH", '{"first":true}'), ("DELETE", "unread")])
def test_a_body_that_is_left_does_not_disturb_the_next_request(
    client: httpx.Client, method: str, body: str
) -> None:
    for _ in range(2):
        assert client.request(method, "/api/echo", content=BIG, headers=JSON).text == body
        assert client.get("/odd/x").text == "GET"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("how", ["announced", "chunked"])
def test_bytes_and_stream_take_five_megabytes(client: httpx.Client, method: str, how: str) -> None:
    content = pieces(BIG) if how == "chunked" else BIG
    response = client.request(method, "/api/upload", content=content, headers=JSON)

    assert response.json() == {"size": len(BIG)}


@pytest.mark.parametrize("how", ["announced", "chunked"])
def test_text_beyond_max_body_is_a_413(client: httpx.Client, how: str) -> None:
    content = pieces(BIG) if how == "chunked" else BIG
    response = client.patch("/api/upload", content=content, headers=JSON)

    assert response.status_code == 413
    assert client.patch("/api/upload", content=b"a\0", headers=JSON).json() == {"text": "a\0"}


@pytest.mark.parametrize("kind", ["bytes", "text", "stream"])
def test_five_megabytes_come_down(client: httpx.Client, kind: str) -> None:
    assert len(client.get(f"/odd/{kind}").content) == 5_120_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [("nul", b"a\0b"), ("surrogate", "a\ufffdb".encode()), ("empty", b""), ("none", b"")],
)
def test_odd_bodies_arrive(client: httpx.Client, kind: str, body: bytes) -> None:
    response = client.get(f"/odd/{kind}")

    assert (response.status_code, response.content) == (200, body)


def test_a_wrong_length_is_put_right(client: httpx.Client) -> None:
    response = client.get("/odd/length")

    assert response.text == "12345"
    assert response.headers.get("content-length") in (None, "5")


def test_headers_and_cookies_stay_apart(client: httpx.Client) -> None:
    response = client.get("/odd/headers")

    assert (response.status_code, response.text) == (299, "ok")
    assert (response.headers["x-a"], response.headers["x-b"]) == ("2", "1")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2; Path=/", "c=3; Path=/"]


@pytest.mark.parametrize("status", [201, 204, 205, 304, 418, 503, 599])
def test_statuses_arrive(client: httpx.Client, status: int) -> None:
    response = client.get(f"/odd/{status}")
    body = "" if status in (204, 205, 304) else str(status)

    assert (response.status_code, response.text) == (status, body)


@pytest.mark.parametrize("method", ["OPTIONS", "PROPFIND", "PURGE", "REPORT"])
def test_other_methods_reach_all(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/odd/x", headers=JSON).text == method


@pytest.mark.parametrize(("kind", "length"), [("nul", "3"), ("surrogate", "5"), ("empty", "0")])
def test_head_tells_the_length(client: httpx.Client, kind: str, length: str) -> None:
    response = client.head(f"/odd/{kind}")

    assert (response.content, response.headers.get("content-length")) == (b"", length)


def test_an_exit_is_a_500_and_the_server_goes_on(client: httpx.Client) -> None:
    assert client.get("/odd/exit").status_code == 500
    assert client.get("/odd/x").text == "GET"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/error/frontmatter", "pages/error/frontmatter.html:4 (route /error/frontmatter): Zero"),
        ("/error/helper", "pages/_helper.py:3 (route /error/helper): KeyError: 'missing'"),
        ("/error/helper", "pages/error/helper.html:4 in "),
        ("/error/template", "pages/error/template.html:5 (route /error/template): ZeroDivision"),
        ("/error/undefined", "pages/error/undefined.html:2 (route /error/undefined): "),
        ("/error/layout", "pages/_layout.html:6 (route /error/layout): ZeroDivisionError"),
        ("/error/parent", "pages/_layout.html:4 (route /error/parent): ZeroDivisionError"),
        ("/error/block", "pages/error/block.html:4 (route /error/block): ZeroDivisionError"),
        ("/error/include", "pages/_part.html:3 (route /error/include): ZeroDivisionError"),
        ("/error/include", "pages/error/include.html:2 in "),
        ("/error/macro", "pages/_macros.html:2 (route /error/macro): ZeroDivisionError"),
        ("/error/macro", "pages/error/macro.html:3 in "),
        ("/error/loop", "pages/error/loop.html:2 (route /error/loop): ZeroDivisionError"),
        ("/error/markdown", "pages/_md.html:2 (route /error/markdown): ZeroDivisionError"),
        ("/error/answer", "pages/error/answer.py:2 (route /error/answer): `GET` answered a GET"),
        (
            "/error/x/y",
            "pages/error/[name]/[...rest].py:2 (route /error/[name]/[...rest]): LookupError: x",
        ),
    ],
)
def test_the_log_names_the_pages_own_file_and_line(
    served: Served, client: httpx.Client, path: str, told: str
) -> None:
    response = client.get(path)

    assert (response.status_code, response.text.strip()) == (500, "<h1>broken</h1>")
    assert served.log_has(told)


def test_the_log_names_the_line_of_what_fails_later(served: Served, client: httpx.Client) -> None:
    assert client.get("/odd/wait").text == "waiting"
    assert served.log_has("pages/odd/[kind].py:10 (route /odd/[kind]): ValueError: late failure")


def broken_stream(client: httpx.Client) -> list[bytes]:
    """Return what arrives of a body that fails half-way."""
    plain = {"accept-encoding": "identity"}  # wrangler would hold back what it compresses
    received: list[bytes] = []
    with client.stream("GET", "/error/stream", headers=plain) as response:
        assert response.status_code == 200
        with contextlib.suppress(httpx.HTTPError):  # wrangler's own proxy ends it like any other
            received.extend(response.iter_bytes())
    return received


def test_the_log_names_the_line_that_breaks_a_stream(served: Served, client: httpx.Client) -> None:
    text = "pages/error/stream.py:6 (route /error/stream): ValueError: mid-stream"

    assert broken_stream(client) == [b"first"]
    # wrangler's log comes through its inspector, which drops a line now and then.
    assert served.log_has(text) or broken_stream(client)
    assert served.log_has(text)


def test_a_visitor_who_leaves_does_not_disturb_the_others(client: httpx.Client) -> None:
    for _ in range(3):
        with client.stream("GET", "/odd/stream") as response:
            assert next(response.iter_bytes())
        assert client.get("/odd/x").text == "GET"
