"""`ctx.rewrite(path)` and `next(path)`: design.md 6, reference/astro.md 2g."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from firstlight.app import NoPlatform
from firstlight.response import Response

if TYPE_CHECKING:
    from conftest import Client, MakeApp

CONFIG = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'
SHOW = "{{ ctx.route_pattern }} {{ ctx.params.x }} {{ ctx.url.pathname }}{{ ctx.url.search }}"
SHOW_REQUEST = SHOW + " {{ ctx.request.url }} {{ ctx.request.method }}"
LOOP = "---\nreturn ctx.rewrite('/{}')\n---\n"
JSON = {"content-type": "application/json"}


class Assets(NoPlatform):
    """Prerendered pages; `asked` lists the paths that were looked for."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    async def fetch_asset(self, path: str) -> Response | None:
        self.asked.append(path)
        page = self.pages.get(path)
        return None if page is None else Response.html(page, 200, {"etag": '"1"'})


def text(response: Response) -> str:
    return asyncio.run(response.text())


def to(path: str) -> str:
    return f"---\nreturn ctx.rewrite({path!r})\n---\nnever"


def answer(app: Client, path: str) -> tuple[int, str]:
    response = app.get(path)
    return response.status, text(response)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/to/1", "/to/[x] 1 /to/1"),
        ("to/1", "/to/[x] 1 /to/1"),
        ("/to/1?q=2&r", "/to/[x] 1 /to/1?q=2&amp;r"),
        ("/to/1?q=http://x/", "/to/[x] 1 /to/1?q=http://x/"),
        ("/to/1#part", "/to/[x] 1 /to/1"),
        ("/to/h%C3%A9", "/to/[x] hé /to/h%C3%A9"),
        ("/to/hé", "/to/[x] hé /to/h%C3%A9"),
        ("/a/../to/1", "/to/[x] 1 /to/1"),
        ("//to//1", "/to/[x] 1 /to/1"),
        ("http://site.test/to/1?q", "/to/[x] 1 /to/1?q"),
    ],
)
def test_a_rewrite_makes_params_pattern_and_url_the_targets(
    make_app: MakeApp, target: str, shown: str
) -> None:
    app = make_app({"pages/from.html": to(target), "pages/to/[x].html": SHOW})

    assert answer(app, "/from?lost=1") == (200, shown)


def test_a_rewrite_takes_an_url(make_app: MakeApp) -> None:
    page = "---\nreturn ctx.rewrite(ctx.url.with_path('/to/1', '?q=1'))\n---\n"
    app = make_app({"pages/from.html": page, "pages/to/[x].html": SHOW})

    assert answer(app, "/from") == (200, "/to/[x] 1 /to/1?q=1")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("https://other.test/x", "The rewrite to `https://other.test/x` leaves the site."),
        ("/100%", "The rewrite to `/100%` cannot be decoded: "),
        ("/%ff", "The rewrite to `/%ff` cannot be decoded: "),
    ],
)
def test_a_rewrite_that_cannot_be_is_the_sites_mistake(
    make_app: MakeApp, target: str, why: str
) -> None:
    app = make_app({"pages/from.html": to(target)})

    assert app.get("/from").status == 500
    assert app.log[0].startswith(f"pages/from.html:2 (route /from): {why}")


def test_a_rewrite_changes_the_request_but_not_its_method(make_app: MakeApp) -> None:
    app = make_app({"pages/from.html": to("/to/1"), "pages/to/[x].html": SHOW_REQUEST})
    response = app.request("PUT", "/from", JSON)

    assert text(response) == "/to/[x] 1 /to/1 http://site.test/to/1 PUT"


@pytest.mark.parametrize(
    ("sources", "path"),
    [
        ({"pages/from.html": to("/to")}, "/from"),
        ({"pages/[x].html": to("/to")}, "/any"),
        ({"pages/s/[...x].html": to("/to")}, "/s/a/b"),
        ({"pages/api/from.py": "def GET(ctx):\n    return ctx.rewrite('/to')\n"}, "/api/from"),
        (
            {"pages/api/from.py": "async def ALL(ctx):\n    return ctx.rewrite('/to')\n"},
            "/api/from",
        ),
        (
            {"pages/api/from.py": "async def GET(ctx):\n    return await ctx.rewrite('/to')\n"},
            "/api/from",
        ),
    ],
)
def test_pages_and_endpoints_rewrite(make_app: MakeApp, sources: dict[str, str], path: str) -> None:
    app = make_app({**sources, "pages/to.html": "target {{ ctx.params.x is defined }}"})

    assert answer(app, path) == (200, "target False")


