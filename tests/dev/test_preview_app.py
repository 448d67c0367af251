"""`firstlight preview` of a site that is nothing but files."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from firstlight.build.loader import forget_modules
from firstlight.build.pipeline import build
from firstlight.dev.preview import preview_app

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from firstlight.server.asgi import Answered

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]


def get(app: Any, path: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            return await client.get(path)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("files", "base", "expected"),
    [
        ({"pages/404.html": "gone"}, "/", "gone"),
        ({"pages/404.html": "gone"}, "/docs", "gone"),
        ({"pages/index.html": ""}, "/", "<h1>404</h1><p>Not Found</p>"),
    ],
)
def test_static_site_shows_its_404_page(
    write_site: WriteSite, files: dict[str, str], base: str, expected: str
) -> None:
    root = write_site({"pyproject.toml": f'[tool.firstlight]\nbase = "{base}"\n', **files})
    build(root)
    response = get(preview_app(root), "/nope")
    assert response.status_code == 404
    assert expected in response.text


def test_rules_that_netlify_forces_are_followed(write_site: WriteSite) -> None:
    config = '[tool.firstlight]\nadapter = "netlify"\n[tool.firstlight.redirects]\n'
    files = {"pages/a/b.html": "hidden", "pages/c.html": ""}
    root = write_site({"pyproject.toml": f'{config}"/a/[x]" = "/c"\n', **files})
    build(root)
    response = get(preview_app(root), "/a/b")
    assert (response.status_code, response.headers["location"]) == (301, "/c")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/a+b/", "/a%2Bb/"),
        ("/a+b?x=+", "/a%2Bb/?x=+"),
        ("/%61%2bb/", "/a%2Bb/"),
        ("/a%2Bb/", None),
        ("/(c)!.txt", None),
        ("/%28c)!.txt", "/(c)!.txt"),
    ],
)
def test_asset_has_one_spelling(write_site: WriteSite, path: str, location: str | None) -> None:
    root = write_site({"pages/a+b.html": "", "pages/(c)!.txt": ""})
    build(root)
    response = get(preview_app(root), path)
    assert response.status_code == (307 if location else 200)
    assert response.headers.get("location") == location


def test_each_request_is_told_with_what_answered_it(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
    endpoint = "def GET(ctx): return 'now'\n"
    root = write_site(
        {"pyproject.toml": config, "pages/index.html": "Hi", "pages/api/now.py": endpoint}
    )
    build(root)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    told: list[Answered] = []
    app = preview_app(root, told.append)
    try:
        for path in ("/", "/api/now?a=1", "/nope"):
            get(app, path)
    finally:
        sys.modules.pop("manifest", None)
        forget_modules(root)
    assert [(each.method, each.path, each.status, each.served) for each in told] == [
        ("GET", "/", 200, "static"),
        ("GET", "/api/now?a=1", 200, "on demand"),
        ("GET", "/nope", 404, "on demand"),
    ]
