"""The guide's Dockerfile and systemd unit, carried out as they stand there."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from dockerfile import Builder, Image
from markdown_it import MarkdownIt

from firstlight.testing.wrangler import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "pages/_content/docs/adapters.md"
PORT = "8000"
BLOCKS = {
    token.info.partition('title="')[2].rstrip('"'): token.content
    for token in MarkdownIt("commonmark").parse(PAGE.read_text("utf-8"))
    if token.type == "fence" and 'title="' in token.info
}
STYLE = "b { color: green }\n" * 200
SITE = {
    "pages/style.css": STYLE,
    ".dockerignore": BLOCKS[".dockerignore"],
    "pages/index.html": BLOCKS["pages/index.html"],
    "pages/api/time.py": BLOCKS["pages/api/time.py"],
    "pages/api/count.py": "from bindings.cloudflare import CACHE\n\n\n"
    "async def GET(ctx):\n"
    "    count = int(await CACHE.get('count') or 0) + 1\n"
    "    await CACHE.put('count', str(count))\n"
    "    return {'count': count}\n",
    "pages/api/ticks.py": "import asyncio\n\nfrom firstlight import Response\n\n\n"
    "async def ticks():\n    while True:\n        yield b'tick'\n"
    "        await asyncio.sleep(0.05)\n\n\n"
    "def GET(ctx):\n    return Response(ticks())\n",
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "asgi"\n',
    "wrangler.toml": '[[kv_namespaces]]\nbinding = "CACHE"\n',
    # What must not get into an image.
    ".dev.vars": "SECRET = 'no'\n",
    ".git/config": "",
    ".venv/bin/python": "",
    "pages/__pycache__/a.pyc": "",
}
LEFT_OUT = (".dev.vars", ".git", ".venv", "pages/__pycache__/a.pyc")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}"]
    subprocess.run([*pip, str(ROOT)], check=True, stderr=subprocess.DEVNULL)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Image:
    context = tmp_path_factory.mktemp("context")
    for name, text in SITE.items():
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        (context / name).write_text(text)
    return Builder(context, tmp_path_factory.mktemp("stages"), wheel).build(BLOCKS["Dockerfile"])


@pytest.fixture
def served(image: Image) -> Generator[tuple[subprocess.Popen[bytes], str]]:
    """Run the image's command, on a port of this machine only."""
    port = free_port()
    command = [HOST if word == "0.0.0.0" else word for word in image.words("CMD")]  # noqa: S104
    assert HOST in command  # reachable from outside of the container
    log = image.root / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(image.root / "venv/bin" / command[0]), *command[1:], "--port", str(port)],
            cwd=image.workdir,
            env=image.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    origin = f"http://{HOST}:{port}"
    try:
        transport = httpx.HTTPTransport(retries=8)  # 15 seconds in all, less if it is up
        with httpx.Client(transport=transport) as client:
            client.get(origin)
        yield process, origin
    finally:
        process.kill()
        process.wait()


def test_container_serves_the_site(
    image: Image, served: tuple[subprocess.Popen[bytes], str]
) -> None:
    process, origin = served
    page = httpx.get(origin)
    assert (page.status_code, "<h1>Tea</h1>" in page.text) == (200, True)
    style = httpx.get(f"{origin}/style.css", headers={"accept-encoding": "br"})
    assert (style.headers["content-encoding"], style.text) == ("br", STYLE)
    assert httpx.get(f"{origin}/api/time").json()["visitor"] == HOST
    counts = [httpx.get(f"{origin}/api/count").json()["count"] for _ in range(2)]
    assert counts == [1, 2]
    assert list((image.root / "data").iterdir())  # on the volume, not in the image
    assert not (image.workdir / ".firstlight").exists()
    assert healthy(image, origin)
    process.terminate()
    assert process.wait(10) in (0, -signal.SIGTERM)
    log = (image.root / "log").read_text()
    assert "Application shutdown complete." in log
    assert not healthy(image, origin)


def test_container_ends_although_an_answer_has_no_end(
    image: Image, served: tuple[subprocess.Popen[bytes], str]
) -> None:
    """`docker stop` waits for 10 seconds."""
    process, origin = served
    with httpx.stream("GET", f"{origin}/api/ticks") as answer:
        chunks = answer.iter_bytes()  # which closes the connection when it is let go of
        assert next(chunks) == b"tick"
        process.terminate()
        process.wait(10)
    assert "Application shutdown complete." in (image.root / "log").read_text()


def healthy(image: Image, origin: str) -> bool:
    words = [word.replace(f"http://{HOST}:{PORT}", origin) for word in image.words("HEALTHCHECK")]
    assert any(origin in word for word in words)
    done = subprocess.run(
        words, env=image.environment, cwd=image.workdir, capture_output=True, check=False
    )
    return done.returncode == 0


def test_image_holds_what_runs_and_no_more(image: Image) -> None:
    assert {path.name for path in image.workdir.iterdir()} == {"dist", "wrangler.toml"}
    assert (image.workdir / "dist/client/index.html").exists()
    assert (image.told["USER"], image.told["VOLUME"], image.told["EXPOSE"]) == (
        "site",
        "/data",
        PORT,
    )
    others = 0o005  # who is not root may read, and enter folders
    for path in image.workdir.rglob("*"):
        assert path.stat().st_mode & (others if path.is_dir() else 0o004), path
    build = image.root.parent / "build/site"
    assert [name for name in LEFT_OUT if (build / name).exists()] == []
    assert (build / "pages/index.html").exists()


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "srv/tea/.venv/bin/uvicorn"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "tea.service"
    unit.write_text(BLOCKS["tea.service"].replace("/srv/tea", f"{tmp_path}/srv/tea"))
    done = subprocess.run(
        ["/usr/bin/systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