def test_a_rewrite_reaches_an_endpoint_by_method(make_app: MakeApp) -> None:
    files = {
        "pages/from.html": to("/api/x"),
        "pages/api/x.py": "def POST(ctx):\n    return 'post'\n",
    }
    app = make_app(files)

    assert text(app.request("POST", "/from", JSON)) == "post"
    assert app.get("/from").status == 405


def test_a_rewrite_of_head_has_no_body(make_app: MakeApp) -> None:
    app = make_app({"pages/from.html": to("/to"), "pages/to.html": "target"})
    response = app.request("HEAD", "/from")

    assert (response.status, response.is_empty) == (200, True)


def test_a_rewrite_begins_with_status_200(make_app: MakeApp) -> None:
    page = "---\nctx.response.status = 418\nreturn ctx.rewrite('/to')\n---\n"
    app = make_app({"pages/from.html": page, "pages/to.html": "target"})

    assert answer(app, "/from") == (200, "target")


def test_a_rewrite_keeps_locals_and_merges_cookies(make_app: MakeApp) -> None:
    page = (
        "---\nctx.locals.who = 'ann'\nctx.cookies.set('both', 'from')\n"
        "ctx.cookies.set('from', '1')\nreturn ctx.rewrite('/to')\n---\n"
    )
    target = (
        "---\nbefore = ctx.cookies.get('from').value\nctx.cookies.set('both', 'to')\n"
        "ctx.cookies.set('to', '2')\n---\n{{ ctx.locals.who }} {{ before }}"
    )
    response = make_app({"pages/from.html": page, "pages/to.html": target}).get("/from")

    assert text(response) == "ann 1"
    assert response.headers.get_all("set-cookie") == [
        "both=to; Path=/",
        "from=1; Path=/",
        "to=2; Path=/",
    ]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/missing", (404, "lost")),
        ("/404", (404, "lost")),
        ("/500", (500, "broken")),
        ("/boom", (500, "broken")),
    ],
)
def test_a_rewrite_may_end_in_an_error_page(
    make_app: MakeApp, target: str, expected: tuple[int, str]
) -> None:
    files = {
        "pages/from.html": to(target),
        "pages/404.html": "lost",
        "pages/500.html": "broken",
        "pages/boom.html": "---\nraise ValueError('x')\n---\n",
    }

    assert answer(make_app(files), "/from") == expected


def test_an_unread_body_reaches_the_target(make_app: MakeApp) -> None:
    target = "---\nbody = await ctx.request.text()\n---\n{{ body }}"
    files = {"pages/from.html": to("/to"), "pages/to.html": target}
    response = make_app(files).request("POST", "/from", JSON, b"payload")

    assert text(response) == "payload"


@pytest.mark.parametrize("how", ["text()", "json()", "bytes()", "form_data()"])
def test_a_rewrite_after_the_body_was_read_is_an_error(make_app: MakeApp, how: str) -> None:
    page = f"---\nawait ctx.request.{how}\nreturn ctx.rewrite('/to')\n---\n"
    app = make_app({"pages/from.html": page, "pages/to.html": "target", "pages/500.html": "oh"})
    headers = {"content-type": "application/x-www-form-urlencoded", "origin": "http://site.test"}
    response = app.request("POST", "/from", headers, b"1")

    assert (response.status, text(response)) == (500, "oh")
    assert app.log[0].startswith(
        "pages/from.html:2 (route /from): "
        "The rewrite to `/to` came after the request's body was read.\n"
    )


def test_four_nested_rewrites_are_fine_and_five_are_a_loop(make_app: MakeApp) -> None:
    files = {f"pages/r{n}.html": to(f"/r{n + 1}") for n in range(5)}
    app = make_app({**files, "pages/r5.html": "end", "pages/500.html": "not this"})

    assert answer(app, "/r1") == (200, "end")
    assert answer(app, "/r0") == (508, "508 Loop Detected")
    assert app.log[0] == (
        "pages/r4.html:2 (route /r4): More than 4 rewrites, the last to `/r5`.\n"
        "  Hint: Let the target answer itself, or redirect.\n"
    )


@pytest.mark.parametrize("page", ["a", "b", "self"])
def test_a_loop_is_a_508(make_app: MakeApp, page: str) -> None:
    files = {"a": LOOP.format("b"), "b": LOOP.format("a"), "self": LOOP.format("self")}
    app = make_app({f"pages/{name}.html": code for name, code in files.items()})

    assert app.get(f"/{page}").status == 508


