"""`on_request`, `sequence` and where middleware runs: design.md 7, reference/astro.md 2g."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from firstlight.middleware import sequence
from firstlight.response import Response

if TYPE_CHECKING:
    from conftest import MakeApp

ON_REQUEST = "def on_request(ctx, next):"
END = "End with `return await next()`, or return a `Response`."
PASSING = "async def on_request(ctx, next):\n    return await next()\n"
TRACING = (
    "async def on_request(ctx, next):\n"
    "    ctx.locals.seen = getattr(ctx.locals, 'seen', 0) + 1\n"
    "    response = await next()\n"
    "    response.headers['x-mw'] = f'{ctx.locals.seen} {response.status}'\n"
    "    return response\n"
)


def text(response: Response) -> str:
    return asyncio.run(response.text())


def test_a_site_without_middleware_needs_none(make_app: MakeApp) -> None:
    assert make_app({"pages/a.html": "a"}).text("/a") == "a"


@pytest.mark.parametrize(
    "code",
    [
        PASSING,
        "async def on_request(ctx, next):\n    await next()\n",
        "def on_request(ctx, next):\n    return next()\n",
        "from firstlight import sequence\non_request = sequence()\n",
        "from firstlight import sequence\nasync def a(ctx, next):\n    return await next()\n"
        "on_request = sequence(None, a, None)\n",
        "helper = 1\n",
    ],
)
def test_middleware_lets_the_page_through(make_app: MakeApp, code: str) -> None:
    app = make_app({"pages/_middleware.py": code, "pages/a.html": "page"})

    assert (app.text("/a"), app.log) == ("page", [])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"async {ON_REQUEST} ...", f"returned nothing and did not call `next()`.\n  Hint: {END}"),
        (f"{ON_REQUEST} ...", f"returned nothing and did not call `next()`.\n  Hint: {END}"),
        (
            f"{ON_REQUEST}\n    return 'x'",
            "returned `'x'`, not a `Response`.\n"
            "  Hint: Write `Response(text)`, or `Response.html(text)`.",
        ),
        (
            f"async {ON_REQUEST}\n    return 1.5",
            "returned `1.5`, not a `Response`.\n"
            "  Hint: Return a `Response`; an endpoint may return a dict, list or str, too.",
        ),
    ],
)
def test_middleware_without_an_answer_is_an_error_that_names_its_line(
    make_app: MakeApp, code: str, message: str
) -> None:
    app = make_app({"pages/_middleware.py": f"\n{code}", "pages/a.html": "page"})

    assert app.get("/a").status == 500
    assert app.log == [f"pages/_middleware.py:2 (route /a): Middleware {message}\n"]


def test_middleware_that_fails_is_told_with_its_line(make_app: MakeApp) -> None:
    code = "\nasync def on_request(ctx, next):\n    raise KeyError('secret')\n"
    app = make_app({"pages/_middleware.py": code, "pages/a.html": "page", "pages/500.html": "oh"})
    response = app.get("/a")

    assert (response.status, text(response)) == (500, "oh")
    assert app.log == ["pages/_middleware.py:3 (route /a): KeyError: 'secret'\n"]


def test_an_answer_that_is_none_is_not_blamed_on_middleware(make_app: MakeApp) -> None:
    files = {"pages/_middleware.py": PASSING, "pages/api/x.py": "def GET(ctx): ..."}
    app = make_app(files)

    assert app.get("/api/x").status == 500
    assert app.log[0].splitlines()[:2] == [
        "pages/api/x.py:1 (route /api/x): `GET` answered a GET request with `None`, "
        "not a `Response`.",
        "    pages/_middleware.py:2 in on_request",
    ]


def test_middleware_may_catch_what_the_page_raises(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\nasync def on_request(ctx, next):\n    try:\n"
        "        return await next()\n    except ZeroDivisionError:\n"
        "        return Response('caught', 503)\n"
    )
    app = make_app({"pages/_middleware.py": code, "pages/a.html": "{{ 1 // 0 }}"})

    assert (app.get("/a").status, app.text("/a"), app.log) == (503, "caught", [])


@pytest.mark.parametrize(
    ("path", "header"),
    [("/a", "1 200"), ("/api/x", "1 404"), ("/nope", "1 404"), ("/deep/no", "1 404")],
)
def test_middleware_runs_once_also_for_404s(make_app: MakeApp, path: str, header: str) -> None:
    endpoint = "from firstlight import Response\ndef GET(ctx):\n    return Response(None, 404)\n"
    files = {"pages/_middleware.py": TRACING, "pages/a.html": "a", "pages/api/x.py": endpoint}

    assert make_app(files).get(path).headers["x-mw"] == header


@pytest.mark.parametrize(
    ("page", "status"), [("return Response(None, 404)", 404), ("raise ValueError", 500)]
)
def test_middleware_runs_again_around_an_error_page(
    make_app: MakeApp, page: str, status: int
) -> None:
    files = {
        "pages/_middleware.py": TRACING,
        "pages/a.html": f"---\nfrom firstlight import Response\n{page}\n---\n",
        "pages/404.html": "lost {{ ctx.locals.seen }}",
        "pages/500.html": "broken {{ ctx.locals.seen }}",
    }
    response = make_app(files).get("/a")

    assert (response.status, response.headers["x-mw"]) == (status, f"2 {status}")
    assert text(response) == ("lost 2" if status == 404 else "broken 2")


def test_middleware_does_not_run_for_redirects_and_refusals(make_app: MakeApp) -> None:
    config = (
        '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\ntrailing_slash = "never"\n'
        '[tool.firstlight.redirects]\n"/old" = "/a"\n'
    )
    app = make_app({"pages/_middleware.py": TRACING, "pages/a.html": "a"}, config)
    evil = {"origin": "https://evil.test", "content-type": "text/plain"}
    answers = [
        app.get("/old"),
        app.get("/a/"),
        app.get("/%ff"),
        app.request("POST", "/a", evil),
    ]

    assert [answer.status for answer in answers] == [301, 301, 400, 403]
    assert not any("x-mw" in answer.headers for answer in answers)


def test_middleware_sees_route_parameters_url_and_method(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\nasync def on_request(ctx, next):\n"
        "    return Response.json([ctx.route_pattern, ctx.params, ctx.url.pathname,\n"
        "        ctx.request.url, ctx.request.method, ctx.is_prerendered])\n"
    )
    app = make_app({"pages/_middleware.py": code, "pages/user/[id].html": ""})

    assert app.text("/user/%31?q=%32") == (
        '["/user/[id]",{"id":"1"},"/user/1","http://site.test/user/1?q=%32","GET",false]'
    )
    assert app.text("/nope") == '["",{},"/nope","http://site.test/nope","GET",false]'


def test_middleware_may_replace_the_response_and_keep_its_cookies(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\nasync def on_request(ctx, next):\n"
        "    ctx.cookies.set('before', '1')\n    response = await next()\n"
        "    ctx.cookies.set('after', '3')\n"
        "    return Response((await response.text()).upper(), 203)\n"
    )
    page = "---\nctx.cookies.set('page', '2')\n---\ntext"
    response = make_app({"pages/_middleware.py": code, "pages/a.html": page}).get("/a")

    assert (response.status, text(response)) == (203, "TEXT")
    assert response.headers.get_all("set-cookie") == [
        "before=1; Path=/",
        "page=2; Path=/",
        "after=3; Path=/",
    ]


def test_a_response_that_middleware_keeps_carries_nobodys_cookies(make_app: MakeApp) -> None:
    code = (
        "KEPT = {}\nasync def on_request(ctx, next):\n"
        "    ctx.cookies.set('visitor', ctx.url.search[1:])\n"
        "    if ctx.url.pathname not in KEPT:\n"
        "        KEPT[ctx.url.pathname] = await next()\n"
        "    return KEPT[ctx.url.pathname]\n"
    )
    app = make_app({"pages/_middleware.py": code, "pages/a.html": "a", "pages/404.html": "lost"})

    for path in ("/a", "/nope"):
        for visitor in ("ann", "bob"):
            response = app.get(f"{path}?{visitor}")
            assert response.headers.get_all("set-cookie") == [f"visitor={visitor}; Path=/"]


def test_an_error_page_that_middleware_keeps_carries_nobodys_headers(make_app: MakeApp) -> None:
    code = (
        "KEPT = []\nasync def on_request(ctx, next):\n"
        "    if ctx.url.pathname == '/kept':\n        return KEPT[-1]\n"
        "    KEPT.append(await next())\n    return KEPT[-1]\n"
    )
    page = (
        "---\nfrom firstlight import Response\nreturn Response(None, 404, {'x-for': 'ann'})\n---\n"
    )
    files = {"pages/_middleware.py": code, "pages/a.html": page, "pages/404.html": "lost"}
    app = make_app(files)

    assert app.get("/a").headers.get("x-for") == "ann"
    assert app.get("/kept").headers.get("x-for") is None


def test_an_empty_404_of_middleware_shows_the_404_page(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\nasync def on_request(ctx, next):\n"
        "    return Response(None, 404, {'x-guard': '1'})\n"
    )
    files = {"pages/_middleware.py": code, "pages/a.html": "a", "pages/404.html": "lost"}
    response = make_app(files).get("/a")

    assert (response.status, text(response), response.headers["x-guard"]) == (404, "lost", "1")


def test_middleware_may_guard_the_404_page(make_app: MakeApp) -> None:
    code = "async def on_request(ctx, next):\n    return ctx.redirect('/login')\n"
    app = make_app({"pages/_middleware.py": code, "pages/404.html": "lost"})

    assert (app.get("/nope").status, app.get("/nope").headers["location"]) == (302, "/login")


def test_next_may_be_called_twice(make_app: MakeApp) -> None:
    code = "async def on_request(ctx, next):\n    await next()\n    return await next()\n"
    page = "---\nctx.locals.n = getattr(ctx.locals, 'n', 0) + 1\n---\n{{ ctx.locals.n }}"

    assert make_app({"pages/_middleware.py": code, "pages/a.html": page}).text("/a") == "2"


SEQUENCE = """\
from firstlight import Response, sequence

