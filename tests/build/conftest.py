"""A site built in the test's own process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from firstlight.build.pipeline import build
from firstlight.errors import BuildFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Protocol

    from firstlight.response import Response

    Files = Mapping[str, str | bytes]
    WriteSite = Callable[[Files], Path]
    BuildSite = Callable[..., Path]
    Failures = Callable[..., list[str]]

    class Client(Protocol):
        """Calls a site's App; see tests/conftest.py."""

        log: list[str]

        def get(self, path: str) -> Response: ...
        def text(self, path: str) -> str: ...

    MakeApp = Callable[..., Client]

ACME = '''\
"""An adapter as another package would bring it."""

from firstlight.build.adapter import Bundle, Support
from firstlight.build.bundle import module_files, trace, trace_errors


class AcmeAdapter:
    name = "acme"
    supports = {supports}
    options = {{"region": "eu", "regions": []}}
    handler = "firstlight.app"

    def bundle(self, build):
        tracer = trace(build, self.handler)
        files = module_files(build, tracer)
        region = build.site.config.adapter_options["region"]
        files["main.py"] = f"REGION = {{region!r}}"
        return Bundle(
            files,
            client=[("acme.txt", b"beside")],
            folders={{".acme/output": build.client_files()}},
            warnings=["a warning"],
            errors=trace_errors(build.site, tracer),
            after=lambda: ["written"],
        )


ADAPTER = AcmeAdapter()
'''
FEATURES = "('static', 'hybrid', 'server', 'streaming', 'wait_until', 'bindings')"
STABLE = f"dict.fromkeys({FEATURES}, Support('stable'))"
CLOUDFLARE = '[tool.firstlight]\nadapter = "cloudflare"\n'


@pytest.fixture
def build_site(write_site: WriteSite) -> BuildSite:
    """Build a site and return its root."""

    def make(files: Files, config: str = CLOUDFLARE) -> Path:
        root = write_site({"pyproject.toml": config, **files})
        build(root)
        return root

    return make


@pytest.fixture
def failures(build_site: BuildSite) -> Failures:
    """Return the text of every error of a site that cannot be built."""

    def make(files: Files, config: str = CLOUDFLARE) -> list[str]:
        with pytest.raises(BuildFailedError) as caught:
            build_site(files, config)
        return [str(error) for error in caught.value.errors]

    return make


class Acme:
    """Installs a package with an adapter."""

    stable = STABLE

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, supports: str = STABLE, *, value: str = "acme_host:ADAPTER") -> None:
        info = self._folder / "acme_host-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-host\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[firstlight.adapters]\nacme = {value}\n")
        (self._folder / "acme_host.py").write_text(ACME.format(supports=supports))


@pytest.fixture
def acme(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Acme:
    folder = tmp_path_factory.mktemp("packages")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.delitem(sys.modules, "acme_host", raising=False)
    return Acme(folder)
