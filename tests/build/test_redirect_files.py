"""Configured redirects without an adapter: pages that send on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from firstlight.build.prerender import redirect_page

if TYPE_CHECKING:
    from conftest import BuildSite, Failures

PATHS = """---
def get_static_paths():
    return [{{"params": {{"{0}": "one"}}}}, {{"params": {{"{0}": "a b/\u00fc"}}}}]
---
{{{{ ctx.params.{0} }}}}"""
TABLE = "[tool.firstlight]\n{}\n[tool.firstlight.redirects]\n{}\n"
FILES = {"pages/new.html": "new", "pages/articles/[...slug].html": PATHS.format("slug")}


@pytest.mark.parametrize(
    ("line", "options", "pages"),
    [
        ('"/old" = "/new"', "", {"old/index.html": "/new"}),
        ('"/old" = "/new"', 'format = "file"', {"old.html": "/new"}),
        ('"/old.html" = "/new/"', "", {"old.html": "/new/"}),
        ('"/a/b" = "../new"', "", {"a/b/index.html": "../new"}),
        ('"/gr\u00f6\u00dfe" = "/gr \u00f6"', "", {"gr\u00f6\u00dfe/index.html": "/gr%20%C3%B6"}),
        ('"/out" = "https://x.example"', "", {"out/index.html": "https://x.example/"}),
        ('"/old" = "/d/new"', 'base = "/d"', {"d/old/index.html": "/d/new"}),
        (
            '"/blog/[...p]" = "/articles/[...p]?from=blog#top"',
            "",
            {
                "blog/one/index.html": "/articles/one?from=blog#top",
                "blog/a b/\u00fc/index.html": "/articles/a%20b/%C3%BC?from=blog#top",
            },
        ),
        (
            '"/x/[...p].html" = "/articles/[...p]"',
            "",
            {"x/one.html": "/articles/one", "x/a b/\u00fc.html": "/articles/a%20b/%C3%BC"},
        ),
    ],
)
def test_redirect_becomes(
    build_site: BuildSite, line: str, options: str, pages: dict[str, str]
) -> None:
    client = build_site(FILES, TABLE.format(options, line)) / "dist/client"
    found = {
        path.relative_to(client).as_posix(): match[1]
        for path in client.rglob("*.html")
        if (match := re.search(r"content=\"0;url=([^\"]*)\"", path.read_text()))
    }
    assert found == pages
    assert not (client / "_redirects").exists()


def test_redirect_page_carries_status_and_origin(build_site: BuildSite) -> None:
    line = '"/old" = { status = 302, destination = "/d/new" }'
    config = TABLE.format('base = "/d"\nsite = "https://x.example"', line)
    page = build_site(FILES, config) / "dist/client/d/old/index.html"
    assert page.read_text() == redirect_page(
        "/d/new", 302, source="/d/old", site="https://x.example"
    )


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("/c/[x]", "/c/[x]/1"),
        ("/c/[x]", "/new"),
        ("/c/[x]", "/articles/[x]"),
        ("/c/[x]", "https://x.example/[x]"),
        ("/c/[x]/[...y]", "/articles/[...y]"),
    ],
)
def test_redirect_with_parameters_needs_a_route_to_lead_to(
    failures: Failures, source: str, destination: str
) -> None:
    config = TABLE.format("", f'"{source}" = "{destination}"')
    assert failures(FILES, config) == [
        f"pyproject.toml:4: The redirect `{source}` has parameters, but `{destination}` does not "
        "match a prerendered route that has them, too.\n"
        "  Hint: Lead it to a route such as `/new/[slug]`, or set `adapter` in [tool.firstlight] "
        "of pyproject.toml."
    ]


def test_redirect_that_would_be_a_pages_file_is_a_collision(failures: Failures) -> None:
    files = {**FILES, "pages/blog/one.html": "own"}
    (error,) = failures(files, TABLE.format("", '"/blog/[...p]" = "/articles/[...p]"'))
    assert error == (
        "pages/blog/one.html: 2 files answer the URL `/blog/one/index.html`:\n"
        "    pages/blog/one.html\n    the redirect `/blog/[...p]` in pyproject.toml\n"
        "  Hint: Rename all but one of them."
    )
