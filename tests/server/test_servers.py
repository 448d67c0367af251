"""A built site on real ASGI servers: several processes, streams, shutdown."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from asgi_firstlight import HOST, server_command

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.servers

START_LIMIT = 30  # seconds
FILES = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "asgi"\n',
    "wrangler.toml": '[[d1_databases]]\nbinding = "DB"\n[[kv_namespaces]]\nbinding = "CACHE"\n'
    '[[r2_buckets]]\nbinding = "MEDIA"\n',
    "migrations/0001_counts.sql": "create table counts (worker integer, number integer);\n",
    "pages/index.html": "home",
    "pages/big.bin": "0123456789" * 300_000,
    "pages/api/count.py": (
        "import os\n\nfrom bindings.cloudflare import CACHE, DB, MEDIA\n\n\n"
        "async def POST(ctx):\n"
        "    number = int(ctx.url.search_params.get('n'))\n"
        "    await DB.run('insert into counts values (?, ?)', os.getpid(), number)\n"
        "    await CACHE.put(f'k{number}', str(number))\n"
        "    await MEDIA.put(f'o{number}', b'x' * number)\n"
        "    return {'ok': True}\n\n\n"
        "async def GET(ctx):\n"
        "    rows = await DB.all('select worker, number from counts order by number')\n"
        "    keys = [key async for key in CACHE.keys()]\n"
        "    return {'numbers': [row.number for row in rows], 'keys': len(keys),\n"
        "        'workers': sorted({row.worker for row in rows})}\n"
    ),
    "pages/api/ticks.py": (
        "import asyncio\nfrom pathlib import Path\n\nfrom firstlight import Response\n\n\n"
        "async def ticks():\n    try:\n        while True:\n            yield b'tick\\n'\n"
        "            await asyncio.sleep(0.01)\n    finally:\n"
        "        Path('ended').touch()\n\n\n"
        "def GET(ctx):\n    return Response(ticks())\n"
    ),
    "pages/api/unread.py": "def PUT(ctx):\n    return 'not read'\n",
    "pages/api/later.py": (
        "import asyncio\nfrom pathlib import Path\n\n\nasync def work():\n"
        "    await asyncio.sleep(0.5)\n    Path('worked').touch()\n\n\n"
        "def GET(ctx):\n    ctx.wait_until(work())\n    return 'now'\n"
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=root, check=True)
    return root


@contextmanager
def serving(site: Path, name: str, *options: str) -> Generator[str, None, None]:
    """Start a server, and end it as a host does: one SIGTERM."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    log = site / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*server_command(name, port), *options],
            cwd=site,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(f"http://{HOST}:{port}", process, log)
        yield f"http://{HOST}:{port}"
        process.terminate()
        assert process.wait(20) in (0, -signal.SIGTERM), log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(origin: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.head(origin, timeout=5)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"The server did not start:\n{log.read_text('utf-8', 'replace')}")


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_an_answer_reaches_whoever_still_sends(site: Path, server: str) -> None:
    headers = {"sec-fetch-site": "same-origin"}
    with serving(site, server) as origin:
        for _ in range(10):
            connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=20)
            connection.request("PUT", "/api/unread", b"x" * 4_000_000, headers)
            assert connection.getresponse().read() == b"not read"
            connection.close()


def until(path: Path) -> bool:
    """Wait for what a server does after its answer."""
    deadline = time.monotonic() + 5
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_several_workers_share_the_bindings(site: Path, server: str) -> None:
    def write(number: int) -> int:
        # A connection of its own, so that the workers take turns.
        same = {"sec-fetch-site": "same-origin"}
        return httpx.post(f"{origin}/api/count?n={number}", headers=same, timeout=30).status_code

    state = {"FIRSTLIGHT_STATE": str(site / f"state-{server}")}
    os.environ |= state
    try:
        with serving(site, server, "--workers", "3") as origin, ThreadPoolExecutor(8) as pool:
            assert set(pool.map(write, range(1, 61))) == {200}
            told = httpx.get(f"{origin}/api/count").json()
    finally:
        del os.environ["FIRSTLIGHT_STATE"]
    assert (told["numbers"], told["keys"]) == (list(range(1, 61)), 60)
    assert len(told["workers"]) > 1


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_shutdown_lets_background_work_finish(site: Path, server: str) -> None:
    worked = site / "worked"
    worked.unlink(missing_ok=True)
    with serving(site, server) as origin:
        assert httpx.get(f"{origin}/api/later").text == "now"
    assert worked.exists()


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_an_endless_stream_ends_with_its_visitor(site: Path, server: str) -> None:
    ended = site / "ended"
    ended.unlink(missing_ok=True)
    with serving(site, server) as origin:
        with httpx.stream("GET", f"{origin}/api/ticks") as answer:
            lines = answer.iter_lines()
            assert [next(lines), next(lines)] == ["tick", "tick"]
        assert until(ended)


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_files_ranges_and_head(site: Path, server: str) -> None:
    with serving(site, server) as origin:
        whole = httpx.get(f"{origin}/big.bin")
        part = httpx.get(f"{origin}/big.bin", headers={"range": "bytes=10-14"})
        head = httpx.head(f"{origin}/big.bin")
        fresh = httpx.get(f"{origin}/big.bin", headers={"if-none-match": whole.headers["etag"]})
    assert len(whole.content) == 3_000_000
    assert (part.status_code, part.text) == (206, "01234")
    assert (head.headers["content-length"], head.content) == ("3000000", b"")
    assert (fresh.status_code, fresh.content) == (304, b"")


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_a_visitor_who_reads_slowly_holds_back_the_stream(site: Path, server: str) -> None:
    with (
        serving(site, server) as origin,
        socket.create_connection((HOST, int(origin[-5:]))) as slow,
    ):
        slow.sendall(b"GET /big.bin HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        time.sleep(0.2)
        assert httpx.get(f"{origin}/").text == "home"
        received = b"".join(iter(lambda: slow.recv(65536), b""))
    assert received.endswith(b"0123456789")


@pytest.mark.parametrize("server", ["uvicorn", "granian", "hypercorn"])
def test_a_websocket_is_refused(site: Path, server: str) -> None:
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with serving(site, server) as origin:
        refused = httpx.get(f"{origin}/", headers=upgrade)
        assert httpx.get(f"{origin}/").text == "home"
    assert refused.status_code in (200, 403)  # uvicorn without a WebSocket library sends the page