def test_middleware_that_always_rewrites_is_a_508(make_app: MakeApp) -> None:
    code = "async def on_request(ctx, next):\n    return ctx.rewrite('/a')\n"
    app = make_app({"pages/_middleware.py": code, "pages/a.html": "a"})

    assert app.get("/a").status == 508


TRAIL = (
    "async def on_request(ctx, next):\n"
    "    ctx.locals.trail = [*getattr(ctx.locals, 'trail', []), ctx.url.pathname]\n"
    "    if ctx.url.pathname.startswith('/old'):\n        return __HOW__\n"
    "    response = await next()\n    response.headers['x-end'] = ctx.url.pathname\n"
    "    return response\n"
)


@pytest.mark.parametrize(
    ("how", "trail"),
    [
        ("ctx.rewrite('/new/1?q=1')", "/old,/new/1"),
        ("await ctx.rewrite('/new/1?q=1')", "/old,/new/1"),
        ("await next('/new/1?q=1')", "/old"),
    ],
)
def test_middleware_rewrites(make_app: MakeApp, how: str, trail: str) -> None:
    target = SHOW + " {{ ctx.locals.trail | join(',') }}"
    app = make_app(
        {
            "pages/_middleware.py": TRAIL.replace("__HOW__", how),
            "pages/new/[x].html": target,
            "pages/old.html": "never",
        }
    )

    assert answer(app, "/old") == (200, f"/new/[x] 1 /new/1?q=1 {trail}")
    assert answer(app, "/old/unknown")[0] == 200


def test_a_page_that_rewrites_runs_the_middleware_for_each(make_app: MakeApp) -> None:
    files = {
        "pages/_middleware.py": TRAIL,
        "pages/a.html": to("/b"),
        "pages/b.html": "{{ ctx.locals.trail | join(',') }}",
    }
    response = make_app(files).get("/a")

    assert (text(response), response.headers["x-end"]) == ("/a,/b", "/b")


def test_next_takes_an_url(make_app: MakeApp) -> None:
    code = "async def on_request(ctx, next):\n    return await next(ctx.url.with_path('/b'))\n"
    files = {"pages/_middleware.py": code, "pages/a.html": "a", "pages/b.html": "b"}

    assert answer(make_app(files), "/a") == (200, "b")


def test_next_with_a_path_that_is_not_there_is_a_404(make_app: MakeApp) -> None:
    code = "async def on_request(ctx, next):\n    return await next('/missing')\n"
    files = {"pages/_middleware.py": code, "pages/a.html": "a", "pages/404.html": "lost"}

    assert answer(make_app(files), "/a") == (404, "lost")


def test_next_with_a_path_after_the_body_was_read_is_an_error(make_app: MakeApp) -> None:
    code = (
        "async def on_request(ctx, next):\n    await ctx.request.text()\n"
        "    return await next('/b')\n"
    )
    app = make_app({"pages/_middleware.py": code, "pages/a.html": "a", "pages/b.html": "b"})

    assert app.request("POST", "/a", JSON, b"x").status == 500
    assert app.log[0].startswith("pages/_middleware.py:3 ")


def test_in_a_sequence_the_handlers_after_next_path_see_the_target(make_app: MakeApp) -> None:
    code = (
        "from firstlight import sequence\n"
        "async def first(ctx, next):\n    return await next('/b/1?q=1')\n"
        "async def second(ctx, next):\n"
        "    ctx.locals.seen = f'{ctx.url.pathname} {ctx.params} {ctx.route_pattern}'\n"
        "    return await next()\n"
        "on_request = sequence(first, second)\n"
    )
    files = {"pages/_middleware.py": code, "pages/a.html": "a"}
    app = make_app({**files, "pages/b/[x].html": "{{ ctx.locals.seen | safe }}"})

    assert answer(app, "/a") == (200, "/b/1 {'x': '1'} /b/[x]")


def test_the_last_next_path_of_a_sequence_counts(make_app: MakeApp) -> None:
    code = (
        "from firstlight import sequence\n"
        "async def first(ctx, next):\n    return await next('/b')\n"
        "async def second(ctx, next):\n    return await next('/c')\n"
        "on_request = sequence(first, second)\n"
    )
    pages = {f"pages/{name}.html": name for name in "abc"}

    assert answer(make_app({"pages/_middleware.py": code, **pages}), "/a") == (200, "c")


