"""Pages that run at another time than what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from check_site import BASE, CLOUDFLARE, page

if TYPE_CHECKING:
    from check_site import Check

NEEDLESS = (
    "(route {}): The page runs for each request, but asks nothing of it. Hint: {}, so that it is "
    "built once and served as a file."
)
SERVER = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'
ON_DEMAND = "prerender = False\n"


SAME_FOR_ALL = [
    ("", "Hi"),
    ("import math\nx = math.pi", "{{ x }}"),
    ("from pages._lib.pure import double\nx = double(2)", "{{ x }}"),
    ("x = ctx.url.pathname", "{{ ctx.site }} {{ ctx.url.origin }}"),
    ('ctx.response.headers["x-a"] = "b"', "{{ ctx.route_pattern }}"),
]


def test_page_that_asks_nothing_need_not_run_on_demand(check: Check) -> None:
    site = {
        f"pages/page{number}.html": page(body, f"{ON_DEMAND}{frontmatter}")
        for number, (frontmatter, body) in enumerate(SAME_FOR_ALL)
    } | {"pages/_lib/pure.py": "def double(x):\n    return x + x\n"}
    hint = "Leave `prerender = False` out"
    assert check(site, CLOUDFLARE) == [
        f"warning pages/page{number}.html:2 {NEEDLESS.format(f'/page{number}', hint)}"
        for number in range(len(SAME_FOR_ALL))
    ]


def test_output_server_is_told_what_to_set(check: Check) -> None:
    hint = "Set `prerender = True`"
    assert check({"pages/a.html": page("Hi")}, SERVER) == [
        f"warning pages/a.html {NEEDLESS.format('/a', hint)}"
    ]


MAY_DIFFER = [
    ("x = ctx.request.url", ""),
    ("x = await hello(ctx)", ""),
    ("x = ctx.params", ""),
    ("x = ctx.locals", ""),
    ("x = ctx.url.search", ""),
    ("x = str(ctx.url)", ""),
    ("ctx.response.status = 422", ""),
    ("return ctx.rewrite('/b')", ""),
    ("if ctx.props:\n    return ctx.redirect('/b')", ""),
    ("raise LookupError('boom')", ""),
    ("", "{{ ctx.cookies.get('a') }}"),
    ("", "{{ ctx.url.search_params.get('q') }}"),
    ("", '{% include "_parts/user.html" %}'),
    ("from bindings.cloudflare import KV\nx = await KV('CACHE').get('a')", ""),
    ("import random\nx = random.random()", ""),
    ("import datetime\nx = datetime.date.today()", ""),
    ("import time", ""),
    ("import helper_beside_pages", ""),
    ("x = open('data.txt').read()", ""),
    ("from pages._lib.clock import now\nx = now()", ""),
    ("from pages._lib import clock", ""),
]


def test_page_that_may_differ_is_left_alone(check: Check) -> None:
    site = {
        f"pages/page{number}.html": page(body, f"{ON_DEMAND}{frontmatter}")
        for number, (frontmatter, body) in enumerate(MAY_DIFFER)
    } | {
        "pages/_parts/user.html": "{{ ctx.cookies.get('user') }}",
        "pages/_lib/clock.py": "import time\ndef now():\n    return time.time()\n",
        "helper_beside_pages.py": "",
        "wrangler.toml": 'main = "x"\n[[kv_namespaces]]\nbinding = "CACHE"\n',
    }
    assert check(site, CLOUDFLARE) == []


@pytest.mark.parametrize(
    ("middleware", "is_told"),
    [
        ("async def on_request(ctx, next):\n    return await next()\n", True),
        (
            "async def on_request(ctx, next):\n    ctx.cookies.get('a')\n    return await next()\n",
            False,
        ),
    ],
)
def test_middleware_may_guard_pages(check: Check, middleware: str, *, is_told: bool) -> None:
    guard = f"import re\n{middleware}".replace("ctx.cookies", "ctx.is_prerendered or ctx.cookies")
    site = {"pages/a.html": page("Hi", "prerender = False"), "pages/_middleware.py": guard}
    assert ["asks nothing" in found for found in check(site, CLOUDFLARE)] == [True] * is_told


def test_dynamic_routes_and_endpoints_are_left_alone(check: Check) -> None:
    site = {
        "pages/[a].html": page("Hi", "prerender = False"),
        "pages/b.py": "prerender = False\ndef GET(ctx): return ''\n",
        "pages/404.html": page("No", "prerender = False"),
    }
    assert check(site, CLOUDFLARE) == []


@pytest.mark.parametrize(
    ("body", "frontmatter", "found"),
    [
        (
            "{{ ctx.url.search_params.get('q') }}",
            "",
            "warning pages/a.html:2 (route /a): `ctx.url.search_params` is always empty in a "
            "prerendered page. Hint: Set `prerender = False` to run the page for each request.",
        ),
        (
            "",
            "if ctx.props:\n    x = ctx.cookies",
            "warning pages/a.html:3 (route /a): `ctx.cookies` is not available while prerendering. "
            "Hint: Set `prerender = False` to run the page for each request. A shared template "
            "may test `ctx.is_prerendered` first.",
        ),
        (
            "",
            "x = ctx.request",
            "error pages/a.html:2 (route /a): `ctx.request` is not available while prerendering. "
            "Hint: Set `prerender = False` to run this route for each request.",
        ),
        (
            "",
            "from bindings.cloudflare import KV\nif ctx.props:\n    x = KV('CACHE')",
            "warning pages/a.html:4 (route /a): A prerendered page reads `KV` once, at build, from "
            "this machine's data. Hint: Set `prerender = False` to read what is deployed.",
        ),
        ("{% if not ctx.is_prerendered %}{{ ctx.cookies.get('a') }}{% endif %}", "", ""),
    ],
)
def test_request_data_in_a_prerendered_page(
    check: Check, body: str, frontmatter: str, found: str
) -> None:
    site = {
        "pages/a.html": page(body, frontmatter),
        "wrangler.toml": 'main = "x"\n[[kv_namespaces]]\nbinding = "CACHE"\n',
    }
    assert check(site) == [found] * bool(found)


def test_shared_layout_is_told_once(check: Check) -> None:
    layout = BASE.replace("<body>", "<body>\n{% if ctx.props %}{{ ctx.cookies }}{% endif %}")
    site = {"pages/_layouts/base.html": layout} | {f"pages/{n}.html": page("") for n in "ab"}
    (found,) = check(site)
    assert found.startswith("warning pages/_layouts/base.html:6 (route /a and 1 more): `ctx.cook")
