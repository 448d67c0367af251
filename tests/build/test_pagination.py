"""`paginate`, with the vectors of Astro's units/render/paginate.test.ts in snake_case."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from firstlight import paginate
from firstlight.build.config import load_config
from firstlight.build.pagination import paginating
from firstlight.build.scan import SiteRoute, scan
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from conftest import BuildSite, Failures, WriteSite

ITEMS = list("abcdefg")


def pages(
    write_site: WriteSite, file: str, items: list[Any], *args: Any, config: str = "", **options: Any
) -> list[dict[str, Any]]:
    """Return the static paths that `paginate` makes for a route."""
    root = write_site({"pyproject.toml": f"[tool.firstlight]\n{config}", file: "---\n---\n"})
    loaded = load_config(root)
    route = scan(root, loaded).routes[0]
    with paginating(route, loaded):
        return paginate(items, *args, **options)


def urls(entry: dict[str, Any]) -> list[str | None]:
    url = entry["props"]["page"].url
    return [url.current, url.next, url.prev, url.first, url.last]


def test_paginate_gives_every_field(write_site: WriteSite) -> None:
    first, second, third = pages(write_site, "pages/p/[page].html", ITEMS, 3)

    assert asdict(first["props"]["page"]) == {
        "data": ["a", "b", "c"],
        "start": 0,
        "end": 2,
        "size": 3,
        "total": 7,
        "current_page": 1,
        "last_page": 3,
        "url": {"current": "/p/1/", "next": "/p/2/", "prev": None, "first": None, "last": "/p/3/"},
    }
    page = third["props"]["page"]
    assert (page.data, page.start, page.end, page.current_page) == (["g"], 6, 6, 3)
    assert [entry["params"] for entry in (first, second, third)] == [
        {"page": "1"},
        {"page": "2"},
        {"page": "3"},
    ]


def test_paginate_links_neighbours_first_and_last(write_site: WriteSite) -> None:
    entries = pages(write_site, "pages/p/[page].html", ITEMS, 3)

    assert [urls(entry) for entry in entries] == [
        ["/p/1/", "/p/2/", None, None, "/p/3/"],
        ["/p/2/", "/p/3/", "/p/1/", "/p/1/", "/p/3/"],
        ["/p/3/", None, "/p/2/", "/p/1/", None],
    ]


def test_paginate_leaves_the_first_number_out_of_a_rest_parameter(write_site: WriteSite) -> None:
    entries = pages(write_site, "pages/p/[...page].html", ITEMS, 3)

    assert [entry["params"]["page"] for entry in entries] == [None, "2", "3"]
    assert urls(entries[1]) == ["/p/2/", "/p/3/", "/p/", "/p/", "/p/3/"]


def test_paginate_at_the_root_of_a_base(write_site: WriteSite) -> None:
    entries = pages(write_site, "pages/[...page].html", ITEMS, 4, config='base = "/docs"\n')

    assert urls(entries[1]) == ["/docs/2/", None, "/docs/", "/docs/", None]


@pytest.mark.parametrize(
    ("config", "first", "second"),
    [
        ('trailing_slash = "never"\n', "/p", "/p/2"),
        ('trailing_slash = "always"\n', "/p/", "/p/2/"),
        ('format = "file"\n', "/p", "/p/2"),
        ('trailing_slash = "never"\nbase = "/docs"\n', "/docs/p", "/docs/p/2"),
    ],
)
def test_paginate_writes_canonical_urls(
    write_site: WriteSite, config: str, first: str, second: str
) -> None:
    entries = pages(write_site, "pages/p/[...page].html", ITEMS, 4, config=config)

    assert [urls(entry)[0] for entry in entries] == [first, second]


@pytest.mark.parametrize(
    ("items", "size", "lasts"),
    [
        ([], 3, [(0, -1)]),
        (ITEMS, 7, [(0, 6)]),
        (ITEMS, 100, [(0, 6)]),
        (ITEMS, 6, [(0, 5), (6, 6)]),
    ],
)
def test_paginate_has_at_least_one_page(
    write_site: WriteSite, items: list[str], size: int, lasts: list[tuple[int, int]]
) -> None:
    entries = pages(write_site, "pages/[page].html", items, size)

    found = [(entry["props"]["page"].start, entry["props"]["page"].end) for entry in entries]
    assert found == lasts


def test_paginate_takes_ten_a_page_and_any_iterable(write_site: WriteSite) -> None:
    (first, second) = pages(write_site, "pages/[page].html", range(11))  # pyright: ignore[reportArgumentType] - any iterable

    assert first["props"]["page"].data == list(range(10))
    assert second["props"]["page"].data == [10]


def test_paginate_encodes_and_passes_other_params_and_props(write_site: WriteSite) -> None:
    (entry,) = pages(
        write_site,
        "pages/[tag]/[page].html",
        ["x"],
        params={"tag": "café é"},
        props={"title": "T"},
    )

    assert entry["params"] == {"tag": "café é", "page": "1"}
    assert entry["props"]["title"] == "T"
    assert entry["props"]["page"].url.current == "/caf%C3%A9%20%C3%A9/1/"


def test_paginate_outside_of_get_static_paths() -> None:
    with pytest.raises(FirstlightError) as caught:
        paginate([1])

    assert str(caught.value) == (
        "`paginate()` was called outside of `get_static_paths()`.\n"
        "  Hint: Call it there and return its result."
    )


def test_paginate_needs_a_page_parameter_and_a_size(write_site: WriteSite) -> None:
    with pytest.raises(FirstlightError) as caught:
        pages(write_site, "pages/[number].html", [1])
    assert str(caught.value) == (
        "pages/[number].html (route /[number]): `paginate()` needs the parameter `page` in the "
        "route.\n  Hint: Rename the file to `[page].html` or `[...page].html`."
    )
    with pytest.raises(FirstlightError, match="`page_size` is at least 1, not 0"):
        pages(write_site, "pages/[page].html", [1], 0)


def test_a_site_with_pages_of_a_list(build_site: BuildSite) -> None:
    root = build_site(
        {
            "pages/list/[...page].html": "---\nfrom firstlight import paginate\n\n"
            "def get_static_paths():\n    return paginate('abc', page_size=2)\n---\n"
            "{% set page = ctx.props.page %}{{ page.data|join('+') }} "
            "{{ page.url.prev or '-' }} {{ page.url.next or '-' }}"
        }
    )

    assert (root / "dist/client/list/index.html").read_text() == "a+b - /list/2/"
    assert (root / "dist/client/list/2/index.html").read_text() == "c /list/ -"


def test_paginate_in_an_async_get_static_paths(write_site: WriteSite) -> None:
    root = write_site({"pages/[page].html": "---\n---\n"})
    config = load_config(root)
    route: SiteRoute = scan(root, config).routes[0]

    async def later() -> list[dict[str, Any]]:
        await asyncio.sleep(0)
        return paginate([1])

    with paginating(route, config):
        assert asyncio.run(later())[0]["params"] == {"page": "1"}


def test_paginate_on_demand_is_refused(failures: Failures) -> None:
    (error,) = failures(
        {"pages/x.html": "---\nfrom firstlight import paginate\n\nprerender = False\n---\n"}
    )

    assert error == (
        "pages/x.html:2: `firstlight.paginate` works at build only, not in the Worker.\n"
        "  Hint: Set `prerender = True` to run the route at build, "
        "or read the data from KV, D1 or R2."
    )
