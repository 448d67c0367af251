"""The contract inside workerd, with the platform's own KV, D1 and R2."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from contract import ASSETS, CONTRACT, WRANGLER_TOML

import bindings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.workerd

HERE = Path(__file__).parent
START_TIMEOUT = 120  # seconds
WRANGLER = ("npx", "--yes", "wrangler@3.92.0", "dev", "--ip", "127.0.0.1")

# Serves both generations of Python Workers; each path is one function.
ENTRY = """
import traceback

import js
from contract import CONTRACT, Site, set_up
from contract.suite import WORKERD

from bindings.cloudflare import D1, KV, R2, env
from bindings.cloudflare._js import enter
from bindings.cloudflare.backend import current

SITE = Site(KV("CACHE"), D1("DB"), R2("MEDIA"), env, WORKERD)
CHECKS = {"set_up": set_up, **CONTRACT}


async def handle(request, worker_env):
    if current.get() is not None:
        return js.Response.new("The env of another request is seen by this one.")
    enter(worker_env)
    name = str(getattr(request, "js_object", request).url).rpartition("/")[2]
    if name == "js_body":
        await SITE.r2.put(name, bytes(range(256)))
        return js.Response.new((await SITE.r2.get(name)).js_body)
    try:
        await CHECKS[name](SITE)
    except Exception:
        return js.Response.new(traceback.format_exc())
    return js.Response.new("ok")


try:
    from workers import WorkerEntrypoint
except ImportError:

    async def on_fetch(request, env, _ctx):
        return await handle(request, env)

else:

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            return await handle(request, self.env)
"""


def write_worker(folder: Path) -> None:
    package = Path(bindings.__file__).parent
    unneeded = shutil.ignore_patterns("_local", "typings", "__pycache__")
    shutil.copytree(package, folder / "bindings", ignore=unneeded)
    shutil.copytree(HERE / "contract", folder / "contract", ignore=unneeded)
    (folder / "entry.py").write_text(ENTRY, encoding="utf-8")
    (folder / "wrangler.toml").write_text(WRANGLER_TOML, encoding="utf-8")
    (folder / "assets").mkdir()
    for name, text in ASSETS.items():
        (folder / "assets" / name).write_text(text, encoding="utf-8")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            answer = httpx.get(f"{url}/set_up", timeout=START_TIMEOUT)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.text == "ok":
            return
        pytest.fail(answer.text)
    pytest.fail(f"wrangler dev did not start:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("worker")
    write_worker(folder)
    port = free_port()
    log = tmp_path_factory.mktemp("log") / "wrangler.log"
    options = (
        f"--port={port}",
        f"--inspector-port={free_port()}",
        f"--persist-to={tmp_path_factory.mktemp('state')}",
        "--show-interactive-dev-session=false",
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*WRANGLER, *options),
            cwd=folder,
            env={**os.environ, "WRANGLER_SEND_METRICS": "false"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process, log)
            yield url
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


@pytest.mark.parametrize("name", CONTRACT)
def test_javascript_backend_keeps_the_contract(worker: str, name: str) -> None:
    assert httpx.get(f"{worker}/{name}", timeout=60).text == "ok"


def test_body_reaches_the_client_without_python(worker: str) -> None:
    assert httpx.get(f"{worker}/js_body", timeout=60).content == bytes(range(256))


def test_overlapping_requests_have_bindings_of_their_own(worker: str) -> None:
    def check(_number: int) -> str:
        return httpx.get(f"{worker}/d1_null_comes_back", timeout=60).text

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(check, range(40))) == {"ok"}
