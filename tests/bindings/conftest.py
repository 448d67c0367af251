from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, TypeVar

import pytest

from bindings.cloudflare._local import use

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path

    from bindings.cloudflare._local.embedded import EmbeddedBackend

pytest.register_assert_rewrite("contract")

T = TypeVar("T")

WRANGLER_TOML = """
kv_namespaces = [{ binding = "CACHE", id = "cache" }]
d1_databases = [{ binding = "DB", database_id = "db" }]
r2_buckets = [{ binding = "MEDIA", bucket_name = "media" }]

[vars]
GREETING = "hello"
"""


class Run(Protocol):
    """Runs a coroutine in an event loop of its own."""

    def __call__(self, coroutine: Coroutine[None, None, T], /) -> T: ...


@pytest.fixture
def run() -> Run:
    return asyncio.run


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder whose wrangler.toml declares one binding of each kind."""
    (tmp_path / "wrangler.toml").write_text(WRANGLER_TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def backend(site: Path) -> Iterator[EmbeddedBackend]:
    """The embedded backend of `site`, in use."""
    with use(site) as backend:
        yield backend
