from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bindings.cloudflare import KV, UnknownVariable, env
from bindings.cloudflare._local.config import (
    D1Config,
    find_config,
    load_config,
    parse_dotenv,
    parse_jsonc,
)

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Run

    from bindings.cloudflare._local.embedded import EmbeddedBackend

TOML = """
[[kv_namespaces]]
binding = "PLAIN"
[[kv_namespaces]]
binding = "WITH_ID"
id = "id"
[[kv_namespaces]]
binding = "WITH_PREVIEW"
id = "id"
preview_id = "preview"
[[d1_databases]]
binding = "DB"
database_name = "name"
database_id = "db-id"
migrations_dir = "sql"
[[d1_databases]]
binding = "PREVIEWED"
database_id = "db-id"
preview_database_id = "preview"
[[r2_buckets]]
binding = "FILES"
bucket_name = "files"
[vars]
A = "a"
B = { c = [1] }
"""


def test_config_takes_wranglers_local_ids(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text(TOML, encoding="utf-8")
    config = load_config(tmp_path)
    assert config.kv == {"PLAIN": "PLAIN", "WITH_ID": "id", "WITH_PREVIEW": "preview"}
    assert config.d1 == {
        "DB": D1Config("db-id", "sql"),
        "PREVIEWED": D1Config("preview", "migrations"),
    }
    assert config.r2 == {"FILES": "files"}
    assert config.variables == {"A": "a", "B": {"c": [1]}}
    assert config.kinds["DB"] == "d1"


def test_config_prefers_json_as_wrangler_does(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text("[vars]\nA = 1", encoding="utf-8")
    (tmp_path / "wrangler.jsonc").write_text('{"vars": {"A": 2},}', encoding="utf-8")
    assert load_config(tmp_path).variables == {"A": 2}
    assert find_config(tmp_path) == tmp_path / "wrangler.jsonc"
    (tmp_path / "wrangler.json").write_text('{"vars": {"A": 3}}', encoding="utf-8")
    assert load_config(tmp_path).variables == {"A": 3}


def test_config_that_is_broken_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "wrangler.toml").write_text("[vars\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^wrangler\.toml: "):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, // one\n "b": 2 /* two\n */ }', {"a": 1, "b": 2}),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"a": [1, // last\n ] /* end */ , /* x */ }', {"a": [1]}),
        ('{"url": "http://x/*y*/", "c": ",}"}', {"url": "http://x/*y*/", "c": ",}"}),
        (r'{"q": "\"//,]"}', {"q": '"//,]'}),
    ],
)
def test_jsonc_loses_comments_and_trailing_commas(text: str, expected: object) -> None:
    assert parse_jsonc(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# comment\n\nA=1\nB = two words # comment\r\n", {"A": "1", "B": "two words"}),
        ("export A=1\n  B=2", {"A": "1", "B": "2"}),
        ("A=", {"A": ""}),
        (
            "A='x # y'\nB=\"x # y\" # z\nC=`q'\"`",
            {"A": "x # y", "B": "x # y", "C": "q'\""},
        ),
        (r'A="a\nb"' + "\n" + r"B='a\nb'", {"A": "a\nb", "B": r"a\nb"}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ("A=it's", {"A": "it's"}),
        ("A=b=c", {"A": "b=c"}),
        ("no assignment", {}),
    ],
)
def test_dotenv_lines(text: str, expected: dict[str, str]) -> None:
    assert parse_dotenv(text) == expected


@pytest.mark.usefixtures("backend")
def test_dev_vars_win_over_vars(site: Path) -> None:
    assert env.GREETING == "hello"
    (site / ".dev.vars").write_text("GREETING=hi\nTOKEN=secret", encoding="utf-8")
    assert (env.GREETING, env.TOKEN) == ("hi", "secret")
    (site / ".dev.vars").unlink()
    with pytest.raises(UnknownVariable):
        _ = env.TOKEN
    assert not hasattr(env, "__wrapped__")


@pytest.mark.usefixtures("backend")
def test_change_of_the_configuration_is_seen(run: Run, site: Path) -> None:
    run(KV("CACHE").put("key", "value"))
    config = 'kv_namespaces = [{ binding = "RENAMED", id = "cache" }]'
    (site / "wrangler.toml").write_text(config, encoding="utf-8")
    os.utime(site / "wrangler.toml", (1, 1))
    assert run(KV("RENAMED").get("key")) == "value"


ENVIRONMENTS = """
vars = { A = "top" }
kv_namespaces = [{ binding = "CACHE", id = "top" }]
assets = { directory = "dist", binding = "ASSETS" }
[env.staging]
vars = { B = { c = [1] } }
kv_namespaces = [{ binding = "CACHE", id = "staging" }]
"""


def test_environment_is_chosen_as_wrangler_chooses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrangler.toml").write_text(ENVIRONMENTS, encoding="utf-8")
    (tmp_path / ".dev.vars").write_text("A=dev", encoding="utf-8")
    assert load_config(tmp_path).variables == {"A": "dev"}
    monkeypatch.setenv("CLOUDFLARE_ENV", "staging")
    config = load_config(tmp_path)
    assert config.kv == {"CACHE": "staging"}
    assert config.named == {"ASSETS": "fetcher"}
    assert config.variables == {"A": "dev", "B": {"c": [1]}}
    (tmp_path / ".dev.vars.staging").write_text("T=1", encoding="utf-8")
    assert load_config(tmp_path).variables == {"B": {"c": [1]}, "T": "1"}
    monkeypatch.setenv("CLOUDFLARE_ENV", "other")
    expected = r"^wrangler\.toml: CLOUDFLARE_ENV is `other`; declared: staging\.$"
    with pytest.raises(ValueError, match=expected):
        load_config(tmp_path)


def test_environment_is_seen_when_it_changes(
    site: Path, backend: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "wrangler.toml").write_text(ENVIRONMENTS, encoding="utf-8")
    assert env.A == "top"
    monkeypatch.setenv("CLOUDFLARE_ENV", "staging")
    assert env.B == {"c": [1]}
    env.B["c"].append(2)
    assert backend.variable("B") == {"c": [1]}
