"""The way of one request: decoding, base, error pages, headers, cookies (design.md 7)."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from firstlight.app import LONGEST_WAY, MOST_WAYS, NoPlatform
from firstlight.request import Request
from firstlight.response import Response

if TYPE_CHECKING:
    from typing import Any

    from conftest import Client, MakeApp

CONFIG = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'
GUARD = (
    "from firstlight import Response\nasync def on_request(ctx, next):\n"
    "    if ctx.url.pathname == '/admin' or ctx.url.pathname.startswith('/admin/'):\n"
    "        return Response('guarded ' + ctx.url.pathname, 403)\n"
    "    return await next()\n"
)
GUARDED = {
    "pages/_middleware.py": GUARD,
    "pages/index.html": "home",
    "pages/admin/index.html": "secret",
    "pages/admin/[...x].html": "secret",
    "pages/[slug].html": "slug {{ ctx.params.slug }}",
    "pages/api/admin.py": "def ALL(ctx):\n    return ctx.url.pathname\n",
}


def text(response: Response) -> str:
    return asyncio.run(response.text())


def answer(app: Client, path: str) -> tuple[int, str]:
    response = app.get(path)
    return response.status, text(response)


@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        "/admin/",
        "/%61dmin",
        "/%2561dmin",
        "/%252561dmin",
        "/%25%32%35%36%31dmin",
        "//admin",
        "///admin//x",
        "/%2Fadmin",
        "/%252Fadmin/x",
        "/admin%2Fx",
        "/admin%252fx",
        "/\\admin",
        "/%5Cadmin",
        "/%255Cadmin%5Cx",
        "/admin\\x",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/.%2E/admin/y",
        "/%2e/admin",
        "/./admin",
        "/x%2F..%2Fadmin",
        "/x\\..\\admin",
        "/admin/./x",
        "/admin/x/..",
        "/admin/%2e",
    ],
)
def test_no_spelling_of_a_path_gets_round_a_guard(make_app: MakeApp, path: str) -> None:
    status, body = answer(make_app(GUARDED), path)

    assert (status, body.startswith("guarded /admin")) == (403, True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/adminx", (200, "slug adminx")),
        ("/Admin", (200, "slug Admin")),
        ("/admin/..", (200, "home")),
        ("/%2e%2e/%2e%2e", (200, "home")),
        ("/100%25", (200, "slug 100%")),
        ("/h%C3%A9", (200, "slug hé")),
        ("/hé", (200, "slug hé")),
        ("/a%20b+c", (200, "slug a b+c")),
        ("/%3Fq", (200, "slug ?q")),
        ("/%23x", (200, "slug #x")),
        ("/a;b=c", (200, "slug a;b=c")),
        ("/%F0%9F%98%80", (200, "slug \U0001f600")),
        ("/x%01", (200, "slug x\x01")),
        ("/api/%61dmin", (200, "/api/admin")),
    ],
)
def test_a_path_is_decoded_once_and_for_all(
    make_app: MakeApp, path: str, expected: tuple[int, str]
) -> None:
    assert answer(make_app(GUARDED), path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/%",
        "/%2",
        "/%zz",
        "/%C3%28",
        "/%ff",
        "/%c0%ae%c0%ae/",
        "/a%00",
        "/%2500",
        "/a%0D%0Ab",
        "/%250d",
        "/%" + "25" * 11 + "61",
        "/%ed%a0%80",
    ],
)
def test_a_path_that_cannot_be_decoded_is_a_400_before_anything_runs(
    make_app: MakeApp, path: str
) -> None:
    middleware = "def on_request(ctx, next):\n    raise RuntimeError\n"
    app = make_app({"pages/_middleware.py": middleware, "pages/[...x].html": "page"})

    assert (answer(app, path), app.log) == ((400, "400 Bad Request"), [])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/docs", (200, "home")),
        ("/docs/", (200, "home")),
        ("/docs/a", (200, "a")),
        ("/%64ocs/a", (200, "a")),
        ("/docs//a", (200, "a")),
        ("/docsx", (404, "lost")),
        ("/docsa", (404, "lost")),
        ("/docs-a/a", (404, "lost")),
        ("/a", (404, "lost")),
        ("/", (404, "lost")),
        ("/docs/../a", (404, "lost")),
        ("/Docs/a", (404, "lost")),
    ],
)
def test_base_ends_at_a_segment(make_app: MakeApp, path: str, expected: tuple[int, str]) -> None:
    files = {"pages/index.html": "home", "pages/a.html": "a", "pages/404.html": "lost"}

    assert answer(make_app(files, CONFIG + 'base = "/docs"\n'), path) == expected


PAGES = {
    "pages/404.html": "lost {{ ctx.request.method }} {{ ctx.url.pathname }} {{ ctx.route_pattern }}"
    "{{ ctx.params }}",
    "pages/500.html": "broken {{ ctx.props.error.args[0] }} {{ ctx.locals.who | default('') }}",
}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "BREW"])
def test_no_route_is_the_404_page_for_every_method(make_app: MakeApp, method: str) -> None:
    headers = {"content-type": "application/json"}
    response = make_app(PAGES).request(method, "/no/pe?q=1", headers)

    assert (response.status, text(response)) == (404, f"lost {method} /no/pe /404{{}}")


def test_the_404_page_of_head_has_no_body(make_app: MakeApp) -> None:
    response = make_app(PAGES).request("HEAD", "/nope")

    assert (response.status, response.is_empty) == (404, True)
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(("path", "status"), [("/404", 404), ("/500", 500), ("/404/", 404)])
def test_an_error_page_asked_for_has_its_status(make_app: MakeApp, path: str, status: int) -> None:
    app = make_app({"pages/404.html": "lost", "pages/500.html": "broken"})

    assert app.get(path).status == status


@pytest.mark.parametrize("status", [404, 500])
def test_without_an_error_page_there_is_a_plain_one(make_app: MakeApp, status: int) -> None:
    page = f"---\nfrom firstlight import Response\nreturn Response(None, {status})\n---\n"
    response = make_app({"pages/a.html": page}).get("/a")

    assert response.status == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{status}</h1>" in text(response)


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("Response(None, 404)", (404, "lost")),
        ("Response(None, 500)", (500, "broken")),
        ("Response(status=404)", (404, "lost")),
        ("Response('own', 404)", (404, "own")),
        ("Response('', 404)", (404, "")),
        ("Response(b'', 500)", (500, "")),
        ("Response.json({}, 500)", (500, "{}")),
        ("Response(None, 403)", (403, "")),
        ("Response(None, 410)", (410, "")),
        ("Response(None, 503)", (503, "")),
    ],
)
def test_an_empty_404_or_500_of_a_page_shows_the_error_page(
    make_app: MakeApp, returned: str, expected: tuple[int, str]
) -> None:
    page = f"---\nfrom firstlight import Response\nreturn {returned}\n---\n"
    files = {"pages/a.html": page, "pages/404.html": "lost", "pages/500.html": "broken"}

    assert answer(make_app(files), "/a") == expected


def test_a_page_that_only_sets_the_status_keeps_its_body(make_app: MakeApp) -> None:
    files = {"pages/a.html": "---\nctx.response.status = 404\n---\nown", "pages/404.html": "lost"}

    assert answer(make_app(files), "/a") == (404, "own")


def test_an_error_page_keeps_headers_locals_and_cookies(make_app: MakeApp) -> None:
    page = (
        "---\nfrom firstlight import Headers, Response\nctx.locals.who = 'ann'\n"
        "ctx.cookies.set('page', '1')\nctx.cookies.set('both', 'page')\n"
        "headers = Headers([('x-a', '1'), ('x-a', '2'), ('set-cookie', 'raw=1'),\n"
        "    ('content-type', 'text/plain'), ('content-length', '99'), ('etag', '\"x\"'),\n"
        "    ('content-encoding', 'gzip'), ('transfer-encoding', 'chunked')])\n"
        "return Response(None, 404, headers)\n---\n"
    )
    lost = (
        "---\nctx.cookies.set('lost', '2')\nctx.cookies.set('both', 'lost')\n"
        "ctx.response.headers['x-lost'] = '1'\n---\nlost {{ ctx.locals.who }}"
    )
    response = make_app({"pages/a.html": page, "pages/404.html": lost}).get("/a")

    assert (response.status, text(response)) == (404, "lost ann")
    assert sorted(response.headers.items()) == [
        ("content-type", "text/html; charset=utf-8"),
        ("set-cookie", "both=lost; Path=/"),
        ("set-cookie", "lost=2; Path=/"),
        ("set-cookie", "page=1; Path=/"),
        ("set-cookie", "raw=1"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("x-lost", "1"),
    ]


@pytest.mark.parametrize("raised", ["ValueError('why')", "KeyError('why')", "SystemExit('why')"])
def test_an_exception_shows_the_500_page_with_its_error(make_app: MakeApp, raised: str) -> None:
    page = f"---\nctx.locals.who = 'ann'\nctx.cookies.set('c', '1')\nraise {raised}\n---\n"
    app = make_app({**PAGES, "pages/a.html": page})
    response = app.get("/a")

    assert (response.status, text(response)) == (500, "broken why ann")
    assert response.headers.get_all("set-cookie") == ["c=1; Path=/"]
    assert len(app.log) == 1
    assert app.log[0].startswith("pages/a.html:4 (route /a): ")


def test_every_error_of_a_task_group_is_told_with_its_line(make_app: MakeApp) -> None:
    page = (
        "---\nimport asyncio\nasync def fail(n):\n    raise ValueError(n)\n"
        "async with asyncio.TaskGroup() as group:\n"
        "    group.create_task(fail(1))\n    group.create_task(fail(2))\n---\n"
    )
    app = make_app({"pages/a.html": page})

    assert app.get("/a").status == 500
    assert [entry.partition(" (")[0] for entry in app.log] == [
        "pages/a.html:5",
        "pages/a.html:4",
        "pages/a.html:4",
    ]
    assert app.log[1] == "pages/a.html:4 (route /a): ValueError: 1\n"


def test_an_error_leaves_nothing_of_the_pages_own_headers(make_app: MakeApp) -> None:
    page = (
        "---\nctx.response.headers['content-type'] = 'image/png'\n"
        "ctx.response.headers['etag'] = '1'\nctx.response.status = 201\n---\n{{ 1 // 0 }}"
    )
    response = make_app({"pages/a.html": page, "pages/500.html": "broken"}).get("/a")

    assert (response.status, text(response)) == (500, "broken")
    assert response.headers.items() == [("content-type", "text/html; charset=utf-8")]


@pytest.mark.parametrize("failing", ["{{ 1 // 0 }}", "---\nraise ValueError\n---\n"])
@pytest.mark.parametrize("status", [404, 500])
def test_an_error_page_that_fails_still_ends_in_an_answer(
    make_app: MakeApp, failing: str, status: int
) -> None:
    boom = {"pages/boom.html": "---\nraise LookupError\n---\n"} if status == 500 else {}
    app = make_app({f"pages/{status}.html": failing, **boom})
    response = app.get("/boom")

    assert response.status == status
    assert f"<h1>{status}</h1>" in text(response)
    assert f"pages/{status}.html:" in app.log[-1]
    assert f"(route /{status})" in app.log[-1]


def test_an_error_page_that_rewrites_to_itself_ends(make_app: MakeApp) -> None:
    app = make_app({"pages/404.html": "---\nreturn ctx.rewrite('/missing')\n---\n"})

    assert app.get("/nope").status in (404, 508)


class Assets(NoPlatform):
    """Prerendered pages by path."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.pages = pages

    async def fetch_asset(self, path: str) -> Response | None:
        page = self.pages.get(path)
        return None if page is None else Response.html(page)


