"""A site built in the test's own process."""

from __future__ import annotations

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
