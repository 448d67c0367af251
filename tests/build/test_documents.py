"""Rendered Markdown is found again, by text and by the code that rendered it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from firstlight.build import documents
from firstlight.build.documents import DocumentStore
from firstlight.build.markdown import Document, convert

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import BuildSite

TEXT = "# One\n\nSome *text*."


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the texts that were really rendered."""
    texts: list[str] = []

    def watched(text: str) -> Document:
        texts.append(text)
        return convert(text)

    monkeypatch.setattr(documents, "convert", watched)
    return texts


def test_a_document_is_rendered_once(rendered: list[str]) -> None:
    store = DocumentStore(None)

    assert store.document(TEXT) == store.document(TEXT) == convert(TEXT)
    assert rendered == [TEXT]


def test_a_document_is_each_callers_own() -> None:
    store = DocumentStore(None)
    store.document(TEXT).headings[0]["text"] = "Mine"

    assert store.document(TEXT).headings[0]["text"] == "One"


def test_the_next_build_finds_what_this_one_used(tmp_path: Path, rendered: list[str]) -> None:
    first = DocumentStore(tmp_path)
    first.document(TEXT)
    first.document("gone")
    first.save()
    second = DocumentStore(tmp_path)
    second.document(TEXT)
    second.save()

    assert rendered == [TEXT, "gone"]
    assert len(json.loads((tmp_path / "documents.json").read_text())["documents"]) == 1


@pytest.mark.parametrize("content", ["", "[]", '{"code": "other", "documents": {}}', "\xff"])
def test_a_file_that_is_not_ours_is_made_anew(
    tmp_path: Path, rendered: list[str], content: str
) -> None:
    (tmp_path / "documents.json").write_text(content, "latin-1")
    store = DocumentStore(tmp_path)
    store.document(TEXT)
    store.save()
    DocumentStore(tmp_path).document(TEXT)

    assert rendered == [TEXT]


def test_much_is_rendered_by_several_processes(
    monkeypatch: pytest.MonkeyPatch, rendered: list[str]
) -> None:
    monkeypatch.setattr(documents, "WORTH_A_POOL", 10)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    texts = [f"# Title {number}" for number in range(3)]
    steps: list[tuple[int, int]] = []
    monkeypatch.setattr(documents, "convert", convert)
    store = DocumentStore(None)

    store.prepare(texts, lambda done, total: steps.append((done, total)))

    monkeypatch.setattr(documents, "convert", rendered.append)
    assert [store.document(text) for text in texts] == [convert(text) for text in texts]
    assert rendered == []
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_a_build_keeps_its_documents(build_site: BuildSite) -> None:
    files = {
        "pages/about.md": TEXT,
        "pages/_content/posts/a.md": "# Post",
        "pages/index.html": "---\nfrom firstlight.content import get_collection\n"
        "posts = get_collection('posts')\n---\n{{ posts[0].html }}",
    }

    root = build_site(files)

    saved = json.loads((root / ".firstlight/documents.json").read_text())["documents"]
    assert sorted(each["headings"][0]["text"] for each in saved.values()) == ["One", "Post"]
    assert "Post</h1>" in (root / "dist/client/index.html").read_text()
