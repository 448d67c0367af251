"""What is read of wrangler.toml, wrangler.json and wrangler.jsonc."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from told import says

from firstlight.build.wrangler import Wrangler, load_environments, load_wrangler
from firstlight.errors import ConfigError, FirstlightError

if TYPE_CHECKING:
    from conftest import WriteSite

LIST = "is a list of tables, and something else stands in it."
TOML = """\
compatibility_date = "2026-04-20"
[assets]
html_handling = "none"
[[kv_namespaces]]
binding = "CACHE"
[[d1_databases]]
binding = "DB"
[[r2_buckets]]
binding = "MEDIA"
"""
JSONC = """\
{
  // a comment, with "quotes" and a comma,
  "compatibility_date": "2026-04-20", /* another
  one */
  "assets": { "html_handling": "none", },
  "vars": { "URL": "https://example.com/*,]*/" },
  "kv_namespaces": [{ "binding": "CACHE" }, /* last */],
  "d1_databases": [{ "binding": "DB" }],
  "r2_buckets": [{ "binding": "MEDIA" },],
}
"""
JSON = (
    '{"compatibility_date": "2026-04-20", "assets": {"html_handling": "none"}, '
    '"kv_namespaces": [{"binding": "CACHE"}], "d1_databases": [{"binding": "DB"}], '
    '"r2_buckets": [{"binding": "MEDIA"}]}'
)


@pytest.mark.parametrize(
    ("file", "text"),
    [("wrangler.toml", TOML), ("wrangler.jsonc", JSONC), ("wrangler.json", JSON)],
)
def test_wrangler_reads_what_matters(write_site: WriteSite, file: str, text: str) -> None:
    found = replace(load_wrangler(write_site({file: text})), variables={})
    bindings = {"CACHE": "KV", "DB": "D1", "MEDIA": "R2"}
    assert found == Wrangler(file, "2026-04-20", "none", bindings, {"DB": "migrations"})


def test_wrangler_without_a_file_has_the_platforms_defaults(write_site: WriteSite) -> None:
    assert load_wrangler(write_site({})) == Wrangler(None, "", "auto-trailing-slash", {})


def test_wrangler_without_options_has_the_platforms_defaults(write_site: WriteSite) -> None:
    root = write_site({"wrangler.toml": 'name = "x"\n'})
    assert load_wrangler(root) == Wrangler("wrangler.toml", "", "auto-trailing-slash", {})


def test_wrangler_takes_an_unquoted_date(write_site: WriteSite) -> None:
    root = write_site({"wrangler.toml": "compatibility_date = 2026-04-21\n"})
    assert load_wrangler(root).compatibility_date == "2026-04-21"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("wrangler.toml", "wrangler.jsonc", "wrangler.json"), "wrangler.json"),
        (("wrangler.toml", "wrangler.jsonc"), "wrangler.jsonc"),
    ],
)
def test_wrangler_prefers_files_as_wrangler_does(
    write_site: WriteSite, files: tuple[str, ...], expected: str
) -> None:
    root = write_site({file: "" if file.endswith("toml") else "{}" for file in files})
    assert load_wrangler(root).file == expected


@pytest.mark.parametrize(
    ("file", "text", "line", "problem"),
    [
        (
            "wrangler.toml",
            "name",
            1,
            "`name` is not TOML: Expected '=' after a key in a key/value pair",
        ),
        ("wrangler.toml", "\na = ]", 2, "`a = ]` is not TOML: Invalid value"),
        ("wrangler.json", '{"a": }', 1, '`{"a": }` is not JSON: Expecting value'),
    ],
)
def test_wrangler_that_does_not_parse_says_so(
    write_site: WriteSite, file: str, text: str, line: int, problem: str
) -> None:
    root = write_site({file: text})
    with pytest.raises(ConfigError) as caught:
        load_wrangler(root)
    assert says(caught.value, f"{file}:{line}: {problem}.")


def test_wrangler_file_that_is_not_utf_8_says_so(write_site: WriteSite) -> None:
    with pytest.raises(FirstlightError) as caught:
        load_wrangler(write_site({"wrangler.toml": b"\xff"}))
    assert str(caught.value) == (
        "wrangler.toml: The file is not UTF-8 (byte 0).\n  Hint: Save it as UTF-8."
    )


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("wrangler.json", "[]", "This is no object."),
        ("wrangler.toml", 'assets = "dist"', "`assets` is `dist`, not a table."),
        (
            "wrangler.toml",
            "kv_namespaces = 1",
            f"`kv_namespaces` {LIST}",
        ),
        (
            "wrangler.toml",
            'd1_databases = ["DB"]',
            f"`d1_databases` {LIST}",
        ),
    ],
)
def test_wrangler_of_another_shape_says_so(
    write_site: WriteSite, file: str, text: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_wrangler(write_site({file: text}))
    assert says(caught.value, f"{file}: {problem}")


def test_wrangler_with_an_unknown_html_handling_says_so(write_site: WriteSite) -> None:
    root = write_site({"wrangler.toml": '[assets]\nhtml_handling = "force"\n'})
    with pytest.raises(ConfigError) as caught:
        load_wrangler(root)
    assert str(caught.value) == (
        "wrangler.toml:2: `html_handling` cannot be `force`.\n  Hint: Use one of "
        "auto-trailing-slash, force-trailing-slash, drop-trailing-slash, none."
    )


EVERY_KIND = """
ai = { binding = "AI" }
vars = { A = 1 }
services = [{ binding = "OTHER", service = "other" }]
durable_objects.bindings = [{ name = "ROOMS", class_name = "Room" }]
queues.producers = [{ binding = "JOBS", queue = "jobs" }]
vectorize = [{ binding = "INDEX", index_name = "index" }]
analytics_engine_datasets = [{ binding = "POINTS" }]
ratelimits = [{ name = "LIMIT", namespace_id = "1", simple = { limit = 1, period = 10 } }]
assets = { directory = "x", binding = "ASSETS", html_handling = "none" }
[env.staging]
vars = { B = { c = 2 } }
[[env.staging.d1_databases]]
binding = "DB"
migrations_dir = "sql"
"""


def test_wrangler_reads_every_kind_of_binding(write_site: WriteSite) -> None:
    found = load_wrangler(write_site({"wrangler.toml": EVERY_KIND}))
    assert found.bindings == {
        "ASSETS": "Fetcher",
        "OTHER": "Fetcher",
        "JOBS": "Queue",
        "ROOMS": "DurableObjects",
        "AI": "WorkersAI",
        "INDEX": "Vectorize",
        "POINTS": "AnalyticsEngine",
        "LIMIT": "RateLimiter",
    }
    assert found.variables == {"A": 1}


def test_wrangler_of_an_environment_inherits_what_the_platform_inherits(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_site({"wrangler.toml": EVERY_KIND})
    monkeypatch.setenv("CLOUDFLARE_ENV", "staging")
    assert load_wrangler(root) == Wrangler(
        "wrangler.toml",
        html_handling="none",
        bindings={"ASSETS": "Fetcher", "DB": "D1"},
        migrations={"DB": "sql"},
        variables={"B": {"c": 2}},
        assets="ASSETS",
    )
    assert [each.variables for each in load_environments(root)] == [{"A": 1}, {"B": {"c": 2}}]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("stagin", "Did you mean `staging`?"), ("x", "Declared environments: staging.")],
)
def test_wrangler_without_the_environment_is_told(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    root = write_site({"wrangler.toml": EVERY_KIND})
    monkeypatch.setenv("CLOUDFLARE_ENV", name)
    with pytest.raises(ConfigError) as raised:
        load_wrangler(root)
    assert str(raised.value) == (
        f"wrangler.toml: CLOUDFLARE_ENV is `{name}`, which wrangler.toml does not declare.\n"
        f"  Hint: {hint}"
    )
    root.joinpath("wrangler.toml").write_text("vars = { A = 1 }", "utf-8")
    assert load_wrangler(root).variables == {"A": 1}
