"""The guide as data: its pages in order, for navigation and for search.

A page is a file of the collection `docs`; its front matter says where it stands: `section` names
its group, `order` its place among all pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from firstlight.content import get_collection
from pages._lib.reference import Command, Heading, commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firstlight.content import Entry

INDEX = "index"
DEPTHS = (2, 3)  # of the headings that a table of contents lists


@dataclass(frozen=True, slots=True)
class GuidePage:
    """One page of the guide."""

    entry: Entry

    @property
    def path(self) -> str | None:
        """The rest parameter of its URL; None for the first page."""
        return None if self.entry.id == INDEX else self.entry.id

    @property
    def url(self) -> str:
        """Its path on this site."""
        return f"/docs/{self.path}/" if self.path else "/docs/"

    @property
    def title(self) -> str:
        """What the page is called, above it and in the navigation."""
        return self.entry.data["title"]

    @property
    def section(self) -> str:
        """The group of pages it belongs to."""
        return self.entry.data["section"]

    @property
    def commands(self) -> list[Command]:
        """The program's commands, on the page whose front matter asks for them."""
        return list(commands()) if self.entry.data.get("commands") else []

    @property
    def headings(self) -> list[Heading]:
        """Its headings of the second and third level, in order."""
        own = [Heading(**heading) for heading in self.entry.headings]
        return [h for h in [*own, *(each.heading for each in self.commands)] if h.depth in DEPTHS]


def guide_pages() -> list[GuidePage]:
    """List all pages, in the order in which they are read."""
    pages = map(GuidePage, get_collection("docs"))
    return sorted(pages, key=lambda page: page.entry.data["order"])


def guide_sections(pages: Sequence[GuidePage]) -> list[tuple[str, list[GuidePage]]]:
    """Group pages in order by their section."""
    return [(name, list(group)) for name, group in groupby(pages, lambda page: page.section)]
