"""Remembers rendered Markdown from build to build, and renders what is new on every core."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstlight.build import markdown
from firstlight.build.markdown import Document, convert, current_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

FILE = "documents.json"
PACKAGES = ("markdown-it-py", "mdit-py-plugins", "pygments")
# Below this many characters, starting processes costs more than it saves.
WORTH_A_POOL = 200_000
CHUNK = 20  # documents that a process takes at once


class DocumentStore:
    """Rendered Markdown by the text it was rendered from.

    Rendering is a pure function of the text and of the code that renders, so a document can be
    found again by a digest of both. Nothing else of a page is remembered: its code may read
    anything.

    Args:
        folder: Where the file of the last build lies; None remembers nothing beyond this object.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / FILE if folder else None
        self._code = _digest_of_code()
        self._documents: dict[str, dict[str, Any]] = self._load()
        self._saved = set(self._documents)
        self._used: set[str] = set()

    def document(self, text: str) -> Document:
        """Return what a text renders to; rendered once."""
        key = _key(text)
        if key not in self._documents:
            self._documents[key] = asdict(convert(text))
        self._used.add(key)
        found = self._documents[key]
        return Document(found["html"], [dict(heading) for heading in found["headings"]])

    def prepare(self, texts: Iterable[str], progress: Callable[[int, int], object]) -> None:
        """Render what is not known, side by side when there is much of it.

        Args:
            texts: All that may be asked for.
            progress: Called with the number of documents that are done and of all.
        """
        by_key = {_key(text): text for text in texts}
        missing = {key: text for key, text in by_key.items() if key not in self._documents}
        if sum(map(len, missing.values())) >= WORTH_A_POOL and (os.cpu_count() or 1) > 1:
            # A fresh process has no threads, locks or connections of this one.
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(mp_context=context) as pool:
                rendered = pool.map(convert, missing.values(), chunksize=CHUNK)
                for done, (key, document) in enumerate(zip(missing, rendered, strict=True), 1):
                    self._documents[key] = asdict(document)
                    progress(done, len(missing))
        self._used |= by_key.keys() & self._documents.keys()

    def save(self) -> None:
        """Write down what this build may have asked for, and nothing that is gone."""
        if self._file is None or self._used == self._saved:
            return
        kept = {key: self._documents[key] for key in sorted(self._used)}
        staged = self._file.with_suffix(".new")
        staged.write_text(json.dumps({"code": self._code, "documents": kept}), "utf-8")
        staged.replace(self._file)

    def _load(self) -> dict[str, dict[str, Any]]:
        if self._file is None:
            return {}
        try:
            saved = json.loads(self._file.read_text("utf-8"))
            return saved["documents"] if saved["code"] == self._code else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # none yet, or not ours: everything is rendered anew


@contextmanager
def remembered_documents(folder: Path) -> Generator[DocumentStore, None, None]:
    """Let Markdown that an earlier build has rendered be found again.

    Args:
        folder: Where the documents are kept.
    """
    store = DocumentStore(folder)
    token = current_documents.set(store)
    try:
        yield store
        store.save()
    finally:
        current_documents.reset(token)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _digest_of_code() -> str:
    """Return a digest of what renders: our module, and the versions of what it calls."""
    own = Path(markdown.__file__).read_bytes()
    versions = " ".join(f"{name}={version(name)}" for name in PACKAGES)
    return hashlib.sha256(own + versions.encode()).hexdigest()
