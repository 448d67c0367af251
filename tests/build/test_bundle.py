"""dist/server/: what is in it, what is not, and that it runs alone."""

from __future__ import annotations

import ast
import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import markupsafe
import pytest

from firstlight.build.adapters.cloudflare import entry_text
from firstlight.build.bundle import gzipped_size
from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from conftest import BuildSite, Failures, Files, WriteSite

HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
FILES: Files = {
    "wrangler.toml": '[[kv_namespaces]]\nbinding = "CACHE"\n',
    "pages/index.html": "---\nfrom pages._lib.built import TEXT\n---\n{{ TEXT }}",
    "pages/post.md": "# Only at build\n",
    "pages/live.html": (
        "---\nfrom pages._lib.shared import name\nprerender = False\n\ndef get_static_paths():\n"
        "    return 'STATIC-PATHS'\n---\n"
        "{% extends '_layouts/base.html' %}\n{% block b %}{{ name | upper }}{% endblock %}"
    ),
    "pages/broken.html": "---\nprerender = False\nx = 0\n---\n\n{{ 1 // x }}",
    "pages/api/[id].py": (
        "from firstlight import Response\nfrom pages._lib import store\n\n"
        "def GET(ctx):\n    return Response.json([ctx.params['id'], store.NAME])\n"
    ),
    "pages/_layouts/base.html": "<main>{% block b %}{% endblock %}</main>",
    "pages/_layouts/unused.html": "UNUSED-TEMPLATE",
    "pages/_lib/__init__.py": "",
    "pages/_lib/built.py": "TEXT = 'ONLY-AT-BUILD'\n",
    "pages/_lib/shared.py": "from beside import NAME as name\n",
    "pages/_lib/store.py": "from bindings.cloudflare import KV\n\nKV('CACHE')\nNAME = 'store'\n",
    "pages/_lib/tests.py": "",
    "beside.py": "NAME = 'beside'\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dist/server/ of a site with a little of everything."""
    root = tmp_path_factory.mktemp("site")
    for name, text in {"pyproject.toml": HYBRID, **FILES}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    build(root)
    return root / "dist" / "server"


def names_below(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def test_bundle_holds_the_sites_on_demand_modules_only(server: Path) -> None:
    assert names_below(server / "pages") == [
        "__init__.py",
        "_jinja2/__init__.py",
        "_jinja2/do_upper.py",
        "_layouts/__init__.py",
        "_layouts/base_html.py",
        "_lib/__init__.py",
        "_lib/shared.py",
        "_lib/store.py",
        "api/__init__.py",
        "api/_id_.py",
        "broken_html.py",
        "live_html.py",
    ]
    assert (server / "beside.py").read_text() == "NAME = 'beside'\n"


def test_bundle_holds_the_runtime_only(server: Path) -> None:
    names = names_below(server / "firstlight")
    assert {"__init__.py", "app.py", "templating.py", "adapters/cloudflare.py"} <= set(names)
    assert not [n for n in names if n.startswith(("build/", "dev/", "cli", "content", "__main__"))]
    assert not (server / "jinja2").exists()
    assert "bindings/cloudflare/_js.py" in names_below(server)
    assert not [n for n in names_below(server) if "_local" in n]


def test_bundle_holds_python_only(server: Path) -> None:
    tops = {name.partition("/")[0] for name in names_below(server)}
    assert {name for name in names_below(server) if not name.endswith(".py")} == set()
    assert tops == {
        "beside.py", "bindings", "entry.py", "firstlight", "manifest.py", "markupsafe",
        "pages",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["ONLY-AT-BUILD", "Only at build", "UNUSED-TEMPLATE", "STATIC-PATHS", "{% ", "{{ name"]
)
def test_bundle_holds_nothing_of_prerendered_pages(server: Path, text: str) -> None:
    assert [p for p in (server / "pages").rglob("*.py") if text in p.read_text()] == []


def test_bundle_is_python_3_12(server: Path) -> None:
    for path in server.rglob("*.py"):
        ast.parse(path.read_text(), str(path), feature_version=(3, 12))
        compile(path.read_text(), str(path), "exec", dont_inherit=True)


RUN = """
import sys
stdlib = [entry for entry in sys.path if "site-packages" not in entry]
sys.path[:] = [*stdlib, sys.argv[1]]
sys.dont_write_bytecode = True
import asyncio, json
from manifest import MANIFEST, BINDINGS
from firstlight.app import App
from firstlight.request import Request
log = []
app = App(MANIFEST, log=log.append)
async def get(path):
    response = await app.handle(Request("GET", "http://site.test" + path))
    return [response.status, await response.text()]
answers = [asyncio.run(get(path)) for path in ("/live", "/api/7", "/broken", "/nope")]
site = [m for m in sys.modules.values() if str(getattr(m, "__file__", "")).count("site-packages")]
print(json.dumps([answers, log, BINDINGS, [m.__name__ for m in site]]))
"""


def test_bundle_runs_alone(server: Path) -> None:
    command = [sys.executable, "-I", "-S", "-c", RUN, str(server)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers, log, bindings, foreign = json.loads(done.stdout)
    assert answers[:2] == [[200, "<main>BESIDE</main>"], [200, '["7","store"]']]
    assert [status for status, _ in answers] == [200, 200, 500, 404]
    assert log == [
        "pages/broken.html:6 (route /broken): ZeroDivisionError: integer division or modulo by "
        "zero\n"
    ]
    assert (bindings, foreign) == ({"CACHE": "kv"}, [])


def test_manifest_lists_the_routes_in_priority_order(server: Path) -> None:
    text = (server / "manifest.py").read_text()
    assert text == (
        '"""The site, written by `firstlight build`."""\n\n'
        "from firstlight.manifest import Manifest, Redirect, Route\n\n"
        "BINDINGS = {'CACHE': 'kv'}\n\n"
        "MANIFEST = Manifest(\n    routes=(\n"
        "        Route(pattern='/api/[id]', file='pages/api/[id].py', module='pages.api._id_', "
        "is_endpoint=True),\n"
        "        Route(pattern='/broken', file='pages/broken.html', module='pages.broken_html'),\n"
        "        Route(pattern='/live', file='pages/live.html', module='pages.live_html'),\n"
        "        Route(pattern='/post', file='pages/post.md', is_prerendered=True),\n"
        "        Route(pattern='/', file='pages/index.html', is_prerendered=True),\n"
        "    ),\n"
        "    templates={'_layouts/base.html': 'pages._layouts.base_html'},\n"
        ")\n"
    )


def test_manifest_carries_the_options(build_site: BuildSite) -> None:
    config = (
        '[tool.firstlight]\nadapter = "cloudflare"\nsite = "https://x.example"\nbase = "/d"\n'
        'trailing_slash = "never"\nmax_body = 5\ntrusted_origins = ["https://y.example"]\n'
        '[tool.firstlight.redirects]\n"/a" = { status = 302, destination = "/b" }\n'
    )
    files = {"pages/_middleware.py": "async def on_request(ctx, next):\n    return await next()\n"}
    text = (build_site(files, config) / "dist/server/manifest.py").read_text()
    assert text.partition("MANIFEST = ")[2] == (
        "Manifest(\n    middleware='pages._middleware',\n    redirects=(\n"
        "        Redirect(pattern='/a', destination='/b', status=302),\n    ),\n"
        "    site='https://x.example',\n    base='/d',\n    trailing_slash='never',\n"
        "    format='file',\n    max_body=5,\n    trusted_origins=(\n"
        "        'https://y.example',\n    ),\n)\n"
    )


ENTRY = '''\
"""The Worker's entry, written by `firstlight build`."""

{imports}from firstlight.adapters.cloudflare import Adapter
from manifest import MANIFEST

adapter = Adapter(MANIFEST{enter})

try:
    from workers import WorkerEntrypoint
except ImportError:  # wrangler 3: the runtime calls a global function

    def on_fetch(request, env, ctx):
        return adapter.begin(request, env, ctx)

else:

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            js_request = getattr(request, "js_object", request)
            return await adapter.fetch(js_request, self.env, self.ctx)

        on_fetch = fetch  # compatibility dates before 2025-08-14
'''
SCHEDULED = """
        async def scheduled(self, event, env=None, ctx=None):
            from pages import _worker

            await bindings.run_scheduled(_worker.scheduled, event, self.env)

        on_scheduled = scheduled
"""


def test_entry_serves_both_runtimes() -> None:
    assert entry_text(has_bindings=False) == ENTRY.format(imports="", enter="")
    entry = ENTRY.format(
        imports="from bindings.cloudflare import _js as bindings\n",
        enter=", enter=bindings.enter",
    )
    assert entry_text(has_bindings=True) == entry
    assert entry_text(has_bindings=True, handlers=["scheduled"]) == entry + SCHEDULED


def test_bundle_has_the_handlers_of_the_worker_file(build_site: BuildSite) -> None:
    worker = "import json\nfrom pages._lib.jobs import queue\n\ndef other(): ...\n"
    files = {
        "pages/index.html": "x",
        "pages/_worker.py": worker,
        "pages/_lib/jobs.py": "async def queue(batch):\n    pass\n",
    }
    server = build_site(files, HYBRID) / "dist/server"
    assert "run_queue(_worker.queue" in (server / "entry.py").read_text()
    assert "scheduled" not in (server / "entry.py").read_text()
    assert (server / "pages/_worker.py").read_text() == worker
    assert (server / "pages/_lib/jobs.py").exists()
    assert (server / "bindings/cloudflare/_js_services.py").exists()


ALWAYS = {"__init__", "_js", "backend", "env", "errors"}
HANDLES = {"cache", "d1", "fetcher", "kv", "queues", "r2", "services"}


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("from bindings.cloudflare import env", set[str]()),
        ("from bindings.cloudflare import KV", {"kv"}),
        ("from bindings.cloudflare import CACHE", {"kv"}),
        ("from bindings.cloudflare import Cache", {"cache", "fetcher", "_js_services", "queues"}),
        ("from bindings.cloudflare.d1 import D1", {"d1"}),
        ("from bindings.cloudflare import *", HANDLES | {"_js_services"}),
        ("import bindings.cloudflare as cloudflare", HANDLES | {"_js_services"}),
        ("from bindings import cloudflare", HANDLES | {"_js_services"}),
    ],
)
def test_bundle_has_the_bindings_that_code_asks_for(
    build_site: BuildSite, code: str, modules: set[str]
) -> None:
    files = {
        "wrangler.toml": '[[kv_namespaces]]\nbinding = "CACHE"\n',
        "pages/api/x.py": "from pages._lib.x import y\n\n\ndef GET(ctx):\n    return y\n",
        "pages/_lib/x.py": f"{code}\n\ny = 'y'\n",
    }
    folder = build_site(files, HYBRID) / "dist/server/bindings/cloudflare"
    names = {path.stem for path in folder.glob("*.py")}
    assert names & (HANDLES | {"_js_services"}) == modules
    assert names >= ALWAYS
    assert "shapes" not in names  # what only type checkers read


def test_entry_hands_events_to_the_worker_file(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []

    async def run(handler: object, event: object, env: object) -> None:
        calls.append((handler, event, env))

    class WorkerEntrypoint:
        env = "env"

    worker = SimpleNamespace(queue="queue", scheduled="scheduled")
    bindings = SimpleNamespace(enter=None, run_queue=run, run_scheduled=run)
    modules = {
        "workers": SimpleNamespace(WorkerEntrypoint=WorkerEntrypoint),
        "bindings.cloudflare": SimpleNamespace(_js=bindings),
        "firstlight.adapters.cloudflare": SimpleNamespace(Adapter=dict),
        "manifest": SimpleNamespace(MANIFEST={}),
        "pages": SimpleNamespace(_worker=worker),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    namespace: dict[str, Any] = {}
    text = entry_text(has_bindings=True, handlers=["queue", "scheduled"])
    exec(text, namespace)  # noqa: S102 - as the runtime does
    default = namespace["Default"]()
    # The runtime gives three arguments, and older ones call by other names.
    asyncio.run(default.queue("batch", None, None))
    asyncio.run(default.on_queue("batch", None, None))
    asyncio.run(default.scheduled("event", None, None))
    assert calls == [
        ("queue", "batch", "env"),
        ("queue", "batch", "env"),
        ("scheduled", "event", "env"),
    ]


def test_bundle_reports_mistakes_of_the_worker_file(failures: Failures) -> None:
    (text,) = failures({"pages/index.html": "x", "pages/_worker.py": "def queue(:\n"}, HYBRID)
    assert text.startswith("pages/_worker.py:1")


def test_build_warns_of_events_that_nothing_handles(write_site: WriteSite) -> None:
    wrangler = '[[queues.consumers]]\nqueue = "jobs"\n[triggers]\ncrons = ["0 * * * *"]\n'
    files = {"pages/index.html": "x", "wrangler.toml": wrangler, "pyproject.toml": HYBRID}
    root = write_site(files)
    assert [text for text in build(root).warnings if "pages/_worker.py" in text] == [
        "wrangler.toml consumes jobs, but nothing handles the messages. "
        "Define `async def queue(batch)` in pages/_worker.py.",
        "wrangler.toml has cron triggers, but nothing handles them. "
        "Define `async def scheduled(event)` in pages/_worker.py.",
    ]
    for text in (
        "def queue(batch): ...\nscheduled = queue\n",
        "if True:\n    def queue(batch): ...\n"
        "try:\n    from jobs import scheduled\nexcept ImportError: ...\n",
        "queue: object = print\nscheduled, other = print, 1\n",
    ):
        write_site({"pages/_worker.py": text, "jobs.py": "def scheduled(event): ...\n"})
        assert [text for text in build(root).warnings if "pages/_worker.py" in text] == []
    write_site({"pyproject.toml": ""})
    assert build(root).warnings == []


def test_bundle_of_a_static_site_has_no_templates(build_site: BuildSite) -> None:
    root = build_site({"pages/index.html": "x"}, HYBRID)
    tops = {name.partition("/")[0] for name in names_below(root / "dist/server")}
    assert tops == {"entry.py", "firstlight", "manifest.py"}


def test_bundle_without_an_adapter_is_none(build_site: BuildSite) -> None:
    root = build_site({"pages/index.html": "x"}, "[tool.firstlight]\n")
    assert not (root / "dist/server").exists()


def test_bundle_takes_only_the_files_of_a_package_that_are_needed(
    build_site: BuildSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))  # pyright: ignore[reportUnknownMemberType]
    files = {
        "site-packages/pure/__init__.py": "from pure.a import x\n",
        "site-packages/pure/a.py": "x = 1\n",
        "site-packages/pure/b.py": "",
        "site-packages/pure/a.pyi": "",
        "site-packages/pure/py.typed": "",
        "site-packages/pure-1.dist-info/METADATA": "",
        "pages/api/a.py": "from pure import x\ndef GET(ctx):\n    return str(x)\n",
    }
    server = build_site(files, HYBRID) / "dist/server"
    assert names_below(server / "pure") == ["__init__.py", "a.py"]
    assert not (server / "pure-1.dist-info").exists()


def test_bundle_takes_every_part_for_a_computed_template(build_site: BuildSite) -> None:
    files = {
        "pages/a.html": "---\nprerender = False\n---\n{% include ctx.params.x %}",
        "pages/b.html": "",
        "pages/_x.html": "",
        "pages/sub/_y.html": "",
    }
    text = (build_site(files, HYBRID) / "dist/server/manifest.py").read_text()
    assert (
        "    templates={'_x.html': 'pages._x_html', 'sub/_y.html': 'pages.sub._y_html'},\n"
    ) in text


def test_bundle_takes_a_prerendered_page_that_is_a_layout(build_site: BuildSite) -> None:
    files = {
        "pages/a.html": "---\nprerender = False\n---\n{% extends 'b.html' %}",
        "pages/b.html": "base",
    }
    server = build_site(files, HYBRID) / "dist/server"
    assert names_below(server / "pages") == ["__init__.py", "a_html.py", "b_html.py"]


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"pages/api/a.py": "from pages._lib.x import y\ndef GET(ctx): ..."}, "pages/_lib/x.py:2"),
        (
            {"pages/_middleware.py": "from pages._lib.x import y as on_request\n"},
            "pages/_lib/x.py:2",
        ),
        ({"pages/api/a.py": "import beside\ndef GET(ctx): ..."}, "beside.py:2"),
    ],
)
def test_bundle_compiles_helpers_that_only_the_worker_imports(
    failures: Failures, files: dict[str, str], where: str
) -> None:
    broken = {"pages/_lib/x.py": "y = 1\nreturn y\n", "beside.py": "\nawait x\n"}
    (text,) = failures({**broken, **files}, HYBRID)
    problem = "'await' outside function" if "beside" in where else "'return' outside function"
    assert text == (
        f"{where}: This is not Python: {problem}.\n"
        "  Hint: Mend that line, or the one before: Python reads no further."
    )


def test_bundle_reports_imports_with_the_pages_line(failures: Failures) -> None:
    page = "---\nprerender = False\n\nfrom firstlight.content import get_entry\n---\n"
    (text,) = failures({"pages/a.html": page}, HYBRID)
    where, _, rest = text.partition(": ")
    assert where == "pages/a.html:4"
    assert rest.startswith("`firstlight.content` works at build only, not in the Worker.")


def test_bundle_has_markupsafe_without_its_extension(server: Path) -> None:
    package = Path(markupsafe.__file__).parent
    assert names_below(server / "markupsafe") == ["__init__.py", "_native.py"]
    assert (server / "markupsafe/_native.py").read_text() == (package / "_native.py").read_text()


def test_gzipped_size_sums_up_by_package() -> None:
    sizes = gzipped_size({"a/x.py": "x" * 999, "a/y.py": "y", "b.py": "abcdefgh" * 9})
    assert list(sizes) == ["a", "b.py"]
    assert sizes["a"] > sizes["b.py"] > 0


def test_bundle_is_the_same_each_time(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": HYBRID, **FILES})
    assert build(root).changed is True
    assert build(root).changed is False
