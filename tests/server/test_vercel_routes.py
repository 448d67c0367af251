"""The routes of `config.json`, read by the package with which Vercel reads them."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from netlify_host import node_modules
from vercel_firstlight import VercelHost

from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from conftest import WriteSite

PACKAGES = ("node@22", "@vercel/routing-utils@6.6.0")
SCRIPT = """
const { normalizeRoutes } = require("@vercel/routing-utils");
const told = normalizeRoutes(JSON.parse(require("fs").readFileSync(0, "utf8")));
console.log(JSON.stringify(told));
"""
CONFIG = """\
[tool.firstlight]
output = "hybrid"
adapter = "vercel"
base = "/é"
trailing_slash = "never"

[tool.firstlight.redirects]
"/old/[id]" = "/new/[id]"
"/posts/[...path]" = "/blog/[...path]"
"/a-[x]-b" = "https://example.com/[x]"
"/gone" = { status = 308, destination = "/" }
"""
SITE = {
    "pages/index.html": "home",
    "pages/about (1)+x.html": "about",
    "pages/404.html": "nothing here",
    "pages/a.txt": "a",
    "pages/_headers": "/*\n  x-a: 1\n/blog/:slug/*\n  link: </:slug/:splat>\n",
    "pages/_redirects": "/b/* /c/:splat 302\n/d/:x/e /f?x=:x 303\n",
}


def read_by_vercel(routes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the routes as Vercel takes them, and its error."""
    modules = node_modules(PACKAGES)
    done = subprocess.run(
        [modules / "node/bin/node", "-e", SCRIPT],
        env={**os.environ, "NODE_PATH": str(modules)},
        input=json.dumps(routes),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.current
@pytest.mark.parametrize("more", [{}, {"pages/api/x.py": "def GET(ctx):\n    return 'x'\n"}])
def test_vercel_takes_the_routes_as_they_are(write_site: WriteSite, more: dict[str, str]) -> None:
    root = write_site({"pyproject.toml": CONFIG, **SITE, **more})
    build(root)
    routes = json.loads((root / ".vercel/output/config.json").read_text())["routes"]

    assert read_by_vercel(routes) == {"routes": routes, "error": None}


@pytest.mark.current
def test_vercel_refuses_a_route_that_is_none() -> None:
    assert read_by_vercel([{"src": "^/(?<x>a", "dest": "/"}])["error"]["code"] == "invalid_route"


@pytest.fixture
def host(write_site: WriteSite) -> VercelHost:
    files_only = CONFIG.replace('"/a-[x]-b" =', '"/a/[x]" =')
    root = write_site({"pyproject.toml": files_only, "pages/b.html": "b", **SITE})
    build(root)
    output = root / ".vercel/output"
    assert not (output / "functions").exists()  # one would be imported into this process
    return VercelHost(output)


def test_routes_tell_upper_from_lower_case(host: VercelHost) -> None:
    paths = ["/b/x", "/B/x", "/%C3%A9/old/1", "/%C3%A9/OLD/1"]
    assert [host.answer("GET", path, {}, b"").status for path in paths] == [302, 404, 301, 404]


def test_the_other_spelling_of_a_path_is_matched_as_it_is_sent(host: VercelHost) -> None:
    answer = host.answer("GET", "/%C3%A9/about%20(1)+x/?q=1", {}, b"")
    assert (answer.status, answer.headers["location"]) == (307, ["/%C3%A9/about%20(1)+x?q=1"])
