"""`/rss.xml`: the posts as a feed, written at build."""

from __future__ import annotations

from datetime import UTC, datetime, time
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING

from firstlight import APIContext, Response
from firstlight.content import get_collection

if TYPE_CHECKING:
    from firstlight.content import Entry

ITEM = """\
    <item>
      <title>{title}</title>
      <link>{url}</link>
      <guid>{url}</guid>
      <pubDate>{date}</pubDate>
      <description>{description}</description>
    </item>
"""
FEED = """\
<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">
  <channel>
    <title>Firstlight</title>
    <link>{origin}/</link>
    <atom:link href="{origin}/rss.xml" rel="self" type="application/rss+xml"/>
    <description>Notes on building web sites in Python for Cloudflare Workers.</description>
    <language>en</language>
{items}  </channel>
</rss>
"""


def GET(ctx: APIContext) -> Response:
    """Write the feed, newest post first."""
    origin = ctx.site or ctx.url.origin
    posts = sorted(get_collection("posts"), key=lambda post: post.data["date"], reverse=True)
    items = "".join(_item(post, origin) for post in posts)
    feed = FEED.format(origin=escape(origin), items=items)
    return Response(feed, headers={"content-type": "application/rss+xml; charset=utf-8"})


def _item(post: Entry, origin: str) -> str:
    moment = datetime.combine(post.data["date"], time(), UTC)
    return ITEM.format(
        title=escape(post.data["title"]),
        url=escape(f"{origin}/blog/{post.id}/"),
        date=format_datetime(moment, usegmt=True),
        description=escape(post.data["description"]),
    )
