"""`firstlight new`: the templates of sites, one folder each, over what they share.

Every file is copied as it is, but for `@@name@@` and `@@title@@`.
"""

from __future__ import annotations

TEMPLATES = {
    "minimal": "two pages, a layout and a stylesheet",
    "blog": "posts in Markdown, tags, pages and a feed",
    "api": "JSON endpoints with D1, checked and typed",
    "fullstack": "forms, sessions and uploads with D1, KV and R2",
}
