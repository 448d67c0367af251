"""R2 on a real S3-compatible server: the same contract as on the platform."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from contract import CONTRACT, WRANGLER_TOML, Site
from contract.suite import MOTO
from embedded import run_with
from s3_server import ENVIRONMENT, s3_server

from bindings.cloudflare import D1, KV, R2, env

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

run = partial(run_with, "r2_url")
SITE = Site(KV("CACHE"), D1("DB"), R2("MEDIA"), env, MOTO)


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    with s3_server("contract-r2") as origin:
        yield origin


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "wrangler.toml").write_text(WRANGLER_TOML, encoding="utf-8")
    return tmp_path


@pytest.mark.servers
@pytest.mark.parametrize("name", [name for name in CONTRACT if name.startswith("r2_")])
def test_s3_keeps_the_contract(root: Path, url: str, name: str) -> None:
    run(root, url, CONTRACT[name](SITE))
