"""The options of [tool.firstlight]: what is accepted, and what every mistake says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from told import says

from firstlight.build.config import Config, load_config
from firstlight.errors import ConfigError, FirstlightError
from firstlight.manifest import Redirect

if TYPE_CHECKING:
    from conftest import WriteSite

FULL = """\
[project]
name = "site"

[tool.firstlight]
output = "hybrid"
adapter = "cloudflare"
site = "https://example.com/"
base = "/docs/"
trailing_slash = "always"
format = "directory"
max_body = 10
trusted_origins = ["https://a.example/", "http://b.example:8080"]

[tool.firstlight.redirects]
"/[...rest]" = "/new/[...rest]"
"/old/" = "/new"
"/out" = { status = 302, destination = "https://example.com" }
"""


def test_config_reads_every_option(write_site: WriteSite) -> None:
    assert load_config(write_site({"pyproject.toml": FULL})) == Config(
        output="hybrid",
        adapter="cloudflare",
        site="https://example.com",
        base="/docs",
        trailing_slash="always",
        format="directory",
        max_body=10,
        trusted_origins=("https://a.example", "http://b.example:8080"),
        redirects=(
            Redirect("/old", "/new", None),
            Redirect("/out", "https://example.com/", 302),
            Redirect("/[...rest]", "/new/[...rest]", None),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [None, "", "[project]\nname = 'x'\n", "[tool.other]\noutput = 'x'\n", "[tool.firstlight]\n"],
)
def test_config_without_options_has_the_defaults(write_site: WriteSite, text: str | None) -> None:
    files: dict[str, str | bytes] = {} if text is None else {"pyproject.toml": text}
    assert load_config(write_site(files)) == Config(
        "static", None, None, "/", "ignore", "directory", 1048576, (), ()
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'outptu = "static"',
            "2: `outptu` is not an option of [tool.firstlight].\n  Hint: Did you mean `output`?",
        ),
        (
            "xyzzy = 1",
            "2: `xyzzy` is not an option of [tool.firstlight].\n  Hint: Known: output, adapter, "
            "site, base, trailing_slash, format, max_body, trusted_origins, redirects, "
            "check_sql.",
        ),
        (
            'site = "https://a.example"\noutput = "sever"',
            '3: `output` cannot be `sever`; it is one of "static", "hybrid", "server".\n'
            '  Hint: Did you mean "server"?',
        ),
        (
            "output = true",
            '2: `output` cannot be `true`; it is one of "static", "hybrid", "server".\n'
            '  Hint: Use one of "static", "hybrid", "server".',
        ),
        (
            'trailing_slash = "nevr"',
            '2: `trailing_slash` cannot be `nevr`; it is one of "ignore", "always", "never".\n'
            '  Hint: Did you mean "never"?',
        ),
        (
            'format = "preserve"',
            '2: `format` cannot be `preserve`; it is one of "directory", "file".\n'
            '  Hint: Use one of "directory", "file".',
        ),
        (
            'trailing_slash = "never"\nformat = "directory"',
            '3: `format = "directory"` contradicts `trailing_slash = "never"`.\n'
            '  Hint: Leave `format` out or set it to "file".',
        ),
        (
            'trusted_origins = "https://a.example"',
            "2: `trusted_origins` is a list of origins, not `https://a.example`.",
        ),
        ("redirects = 3", "2: `redirects` is a table, not `3`."),
    ],
)
def test_config_mistake_says(write_site: WriteSite, lines: str, expected: str) -> None:
    root = write_site({"pyproject.toml": f"[tool.firstlight]\n{lines}\n"})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    assert says(caught.value, f"pyproject.toml:{expected}")


@pytest.mark.parametrize(
    "value",
    ['"example.com"', '"ftp://a.example"', '"https://"', '"https://a.example/docs"', "1", "true"],
)
def test_config_site_is_an_origin(write_site: WriteSite, value: str) -> None:
    root = write_site({"pyproject.toml": f"[tool.firstlight]\nsite = {value}\n"})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    shown = value.strip('"')
    assert says(
        caught.value,
        f"pyproject.toml:2: `site` cannot be `{shown}`: an origin is a scheme and a host, "
        'without a path.\n  Hint: Write it as "https://example.com".',
    )


@pytest.mark.parametrize(
    "value",
    [
        "docs",
        "",
        "/a?b",
        "/a#b",
        "/[a]",
        "/a b",
        "/a%20b",
        "/a\\\\b",
        "/..",
        "/a/../b",
        "/.",
        "//a",
    ],
)
def test_config_base_is_a_plain_path(write_site: WriteSite, value: str) -> None:
    root = write_site({"pyproject.toml": f'[tool.firstlight]\nbase = "{value}"\n'})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    shown = value.replace("\\\\", "\\")
    assert says(
        caught.value,
        f"pyproject.toml:2: `base` cannot be `{shown}`: it is a path that begins with `/`.\n"
        '  Hint: Write it as "/docs".',
    )


@pytest.mark.parametrize(
    ("value", "expected"), [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b.c/", "/a/b.c")]
)
def test_config_base_loses_its_final_slash(
    write_site: WriteSite, value: str, expected: str
) -> None:
    root = write_site({"pyproject.toml": f'[tool.firstlight]\nbase = "{value}"\n'})
    assert load_config(root).base == expected


@pytest.mark.parametrize("value", ["0", "-1", "true", "1.5", '"1 MB"'])
def test_config_max_body_is_a_positive_number(write_site: WriteSite, value: str) -> None:
    root = write_site({"pyproject.toml": f"[tool.firstlight]\nmax_body = {value}\n"})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    shown = value.strip('"')
    assert says(
        caught.value,
        f"pyproject.toml:2: `max_body` cannot be `{shown}`.\n"
        "  Hint: Give a number of bytes, such as 1048576.",
    )


def test_config_never_implies_format_file(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": '[tool.firstlight]\ntrailing_slash = "never"\n'})
    assert load_config(root).format == "file"


SCHEME = "  Hint: Give a path, or a URL that begins with https:// or http://."
USABLE = 'Write `"/old" = "/new"` or `"/old" = { status = 302, destination = "/new" }`.'


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('"/a" = 3', f"The redirect `/a` has no usable destination.\n  Hint: {USABLE}"),
        ('"/a" = ""', f"The redirect `/a` has no usable destination.\n  Hint: {USABLE}"),
        (
            '"/a" = { status = 302 }',
            f"The redirect `/a` has no usable destination.\n  Hint: {USABLE}",
        ),
        (
            '"/a" = { destination = "/b", code = 302 }',
            f"The redirect `/a` has the unknown key `code`.\n  Hint: {USABLE}",
        ),
        (
            '"/a" = { destination = "/b", status = 200 }',
            "The redirect `/a` cannot have status `200`.\n"
            "  Hint: Use one of 300, 301, 302, 303, 304, 307, 308.",
        ),
        (
            '"/a" = { destination = "/b", status = 301.0 }',
            "The redirect `/a` cannot have status `301.0`.\n"
            "  Hint: Use one of 300, 301, 302, 303, 304, 307, 308.",
        ),
        ('a = "/b"', "The redirect `a` does not begin with `/`."),
        (
            '"/a/[x]" = "/b/[y]"',
            "`/b/[y]` has the parameter `y`, which `/a/[x]` has not.",
        ),
        ('"/a/x]" = "/b"', "The brackets of `x]` do not match."),
        (
            '"/[a][b]" = "/b"',
            "`[a][b]` has two parameters with nothing between them.\n"
            "  Hint: Put some text between them, such as `[a]-[b]`.",
        ),
        (
            '"/a" = "https://b.example/[x]"',
            "`https://b.example/[x]` has the parameter `x`, which `/a` has not.",
        ),
        ('"/a" = "ftp://b.example/"', f"The redirect `/a` leads to `ftp://b.example/`.\n{SCHEME}"),
        ('"/a" = "javascript:b"', f"The redirect `/a` leads to `javascript:b`.\n{SCHEME}"),
        ('"/a" = "/a"', "The redirect `/a` leads to itself."),
        ('"/a/" = "/a?b#c"', "The redirect `/a/` leads to itself."),
        ('"/" = "/"', "The redirect `/` leads to itself."),
        ('"/a/[x]" = "/a/[x]/"', "The redirect `/a/[x]` leads to itself."),
        ('"/a" = "/b"\n"/a/" = "/c"', "The redirect `/a` stands twice."),
    ],
)
def test_config_redirect_mistake_says(write_site: WriteSite, line: str, expected: str) -> None:
    root = write_site({"pyproject.toml": f"[tool.firstlight.redirects]\n{line}\n"})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    number = 1 + len(line.split("\n"))
    assert says(caught.value, f"pyproject.toml:{number}: {expected}")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_config_redirect_keeps_its_status(write_site: WriteSite, status: int) -> None:
    line = f'"/a/[x]" = {{ destination = "https://b.example/[x]", status = {status} }}'
    root = write_site({"pyproject.toml": f"[tool.firstlight.redirects]\n{line}\n"})
    redirects = load_config(root).redirects
    assert redirects == (Redirect("/a/[x]", "https://b.example/[x]", status),)


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("https://b.example", "https://b.example/"),
        ("https://b.example?x=1", "https://b.example/?x=1"),
        ("https://b.example#x", "https://b.example/#x"),
        ("https://b.example/x", "https://b.example/x"),
        ("//b.example/x", "//b.example/x"),
        ("../b", "../b"),
        ("/b:c", "/b:c"),
    ],
)
def test_config_redirect_leads_to(write_site: WriteSite, destination: str, expected: str) -> None:
    text = f'[tool.firstlight.redirects]\n"/a" = "{destination}"\n'
    assert load_config(write_site({"pyproject.toml": text})).redirects[0].destination == expected


def test_config_redirect_source_is_composed_as_file_names_are(write_site: WriteSite) -> None:
    line = '"/cafe\\u0301" = "/b"'
    root = write_site({"pyproject.toml": f"[tool.firstlight.redirects]\n{line}\n"})
    assert load_config(root).redirects == (Redirect("/caf\u00e9", "/b", None),)


@pytest.mark.parametrize("text", ["[tool]\nfirstlight = 3\n", "tool = 3\n"])
def test_config_that_is_no_table_says_so(write_site: WriteSite, text: str) -> None:
    root = write_site({"pyproject.toml": text})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    assert says(caught.value, "pyproject.toml: `tool.firstlight` is a table, not `3`.")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[tool",
            "1: `[tool` is not TOML: Expected ']' at the end of a table declaration.",
        ),
        (
            "\n[tool.firstlight]\nsite = x\n",
            "3: `site = x` is not TOML: Invalid value.",
        ),
    ],
)
def test_config_that_is_not_toml_says_so(write_site: WriteSite, text: str, problem: str) -> None:
    root = write_site({"pyproject.toml": text})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    assert says(caught.value, f"pyproject.toml:{problem}")


def test_config_that_is_no_text_file_says_so(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": b"# \xe9\n"})
    with pytest.raises(FirstlightError) as caught:
        load_config(root)
    assert str(caught.value) == (
        "pyproject.toml: The file is not UTF-8 (byte 2).\n  Hint: Save it as UTF-8."
    )
    (root / "pyproject.toml").unlink()
    (root / "pyproject.toml").mkdir()
    with pytest.raises(FirstlightError) as caught:
        load_config(root)
    assert str(caught.value) == "pyproject.toml: The file cannot be read: Is a directory."


def test_config_finds_the_line_of_its_own_table_only(write_site: WriteSite) -> None:
    text = '[tool.other]\noutput = "x"\n[tool.firstlight]\noutput = "y"\n'
    with pytest.raises(ConfigError) as caught:
        load_config(write_site({"pyproject.toml": text}))
    assert str(caught.value.location) == "pyproject.toml:4"
