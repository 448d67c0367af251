"""The development servers and the embedded bindings: queues, crons and assets."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from bindings.cloudflare._local import services, use
from firstlight.build.loader import forget_modules
from firstlight.build.pipeline import build
from firstlight.dev.dev_site import DevSite
from firstlight.dev.host_bindings import serve_assets
from firstlight.dev.preview import preview_app
from firstlight.server.asgi import asgi_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import WriteSite

    from firstlight.server.asgi import ASGIApp

TOML = """
[assets]
directory = "dist/client"
binding = "ASSETS"
[[kv_namespaces]]
binding = "SEEN"
[[durable_objects.bindings]]
name = "COUNTERS"
class_name = "Counter"
[[queues.producers]]
binding = "JOBS"
queue = "jobs"
[[queues.consumers]]
queue = "jobs"
"""
WORKER = """
from bindings.cloudflare import SEEN, DurableObject


class Counter(DurableObject):
    async def add(self, by):
        total = (await self.storage.get("total") or 0) + by
        await self.storage.put("total", total)
        return total


async def queue(batch):
    await SEEN.put("queue", f"{batch.queue} {[message.body for message in batch]}")


async def scheduled(event):
    await SEEN.put("cron", f"{event.cron} {event.scheduled_time:%Y}")
"""
SEND = """
from bindings.cloudflare import JOBS


async def GET(ctx):
    await JOBS.send({"id": 1})
    return "sent"
"""
SEEN = """
from bindings.cloudflare import SEEN


async def GET(ctx):
    return await SEEN.get(ctx.params["key"]) or ""
"""
COUNT = """
from bindings.cloudflare import COUNTERS


async def GET(ctx):
    total = await COUNTERS.get_by_name(ctx.params["name"]).call("add", 2)
    return str(total)
"""
ASSET = """
from bindings.cloudflare import ASSETS
from firstlight import Response


async def GET(ctx):
    answer = await ASSETS.fetch("/about")
    return Response(answer, answer.status, answer.headers)
"""
FILES = {
    "wrangler.toml": TOML,
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n',
    "pages/_worker.py": WORKER,
    "pages/about.html": "About {{ 1 + 1 }}",
    "pages/api/send.py": SEND,
    "pages/api/seen/[key].py": SEEN,
    "pages/api/asset.py": ASSET,
    "pages/api/count/[name].py": COUNT,
}


def dev_app(root: Path) -> ASGIApp:
    site = DevSite(root)
    serve_assets(root, site.fetch)
    return asgi_app(site.handle, site.fetch)


@pytest.fixture(autouse=True)
def forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Drop what a server leaves behind for the rest of its process."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    yield
    services.serve_assets(tmp_path, None)
    sys.modules.pop("manifest", None)
    forget_modules(tmp_path)


@pytest.fixture(params=["dev", "preview"])
def app(request: pytest.FixtureRequest, write_site: WriteSite) -> Iterator[ASGIApp]:
    root = write_site(FILES)
    if request.param == "preview":
        build(root)
    with use(root):
        yield dev_app(root) if request.param == "dev" else preview_app(root)


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(cast("Any", app))
    return httpx.AsyncClient(transport=transport, base_url="http://site.test")


async def text(client: httpx.AsyncClient, path: str) -> str:
    return (await client.get(path)).text


def test_servers_run_the_worker_file_and_serve_assets(app: ASGIApp) -> None:
    async def check() -> None:
        async with client_of(app) as client:
            assert await text(client, "/api/send") == "sent"
            deadline = time.monotonic() + 5
            while not (seen := await text(client, "/api/seen/queue")):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert seen == "jobs [{'id': 1}]"
            path = "/cdn-cgi/handler/scheduled"
            assert await text(client, f"{path}?cron=0+*+*+*+*&time=1767225600000") == "ok"
            assert await text(client, "/api/seen/cron") == "0 * * * * 2026"
            assert await text(client, "/api/count/a") == "2"
            assert await text(client, "/api/count/a") == "4"
            assert await text(client, "/api/asset") == "About 2"

    asyncio.run(check())


def test_scheduled_without_a_handler_is_404(write_site: WriteSite) -> None:
    root = write_site({**FILES, "pages/_worker.py": "def queue(batch): ...\n"})
    app = dev_app(root)

    async def check() -> None:
        async with client_of(app) as client:
            answer = await client.get("/cdn-cgi/handler/scheduled")
            assert (answer.status_code, answer.text) == (
                404,
                "pages/_worker.py defines no `scheduled`.",
            )

    asyncio.run(check())
