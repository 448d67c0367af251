"""The Netlify function as Netlify's own bundler packs it, called in Node as Netlify calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from netlify_host import SERVER, node, node_modules

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.current
FILES = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "netlify"\n',
    "pages/404.html": "nothing here",
    "pages/about.html": "---\nctx.response.headers['x-about'] = '1'\n---\nabout",
    "pages/api/start.py": (
        "import random\n\nSTART = random.random()\n\n\ndef GET(ctx):\n    return str(START)\n"
    ),
    "pages/api/cancelled.py": (
        "import asyncio\n\n\nasync def GET(ctx):\n    raise asyncio.CancelledError\n"
    ),
    "pages/api/json.py": "async def POST(ctx):\n    return await ctx.request.json()\n",
    "pages/api/visitor.py": (
        "from bindings.cloudflare import env\n\n\n"
        "def GET(ctx):\n"
        "    return [ctx.client_address, ctx.request.cf, env.GREETING, str(ctx.url)]\n"
    ),
    "pages/api/rewrite.py": "def GET(ctx):\n    return ctx.rewrite('/about')\n",
    "pages/api/stream.py": (
        "import asyncio\n\nfrom firstlight import Response\n\n\n"
        "async def parts():\n    yield 'a'\n    await asyncio.sleep(0.05)\n    yield b'b'\n\n\n"
        "def GET(ctx):\n    return Response(parts())\n"
    ),
    "pages/api/later.py": (
        "import asyncio\n\nDONE = []\n\n\n"
        "async def work():\n    await asyncio.sleep(0.05)\n    DONE.append('done')\n\n\n"
        "def POST(ctx):\n    ctx.wait_until(work())\n    return 'begun'\n\n\n"
        "def GET(ctx):\n    return ' '.join(DONE)\n"
    ),
}
ERROR = "500 Internal Server Error\n"
AGAIN = "The site's function failed, and the next request starts it again: "


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    site = tmp_path_factory.mktemp("site")
    for name, text in FILES.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    (site / "node_modules").symlink_to(node_modules())
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=site, check=True)
    script = [node(), str(SERVER / "netlify_calls.mjs"), str(site / ".netlify/v1/functions")]
    target: Path = tmp_path_factory.mktemp("packed")
    done = subprocess.run([*script, str(target)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_netlifys_bundler_takes_the_folder_as_it_is(results: dict[str, Any]) -> None:
    packed = results["packed"]
    assert (packed["bundler"], packed["runtimeAPIVersion"]) == ("none", 2)
    (route,) = packed["routes"]
    assert (route["pattern"], route["prefer_static"]) == ("/*", True)
    assert packed["zip"] < 20_000_000  # of 50 MB that Lambda takes
    assert packed["size"] < 50_000_000  # of 250 MB


def test_requests_that_come_at_once_share_a_start(results: dict[str, Any]) -> None:
    assert len({*results["first"], results["again"]}) == 1


def test_each_start_has_random_numbers_of_its_own(results: dict[str, Any]) -> None:
    assert results["other"] != results["again"]


def test_the_visitor_is_who_netlify_says(results: dict[str, Any]) -> None:
    address, place, greeting, url = results["visitor"]
    assert (address, greeting, url) == ("9.9.9.9", "hello", "https://tea.example/api/visitor")
    assert place == {
        "city": "Bern",
        "country": "CH",
        "region": "Bern",
        "regionCode": "BE",
        "latitude": "46.9",
        "longitude": "7.4",
        "timezone": "Europe/Zurich",
    }
    assert results["invoked"] == [200, json.dumps(results["visitor"], separators=(",", ":"))]
    assert results["nobody"] == 500  # its `client_address` is not known


def test_prerendered_pages_are_shown(results: dict[str, Any]) -> None:
    assert (results["missing"]["status"], results["missing"]["body"]) == (404, "nothing here")
    assert (results["rewritten"]["status"], results["rewritten"]["body"]) == (200, "about")
    assert ["x-about", "1"] in results["rewritten"]["headers"]


def test_an_answer_streams(results: dict[str, Any]) -> None:
    assert results["chunks"] == ["a", "b"]
    assert results["invokedStream"] == [200, "ab"]


def test_deep_json_does_not_end_the_process(results: dict[str, Any]) -> None:
    deep = results["deep"]
    assert (deep["status"], deep["body"]) == (
        400,
        "The body is not JSON: it is nested more than 500 deep.",
    )


def test_netlify_waits_for_work(results: dict[str, Any]) -> None:
    assert results["before"] == ["begun", ""]
    assert results["after"] == "done"


def test_an_exception_leaves_the_interpreter_as_it_is(results: dict[str, Any]) -> None:
    assert (results["raised"], results["kept"]) == (500, results["again"])
    assert results["logged"][0].startswith("The site's function failed: PythonError: ")


def test_a_start_that_fails_is_told_and_tried_again(results: dict[str, Any]) -> None:
    assert results["failed"] == [[500, ERROR], [500, ERROR]]
    told = [text for text in results["logged"] if "ValueError: broken" in text]
    assert len(told) == 2
    assert all(text.startswith(AGAIN) for text in told)
    assert results["repaired"] == 200


def test_it_starts_without_a_snapshot(results: dict[str, Any]) -> None:
    assert results["slow"] == 200


def test_it_starts_with_a_snapshot_that_does_not_fit(results: dict[str, Any]) -> None:
    assert results["unfit"] == 200
    assert results["logged"][-1].startswith("The snapshot of Pyodide does not fit, ")
