"""`/rss.xml`: the posts as a feed, written at build."""

from __future__ import annotations

from datetime import UTC, datetime, time
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING

from firstlight import APIContext, Response

from pages._lib.posts import newest_posts

if TYPE_CHECKING:
    from firstlight.content import Entry

FEED = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">
<channel>
<title>@@title@@</title>
<link>{origin}/</link>
<atom:link href="{origin}/rss.xml" rel="self" type="application/rss+xml"/>
<description>The posts of @@title@@.</description>
{items}
</channel>
</rss>
"""
ITEM = """\
<item>
<title>{title}</title>
<link>{url}</link>
<guid>{url}</guid>
<pubDate>{date}</pubDate>
<description>{description}</description>
</item>"""


def GET(ctx: APIContext) -> Response:
    """Write the feed; set `site` in pyproject.toml, so that its links lead to your address."""
    origin = ctx.site or ctx.url.origin
    items = "\n".join(_item(post, origin) for post in newest_posts())
    feed = FEED.format(origin=escape(origin), items=items)
    return Response(feed, headers={"content-type": "application/rss+xml; charset=utf-8"})


def _item(post: Entry, origin: str) -> str:
    return ITEM.format(
        title=escape(post.data["title"]),
        url=escape(f"{origin}/posts/{post.id}/"),
        date=format_datetime(datetime.combine(post.data["date"], time(), UTC)),
        description=escape(post.data["description"]),
    )
