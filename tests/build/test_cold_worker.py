"""What a cold Worker imports, and how much is uploaded: every module is paid for at the start.

The built dist/server/ runs on CPython, in a process of its own, with stand-ins for JavaScript.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from firstlight.build.bundle import gzipped_size

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import BuildSite

SERVER = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'
SITE = {
    "pages/_layouts/base.html": "<title>{% block title %}{% endblock %}</title>"
    "{% block main %}{% endblock %}",
    "pages/index.html": "---\nrows = [{'name': '<a>'}, {'name': 'b'}]\n---\n"
    "{% extends '_layouts/base.html' %}{% block title %}Rows{% endblock %}\n"
    "{% block main %}{% for row in rows %}{{ loop.index }}{{ row.name }}{% endfor %}"
    "{{ ctx.url.pathname }}{% endblock %}",
}
# What Pyodide has imported itself before the Worker begins, on every version.
THERE = "asyncio collections.abc contextlib contextvars functools importlib json re typing"
STARTED = """
    __future__ entry firstlight firstlight.adapters firstlight.adapters.cloudflare firstlight.app
    firstlight.context firstlight.cookies firstlight.errors firstlight.exchange firstlight.form_data
    firstlight.handlers firstlight.headers firstlight.manifest firstlight.middleware
    firstlight.request firstlight.response firstlight.routing firstlight.streaming firstlight.url
    manifest
"""
ANSWERED = """
    firstlight.rendering firstlight.rendering.escaping firstlight.rendering.macros
    firstlight.rendering.rows firstlight.rendering.scope firstlight.rendering.undefined
    firstlight.templating markupsafe markupsafe._native pages pages._layouts
    pages._layouts.base_html pages.index_html
"""
RUN = """
import importlib, json, sys, types
site, there = sys.argv[1:]
for name in there.split():
    importlib.import_module(name)
import asyncio

class Response:
    @staticmethod
    def new(body, init):
        return init if body is None else body

class Resolvers:
    def __init__(self):
        self.promise = asyncio.get_running_loop().create_future()
        self.resolve = self.promise.set_result

js = types.ModuleType("js")
js.Response = Response
js.JSON = types.SimpleNamespace(stringify=json.dumps, parse=json.loads)
js.Array = types.SimpleNamespace(from_=lambda headers: headers)
js.setTimeout = lambda resolve, _, value: asyncio.get_running_loop().call_soon(resolve, value)
js.Promise = types.SimpleNamespace(withResolvers=Resolvers)
js.console = types.SimpleNamespace(error=lambda text: sys.exit(text))
ffi = types.ModuleType("pyodide.ffi")
ffi.JsProxy, ffi.create_proxy, ffi.to_js = object, None, None
sys.modules |= {"js": js, "pyodide": types.ModuleType("pyodide"), "pyodide.ffi": ffi}
sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry] + [site]
sys.dont_write_bytecode = True

before = set(sys.modules)
import entry
started = set(sys.modules)
if sys.version_info < (3, 12):  # a Worker has tasks that begin at once
    class Task:
        def __init__(self, coroutine, *, loop, eager_start):
            try:
                coroutine.send(None)
            except StopIteration as end:
                answer = end.value
                self.done, self.result = lambda: True, lambda: answer

    asyncio.Task = Task

async def answer():
    promise = entry.on_fetch(request, None, None)
    assert not promise.done(), "the answer leaves no turn to other connections"
    return await promise

request = types.SimpleNamespace(method="GET", url="http://site.test/", headers=[], body=None)
text = asyncio.run(answer())
answered = set(sys.modules)
print(json.dumps([text, sorted(started - before), sorted(answered - started)]))
"""


def cold_start(root: Path) -> tuple[str, list[str], list[str]]:
    """Return the first page, and the modules imported at the start and with the first request."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN, str(root / "dist/server"), THERE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text, started, answered = json.loads(done.stdout)
    return text, started, answered


def test_a_cold_worker_imports_these_modules(build_site: BuildSite) -> None:
    text, started, answered = cold_start(build_site(SITE, SERVER))

    assert text == "<title>Rows</title>1&lt;a&gt;2b/"
    assert started == STARTED.split()
    assert answered == ANSWERED.split()


@pytest.mark.parametrize(
    ("template", "imported"),
    [
        ("{{ 'a'|upper }}{{ [1]|length }}{{ 1 is odd }}{{ x|e if false }}", []),
        ("{{ ctx.params|length }}{{ '<'|safe }}{{ ctx.base|e }}{{ ctx.base is string }}", []),
        ("{{ ctx.base|upper }}", ["do_upper"]),
        ("{{ [ctx.base]|map('upper')|list }}",
         ["_prepare_attribute_parts", "do_upper", "make_attrgetter", "prepare_map", "sync_do_list",
          "sync_do_map"]),
        ("{{ ctx.base|urlencode }}", ["do_urlencode", "url_quote"]),
        ("{{ range(2)|list }}{{ namespace(a=1).a }}", ["Namespace", "sync_do_list"]),
    ],
)  # fmt: skip
def test_a_template_imports_the_filters_it_uses(
    build_site: BuildSite, template: str, imported: list[str]
) -> None:
    root = build_site({"pages/index.html": template}, SERVER)

    _, started, answered = cold_start(root)

    uploaded = {path.stem for path in root.glob("dist/server/pages/_jinja2/*.py")} - {"__init__"}
    loaded = {name.rpartition(".")[2] for name in answered if name.startswith("pages._jinja2.")}
    assert sorted(uploaded) == imported
    assert loaded == uploaded
    assert not [name for name in started + answered if name.startswith("jinja2")]


def test_ten_pages_are_a_small_upload(build_site: BuildSite) -> None:
    pages = {
        f"pages/page{n}.html": SITE["pages/index.html"].replace("Rows", f"Page {n}")
        + "{% macro card(row) %}<li>{{ row.name|upper }}{{ row.note|default('-') }}{% endmacro %}"
        + "{% set cards %}{% for row in rows %}{{ card(row) }}{% endfor %}{% endset %}"
        for n in range(10)
    }
    server = build_site({**SITE, **pages}, SERVER) / "dist/server"

    files = {path.relative_to(server).as_posix(): path.read_text() for path in server.rglob("*.py")}
    assert sum(gzipped_size(files).values()) < 60 * 1024
