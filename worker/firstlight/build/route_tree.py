"""The routes of a site as a tree of lines, long lists folded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from firstlight.routing import is_dynamic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from firstlight.build.prerender import Rendered
    from firstlight.build.scan import SiteRoute

MOST_PATHS = 3  # of one dynamic route
MOST_PAGES = 8  # prerendered ones side by side
ERROR_PAGES = ("404", "500")


class Row(NamedTuple):
    """One line of the tree.

    Attributes:
        label: What to print, branches included.
        route: None for a folder without a route, for a path and for a fold.
        pages: What is told the size of: the pages of a route, or a single path of it.
    """

    label: str
    route: SiteRoute | None = None
    pages: Sequence[Rendered] = ()


@dataclass(slots=True)
class _Node:
    label: str
    route: SiteRoute | None = None
    children: dict[str, _Node] = field(default_factory=dict[str, "_Node"])

    @property
    def is_foldable(self) -> bool:
        """Whether it is a prerendered page like others beside it."""
        route = self.route
        is_page = route is not None and route.is_prerendered and not is_dynamic(route.pattern)
        return is_page and not self.children


def tree_rows(routes: Sequence[SiteRoute], pages: Mapping[str, Sequence[Rendered]]) -> list[Row]:
    """Lay out routes as a tree, on-demand ones never folded.

    Args:
        routes: In any order.
        pages: The prerendered pages by their route's file.
    """
    root = _Node("/")
    for route in routes:
        node = root
        for segment in filter(None, route.pattern.split("/")):
            node = node.children.setdefault(segment, _Node(segment))
        if node.route is not None:  # an endpoint and a page may share a pattern's shape
            node = node.children.setdefault(f"\0{route.file}", _Node(route.pattern))
        node.route = route
    for child in root.children.values():
        _join_folders(child)
    return [Row("/", root.route, _pages(root, pages)), *_rows(root, pages, "")]


def _join_folders(node: _Node) -> None:
    """Write a folder that holds one thing and is none itself on that thing's line."""
    for child in node.children.values():
        _join_folders(child)
    if node.route is None and len(node.children) == 1:
        (child,) = node.children.values()
        node.label, node.route = f"{node.label}/{child.label}", child.route
        node.children = child.children


def _rows(node: _Node, pages: Mapping[str, Sequence[Rendered]], indent: str) -> Iterator[Row]:
    children = _ordered(node)
    lines: list[tuple[_Node | None, Row]] = []
    shown = 0
    foldable = [child for child in children if child.is_foldable]
    for child in children:
        shown += child.is_foldable
        if not child.is_foldable or shown <= MOST_PAGES or len(foldable) == MOST_PAGES + 1:
            lines.append((child, Row(child.label, child.route, _pages(child, pages))))
        elif shown == MOST_PAGES + 1:
            folded = [page for each in foldable[MOST_PAGES:] for page in _pages(each, pages)]
            label = f"… {len(foldable) - MOST_PAGES:,} more static"
            lines.append((None, Row(label, None, folded)))
    lines += [(None, row) for row in _path_rows(_pages(node, pages), node.route)]
    for number, (child, row) in enumerate(lines, 1):
        is_last = number == len(lines)
        yield row._replace(label=f"{indent}{'└─' if is_last else '├─'} {row.label}")
        if child is not None:
            yield from _rows(child, pages, indent + ("   " if is_last else "│  "))


def _ordered(node: _Node) -> list[_Node]:
    """Sort by name, the error pages last."""
    return sorted(node.children.values(), key=lambda n: (n.label in ERROR_PAGES, n.label))


def _path_rows(pages: Sequence[Rendered], route: SiteRoute | None) -> Iterator[Row]:
    """Tell a few of the paths that a route with parameters became."""
    if route is None or not is_dynamic(route.pattern):
        return
    few = pages if len(pages) <= MOST_PATHS + 1 else pages[:MOST_PATHS]
    yield from (Row(page.path.path, None, [page]) for page in few)
    if len(few) < len(pages):
        yield Row(f"… {len(pages) - len(few):,} more paths", None, pages[len(few) :])


def _pages(node: _Node, pages: Mapping[str, Sequence[Rendered]]) -> Sequence[Rendered]:
    return pages.get(node.route.file, ()) if node.route else ()
