"""Content collections: Markdown files below pages/_content/."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.content import ContentStore, current_store, get_collection, get_entry
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteSite

POSTS = {
    "pages/_content/posts/Second Post.md": "---\ntitle: Two\ntags: [a]\n---\n## Head\n\n*text*\n",
    "pages/_content/posts/2026/First.md": "plain",
    "pages/_content/posts/_draft.md": "draft",
    "pages/_content/posts/.hidden/x.md": "hidden",
    "pages/_content/posts/notes.txt": "no Markdown",
}


def test_a_collection_is_sorted_by_id(write_site: WriteSite) -> None:
    write_site(POSTS)

    assert [entry.id for entry in get_collection("posts")] == ["2026/first", "second-post"]


def test_an_entry_has_data_body_html_headings_and_file(write_site: WriteSite) -> None:
    write_site(POSTS)

    entry = get_entry("posts", "second-post")

    assert entry is not None
    assert entry.data == {"title": "Two", "tags": ["a"]}
    assert entry.body == "## Head\n\n*text*\n"
    assert "<em>text</em>" in entry.html
    assert entry.headings == [{"depth": 2, "slug": "head", "text": "Head"}]
    assert entry.file == "pages/_content/posts/Second Post.md"


def test_an_entry_that_is_not_there_is_none(write_site: WriteSite) -> None:
    write_site(POSTS)

    assert get_entry("posts", "third") is None


@pytest.mark.parametrize("name", ["pages", "", "../_content/posts", "posts/none"])
def test_a_collection_that_is_not_there(write_site: WriteSite, name: str) -> None:
    write_site(POSTS)

    with pytest.raises(FirstlightError) as caught:
        get_collection(name)

    assert str(caught.value) == (
        f"There is no collection `{name}`.\n"
        f"  Hint: Create the folder pages/_content/{name}/ with Markdown files. There are: posts."
    )


def test_two_entries_of_one_id(write_site: WriteSite) -> None:
    write_site({"pages/_content/posts/a b.md": "x", "pages/_content/posts/a-b.md": "y"})

    with pytest.raises(FirstlightError) as caught:
        get_collection("posts")

    assert str(caught.value) == (
        "pages/_content/posts/a-b.md: pages/_content/posts/a b.md has the id `a-b`, too.\n"
        "  Hint: Rename one of them."
    )


def test_a_store_reads_a_collection_once(write_site: WriteSite) -> None:
    root: Path = write_site(POSTS)
    store = ContentStore(root)
    token = current_store.set(store)
    try:
        before = get_collection("posts")
        (root / "pages/_content/posts/third.md").write_text("new")
        assert get_collection("posts") == before
        store.forget()
        assert get_entry("posts", "third") is not None
    finally:
        current_store.reset(token)