def named(name):
    async def handler(ctx, next):
        ctx.locals.trail = getattr(ctx.locals, "trail", "") + name
        ctx.cookies.set(name, "1")
        if ctx.url.search == f"?{name}":
            return Response(f"stopped by {name}", 401)
        if ctx.url.search == f"?raise-{name}":
            raise ValueError(name)
        response = await next()
        response.headers["x-out"] = response.headers.get("x-out", "") + name
        return response
    return handler

on_request = sequence(named("a"), None, sequence(named("b"), named("c")))
"""


@pytest.mark.parametrize(
    ("query", "status", "body", "out"),
    [
        ("", 200, "page abc", "cba"),
        ("?a", 401, "stopped by a", None),
        ("?b", 401, "stopped by b", "a"),
        ("?c", 401, "stopped by c", "ba"),
    ],
)
def test_sequence_runs_inwards_and_back_out(
    make_app: MakeApp, query: str, status: int, body: str, out: str | None
) -> None:
    app = make_app(
        {"pages/_middleware.py": SEQUENCE, "pages/i.html": "page {{ ctx.locals.trail }}"}
    )
    response = app.get(f"/i{query}")

    assert (response.status, text(response)) == (status, body)
    assert response.headers.get("x-out") == out


def test_sequence_keeps_the_cookies_of_those_that_ran(make_app: MakeApp) -> None:
    app = make_app({"pages/_middleware.py": SEQUENCE, "pages/i.html": "page"})
    response = app.get("/i?b")

    assert response.headers.get_all("set-cookie") == ["a=1; Path=/", "b=1; Path=/"]


def test_sequence_lets_errors_through(make_app: MakeApp) -> None:
    app = make_app({"pages/_middleware.py": SEQUENCE, "pages/i.html": "page"})

    assert app.get("/i?raise-c").status == 500
    assert app.log[0].startswith("pages/_middleware.py:10 (route /i): ValueError: c\n")


@pytest.mark.parametrize("wrong", ["None", "'x'"])
def test_sequence_holds_each_handler_to_an_answer(make_app: MakeApp, wrong: str) -> None:
    code = (
        "from firstlight import sequence\ndef bad(ctx, next):\n    return " + wrong + "\n"
        "async def good(ctx, next):\n    return await next()\non_request = sequence(good, bad)\n"
    )
    app = make_app({"pages/_middleware.py": code, "pages/i.html": "page"})

    assert app.get("/i").status == 500
    assert app.log[0].startswith("pages/_middleware.py:5 (route /i): Middleware returned ")


def test_sequence_alone_calls_next_at_its_end() -> None:
    async def next_(path: str | None = None, /) -> Response:
        return Response(path or "end")

    assert text(asyncio.run(sequence()(None, next_))) == "end"  # pyright: ignore[reportArgumentType]
