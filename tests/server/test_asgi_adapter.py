"""The ASGI application of a built site, called in the test's own process."""

from __future__ import annotations

import asyncio
import gzip
import runpy
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from firstlight.build.loader import forget_modules
from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from conftest import WriteSite

    from firstlight.adapters.asgi import Application

    Load = Callable[..., Application]

CONFIG = '[tool.firstlight]\noutput = "hybrid"\nadapter = "asgi"\n'
FILES = {
    "pages/index.html": "home",
    "pages/404.html": "nothing",
    "pages/live.html": "---\nprerender = False\n---\nlive {{ ctx.client_address }}",
    "pages/api/echo.py": (
        "from firstlight import Response\n\n\n"
        "def GET(ctx):\n    return {'url': ctx.request.url, 'ip': ctx.client_address}\n\n\n"
        "async def POST(ctx):\n    return Response(await ctx.request.text())\n"
    ),
}


@pytest.fixture
def load(write_site: WriteSite) -> Generator[Load, None, None]:
    """Build a site and run its dist/server/app.py."""
    path, roots = list(sys.path), list[Any]()

    def make(files: Mapping[str, str], config: str = CONFIG) -> Application:
        root = write_site({"pyproject.toml": config, **files})
        roots.append(root)
        build(root)
        return runpy.run_path(str(root / "dist/server/app.py"))["app"]

    yield make
    sys.path[:] = path
    sys.modules.pop("manifest", None)
    for root in roots:
        forget_modules(root)


