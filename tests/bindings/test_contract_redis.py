"""KV on a real Redis: the same contract as on the platform."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import signal
import socket
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from contract import CONTRACT, WRANGLER_TOML, Site
from contract.suite import EMBEDDED
from embedded import run_with

from bindings.cloudflare import D1, KV, R2, KVError, env
from bindings.cloudflare._local import serve
from bindings.cloudflare._local.embedded import EmbeddedBackend
from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

run = partial(run_with, "kv_url")
SITE = Site(KV("CACHE"), D1("DB"), R2("MEDIA"), env, EMBEDDED)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    program = shutil.which("redis-server")
    assert program is not None, "Debian's redis-server is not installed"
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("redis-server did not start")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "wrangler.toml").write_text(WRANGLER_TOML, encoding="utf-8")
    return tmp_path


@pytest.mark.servers
@pytest.mark.parametrize("name", [name for name in CONTRACT if name.startswith("kv_")])
def test_redis_keeps_the_contract(root: Path, url: str, name: str) -> None:
    run(root, url, CONTRACT[name](SITE))


@pytest.mark.servers
def test_a_key_that_has_expired_leaves_the_listing(root: Path, url: str) -> None:
    kv = SITE.kv
    run(root, url, kv.put("short:1", "x", ttl=60))
    run(root, url, kv.put("short:2", "y"))
    client: Any = importlib.import_module("redis").Redis.from_url(url)
    (name,) = client.keys("kv:*:short:1")
    client.pexpire(name, 1)
    time.sleep(0.01)
    assert run(root, url, kv.get("short:1")) is None
    assert [key.name for key in run(root, url, kv.list(prefix="short:")).keys] == ["short:2"]
    (index,) = client.keys("kv-keys:*")
    assert client.zscore(index, "short:1") is None
    client.close()


def test_a_redis_that_is_not_there_is_an_error_of_kv(root: Path) -> None:
    with pytest.raises(KVError, match=r"Redis: Error .* connecting to 127\.0\.0\.1:1"):
        run(root, "redis://127.0.0.1:1", SITE.kv.get("k"))


def test_a_url_of_another_kind_is_an_error(root: Path) -> None:
    with pytest.raises(PlatformError, match="`http://x` is no URL of Redis"):
        EmbeddedBackend(root, root, kv_url="http://x")


@pytest.mark.servers
def test_a_server_takes_the_redis_of_its_environment(
    root: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(path: str) -> None:
        del path

    async def served() -> str | None:
        end = serve(root, root / "state", fetch)
        try:
            await SITE.kv.put("served", "by redis")
            return await SITE.kv.get("served")
        finally:
            await end()

    monkeypatch.setenv("FIRSTLIGHT_KV_URL", url)
    assert asyncio.run(served()) == "by redis"
    assert run(root, url, SITE.kv.get("served")) == "by redis"
    assert not (root / "state").exists()