@pytest.mark.parametrize(("config", "base"), [(CONFIG, ""), (CONFIG + 'base = "/docs"\n', "/docs")])
def test_prerendered_error_pages_come_from_the_assets(
    make_app: MakeApp, config: str, base: str
) -> None:
    built = "---\nprerender = True\n---\n"
    files = {"pages/404.html": built, "pages/500.html": built, "pages/boom.html": "{{ 1 // 0 }}"}
    app = make_app(files, config)
    assets = Assets({f"{base}/404": "lost", f"{base}/500": "broken"})
    answers = [
        app.request("GET", f"{base}{path}", None, None, assets) for path in ("/nope", "/boom")
    ]

    assert [(a.status, text(a)) for a in answers] == [(404, "lost"), (500, "broken")]


def test_a_prerendered_error_page_that_is_gone_is_a_plain_one(make_app: MakeApp) -> None:
    app = make_app({"pages/404.html": "---\nprerender = True\n---\n"})

    assert app.get("/nope").status == 404
    assert "<h1>404</h1>" in app.text("/nope")


def test_no_details_reach_the_visitor(make_app: MakeApp) -> None:
    code = "---\nraise RuntimeError('secret')\n---\n"
    response = make_app({"pages/a.html": code}).get("/a")

    assert response.status == 500
    assert not {"secret", "RuntimeError", "a.html"} & {*text(response).split()}
    assert "secret" not in text(response)