BASE = CONFIG + 'base = "/docs"\n'


@pytest.mark.parametrize("target", ["/to/1", "/docs/to/1", "http://site.test/docs/to/1"])
def test_a_rewrite_may_name_the_base_or_not(make_app: MakeApp, target: str) -> None:
    app = make_app({"pages/from.html": to(target), "pages/to/[x].html": SHOW}, BASE)

    assert answer(app, "/docs/from") == (200, "/to/[x] 1 /docs/to/1")


@pytest.mark.parametrize("target", ["/docs", "/docs/", "/"])
def test_a_rewrite_to_the_base_is_the_index(make_app: MakeApp, target: str) -> None:
    app = make_app({"pages/from.html": to(target), "pages/index.html": "home"}, BASE)

    assert answer(app, "/docs/from") == (200, "home")


@pytest.mark.parametrize(
    ("policy", "target", "path"),
    [
        ("always", "/to/1", "/to/1/"),
        ("always", "/to/1.txt", "/to/1.txt"),
        ("never", "/to/1/", "/to/1"),
        ("ignore", "/to/1/", "/to/1/"),
        ("ignore", "/to/1", "/to/1"),
    ],
)
def test_a_rewrite_follows_the_trailing_slash(
    make_app: MakeApp, policy: str, target: str, path: str
) -> None:
    files = {"pages/index.html": to(target), "pages/to/[x].html": "{{ ctx.url.pathname }}"}

    assert answer(make_app(files, CONFIG + f'trailing_slash = "{policy}"\n'), "/") == (200, path)


PRERENDERED = "---\nprerender = True\n---\nbuilt"


@pytest.mark.parametrize(
    ("config", "source", "asked"),
    [(CONFIG, "/from", "/built"), (BASE, "/docs/from", "/docs/built")],
)
def test_a_rewrite_to_a_prerendered_page_reads_the_asset(
    make_app: MakeApp, config: str, source: str, asked: str
) -> None:
    files = {"pages/from.html": to("/built?q=1"), "pages/built.html": PRERENDERED}
    app, assets = make_app(files, config), Assets({asked: "<p>built</p>"})
    response = app.request("GET", source, None, None, assets)

    assert (response.status, text(response)) == (200, "<p>built</p>")
    assert assets.asked == [asked]


def test_a_rewrite_to_a_prerendered_error_page_has_its_status(make_app: MakeApp) -> None:
    files = {"pages/from.html": to("/404"), "pages/404.html": PRERENDERED}
    response = make_app(files).request("GET", "/from", None, None, Assets({"/404": "lost"}))

    assert (response.status, text(response)) == (404, "lost")


def test_a_post_is_rewritten_to_a_prerendered_page(make_app: MakeApp) -> None:
    files = {"pages/from.html": to("/built"), "pages/built.html": PRERENDERED}
    response = make_app(files).request("POST", "/from", JSON, b"x", Assets({"/built": "built"}))

    assert (response.status, text(response)) == (200, "built")


def test_a_prerendered_path_that_was_not_generated_falls_to_the_next_route(
    make_app: MakeApp,
) -> None:
    paths = "def get_static_paths():\n    return [{'params': {'x': 'a'}}]\n"
    files = {
        "pages/from.html": "---\nreturn ctx.rewrite('/shop/' + ctx.url.search[1:])\n---\n",
        "pages/shop/[x].html": f"---\nprerender = True\n{paths}---\n",
        "pages/shop/[...rest].html": "live {{ ctx.params.rest }}",
    }
    app, assets = make_app(files), Assets({"/shop/a": "built a"})

    assert text(app.request("GET", "/from?a", None, None, assets)) == "built a"
    assert text(app.request("GET", "/from?b", None, None, assets)) == "live b"
    assert assets.asked == ["/shop/a", "/shop/b"]


def test_middleware_rewrites_to_a_prerendered_page_and_changes_it(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\nasync def on_request(ctx, next):\n"
        "    response = await next('/built')\n    ctx.cookies.set('seen', '1')\n"
        "    return Response.html((await response.text()).upper())\n"
    )
    files = {"pages/_middleware.py": code, "pages/a.html": "a", "pages/built.html": PRERENDERED}
    response = make_app(files).request("GET", "/a", None, None, Assets({"/built": "built"}))

    assert text(response) == "BUILT"
    assert response.headers.get_all("set-cookie") == ["seen=1; Path=/"]
