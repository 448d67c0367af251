"""The repository's own site behind a server, and a client for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from servers import SERVERS, copy_site

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(
    scope="session",
    params=[
        "preview",
        pytest.param("wrangler", marks=pytest.mark.workerd),
        pytest.param("pyodide-0.28.3", marks=pytest.mark.current),
        pytest.param("pyodide-314.0.7", marks=pytest.mark.current),
    ],
)
def origin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[str, None, None]:
    """The origin of a server that serves the repository's site."""
    site = copy_site(tmp_path_factory.mktemp(request.param))
    with SERVERS[request.param](site) as address:
        yield address


@pytest.fixture
def client(origin: str) -> Generator[httpx.Client, None, None]:
    """A browser of sorts: it keeps cookies, but follows no redirects."""
    with httpx.Client(base_url=origin, headers={"origin": origin}, timeout=30) as browser:
        yield browser
