"""What `firstlight dev` adds to a site: the script that follows changes, and its own paths."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from firstlight.build.pipeline import importable
from firstlight.dev.log import DevLog
from firstlight.dev.server import DevServer
from firstlight.request import Request
from firstlight.server.asgi import HostPlatform

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from firstlight.response import Response

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]

HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
STREAM = (
    "---\nfrom firstlight import Response\nprerender = False\n"
    "async def pieces():\n    yield b'<p>a'\n    yield b'b'\n"
    "return Response(pieces(), 200, {'content-type': 'text/html'})\n---\n"
)
SHOWN = {"sec-fetch-dest": "document", "accept": "text/html"}


class Dev:
    """Sends requests to a DevServer."""

    def __init__(self, root: Path) -> None:
        self.server = DevServer(root, DevLog(root, quiet=True))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[Response, str]:
        async def ask() -> tuple[Response, str]:
            request = Request("GET", f"http://localhost:4321{path}", dict(headers or {}))
            platform = HostPlatform(None, self.server.fetch)
            response = await self.server.handle(request, platform)
            return response, await response.text()

        return asyncio.run(ask())


@pytest.fixture
def dev(write_site: WriteSite) -> Generator[Dev, None, None]:
    files = {
        "pages/a.html": "<p>a</p>",
        "pages/bad.html": "{% if %}",
        "pages/stream.html": STREAM,
        "pages/a.txt": "text",
    }
    root = write_site({"pyproject.toml": HYBRID, **files})
    with importable(root):
        served = Dev(root)
        yield served
        served.server.site.reload()  # other sites have modules of the same names


@pytest.mark.parametrize("headers", [SHOWN, {"accept": "text/html"}, {"sec-fetch-dest": "iframe"}])
@pytest.mark.parametrize(("path", "html"), [("/a/", "<p>a</p>"), ("/stream", "<p>ab")])
def test_page_that_is_shown_ends_with_the_script(
    dev: Dev, path: str, html: str, headers: dict[str, str]
) -> None:
    response, text = dev.get(path, headers)
    script = f'async data-version="{dev.server.changes.version}" data-page="1"></script>'
    assert text == f'{html}<script src="/_firstlight/client.js" {script}'
    assert "etag" not in response.headers
    assert dev.get("/_firstlight/page?id=1")[1] == html


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-dest": "empty", "accept": "text/html"}])
def test_page_that_is_not_shown_is_as_it_will_be(dev: Dev, headers: dict[str, str]) -> None:
    assert dev.get("/a/", headers)[1] == "<p>a</p>"
    assert dev.get("/a.txt", SHOWN)[1] == "text"


def test_error_is_a_page_where_one_is_shown_and_text_elsewhere(dev: Dev) -> None:
    response, text = dev.get("/bad/", SHOWN)
    assert (response.status, response.headers["x-firstlight-error"]) == (500, "1")
    assert "data-error></script>" in text
    response, text = dev.get("/bad/", {"accept": "*/*"})
    assert (response.status, response.headers["content-type"]) == (500, "text/plain; charset=utf-8")
    assert text.startswith("pages/bad.html:1: Expected an expression")
    assert text.endswith("\n  > 1 | {% if %}\n")


def test_own_paths(dev: Dev) -> None:
    response, text = dev.get("/_firstlight/client.js")
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "EventSource" in text
    for path in ("/_firstlight/page?id=7", "/_firstlight/page", "/_firstlight/nope"):
        assert dev.get(path)[0].status == 404


def test_only_the_last_pages_are_kept(dev: Dev) -> None:
    for _ in range(101):
        dev.get("/a/", SHOWN)
    assert dev.get("/_firstlight/page?id=1")[0].status == 404
    assert dev.get("/_firstlight/page?id=2")[1] == "<p>a</p>"