def call(app: Application, *requests: tuple[Any, ...], **client: Any) -> list[httpx.Response]:
    """Send requests of method, path and headers, each with a connection of its own."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as session:
            return [
                await session.request(method, path, headers=dict(*headers), **client)
                for method, path, *headers in requests
            ]

    return asyncio.run(send())


async def exchange(app: Application, scope: dict[str, Any], *messages: str) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    received = [{"type": message} for message in messages]

    async def receive() -> dict[str, Any]:
        return received.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def test_files_pages_and_endpoints_are_served(load: Load) -> None:
    answers = call(
        load(FILES),
        ("GET", "/"),
        ("GET", "/live"),
        ("GET", "/nope"),
        ("GET", "/index.html"),
        ("DELETE", "/"),
        ("GET", "/api/echo?a=%20"),
    )
    assert [(answer.status_code, answer.text) for answer in answers] == [
        (200, "home"),
        (200, "live 192.0.2.1"),
        (404, "nothing"),
        (307, ""),
        (405, "Method Not Allowed"),
        (200, '{"url":"http://site.test/api/echo?a=%20","ip":"192.0.2.1"}'),
    ]


def test_head_has_the_headers_of_get(load: Load) -> None:
    app = load(FILES)
    for path in ("/", "/live", "/nope"):
        head, get = call(app, ("HEAD", path), ("GET", path))
        assert head.content == b""
        assert head.headers == get.headers


def test_redirects_and_headers_files_hold_here_too(load: Load) -> None:
    config = f'{CONFIG}[tool.firstlight.redirects]\n"/old/[x]" = "/live?x=[x]"\n'
    files = {
        "pages/_redirects": "/mine/* /live?:splat 302\n",
        "pages/_headers": "/*\n  x-mine: 1\n",
    }
    answers = call(load(FILES | files, config), ("GET", "/old/a"), ("GET", "/mine/b"), ("GET", "/"))
    assert [answer.headers.get("location") for answer in answers[:2]] == ["/live?x=a", "/live?b"]
    assert answers[2].headers["x-mine"] == "1"


def test_a_body_over_the_limit_is_413(load: Load) -> None:
    app = load(FILES, f"{CONFIG}max_body = 4\n")
    for body, status in ((b"1234", 200), (b"12345", 413)):
        (answer,) = call(
            app, ("POST", "/api/echo", {"sec-fetch-site": "same-origin"}), content=body
        )
        assert answer.status_code == status


FORWARDED = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
}


@pytest.mark.parametrize(
    ("options", "variable", "is_believed"),
    [
        ("", None, False),
        ('trusted_proxies = ["192.0.2.0/24"]\n', None, True),
        ("", "192.0.2.1, 10.0.0.1", True),
        ('trusted_proxies = ["192.0.2.0/24"]\n', "", False),
    ],
)
def test_proxies_are_trusted_as_configured(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    variable: str | None,
    *,
    is_believed: bool,
) -> None:
    if variable is not None:
        monkeypatch.setenv("FIRSTLIGHT_TRUSTED_PROXIES", variable)
    app = load(FILES, f"{CONFIG}[tool.firstlight.asgi]\n{options}")
    (answer,) = call(app, ("GET", "/api/echo", FORWARDED))
    assert answer.json() == (
        {"url": "https://shop.example/api/echo", "ip": "203.0.113.9"}
        if is_believed
        else {"url": "http://site.test/api/echo", "ip": "192.0.2.1"}
    )


def test_shutdown_waits_for_what_goes_on(load: Load) -> None:
    files = {
        "pages/api/later.py": (
            "import asyncio\n\ndone = []\n\n\nasync def work(ctx):\n"
            "    await asyncio.sleep(0)\n    done.append(1)\n    ctx.wait_until(again())\n\n\n"
            "async def again():\n    await asyncio.sleep(0)\n    done.append(2)\n\n\n"
            "def GET(ctx):\n    ctx.wait_until(work(ctx))\n    return 'now'\n"
        )
    }
    app = load(files)

    async def serve() -> list[dict[str, Any]]:
        transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as session:
            assert (await session.get("/api/later")).text == "now"
        return await exchange(app, {"type": "lifespan"}, "lifespan.startup", "lifespan.shutdown")

    assert [message["type"] for message in asyncio.run(serve())] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert sys.modules["pages.api.later"].done == [1, 2]


def test_code_is_loaded_before_the_first_visitor(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    app = load({"pages/api/bad.py": "def GET(ctx): ...\n\n\n1 / 0\n", **FILES})
    asyncio.run(exchange(app, {"type": "lifespan"}, "lifespan.startup", "lifespan.shutdown"))
    assert {"pages.api.echo", "pages.live_html"} <= sys.modules.keys()
    assert "pages.api.bad cannot be imported:\nTraceback" in capsys.readouterr().err
    good, bad = call(app, ("GET", "/live"), ("GET", "/api/bad"))
    assert (good.status_code, bad.status_code) == (200, 500)


def test_a_websocket_is_refused(load: Load) -> None:
    sent = asyncio.run(exchange(load(FILES), {"type": "websocket"}, "websocket.connect"))
    assert sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]


def test_bindings_and_variables_are_answered(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = {
        "wrangler.toml": '[vars]\nA = "declared"\nB = "declared"\n'
        '[[kv_namespaces]]\nbinding = "CACHE"\n[assets]\nbinding = "ASSETS"\n',
        "pages/a.txt": "asset",
        "pages/api/x.py": (
            "from bindings.cloudflare import ASSETS, CACHE, env\n\n\nasync def GET(ctx):\n"
            "    await CACHE.put('k', 'v')\n"
            "    asset = await (await ASSETS.fetch('/a.txt')).text()\n"
            "    return [await CACHE.get('k'), env.A, env.B, env.C, asset]\n"
        ),
    }
    monkeypatch.setenv("B", "process")
    monkeypatch.setenv("C", "secret")
    app = load(files, f'{CONFIG}[tool.firstlight.asgi]\nstate = "data"\n')
    monkeypatch.chdir("/")
    try:
        (answer,) = call(app, ("GET", "/api/x"))
    finally:
        asyncio.run(exchange(app, {"type": "lifespan"}, "lifespan.shutdown"))
    assert answer.json() == ["v", "declared", "process", "secret", "asset"]
    assert (tmp_path / "data/kv/CACHE.sqlite").exists()


def test_text_is_compressed_at_build(load: Load, tmp_path: Path) -> None:
    css = "b { color: red }\n" * 200
    files = {
        "pages/site.css": css,
        "pages/small.css": "b {}",
        "pages/own.css": css,
        "pages/own.css.gz": "mine",
        "pages/photo.png": css,
    }
    app = load(files)
    client = tmp_path / "dist/client"
    assert gzip.decompress((client / "site.css.gz").read_bytes()).decode() == css
    assert (client / "site.css.br").exists()
    assert (client / "own.css.gz").read_text() == "mine"
    assert not list(client.glob("small.css.*"))
    assert not list(client.glob("photo.png.*"))
    (answer,) = call(app, ("GET", "/site.css", {"accept-encoding": "gzip"}))
    assert (answer.headers["content-encoding"], answer.text) == ("gzip", css)


def test_what_was_compressed_is_not_compressed_again(load: Load, tmp_path: Path) -> None:
    load({"pages/site.css": "b { color: red }\n" * 200})
    packed = tmp_path / "dist/client/site.css.gz"
    other = gzip.compress(b"made before")
    packed.write_bytes(other)
    build(tmp_path)
    assert packed.read_bytes() == other
    (tmp_path / "pages/site.css").write_text("i { color: red }\n" * 200)
    build(tmp_path)
    assert gzip.decompress(packed.read_bytes()).startswith(b"i {")


def test_installed_packages_are_no_part_of_the_server(load: Load, tmp_path: Path) -> None:
    code = "import httpx, markupsafe._speedups\nfrom beside import NAME\n\n\ndef GET(ctx):\n"
    load({"pages/api/x.py": f"{code}    return NAME\n", "beside.py": "NAME = 'x'\n"})
    names = {path.name for path in (tmp_path / "dist/server").iterdir()} - {"__pycache__"}
    assert names == {"app.py", "manifest.py", "pages", "beside.py"}


def test_the_build_tells_what_bindings_are_less_here(write_site: WriteSite) -> None:
    wrangler = '[[queues.producers]]\nbinding = "JOBS"\nqueue = "jobs"\n[ai]\nbinding = "AI"\n'
    root = write_site({"pyproject.toml": CONFIG, "pages/a.html": "", "wrangler.toml": wrangler})
    assert build(root).warnings == [
        "wrangler.toml declares the Queue `JOBS`, which keeps its messages in memory, in the "
        "process that sent them with the adapter `asgi`.",
        "wrangler.toml declares the WorkersAI `AI`, which is not there with the adapter `asgi`.",
    ]
