"""Content collections: Markdown and its front matter from `pages/_content/`, at build.

Works in prerendered pages and endpoints; the Worker has no Markdown parser.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from firstlight.build.frontmatter import split_source
from firstlight.build.markdown import (
    Document,
    load_frontmatter,
    render_markdown,
    slugify,
)
from firstlight.build.source_file import PAGES, read_text
from firstlight.errors import FirstlightError, Location

FOLDER = "_content"
# Set by the build and the development server; otherwise the current folder is the site.
site_root: ContextVar[Path | None] = ContextVar("site_root", default=None)


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


def get_collection(name: str) -> list[Entry]:
    """List the entries of `pages/_content/<name>/`, sorted by id.

    Names that begin with `_` or `.` are left out.

    Raises:
        FirstlightError: There is no such collection, two entries have one id, or front
            matter does not parse.

    Source:
        https://docs.astro.build/en/guides/content-collections/
    """
    root = site_root.get() or Path.cwd()
    folder = root / PAGES / FOLDER / name
    if not name or not folder.is_dir():
        raise FirstlightError(
            f"There is no collection `{name}`.",
            hint=f"Create the folder {PAGES}/{FOLDER}/{name}/ with Markdown files. "
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
    return sorted(entries.values(), key=lambda entry: entry.id)


def get_entry(collection: str, id: str) -> Entry | None:  # noqa: A002 - the field's word
    """Return one entry, or None when the collection has none of that id.

    Raises:
        FirstlightError: As for `get_collection`.
    """
    return next((entry for entry in get_collection(collection) if entry.id == id), None)


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
