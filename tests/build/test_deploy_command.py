"""`firstlight deploy`, with a stand-in for wrangler that writes down how it was called."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from firstlight.build import upload
from firstlight.build.deploy import find_wrangler
from firstlight.build.upload import Upload, upload_errors, upload_of, upload_warnings
from firstlight.build.wrangler import load_target
from firstlight.cli import main
from firstlight.errors import ConfigError, FirstlightError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    WriteSite = Callable[[Mapping[str, str]], Path]
    Deploy = Callable[..., tuple[int, str]]

WRANGLER = """\
#!/bin/sh
echo "called: $* env=$CLOUDFLARE_ENV in $(basename "$PWD")"
exit ${WRANGLER_CODE:-0}
"""
TOML = """\
name = "shop"
main = "dist/server/entry.py"
compatibility_date = "2026-04-20"
account_id = "0123"
routes = ["shop.test/*", { pattern = "api.shop.test", custom_domain = true }]
[assets]
directory = "dist/client"
binding = "ASSETS"
[env.staging]
routes = []
[env.live]
name = "live-shop"
route = "live.test/*"
"""
SITE = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n',
    "wrangler.toml": TOML,
    "pages/hello.txt": "Hello",
    "pages/big.bin": "0" * 2048,
    "pages/api/hello.py": "def GET(ctx): return ''\n",
}


@pytest.fixture
def stand_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `wrangler` first on PATH that tells how it was called."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "wrangler"
    script.write_text(WRANGLER)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CLOUDFLARE_ENV", raising=False)
    return script


@pytest.fixture
def deploy(stand_in: Path, capfd: pytest.CaptureFixture[str]) -> Deploy:
    """Run the command; its output comes with that of wrangler."""
    del stand_in

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["deploy", *arguments])
        return result.exit_code, result.output + capfd.readouterr().out

    return run


def test_tells_the_target_and_what_is_uploaded(write_site: WriteSite, deploy: Deploy) -> None:
    root = write_site(SITE)
    code, told = deploy("--dry-run")
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert code == 0
    assert lines[:4] == [
        "Worker shop",
        "environment the top level (wrangler.toml)",
        "account 0123",
        "routes shop.test/*, api.shop.test (custom domain)",
    ]
    assert lines[4].startswith("code ")
    assert lines[4].endswith("of the free plan's 3 MB (paid: 10 MB)")
    assert "firstlight" in lines[5]
    assert lines[6:8] == [
        "assets 2 files, 2.0 KB; the largest is big.bin, 2.0 KB",
        "command wrangler deploy --dry-run",
    ]
    assert lines[-1] == f"called: deploy --dry-run env= in {root.name}"
    assert (root / "dist/server/entry.py").exists()


def test_environment_is_passed_on_and_chooses_our_own(
    write_site: WriteSite, deploy: Deploy
) -> None:
    root = write_site(SITE)
    code, told = deploy("--env", "live", "--yes")
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert code == 0
    assert "Worker live-shop" in lines
    assert "environment live (wrangler.toml, env.live)" in lines
    assert lines[-1] == f"called: deploy --env live env=live in {root.name}"
    assert "CLOUDFLARE_ENV" not in os.environ


def test_warns_of_ids_that_are_none(write_site: WriteSite, deploy: Deploy) -> None:
    made = 'kv_namespaces = [{ binding = "MADE", id = "0123456789abcdef0123456789abcdef" }]'
    databases = 'd1_databases = [{ binding = "DB", database_name = "x", database_id = "x" }]'
    write_site({**SITE, "wrangler.toml": f"{made}\n{databases}\n{TOML}"})
    told = deploy("--dry-run")[1]
    assert "wrangler.toml gives `DB` the database_id `x`, which is none of Cloudflare's." in told
    assert "Run `npx wrangler d1 create NAME`, and write the id that it tells." in told
    assert "MADE" not in told.partition("which is none")[0].partition("gives")[2]


def test_exit_code_is_wranglers(
    write_site: WriteSite, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(SITE)
    monkeypatch.setenv("WRANGLER_CODE", "7")
    assert deploy("--yes")[0] == 7


def test_errors_of_the_check_stop_it(write_site: WriteSite, deploy: Deploy) -> None:
    write_site({**SITE, "pages/index.html": '<a href="/nope">x</a>'})
    code, told = deploy("--yes")
    assert code == 1
    assert "error: pages/index.html:1 (route /): `/nope` leads nowhere" in told
    assert told.endswith("Not deployed: 1 error.\n")
    assert "called" not in told


def test_errors_of_the_build_stop_it(write_site: WriteSite, deploy: Deploy) -> None:
    write_site({**SITE, "pages/index.html": "{{ nope }}"})
    code, told = deploy("--yes")
    assert (code, "called" in told) == (1, False)


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_nobody_to_ask(write_site: WriteSite, deploy: Deploy, arguments: list[str]) -> None:
    write_site(SITE)
    code, told = deploy(*arguments)
    assert code == 1
    assert "Nobody can be asked here." in told
    assert "Add `--yes` or `--dry-run`." in told


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
@pytest.mark.usefixtures("stand_in")
def test_asks_on_a_terminal(
    write_site: WriteSite,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    write_site(SITE)
    monkeypatch.setattr("firstlight.cli.can_ask", lambda: True)
    result = CliRunner().invoke(main, ["deploy"], input=answer)
    assert result.exit_code == code
    assert "Deploy? [y/N]" in result.output
    assert ("called: deploy" in capfd.readouterr().out) == (answer == "y\n")


def test_json_goes_to_stdout_and_wrangler_to_stderr(write_site: WriteSite, stand_in: Path) -> None:
    del stand_in
    write_site({**SITE, "pages/index.html": "<h1>Hi</h1>"})
    done = subprocess.run(
        [sys.executable, "-m", "firstlight", "deploy", "--json", "--dry-run", "--env", "staging"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert "called: deploy --env staging --dry-run" in done.stderr
    assert (told["ok"], told["exit_code"], told["environment"]) == (True, 0, "staging")
    assert (told["worker"], told["account"], told["routes"]) == ("shop-staging", "0123", [])
    assert told["upload"]["assets"] == {
        "files": 3,
        "bytes": 2048 + len("Hello") + len("<h1>Hi</h1>"),
        "largest": "big.bin",
    }
    assert {finding["check"] for finding in told["findings"]} == {
        "no-lang",
        "no-title",
        "no-viewport",
    }


def test_quiet_leaves_the_rest_to_wrangler(write_site: WriteSite, deploy: Deploy) -> None:
    root = write_site(SITE)
    assert deploy("--dry-run", "--quiet") == (0, f"called: deploy --dry-run env= in {root.name}\n")


@pytest.mark.parametrize(
    ("files", "arguments", "error"),
    [
        ({"wrangler.toml": ""}, ["--env", "live"], "CLOUDFLARE_ENV is `live`, which wrangler.toml"),
        ({}, ["--env", "lvie"], "Hint: Did you mean `live`?"),
    ],
)
def test_unknown_environment(
    write_site: WriteSite,
    deploy: Deploy,
    files: dict[str, str],
    arguments: list[str],
    error: str,
) -> None:
    write_site({**SITE, **files})
    code, told = deploy("--yes", *arguments)
    assert (code, error in told) == (1, True)


def test_nothing_says_what_to_deploy(write_site: WriteSite, deploy: Deploy) -> None:
    root = write_site(SITE)
    (root / "wrangler.toml").unlink()
    told = deploy("--yes")[1]
    assert told.startswith("There is no wrangler.toml, so nothing says what to deploy.\n  Hint: ")


def test_target_of_each_environment(write_site: WriteSite, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_site(SITE)
    monkeypatch.setenv("CLOUDFLARE_ENV", "live")
    live = load_target(root)
    assert (live.worker, live.account, live.environments) == (
        "live-shop",
        "0123",
        ("staging", "live"),
    )
    assert live.routes == ("live.test/*",)
    monkeypatch.setenv("CLOUDFLARE_ENV", "nope")
    with pytest.raises(ConfigError, match="CLOUDFLARE_ENV is `nope`"):
        load_target(root)


def test_wrangler_of_the_site_comes_first(
    write_site: WriteSite, stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_site({})
    assert find_wrangler(root) == [str(stand_in)]
    own = root / "node_modules/.bin/wrangler"
    own.parent.mkdir(parents=True)
    shutil.copy(stand_in, own)
    assert find_wrangler(root) == [str(own)]
    own.unlink()
    npx = stand_in.with_name("npx")
    stand_in.rename(npx)
    monkeypatch.setenv("PATH", str(npx.parent))
    assert find_wrangler(root) == [str(npx), "--yes", "wrangler@4"]
    npx.unlink()
    with pytest.raises(FirstlightError, match="Neither `wrangler` nor `npx` is installed"):
        find_wrangler(root)


MB = 1024 * 1024


@pytest.mark.parametrize(
    ("uploaded", "error"),
    [
        (Upload({"a": 10 * MB}, 100_000, 9, ("a", 25 * MB)), None),
        (
            Upload({"a": MB, "numbers": 10 * MB}, 1, 9, ("a", 9)),
            "The Worker is 11.0 MB gzipped; the limit is 10 MB.\n"
            "  Hint: Import less in what runs on demand: the largest package is `numbers`.",
        ),
        (
            Upload({}, 1, 9, ("film.mp4", 26 * MB)),
            "dist/client/film.mp4: The file is 26.0 MB; an asset has at most 25 MB.\n"
            "  Hint: Put it into R2, and serve it with `R2.respond()`.",
        ),
        (Upload({}, 100_001, 9, ("a", 9)), "There are 100,001 assets; the limit is 100,000."),
    ],
)
def test_limits_of_every_plan(uploaded: Upload, error: str | None) -> None:
    assert list(map(str, upload_errors(uploaded))) == [error] * bool(error)


def test_limits_of_the_free_plan() -> None:
    assert upload_warnings(Upload({"a": 3 * MB}, 20_000, 9, ("a", 9))) == []
    assert upload_warnings(Upload({"a": 3 * MB + 1}, 20_001, 9, ("a", 9))) == [
        "The Worker is over the limit of the free plan, 3 MB gzipped.",
        "20,001 assets are more than the free plan's 20,000.",
    ]


def test_a_limit_stops_the_deployment(
    write_site: WriteSite, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "FILE_LIMIT", 2047)
    write_site(SITE)
    code, told = deploy("--yes")
    assert code == 1
    assert told.startswith("dist/client/big.bin: The file is 2.0 KB")
    assert "called" not in told


def test_upload_counts_python_modules_and_leaves_rules_out(tmp_path: Path) -> None:
    for name in ("client/a.txt", "client/_headers", "client/sub/b.txt"):
        path = tmp_path / "dist" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1234")
    (tmp_path / "python_modules/workers").mkdir(parents=True)
    (tmp_path / "python_modules/workers/a.py").write_text("x = 1\n" * 100)
    (tmp_path / "python_modules/workers/a.pyc").write_text("x = 1\n" * 100)
    found = upload_of(tmp_path, {"pages": 5})
    assert (found.files, found.size) == (2, 8)
    assert 0 < found.packages["python_modules/"] < 100
    assert upload_of(tmp_path, {}).packages == {}
