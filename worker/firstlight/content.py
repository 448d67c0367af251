"""Content collections: Markdown and its front matter from `pages/_content/`, at build.

Works in prerendered pages and endpoints; the Worker has no Markdown parser.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from firstlight.advice import did_you_mean
from firstlight.build.frontmatter import split_source
from firstlight.build.markdown import (
    Document,
    load_frontmatter,
    render_markdown,
    slugify,
)
from firstlight.build.source_file import PAGES, read_text
from firstlight.errors import FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "_content"
# Set by the build and the development server; otherwise the current folder is the site.
current_store: ContextVar[ContentStore | None] = ContextVar("content", default=None)


@dataclass
class Entry:
    """One Markdown file of a collection.

    Attributes:
        id: Its path below the collection without the extension, each part slugified,
            such as `2026/hello-world`.
        data: Its front matter; empty without any.
        body: The Markdown itself.
        file: Relative to the site's root.
    """

    id: str
    data: dict[str, Any]
    body: str
    file: str

    @cached_property
    def _document(self) -> Document:
        return render_markdown(self.body)

    @property
    def html(self) -> Markup:
        """The rendered body, safe to print."""
        return Markup(self._document.html)  # noqa: S704 - the site's own Markdown

    @property
    def headings(self) -> list[dict[str, Any]]:
        """Its headings in order; each has `depth` (1 to 6), `slug` and `text`."""
        return self._document.headings


class ContentStore:
    """The collections of a site, each read when it is first asked for.

    Args:
        root: The site's root.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._collections: dict[str, dict[str, Entry]] = {}

    def collection(self, name: str) -> dict[str, Entry]:
        """Return the entries of a collection by id, in the order of their ids."""
        if name not in self._collections:
            self._collections[name] = _read_collection(self.root, name)
        return self._collections[name]

    def forget(self) -> None:
        """Read everything anew when it is next asked for."""
        self._collections.clear()


def content_texts(root: Path) -> Iterator[str]:
    """Yield the Markdown of every content file; errors are told where a file is used."""
    for path in sorted((root / PAGES / FOLDER).rglob("*.md")):
        with suppress(FirstlightError):
            yield split_source(path.name, read_text(path, path.name)).body


def get_collection(name: str) -> list[Entry]:
    """List the entries of `pages/_content/<name>/`, sorted by id.

    Names that begin with `_` or `.` are left out. A build reads each file once: all pages get
    the same entries.

    Raises:
        FirstlightError: There is no such collection, two entries have one id, or front
            matter does not parse.

    Source:
        https://docs.astro.build/en/guides/content-collections/
    """
    return list(_store().collection(name).values())


def get_entry(collection: str, id: str) -> Entry | None:  # noqa: A002 - the field's word
    """Return one entry, or None when the collection has none of that id.

    Raises:
        FirstlightError: As for `get_collection`.
    """
    return _store().collection(collection).get(id)


def _store() -> ContentStore:
    return current_store.get() or ContentStore(Path.cwd())


def _read_collection(root: Path, name: str) -> dict[str, Entry]:
    folder = root / PAGES / FOLDER / name
    if not name or ".." in PurePath(name).parts or not folder.is_dir():
        raise FirstlightError(
            f"There is no collection `{name}`.",
            hint=did_you_mean(name, _collections(root))
            or f"Create the folder {PAGES}/{FOLDER}/{name}/ with Markdown files. "
            f"There are: {', '.join(_collections(root)) or 'none'}.",
        )
    entries: dict[str, Entry] = {}
    for path in sorted(folder.rglob("*.md")):
        relative = path.relative_to(folder)
        if any(part.startswith(("_", ".")) for part in relative.parts):
            continue
        entry = _entry(path, path.relative_to(root).as_posix(), relative)
        if entry.id in entries:
            raise FirstlightError(
                f"{entries[entry.id].file} has the id `{entry.id}`, too.",
                hint="Rename one of them.",
                location=Location(entry.file),
            )
        entries[entry.id] = entry
    return dict(sorted(entries.items()))


def _collections(root: Path) -> list[str]:
    folder = root / PAGES / FOLDER
    return (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    )


def _entry(path: Path, file: str, relative: Path) -> Entry:
    source = split_source(file, read_text(path, file))
    parts = relative.with_suffix("").parts
    return Entry(
        "/".join(slugify(part) for part in parts),
        load_frontmatter(source),
        source.body,
        file,
    )
