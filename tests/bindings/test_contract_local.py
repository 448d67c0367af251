from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from contract import ASSETS, CONTRACT, WRANGLER_TOML, Site, set_up
from contract.suite import EMBEDDED

from bindings.cloudflare import D1, KV, R2, env
from bindings.cloudflare._local import use

if TYPE_CHECKING:
    from pathlib import Path

SITE = Site(KV("CACHE"), D1("DB"), R2("MEDIA"), env, EMBEDDED)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("contract")
    (root / "wrangler.toml").write_text(WRANGLER_TOML, encoding="utf-8")
    (root / "assets").mkdir()
    for name, text in ASSETS.items():
        (root / "assets" / name).write_text(text, encoding="utf-8")
    with use(root):
        asyncio.run(set_up(SITE))
    return root


@pytest.mark.parametrize("name", CONTRACT)
def test_embedded_backend_keeps_the_contract(root: Path, name: str) -> None:
    with use(root):
        asyncio.run(CONTRACT[name](SITE))
