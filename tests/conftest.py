"""Fixtures: a site written in the test itself, built or run in memory."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.advice import explain
from firstlight.app import App, NoPlatform
from firstlight.build.compile import compile_site
from firstlight.build.config import load_config
from firstlight.build.loader import SiteLoader, forget_modules
from firstlight.build.pipeline import host_manifest
from firstlight.build.scan import scan
from firstlight.errors import BuildFailedError
from firstlight.request import Request
from firstlight.response import Response

pytest.register_assert_rewrite("told")

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]
    MakeApp = Callable[..., "Client"]

HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
SERVER = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Await in a test that is a plain function."""
    return asyncio.run(coroutine)


@pytest.fixture
def write_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteSite:
    """Write files below a fresh folder, which becomes the current one."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return write


class Client:
    """Calls a site's App; `log` holds what it wrote about errors."""

    def __init__(self, app: App, log: list[str]) -> None:
        self.app = app
        self.log = log

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        platform: Any = None,
    ) -> Response:
        """Send one request to http://site.test."""
        request = Request(method, f"http://site.test{path}", headers, body)
        return run(self.app.handle(request, platform or NoPlatform()))

    def get(self, path: str, headers: dict[str, str] | None = None) -> Response:
        """Send a GET request."""
        return self.request("GET", path, headers)

    def text(self, path: str) -> str:
        """Return the body of a GET request."""
        return run(self.get(path).text())


@pytest.fixture
def make_app(write_site: WriteSite) -> Generator[MakeApp, None, None]:
    """Run a site in memory; every route is on demand unless its file says otherwise."""
    loaders: list[SiteLoader] = []

    def make(files: Mapping[str, str], config: str = SERVER) -> Client:
        root = write_site({"pyproject.toml": config, **files})
        site = scan(root, load_config(root))
        modules, errors = compile_site(site)
        if site.errors or errors:
            raise BuildFailedError([*site.errors, *errors])
        loader = SiteLoader(site, modules)
        loaders.append(loader)
        sys.meta_path.insert(0, loader)
        log: list[str] = []
        return Client(
            App(host_manifest(site), load=loader.load, log=log.append, explain=explain), log
        )

    yield make
    for loader in loaders:
        sys.meta_path.remove(loader)
        forget_modules(loader.root)
