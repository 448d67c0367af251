"""What is read of wrangler.toml, wrangler.json and wrangler.jsonc."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.build.wrangler import Wrangler, load_wrangler
from firstlight.errors import ConfigError, FirstlightError

if TYPE_CHECKING:
    from conftest import WriteSite

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
[[r2_buckets]]
bucket_name = "nameless"
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
  "r2_buckets": [{ "binding": "MEDIA" }, { "bucket_name": "nameless" }],
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
    assert load_wrangler(write_site({file: text})) == Wrangler(
        file, "2026-04-20", "none", {"CACHE": "KV", "DB": "D1", "MEDIA": "R2"}, {"DB": "migrations"}
    )


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
            "Expected '=' after a key in a key/value pair (at end of document)",
        ),
        ("wrangler.toml", "\na = ]", 2, "Invalid value (at line 2, column 5)"),
        ("wrangler.json", '{"a": }', 1, "Expecting value: line 1 column 7 (char 6)"),
    ],
)
def test_wrangler_that_does_not_parse_says_so(
    write_site: WriteSite, file: str, text: str, line: int, problem: str
) -> None:
    root = write_site({file: text})
    with pytest.raises(ConfigError) as caught:
        load_wrangler(root)
    assert str(caught.value) == f"{file}:{line}: This does not parse: {problem}."


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
        ("wrangler.toml", 'assets = "dist"', "`assets` is a table."),
        ("wrangler.toml", "kv_namespaces = 1", "`kv_namespaces` is a list of tables."),
        ("wrangler.toml", 'd1_databases = ["DB"]', "`d1_databases` is a list of tables."),
    ],
)
def test_wrangler_of_another_shape_says_so(
    write_site: WriteSite, file: str, text: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_wrangler(write_site({file: text}))
    assert str(caught.value) == f"{file}: {problem}"


def test_wrangler_with_an_unknown_html_handling_says_so(write_site: WriteSite) -> None:
    root = write_site({"wrangler.toml": '[assets]\nhtml_handling = "force"\n'})
    with pytest.raises(ConfigError) as caught:
        load_wrangler(root)
    assert str(caught.value) == (
        "wrangler.toml:2: `html_handling` cannot be `force`.\n  Hint: Use one of "
        "auto-trailing-slash, force-trailing-slash, drop-trailing-slash, none."
    )
