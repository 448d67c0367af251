"""`firstlight info`: versions, options and bindings, and nothing secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from firstlight import __version__
from firstlight.build.about import about, versions
from firstlight.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pytest

    WriteSite = Callable[[Mapping[str, str]], Path]

TOML = """\
name = "shop"
compatibility_date = "2026-04-20"
account_id = "hidden-account"
[vars]
TOKEN = "hidden-value"
[[kv_namespaces]]
binding = "CACHE"
id = "hidden-id"
[env.live]
vars = { TOKEN = "hidden-too" }
"""
SITE = {
    "pyproject.toml": '[tool.firstlight]\nadapter = "cloudflare"\nbase = "/shop"\n',
    "wrangler.toml": TOML,
    ".dev.vars": "SECRET=hidden-secret",
    "pages/index.html": "",
}


def test_info_as_json(write_site: WriteSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUDFLARE_ENV", raising=False)
    write_site(SITE)
    told: dict[str, Any] = json.loads(CliRunner().invoke(main, ["info", "--json"]).output)
    assert told["versions"]["firstlight"] == __version__
    assert told["options"] == {"output": "static", "adapter": "cloudflare", "base": "/shop"}
    assert told["wrangler"] == {
        "file": "wrangler.toml",
        "worker": "shop",
        "environment": None,
        "environments": ["live"],
        "compatibility_date": "2026-04-20",
        "bindings": {"CACHE": "KV"},
        "variables": ["TOKEN"],
    }


def test_nothing_secret_is_told(write_site: WriteSite) -> None:
    root = write_site(SITE)
    assert "hidden" not in json.dumps(about(root))
    assert "hidden" not in CliRunner().invoke(main, ["info"]).output


def test_info_in_lines(write_site: WriteSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_ENV", "live")
    write_site(SITE)
    lines = [line.split() for line in CliRunner().invoke(main, ["info"]).output.splitlines()]
    assert ["firstlight", __version__] in lines
    assert ["adapter", "cloudflare"] in lines
    assert ["environment", "live"] in lines
    assert ["worker", "shop-live"] in lines
    assert ["bindings", "none"] in lines


def test_wranglers_version_is_read_without_running_it(tmp_path: Path) -> None:
    package = tmp_path / "node_modules/wrangler"
    (package / "bin").mkdir(parents=True)
    (package / "package.json").write_text('{"name": "wrangler", "version": "4.5.6"}')
    script = package / "bin/wrangler.js"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    (tmp_path / "node_modules/.bin").mkdir()
    (tmp_path / "node_modules/.bin/wrangler").symlink_to(script)
    assert versions(tmp_path)["wrangler"] == "4.5.6"


def test_what_is_not_installed_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = versions(tmp_path)
    assert (found["node"], found["wrangler"]) == (None, None)


def test_wrong_configuration_is_told(write_site: WriteSite) -> None:
    write_site({"pyproject.toml": "[tool.firstlight]\nadapter = 1\n"})
    result = CliRunner().invoke(main, ["info"])
    assert result.exit_code == 1
    assert "pyproject.toml:2: `adapter` cannot be `1`" in result.output
