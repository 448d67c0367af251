"""The site as a visitor sees it; `site` comes with Firstlight's pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstlight.testing import Site


async def test_home_says_what_the_site_is(site: Site) -> None:
    page = await site.get("/")
    assert page.status == 200
    assert "<h1>@@title@@</h1>" in page.text


async def test_about_is_markdown_in_a_layout(site: Site) -> None:
    page = await site.get("/about/")
    assert "<title>About · @@title@@</title>" in page.text
    assert "<li>A file in <code>pages/</code> is a page" in page.text


async def test_other_addresses_are_not_found(site: Site) -> None:
    page = await site.get("/nothing-here")
    assert page.status == 404
    assert "Page not found" in page.text
