"""What is compared: each contender as the modules of a Worker, file name to text."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
SITE = HERE / "site"
# What `pip install starlette jinja2` brings that runs without a compiled extension.
STARLETTE_PACKAGES = ("starlette", "anyio", "idna", "sniffio", "typing_extensions")
BARE = """\
from js import Response

async def on_fetch(request, env, ctx):
    return Response.new("Hello, World!")
"""
# The same without a coroutine, which the runtime makes a task and a promise of.
BARE_DEF = BARE.replace("async def", "def")
# The same with as many characters as the page of rows has: what its answers cost in memory.
BARE_PAGE = BARE.replace('"Hello, World!"', '"Hello, World!" * 261')
# The site's own rows: every contender but the bare one makes them anew for `/rows`, and finds
# them made for `/ready`.
READY_ROWS = (SITE / "pages/_lib/rows.py").read_text()
ROWS = READY_ROWS[READY_ROWS.index("rows = ") :]
JINJA2 = """\
import json
from js import JSON, Response
from jinja2 import DictLoader, Environment
from ready import rows as ready_rows
from templates import TEMPLATES

environment = Environment(loader=DictLoader(TEMPLATES), autoescape=True)

async def on_fetch(request, env, ctx):
    init = JSON.parse('{"headers": {"content-type": "text/html; charset=utf-8"}}')
    if request.url.endswith("/api/hello"):
        body = json.dumps({"path": "/api/hello", "message": "Hello, World!"})
        return Response.new(body, init)
    if request.url.endswith("/ready"):
        rows = ready_rows
    else:
        ROWS
    return Response.new(environment.get_template("rows.html").render(title="Rows", rows=rows), init)
""".replace("ROWS\n", ROWS)
STARLETTE = """\
from js import Array, JSON, Response
from jinja2 import DictLoader, Environment
from pyodide.ffi import to_js
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates
from ready import rows as ready_rows
from templates import TEMPLATES
import json

templates = Jinja2Templates(env=Environment(loader=DictLoader(TEMPLATES), autoescape=True))

async def endpoint(request):
    return JSONResponse({"path": request.url.path, "message": "Hello, World!"})

async def page(request):
    ROWS
    return templates.TemplateResponse(request, "rows.html", {"title": "Rows", "rows": rows})

async def ready(request):
    return templates.TemplateResponse(request, "rows.html", {"title": "Rows", "rows": ready_rows})

app = Starlette(
    routes=[Route("/api/hello", endpoint), Route("/rows", page), Route("/ready", ready)]
)

async def on_fetch(request, env, ctx):
    # The smallest ASGI bridge: what Cloudflare's own `asgi` module does, without streaming.
    path, _, query = request.url.split("://", 1)[1].partition("/")[2].partition("?")
    headers = json.loads(JSON.stringify(Array.from_(request.headers)))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1",
        "method": request.method, "scheme": "http", "path": "/" + path, "raw_path": b"",
        "query_string": query.encode(), "root_path": "", "server": ("localhost", 80),
        "headers": [(n.lower().encode(), v.encode()) for n, v in headers],
    }
    start, body = {}, []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            body.append(message.get("body", b""))

    await app(scope, receive, send)
    fields = [[n.decode(), v.decode()] for n, v in start["headers"]]
    init = JSON.parse(json.dumps({"status": start["status"], "headers": fields}))
    return Response.new(to_js(b"".join(body)), init)
""".replace("ROWS\n", ROWS)


def contenders(packages: Path) -> dict[str, dict[str, str]]:
    """Return the modules of every contender.

    Args:
        packages: Where `pip install --target` has put Starlette.
    """
    jinja = {**package_files("jinja2"), **package_files("markupsafe")}
    starlette = {
        name: text
        for package in STARLETTE_PACKAGES
        for name, text in package_files(package, packages).items()
    }
    own = {"templates.py": templates(), "ready.py": READY_ROWS}
    return {
        "bare": {"entry.py": BARE},
        "bare def": {"entry.py": BARE_DEF},
        "bare page": {"entry.py": BARE_PAGE},
        "firstlight": built_site(),
        "jinja2": {"entry.py": JINJA2, **own, **jinja},
        "starlette": {"entry.py": STARLETTE, **own, **jinja, **starlette},
    }


def built_site() -> dict[str, str]:
    """Build the site beside this file and return its Worker."""
    command = [sys.executable, "-m", "firstlight", "build"]
    subprocess.run(command, cwd=SITE, check=True, stdout=subprocess.DEVNULL)
    server = SITE / "dist/server"
    return {path.relative_to(server).as_posix(): path.read_text() for path in server.rglob("*.py")}


def templates() -> str:
    """Return a module that holds the site's templates, frontmatter left out, for plain Jinja2."""
    pages = SITE / "pages"
    found = {
        path.relative_to(pages).as_posix(): re.sub(
            r"\A---\n.*?\n---\n", "", path.read_text(), flags=re.S
        )
        for path in pages.rglob("*.html")
    }
    return f"TEMPLATES = {found!r}\n"


def package_files(name: str, folder: Path | None = None) -> dict[str, str]:
    """Return the pure-Python files of an installed package or module."""
    if folder is None:
        spec = find_spec(name)
        folder = Path(spec.origin or "").parent.parent if spec else Path()
    single = folder / f"{name}.py"
    if single.is_file():
        return {single.name: single.read_text()}
    paths = (folder / name).rglob("*.py")
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}
