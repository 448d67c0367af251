"""Redirects from the options, the final slash, `.html` endings, error pages: App.handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeApp = Callable[..., Any]

PAGE = "{{ ctx.route_pattern }} {{ ctx.params }}"
OPTIONS = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'


def location(client: Any, path: str, method: str = "GET") -> tuple[int, str | None]:
    response = client.request(method, path)
    return response.status, response.headers.get("location")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/old", "/new"),
        ("/old/", "/new"),
        ("/old?a=1&b", "/new?a=1&b"),
        ("/query?a=1", "/new?own=1"),
        ("/top?a=1", "/new?a=1#top"),
        ("/both?a=1", "/new?own=1#top?"),
        ("/out?a=1", "https://example.com/x?a=1"),
        ("/items/a%20b%E2%80%99", "/things/a%20b%E2%80%99"),
        ("/items/a$&b", "/things/a$&b"),
        ("/rest", "/docs"),
        ("/rest/", "/docs/"),
        ("/rest/a/b?c=d", "/docs/a/b?c=d"),
        ("/rest/a/b/", "/docs/a/b/"),
        ("/items/a/", "/things/a"),
        ("/gr%C3%B6%C3%9Fe", "/ma%C3%9F"),
    ],
)
def test_redirect_sends_to(make_app: MakeApp, path: str, target: str) -> None:
    client = make_app(
        {"pages/index.html": ""},
        OPTIONS + "[tool.firstlight.redirects]\n"
        '"/old" = "/new"\n"/query" = "/new?own=1"\n"/top" = "/new#top"\n'
        '"/both" = "/new?own=1#top?"\n"/out" = "https://example.com/x"\n'
        '"/items/[id]" = "/things/[id]"\n"/rest/[...p]" = "/docs/[...p]"\n"/größe" = "/maß"\n',
    )
    assert location(client, path) == (301, target)


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 301), ("HEAD", 301), ("POST", 308), ("DELETE", 308)]
)
def test_redirect_status_of_a_method(make_app: MakeApp, method: str, status: int) -> None:
    redirects = (
        '[tool.firstlight.redirects]\n"/a" = "/b"\n"/c" = { status = 302, destination = "/d" }\n'
    )
    client = make_app({"pages/index.html": ""}, OPTIONS + redirects)
    assert location(client, "/a", method) == (status, "/b")
    assert location(client, "/c", method) == (302, "/d")


FILES = {
    "pages/index.html": PAGE,
    "pages/about.html": PAGE,
    "pages/[slug].html": PAGE,
    "pages/blog/[...path].html": PAGE,
    "pages/data/[name].py": "def GET(ctx):\n    return ctx.params['name']\n",
    "pages/old/[name].html.py": "def GET(ctx):\n    return ctx.params['name']\n",
}


@pytest.mark.parametrize(
    ("path", "directory", "file"),
    [
        ("/food.html", "/[slug] {'slug': 'food'}", "/[slug] {'slug': 'food'}"),
        ("/about.html", "/[slug] {'slug': 'about'}", "/about {}"),
        ("/index.html", "/[slug] {'slug': 'index.html'}", "/ {}"),
        ("/blog/a/b.html", "/blog/[...path] {'path': 'a/b'}", "/blog/[...path] {'path': 'a/b'}"),
        ("/blog/a/index.html", "/blog/[...path] {'path': 'a'}", "/blog/[...path] {'path': 'a'}"),
        ("/data/a.html", "a.html", "a.html"),
        ("/old/a.html", "a", "a"),
    ],
)
def test_html_ending_is_no_part_of_a_parameter(
    make_app: MakeApp, path: str, directory: str, file: str
) -> None:
    for option, expected in (("directory", directory), ("file", file)):
        client = make_app(FILES, f'{OPTIONS}format = "{option}"\n')
        assert client.text(path).replace("&#39;", "'") == expected


def test_html_ending_finds_no_static_page_of_a_folder(make_app: MakeApp) -> None:
    client = make_app({"pages/about.html": ""})
    assert client.get("/about.html").status == 404


def test_error_page_knows_its_own_route(make_app: MakeApp) -> None:
    client = make_app(
        {"pages/404.html": PAGE, "pages/500.html": PAGE, "pages/[x].html": "{{ 1 / 0 }}"}
    )
    assert client.text("/a/b") == "/404 {}"
    assert client.text("/a") == "/500 {}"
