"""`adapter = "vercel"`: the folder of the Build Output API, and its function."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema  # pyright: ignore[reportMissingTypeStubs, reportMissingModuleSource] - it has no types

from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from conftest import Failures, WriteSite

SCHEMA = json.loads((Path(__file__).parent / "vercel.schema.json").read_text())
CONFIG = '[tool.firstlight]\noutput = "hybrid"\nadapter = "vercel"\n'
REDIRECTS = '[tool.firstlight.redirects]\n"/old/[id]" = "/new/[id]"\n'
SITE = {
    "pages/index.html": "home",
    "pages/about.html": "about",
    "pages/404.html": "nothing here",
    "pages/a.txt": "a",
    "pages/_headers": "/a.txt\n  x-a: 1\n  x-a: 2\n",
    "pages/_redirects": "/b/* /c/:splat 302\n",
}
API = (
    "from firstlight import Response\n\n\n"
    "async def work(ctx):\n    print('worked')\n\n\n"
    "async def parts():\n    yield b'a'\n    yield b'\\xff'\n\n\n"
    "async def POST(ctx):\n    ctx.wait_until(work(ctx))\n    ctx.cookies.set('a', '1')\n"
    "    ctx.cookies.set('b', '2')\n"
    "    return Response.json([await ctx.request.text(), ctx.client_address, str(ctx.url)])\n\n\n"
    "def GET(ctx):\n    return Response(parts())\n"
)
CALL = """\
import json, sys
sys.path = [path for path in sys.path if "worker" not in path]
sys.path.insert(0, ".")
import vc__handler__python as main
for payload in json.loads(sys.stdin.read()):
    print(json.dumps(main.vc_handler({"body": json.dumps(payload)}, None)))
"""


def check(value: Any, kind: str) -> None:
    schema = {**SCHEMA, "$ref": f"#/$defs/{kind}"}
    jsonschema.Draft202012Validator(  # pyright: ignore[reportUnknownMemberType]
        schema, format_checker=jsonschema.FormatChecker()
    ).validate(value)


def output_of(root: Path) -> tuple[Path, dict[str, Any]]:
    build(root)
    output = root / ".vercel/output"
    config = json.loads((output / "config.json").read_text())
    check(config, "config")
    return output, config


def test_a_site_of_files_has_routes_and_no_function(write_site: WriteSite) -> None:
    output, config = output_of(write_site({"pyproject.toml": CONFIG + REDIRECTS, **SITE}))
    rules = [
        {"src": r"^/a\.txt$", "headers": {"x-a": "1, 2"}, "continue": True},
        {"src": "^/b/(.*)$", "status": 302, "headers": {"Location": "/c/$1"}},
        {"src": "^/old/([^/]+)$", "status": 301, "headers": {"Location": "/new/$1"}},
        {"src": "^/old/([^/]+)/$", "status": 301, "headers": {"Location": "/new/$1"}},
        {"src": "^/(about)$", "status": 307, "headers": {"Location": "/$1/"}},
        {"src": "^/(404)/$", "status": 307, "headers": {"Location": "/$1"}},
    ]
    assert config["routes"] == [
        *({**rule, "caseSensitive": True} for rule in rules),
        {"handle": "filesystem"},
        {"src": "^/.*$", "dest": "/404.html", "status": 404},
    ]
    names = {str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()}
    static = {"index.html", "about/index.html", "404.html", "a.txt"}
    assert names == {"config.json", *(f"static/{name}" for name in static)}


def test_a_page_that_is_a_file_has_its_path_overridden(write_site: WriteSite) -> None:
    config = f'{CONFIG}base = "/x"\nformat = "file"\n'
    _, told = output_of(write_site({"pyproject.toml": config, "pages/about.html": "about"}))
    assert told["overrides"] == {"x/about.html": {"path": "x/about"}}


def test_the_pattern_of_a_route_stays_within_its_limit(write_site: WriteSite) -> None:
    pages = {f"pages/{number:04}{'x' * 90}.html": "" for number in range(60)}
    _, config = output_of(write_site({"pyproject.toml": CONFIG, **pages}))
    sources = [route["src"] for route in config["routes"] if route.get("status") == 307]
    assert len(sources) == 2
    assert "".join(sources).count("x" * 90) == 60


def test_the_function_has_a_configuration(write_site: WriteSite) -> None:
    options = '[tool.firstlight.vercel]\nruntime = "python3.13"\nmax_duration = 30\n'
    root = write_site({"pyproject.toml": CONFIG + options, "pages/api/x.py": API})
    output, config = output_of(root)
    function = json.loads((output / "functions/_firstlight.func/.vc-config.json").read_text())
    check(function, "function")
    assert function == {
        "runtime": "python3.13",
        "handler": "vc__handler__python.vc_handler",
        "supportsResponseStreaming": True,
        "maxDuration": 30,
    }
    assert config["routes"][-1] == {"src": "^/.*$", "dest": "/_firstlight"}


def test_a_function_is_told_to_be_untried(write_site: WriteSite) -> None:
    root = write_site(
        {"pyproject.toml": CONFIG, "pages/api/x.py": "def GET(ctx):\n    return 'x'\n"}
    )
    assert build(root).warnings == [
        "pages/api/x.py:1 (route /api/x): This runs on demand (an endpoint under pages/api/), "
        "which the adapter `vercel` does with limits. Its function has not run on Vercel itself "
        "yet.",
    ]


def call(function: Path, *payloads: dict[str, Any]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CALL],
        cwd=function,
        input=json.dumps(payloads),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_function_answers_events(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": CONFIG, **SITE, "pages/api/x.py": API})
    output, _ = output_of(root)
    headers = {
        "host": "tea.example",
        "x-forwarded-proto": "https",
        "x-forwarded-for": "9.9.9.9, 8.8.8.8",
        "origin": "https://tea.example",
    }
    worked, *lines = call(
        output / "functions/_firstlight.func",
        {"method": "POST", "path": "/api/x?q=1", "headers": headers, "body": "tea"},
        {"method": "GET", "path": "/api/x", "headers": headers},
        {"method": "HEAD", "path": "/api/x", "headers": headers},
        {"method": "GET", "path": "/no", "headers": headers},
    )
    posted, streamed, head, missing = map(json.loads, lines)
    bodies = [base64.b64decode(a["body"]) for a in (posted, streamed, head, missing)]
    assert worked == "worked"  # before the answer: a frozen function does no work
    assert json.loads(bodies[0]) == ["tea", "9.9.9.9", "https://tea.example/api/x?q=1"]
    assert [c.partition(";")[0] for c in posted["headers"]["set-cookie"]] == ["a=1", "b=2"]
    assert bodies[1:3] == [b"a\xff", b""]
    assert (missing["statusCode"], bodies[3]) == (404, b"nothing here")


def test_bindings_are_an_error(failures: Failures) -> None:
    page = "from bindings.cloudflare import env\n\n\ndef GET(ctx):\n    return env.X\n"
    assert failures({"pages/api/x.py": page}, CONFIG) == [
        "pages/api/x.py:1: This imports `bindings.cloudflare`, which the adapter `vercel` does not "
        "support.\n  Hint: Leave it out, or choose another `adapter` in pyproject.toml."
    ]
