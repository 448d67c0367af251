"""The blog as a reader sees it; `site` comes with Firstlight's pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

if TYPE_CHECKING:
    from firstlight.testing import Site


async def test_newest_posts_come_first_three_to_a_page(site: Site) -> None:
    first = (await site.get("/")).text
    assert first.index("Going online") < first.index("Pages and tags")
    assert '<a rel="next" href="/2/">' in first
    second = (await site.get("/2/")).text
    assert "Hello" in second
    assert "Page 2 of 2" in second


async def test_post_has_its_title_date_and_tags(site: Site) -> None:
    page = await site.get("/posts/markdown/")
    assert "<title>What Markdown can do · @@title@@</title>" in page.text
    assert '<time class="meta" datetime="2026-01-12">' in page.text
    assert '<a href="/tags/writing/">#writing</a>' in page.text


@pytest.mark.parametrize("path", ["/", "/2/", "/tags/writing/", "/rss.xml"])
async def test_drafts_are_nowhere(site: Site, path: str) -> None:
    assert "Not ready yet" not in (await site.get(path)).text


async def test_tags_list_their_posts(site: Site) -> None:
    assert '<a href="/tags/cloudflare/">#cloudflare</a>' in (await site.get("/tags/")).text
    assert "Going online" in (await site.get("/tags/cloudflare/")).text


async def test_feed_is_xml_with_every_post(site: Site) -> None:
    feed = ElementTree.fromstring((await site.get("/rss.xml")).body)
    titles = [title.text for title in feed.iterfind("channel/item/title")]
    assert titles == ["Going online", "Pages and tags", "What Markdown can do", "Hello"]


async def test_other_addresses_are_not_found(site: Site) -> None:
    assert (await site.get("/posts/drafts/")).status == 404
