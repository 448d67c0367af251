"""`firstlight dev` as a process: its terminal, its port, its end and its data.

Starting servers is too slow for the unit tier.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from dev_process import LIMIT, dev_process

from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]

pytestmark = pytest.mark.browser

HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
DATABASE = '[[d1_databases]]\nbinding = "DB"\ndatabase_name = "x"\ndatabase_id = "x"\n'
NAMES = (
    "---\nfrom bindings.cloudflare import D1\nprerender = False\n"
    'rows = await D1("DB").all("select name from users")\n---\n'
    "{% for row in rows %}{{ row.name }};{% endfor %}"
)
DATA = {
    "pyproject.toml": HYBRID,
    "wrangler.toml": DATABASE,
    "migrations/0001.sql": "create table users (name text);",
    "seed.sql": "insert into users values ('ann');",
    "pages/index.html": NAMES,
    "pages/add.py": "from bindings.cloudflare import D1\n"
    "from firstlight import Response\nprerender = False\n"
    "async def GET(ctx):\n"
    '    await D1("DB").run("insert into users values (?)", ctx.url.search_params.get("name"))\n'
    "    return Response('added')\n",
}


def test_the_log_has_requests_and_what_site_code_prints(write_site: WriteSite) -> None:
    files = {
        "pyproject.toml": HYBRID,
        "pages/index.html": "---\nprint('hello from a page')\n---\nhome",
        "pages/live.html": "---\nprerender = False\n---\nlive",
    }
    with dev_process(write_site(files)) as server:
        for path in ("/", "/live", "/nope?x=1"):
            server.get(path)
        log = server.wait_for(lambda log: "/nope?x=1" in log)
        assert server.stop() == 0
    lines = [line.partition(" ")[2].rpartition(" ")[0] for line in log.splitlines()]
    assert [line.rpartition(" ")[0] for line in lines if "GET" in line] == [
        "200 GET / static",
        "200 GET /live on demand",
        "404 GET /nope?x=1 on demand",
    ]
    assert "hello from a page\n" in log
    assert "\x1b" not in log


def test_it_ends_at_once_with_pages_open(write_site: WriteSite) -> None:
    slow = "---\nimport asyncio\nprerender = False\nawait asyncio.sleep(60)\n---\n"
    with dev_process(write_site({"pages/slow.html": slow})) as server:
        with httpx.stream("GET", f"{server.origin}/_firstlight/events?since=") as events:
            assert next(events.iter_lines()) == "retry: 500"
            host = server.origin.removeprefix("http://")
            pending = http.client.HTTPConnection(host, timeout=LIMIT)
            pending.request("GET", "/slow")
            time.sleep(0.3)
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 3
        pending.close()
    assert "Traceback" not in server.log()


def test_a_page_that_never_ends_is_stopped_by_a_second_interrupt(write_site: WriteSite) -> None:
    busy = "---\nprerender = False\nprint('I run', flush=True)\nwhile True:\n    pass\n---\n"
    with dev_process(write_site({"pages/busy.html": busy})) as server:
        host = server.origin.removeprefix("http://")
        pending = http.client.HTTPConnection(host, timeout=LIMIT)
        pending.request("GET", "/busy")
        server.wait_for(lambda log: "I run" in log)
        server.process.send_signal(2)
        time.sleep(0.3)
        assert server.stop() == 130
        pending.close()


def test_a_site_whose_first_build_has_errors_starts_and_recovers(write_site: WriteSite) -> None:
    with dev_process(write_site({"pyproject.toml": "[tool.firstlight]\nbase = 1\n"})) as server:
        server.wait_get("/", 500, "pyproject.toml:2")
        server.wait_for(lambda log: "pyproject.toml:2: `base` cannot be `1`" in log)
        server.write("pyproject.toml", HYBRID)
        server.wait_get("/", 500, "This folder has no")
        server.write("pages/index.html", "home")
        server.wait_get("/", 200, "home")


def test_two_servers_share_one_site(write_site: WriteSite) -> None:
    root = write_site(DATA)
    with dev_process(root, "--seed", "seed.sql") as first, dev_process(root) as second:
        assert first.origin != second.origin
        assert "is in use; this one is on" in second.log()
        for server, name in ((first, "bob"), (second, "cid")):
            assert server.get(f"/add?name={name}").text == "added"
        for server in (first, second):
            assert server.get("/").text.startswith("ann;bob;cid;")
        second.write("pages/index.html", f"{NAMES}new")
        for server in (first, second):
            server.wait_get("/", 200, "ann;bob;cid;new")
        assert first.stop() == second.stop() == 0


def test_data_survives_a_restart_until_it_is_reset(write_site: WriteSite) -> None:
    root = write_site(DATA)
    with dev_process(root, "--seed", "seed.sql") as server:
        assert "Ran 1 statement of seed.sql on DB." in server.log()
    with dev_process(root, "--quiet") as server:
        assert server.get("/").text.startswith("ann;")
        assert "GET" not in server.log()
        command = [sys.executable, "-m", "firstlight", "dev", "--reset", "--yes"]
        refused = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert "Another server uses the data" in refused.stderr
    asked = subprocess.run(
        command[:-1], cwd=root, input="n\n", capture_output=True, text=True, check=False
    )
    assert asked.returncode == 1
    with dev_process(root, "--reset", "--yes") as server:
        assert not server.get("/").text.startswith("ann;")


CONFIG = 'trailing_slash = "always"\n[tool.firstlight.redirects]\n"/old" = "/a/"\n'
ASSETS = '[assets]\ndirectory = "dist/client"\nhtml_handling = "force-trailing-slash"\n'
PATHS = "---\ndef get_static_paths():\n    return [{'params': {'slug': 'é'}}]\n---\n"
PAIRS = {
    "pyproject.toml": HYBRID + CONFIG,
    "wrangler.toml": ASSETS,
    "pages/index.html": "home {{ ctx.url.pathname }}",
    "pages/a.html": "a",
    "pages/live.html": "---\nprerender = False\n---\nlive {{ ctx.request.method }}",
    "pages/[slug].html": PATHS + "{{ ctx.params.slug }}",
    "pages/api/x.py": "def GET(ctx):\n    return {'x': 1}\n",
    "pages/feed.xml.py": "def GET(ctx):\n    return '<x/>'\n",
    "pages/404.html": "gone",
    "pages/_headers": "/a/\n  X-A: 1\n",
    "pages/_middleware.py": "async def on_request(ctx, next):\n    response = await next()\n"
    "    response.headers['x-middleware'] = '1'\n    return response\n",
    "pages/x.txt": "text",
}
GOT = (
    "/ /a /a/ /a.html /live /live/ /%C3%A9/ /api/x /feed.xml /nope /nope/ /old/ /x.txt /x.txt/ "
    "//a/ /%61/ /_layout.html /%GG /index.html"
)
ASKED = [
    *(("GET", path) for path in GOT.split(" ")),
    ("POST", "/api/x"),
    ("HEAD", "/a/"),
    ("OPTIONS", "/api/x"),
    ("POST", "/a/"),
]


def test_development_and_production_answer_alike(write_site: WriteSite) -> None:
    root = write_site(PAIRS)
    with dev_process(root) as dev:
        built = [answer(dev.origin, *asked) for asked in ASKED]
    build(root)
    with dev_process(root, command="preview") as preview:
        served = [answer(preview.origin, *asked) for asked in ASKED]
    assert dict(zip(ASKED, built, strict=True)) == dict(zip(ASKED, served, strict=True))


def answer(origin: str, method: str, path: str) -> object:
    """Send a request as a script would; return what counts of the answer."""
    connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=LIMIT)
    connection.request(method, path)
    response = connection.getresponse()
    passing = ("date", "server-timing", "connection")
    headers = {n.lower(): v for n, v in response.getheaders() if n.lower() not in passing}
    body = response.read()
    connection.close()
    return response.status, headers, body
