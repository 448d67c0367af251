"""The posts of `pages/_content/posts/`, in the order and the groups that pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.content import get_collection

if TYPE_CHECKING:
    from firstlight.content import Entry


def newest_posts() -> list[Entry]:
    """List the posts, newest first; those with `draft: true` are left out."""
    posts = [post for post in get_collection("posts") if not post.data.get("draft")]
    return sorted(posts, key=lambda post: (post.data["date"], post.id), reverse=True)


def posts_by_tag() -> dict[str, list[Entry]]:
    """Group the posts by their tags, in alphabetical order."""
    groups: dict[str, list[Entry]] = {}
    for post in newest_posts():
        for tag in post.data["tags"]:
            groups.setdefault(tag, []).append(post)
    return dict(sorted(groups.items()))
