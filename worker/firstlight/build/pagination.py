"""`paginate(items, page_size)`: the static paths of a list that is shown in pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firstlight.build.scan import canonical_path
from firstlight.errors import FirstlightError, RouteError
from firstlight.routing import fill_pattern, parse_pattern
from firstlight.url import PATH_SAFE, percent_encode

if TYPE_CHECKING:
    from collections.abc import Generator

    from firstlight.build.config import Config
    from firstlight.build.scan import SiteRoute

PARAM = "page"
PAGE_SIZE = 10
_current: ContextVar[tuple[SiteRoute, Config] | None] = ContextVar("route", default=None)


@dataclass(frozen=True, slots=True)
class PageURLs:
    """Where a page and its neighbours are; None for one that is not there.

    `first` is None on the first page, `last` on the last one, as in Astro.
    """

    current: str
    next: str | None
    prev: str | None
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, given to the template as `ctx.props["page"]`.

    Attributes:
        data: The items of this page.
        start: Index of its first item, 0-based.
        end: Index of its last item; `start - 1` when there is none.
        size: Items a page.
        total: Items altogether.
        current_page: 1-based.
        last_page: Number of pages, at least 1.

    Source:
        https://docs.astro.build/en/reference/routing-reference/#the-pagination-page-prop
    """

    data: list[Any]
    start: int
    end: int
    size: int
    total: int
    current_page: int
    last_page: int
    url: PageURLs


def paginate(
    items: Iterable[Any],
    page_size: int = PAGE_SIZE,
    *,
    params: Mapping[str, str | None] | None = None,
    props: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """List the static paths of a route with the parameter `[page]` or `[...page]`.

    Call it in `get_static_paths()` and return what it returns, or several of them joined.

    Args:
        items: What to show.
        page_size: Items a page, at least 1.
        params: The route's other parameters.
        props: More props for every page.

    Raises:
        FirstlightError: Not called in `get_static_paths()`, a page size below 1, or a route
            without the parameter.

    Source:
        https://docs.astro.build/en/reference/routing-reference/#paginate
    """
    current = _current.get()
    if current is None:
        raise FirstlightError(
            "`paginate()` was called outside of `get_static_paths()`.",
            hint="Call it there and return its result.",
        )
    if page_size < 1:
        raise FirstlightError(f"`page_size` is at least 1, not {page_size}.")
    return _Paginator(*current, dict(params or {})).paths(list(items), page_size, props or {})


@contextmanager
def paginating(route: SiteRoute, config: Config) -> Generator[None, None, None]:
    """Tell `paginate` whose static paths are made."""
    token = _current.set((route, config))
    try:
        yield
    finally:
        _current.reset(token)


class _Paginator:
    """Makes the paths of one route and one set of other parameters."""

    def __init__(self, route: SiteRoute, config: Config, params: dict[str, str | None]) -> None:
        parts = [part for segment in parse_pattern(route.pattern) for part in segment]
        part = next((part for part in parts if part.is_param and part.text == PARAM), None)
        if part is None:
            raise RouteError(
                f"`paginate()` needs the parameter `{PARAM}` in the route.",
                hint="Rename the file to `[page].html` or `[...page].html`.",
                location=route.location,
            )
        self._route = route
        self._config = config
        self._params = params
        self._is_rest = part.is_rest

    def paths(self, items: list[Any], size: int, props: Mapping[str, Any]) -> list[dict[str, Any]]:
        last = max(1, -(-len(items) // size))
        return [
            {
                "params": self._params_of(number),
                "props": {**props, "page": self._page(items, size, number, last)},
            }
            for number in range(1, last + 1)
        ]

    def _page(self, items: list[Any], size: int, number: int, last: int) -> Page:
        start = (number - 1) * size
        data = items[start : start + size]
        urls = PageURLs(
            current=self._url(number),
            next=self._url(number + 1) if number < last else None,
            prev=self._url(number - 1) if number > 1 else None,
            first=self._url(1) if number > 1 else None,
            last=self._url(last) if number < last else None,
        )
        return Page(data, start, start + len(data) - 1, size, len(items), number, last, urls)

    def _params_of(self, number: int) -> dict[str, str | None]:
        # As in Astro, the first page of a rest parameter has no number in its URL.
        return {**self._params, PARAM: None if self._is_rest and number == 1 else str(number)}

    def _url(self, number: int) -> str:
        path = fill_pattern(self._route.pattern, self._params_of(number))
        where = canonical_path(path, self._config, is_endpoint=self._route.is_endpoint)
        return percent_encode(where, PATH_SAFE)
