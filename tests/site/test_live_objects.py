"""A site's Durable Objects on the runtimes, and as wrangler 4 takes them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from servers import deploy, download_sdk, environment, npx_node

from firstlight.build.pipeline import build

TIMEOUT = 300  # seconds
PATHS = ["/api/a", "/api/a?", "/api/b", "/api/sql", "/api/fail"]
WRANGLER = """\
name = "objects"
main = "dist/server/entry.py"
compatibility_date = "2026-04-20"
compatibility_flags = ["python_workers"]
[assets]
directory = "dist/client"
binding = "ASSETS"
[vars]
GREETING = "hello"
[[durable_objects.bindings]]
name = "COUNTERS"
class_name = "Counter"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
"""
WORKER = """\
from datetime import UTC, datetime, timedelta

from bindings.cloudflare import DurableObject, env


class Counter(DurableObject):
    async def add(self, by=1):
        value = (await self.storage.get("value") or {"sum": 0})["sum"] + by
        await self.storage.put("value", {"sum": value, "none": None})
        await self.storage.set_alarm(datetime.now(UTC) + timedelta(days=1))
        return {"sum": value, "none": None, "name": self.name, "greeting": env.GREETING}

    def sql(self, data):
        self.storage.sql("create table if not exists notes (data)")
        self.storage.sql("insert into notes values (?)", data["bytes"])
        return self.storage.sql("select data from notes")[0].data

    async def alarm(self):
        await self.storage.put("rung", b"yes")

    async def told(self):
        return {"rung": (await self.storage.get("rung")).decode()}

    def fail(self):
        raise ValueError("on purpose")
"""
COUNT = """\
from bindings.cloudflare import COUNTERS, ServiceError


async def GET(ctx):
    counter = COUNTERS.get_by_name(ctx.params["name"])
    if ctx.params["name"] == "sql":
        return repr(await counter.call("sql", {"bytes": b"\\x00\\xff"}))
    if ctx.params["name"] == "fail":
        try:
            await counter.call("fail")
        except ServiceError as error:
            return str(error).partition(": ")[0] + str("on purpose" in str(error))
    return await counter.call("add", 2)
"""
FILES = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n',
    "wrangler.toml": WRANGLER,
    "pages/index.html": "Hello",
    "pages/_worker.py": WORKER,
    "pages/api/[name].py": COUNT,
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.current
@pytest.mark.parametrize("pyodide", ["0.28.3", "314.0.7"])
def test_objects_answer_pages_and_keep_what_they_are_given(site: Path, pyodide: str) -> None:
    assert build(site).warnings == []
    node = npx_node("miniflare@4.20260730.0", f"pyodide@{pyodide}")
    script = Path(__file__).parent / "objects_current.mjs"
    sdk = download_sdk(site / "sdk")
    told = last_line([*node, str(script), str(site), str(sdk), json.dumps(PATHS)])

    assert told["classes"] == ["Counter"]
    assert [json.loads(told["answers"][path]) for path in PATHS[:3]] == [
        answer(2, "a"),
        answer(4, "a"),
        answer(2, "b"),
    ]
    assert told["answers"]["/api/sql"] == r"b'\x00\xff'"
    assert told["answers"]["/api/fail"] == 'COUNTERS fail "fail"True'
    assert told["alarm"] == {"rung": "yes"}


@pytest.mark.workerd
def test_objects_of_another_worker_are_called_on_wrangler_3(site: Path) -> None:
    build(site)
    script = Path(__file__).parent / "objects_workerd.mjs"
    npx = ["npx", "--yes", "-p", "wrangler@3.92.0", "node"]
    told = last_line([*npx, str(script), str(site), json.dumps(PATHS)])

    assert [json.loads(told[path])["sum"] for path in PATHS[:3]] == [2, 4, 2]
    assert [told[path] for path in PATHS[3:]] == [r"b'\x00\xff'", 'COUNTERS fail "fail"True']


def last_line(command: list[str]) -> Any:
    done = subprocess.run(
        command,
        env=environment(),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def answer(total: int, name: str) -> dict[str, Any]:
    return {"sum": total, "none": None, "name": name, "greeting": "hello"}


@pytest.mark.current
def test_wrangler_4_accepts_objects_and_migrations(site: Path) -> None:
    build(site)
    done = deploy(site, "--outdir", str(site / "upload"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "env.COUNTERS (Counter)" in done.stdout
    assert "WARNING" not in done.stdout + done.stderr
    assert (site / "upload/pages/_worker.py").read_text() == WORKER