def test_cookies_come_last_and_beside_headers(make_app: MakeApp) -> None:
    page = (
        "---\nfrom firstlight import Response\nctx.cookies.set('a', 'x y')\n"
        "ctx.cookies.delete('b')\nreturn Response('x', 401, {'set-cookie': 'raw=1'})\n---\n"
    )
    response = make_app({"pages/a.html": page}).get("/a", {"cookie": "b=1"})

    assert response.headers.get_all("set-cookie") == [
        "raw=1",
        "a=x%20y; Path=/",
        "b=deleted; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    ]


def test_cookies_survive_a_redirect_and_an_error(make_app: MakeApp) -> None:
    files = {
        "pages/go.html": "---\nctx.cookies.set('a', '1')\nreturn ctx.redirect('/')\n---\n",
        "pages/api/x.py": "def GET(ctx):\n    ctx.cookies.set('a', '1')\n    raise ValueError\n",
        "pages/api/y.py": "async def POST(ctx):\n    ctx.cookies.set('a', '1')\n"
        "    return await ctx.request.json()\n",
    }
    app = make_app(files)
    headers = {"content-type": "application/json"}
    answers = [app.get("/go"), app.get("/api/x"), app.request("POST", "/api/y", headers, b"{")]

    assert [answer.status for answer in answers] == [302, 500, 400]
    for response in answers:
        assert response.headers.get_all("set-cookie") == ["a=1; Path=/"]


@pytest.mark.parametrize("path", ["/", "/api/x", "/none"])
def test_an_answered_request_is_let_go_at_once(make_app: MakeApp, path: str) -> None:
    files = {
        "pages/index.html": "{{ ctx.base }}",
        "pages/api/x.py": "def GET(ctx):\n    return {}\n",
    }
    app = make_app(files)
    app.get(path)
    kept: list[weakref.ref[Any]] = []
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        app.request("GET", path, platform=(platform := NoPlatform()))
        kept.append(weakref.ref(platform))
        del platform
    finally:
        if is_collecting:
            gc.enable()

    assert kept[0]() is None


def test_a_known_url_is_answered_as_the_first_time(make_app: MakeApp) -> None:
    app = make_app(
        {
            "pages/[a].py": "def GET(ctx):\n    ctx.params['a'] += '!'\n"
            "    return ctx.params['a'] + ' ' + ctx.request.url\n"
        }
    )

    answers = [answer(app, "/%61?q=%C3%A9") for _ in range(3)]

    assert answers == [(200, "a! http://site.test/a?q=%C3%A9")] * 3


def test_a_redirect_is_chosen_by_the_method_each_time(make_app: MakeApp) -> None:
    app = make_app(
        {"pages/index.html": "home", "pages/x.html": "x"},
        CONFIG + 'trailing_slash = "always"\n',
    )

    statuses = [app.request(method, "/x").status for method in ("GET", "POST", "GET")]

    assert statuses == [301, 308, 301]


def test_ways_are_kept_for_few_and_short_urls(make_app: MakeApp) -> None:
    app = make_app({"pages/[...x].html": "{{ ctx.params.x }}"})

    for number in range(MOST_WAYS + 3):
        assert answer(app, f"/{number}") == (200, str(number))
    assert answer(app, f"/{'x' * LONGEST_WAY}")[0] == 200

    ways = app.app._ways  # pyright: ignore[reportPrivateUsage] - what it keeps shows nowhere else
    assert [url.rpartition("/")[2] for url in ways] == [str(n) for n in range(3, MOST_WAYS + 3)]


@pytest.mark.parametrize("part", ["pathname", "search", "hash"])
def test_no_request_changes_the_url_of_later_ones(make_app: MakeApp, part: str) -> None:
    app = make_app(
        {
            "pages/a.py": f"def GET(ctx):\n    try:\n        ctx.url.{part} = '/evil'\n"
            "    except AttributeError:\n        return ctx.url.href\n"
        }
    )

    assert [answer(app, "/a?x=1") for _ in range(2)] == [(200, "http://site.test/a?x=1")] * 2


def test_ways_are_kept_by_several_threads(make_app: MakeApp) -> None:
    app = make_app({"pages/a.py": "def GET(ctx):\n    return ''\n"}).app
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def ask(thread: int) -> None:
        for number in range(1500):
            app._find_way(Request("GET", f"http://site.test/{thread}/{number}"))  # pyright: ignore[reportPrivateUsage] - all else would make it slow

    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(8))) == [None] * 8
    finally:
        sys.setswitchinterval(before)
