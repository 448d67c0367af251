"""A small site for the tests of the pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WRANGLER = """\
name = "small"
main = "dist/server/entry.py"
compatibility_date = "2026-04-20"
compatibility_flags = ["python_workers"]
[build]
command = "firstlight build"
[assets]
directory = "dist/client"
binding = "ASSETS"
[vars]
TITLE = "configured"
[[d1_databases]]
binding = "DB"
database_name = "small"
database_id = "small"
"""
NOTES = """\
from __future__ import annotations

from bindings.cloudflare import DB, env
from firstlight import APIContext, Response


async def GET(ctx: APIContext) -> Response:
    notes = [row["text"] for row in await DB.all("select text from notes")]
    return Response.json({"notes": notes, "title": env.TITLE})


async def POST(ctx: APIContext) -> Response:
    form = await ctx.request.form_data()
    await DB.run("insert into notes (text) values (?)", form["text"])
    return ctx.redirect("/api/notes", 303)


def PATCH(ctx: APIContext) -> Response:
    async def later() -> None:
        if ctx.url.search:
            raise LookupError("later")
        await DB.run("insert into notes (text) values ('later')")

    ctx.wait_until(later())
    return Response("soon")
"""
ECHO = """\
from __future__ import annotations

from firstlight import APIContext, Response


async def ALL(ctx: APIContext) -> Response:
    request = ctx.request
    kind = request.headers.get("content-type") or ""
    got = {"method": request.method, "type": kind.partition(";")[0]}
    got["origin"] = request.headers.get("origin")
    got["mark"] = request.headers.get("x-mark")
    if "form" in kind:
        form = await request.form_data()
        got["tags"] = form.get_all("tag")
        for name in form:
            value = form[name]
            if not isinstance(value, str):
                got["file"] = [value.filename, value.content_type, value.text()]
    else:
        got["body"] = await request.text()
    return Response.json(got)
"""
COOKIES = """\
from __future__ import annotations

from firstlight import APIContext, Response


def GET(ctx: APIContext) -> Response:
    kept = [ctx.cookies.get(name) for name in ("a", "b")]
    return Response.json([cookie.value for cookie in kept if cookie])


def POST(ctx: APIContext) -> Response:
    ctx.cookies.set("a", "ö 1", secure=True, http_only=True)
    ctx.cookies.set("b", "2", path="/elsewhere")
    return Response("")


def DELETE(ctx: APIContext) -> Response:
    ctx.cookies.delete("a")
    return Response("")
"""
JUMP = """\
from __future__ import annotations

from firstlight import APIContext, Response


def ALL(ctx: APIContext) -> Response:
    query = ctx.url.search_params
    return ctx.redirect(query.get("to") or "/", int(query.get("status") or 302))
"""
SMALL_SITE = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n',
    "wrangler.toml": WRANGLER,
    "migrations/0001_notes.sql": "create table notes (text text not null);\n",
    "pages/index.html": "<h1>Home</h1>\n",
    "pages/css/site.css": "body {}\n",
    "pages/404.html": "<h1>Nothing here</h1>\n",
    "pages/500.html": "<h1>Our mistake</h1>\n",
    "pages/boom.html": "---\nprerender = False\n\n\ndef deep(it):\n    return it.nope\n\n\n"
    "it = deep(ctx)\n---\n<p>{{ it }}</p>\n",
    "pages/typo.html": "---\nprerender = False\nit = {}\n---\n<p>\n{{ it.a.b }}</p>\n",
    "pages/late.html": "<p>{{ nowhere }}</p>\n",
    "pages/broken.html": "<p>{% if %}</p>\n",
    "pages/api/notes.py": NOTES,
    "pages/api/echo.py": ECHO,
    "pages/api/address.py": "def GET(ctx):\n    return ctx.client_address\n",
    "pages/api/cookies.py": COOKIES,
    "pages/api/jump.py": JUMP,
    "pages/api/stream.py": "from firstlight import Response\n\n\ndef GET(ctx):\n"
    "    async def pieces():\n        yield b'a'\n        raise LookupError('in the stream')\n\n"
    "    return Response(pieces())\n",
}


def write(root: Path) -> None:
    """Write the site's files."""
    for name, text in SMALL_SITE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
