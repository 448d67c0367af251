"""What `ctx` gives to pages, endpoints and middleware: design.md 6."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.app import NoPlatform
from firstlight.context import APIContext
from firstlight.headers import Headers
from firstlight.request import Request
from firstlight.response import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Client, MakeApp

JSON = {"content-type": "application/json"}
ORIGIN = {"origin": "http://site.test"}
FORM = "application/x-www-form-urlencoded"
CONFIG = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'


def text(response: Response) -> str:
    return asyncio.run(response.text())


def endpoint(expression: str, method: str = "GET") -> dict[str, str]:
    code = f"async def {method}(ctx):\n    return {{'it': {expression}}}\n"
    return {"pages/api/[x].py": code}


def value(app: Client, path: str = "/api/1", headers: dict[str, str] | None = None) -> Any:
    return json.loads(text(app.get(path, headers)))["it"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ctx.url.href", "http://site.test/api/h%C3%A9?a=1&b=%20&a=2"),
        ("str(ctx.url)", "http://site.test/api/h%C3%A9?a=1&b=%20&a=2"),
        ("ctx.request.url", "http://site.test/api/h%C3%A9?a=1&b=%20&a=2"),
        ("ctx.url.origin", "http://site.test"),
        ("ctx.url.protocol", "http:"),
        ("ctx.url.host", "site.test"),
        ("ctx.url.hostname", "site.test"),
        ("ctx.url.port", ""),
        ("ctx.url.pathname", "/api/h%C3%A9"),
        ("ctx.url.search", "?a=1&b=%20&a=2"),
        ("ctx.url.search_params.get('a')", "1"),
        ("ctx.url.search_params.get('b')", " "),
        ("ctx.url.search_params.get('c')", None),
        ("ctx.url.search_params.get_all('a')", ["1", "2"]),
        ("ctx.url.search_params.items()", [["a", "1"], ["b", " "], ["a", "2"]]),
        ("ctx.params", {"x": "hé"}),
        ("dict(ctx.props)", {}),
        ("ctx.site", None),
        ("ctx.base", "/"),
        ("ctx.route_pattern", "/api/[x]"),
        ("ctx.is_prerendered", False),
        ("ctx.request.method", "GET"),
        ("ctx.request.headers.get('X-Test')", "yes"),
        ("ctx.request.body_used", False),
        ("ctx.request.cf", {}),
        ("ctx.cookies.has('c')", True),
    ],
)
def test_context_of_an_endpoint(make_app: MakeApp, expression: str, expected: object) -> None:
    app = make_app(endpoint(expression))
    headers = {"x-test": "yes", "cookie": "c=1"}

    assert value(app, "/api/h%c3%a9?a=1&b=%20&a=2", headers) == expected


def test_context_knows_site_and_base(make_app: MakeApp) -> None:
    config = CONFIG + 'site = "https://example.com"\nbase = "/docs"\n'
    app = make_app(endpoint("[ctx.site, ctx.base, ctx.url.pathname]"), config)

    assert value(app, "/docs/api/1") == ["https://example.com", "/docs", "/docs/api/1"]


def test_client_address_is_the_platforms(make_app: MakeApp) -> None:
    app = make_app(endpoint("ctx.client_address"))
    platform = NoPlatform()
    platform.client_address = "192.0.2.7"

    assert text(app.request("GET", "/api/1", None, None, platform)) == '{"it":"192.0.2.7"}'


def test_an_unknown_client_address_is_an_error_with_its_line(make_app: MakeApp) -> None:
    app = make_app(endpoint("ctx.client_address"))

    assert app.get("/api/1").status == 500
    assert app.log == [
        "pages/api/[x].py:2 (route /api/[x]): The visitor's address is not known here.\n"
    ]


def test_locals_are_one_bag_for_middleware_and_page(make_app: MakeApp) -> None:
    code = (
        "async def on_request(ctx, next):\n    ctx.locals.name = 'ann'\n"
        "    response = await next()\n    response.headers['x-n'] = str(ctx.locals.n)\n"
        "    return response\n"
    )
    page = "---\nctx.locals.n = 7\n---\n{{ ctx.locals.name }} {{ ctx.locals.missing is defined }}"
    response = make_app({"pages/_middleware.py": code, "pages/a.html": page}).get("/a")

    assert (text(response), response.headers["x-n"]) == ("ann False", "7")


def test_locals_cannot_be_replaced(make_app: MakeApp) -> None:
    code = "async def on_request(ctx, next):\n    ctx.locals = {}\n    return await next()\n"
    app = make_app({"pages/_middleware.py": code, "pages/a.html": "a"})

    assert app.get("/a").status == 500
    assert app.log[0].startswith("pages/_middleware.py:2 (route /a): ")
    assert "locals" in app.log[0]


@pytest.mark.parametrize(
    ("call", "status", "location"),
    [
        ("ctx.redirect('/to')", 302, "/to"),
        ("ctx.redirect('/to', 303)", 303, "/to"),
        ("ctx.redirect('https://example.com/?a=b#c', 308)", 308, "https://example.com/?a=b#c"),
        ("ctx.redirect('/hé llo')", 302, "/h%C3%A9%20llo"),
        ("ctx.redirect('/100%25')", 302, "/100%25"),
        ("ctx.redirect(ctx.url)", 302, "http://site.test/api/1"),
    ],
)
def test_redirect_sends_the_visitor_elsewhere(
    make_app: MakeApp, call: str, status: int, location: str
) -> None:
    response = make_app({"pages/api/1.py": f"def GET(ctx):\n    return {call}\n"}).get("/api/1")

    assert (response.status, response.headers["location"]) == (status, location)
    assert response.is_empty


@pytest.mark.parametrize("call", ["ctx.redirect('/', 200)", "ctx.redirect('/a\\r\\nx-evil: 1')"])
def test_a_redirect_that_cannot_be_is_a_500(make_app: MakeApp, call: str) -> None:
    app = make_app({"pages/api/1.py": f"def GET(ctx):\n    return {call}\n"})

    assert app.get("/api/1").status == 500
    assert app.log[0].startswith("pages/api/1.py:2 (route /api/1): ")


def test_session_says_what_to_use_instead(make_app: MakeApp) -> None:
    app = make_app(endpoint("ctx.session"))

    assert app.get("/api/1").status == 500
    assert app.log[0].startswith("pages/api/[x].py:2 (route /api/[x]): `ctx.session` is not ")


def test_wait_until_goes_on_after_the_response_and_tells_errors(make_app: MakeApp) -> None:
    code = (
        "import asyncio\nDONE = []\n"
        "async def work():\n    await asyncio.sleep(0)\n    DONE.append(1)\n"
        "async def fail():\n    await asyncio.sleep(0)\n    raise ValueError('late')\n"
        "def GET(ctx):\n    ctx.wait_until(work())\n    ctx.wait_until(fail())\n"
        "    return {'it': len(DONE)}\n"
    )
    app = make_app({"pages/api/1.py": code})

    async def ask() -> list[str]:
        bodies: list[str] = []
        for _ in range(2):
            request = Request("GET", "http://site.test/api/1")
            bodies.append(await (await app.app.handle(request)).text())
            await asyncio.sleep(0.01)
        return bodies

    assert asyncio.run(ask()) == ['{"it":0}', '{"it":1}']
    assert app.log == ["pages/api/1.py:8 (route /api/1): ValueError: late\n"] * 2


@pytest.mark.parametrize(
    ("how", "body", "expected"),
    [
        ("await ctx.request.text()", "hé\0".encode(), "hé\0"),
        ("await ctx.request.json()", b'{"n": [1]}', {"n": [1]}),
        ("len(await ctx.request.bytes())", b"\xff\x00", 2),
        ("[len(c) async for c in ctx.request.stream()]", b"abc", [3]),
        ("(await ctx.request.form_data()).get('a')", b"a=1+2%26&b=", "1 2&"),
    ],
)
def test_a_body_is_read_and_then_used(
    make_app: MakeApp, how: str, body: bytes, expected: object
) -> None:
    app = make_app(endpoint(f"[{how}, ctx.request.body_used]", "POST"))
    headers = ORIGIN | {"content-type": "application/x-www-form-urlencoded"}
    response = app.request("POST", "/api/1", headers, body)

    assert json.loads(text(response))["it"] == [expected, True]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{'a': 1}", b"NaN", b'{"a": Infinity}', b"\xff", b"[1,]", b"1 2"]
)
def test_malformed_json_is_a_400_that_middleware_passes_on(make_app: MakeApp, body: bytes) -> None:
    middleware = "async def on_request(ctx, next):\n    return await next()\n"
    files = {**endpoint("await ctx.request.json()", "POST"), "pages/_middleware.py": middleware}
    app = make_app({**files, "pages/500.html": "broken"})
    response = app.request("POST", "/api/1", JSON, body)

    assert (response.status, app.log) == (400, [])
    assert text(response).startswith("The body is not JSON: ")


class Chunks:
    """A body that an adapter hands over piece by piece, with no length announced."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.stream()])

    async def stream(self) -> AsyncIterator[bytes]:
        for start in range(0, self.size, 1000):
            chunk = b"1" * min(1000, self.size - start)
            self.taken += len(chunk)
            yield chunk


@pytest.mark.parametrize(
    ("how", "size", "status"),
    [
        ("len(await ctx.request.text())", 2000, 200),
        ("len(await ctx.request.text())", 2001, 413),
        ("len(str(await ctx.request.json()))", 2001, 413),
        ("await ctx.request.form_data() and 1", 2001, 413),
        ("len(await ctx.request.bytes())", 5_000_000, 200),
        ("[len(c) async for c in ctx.request.stream()][0]", 5_000_000, 200),
    ],
)
@pytest.mark.parametrize("sent", ["announced", "chunked"])
def test_max_body_bounds_what_is_read_whole(
    make_app: MakeApp, how: str, size: int, status: int, sent: str
) -> None:
    app = make_app(endpoint(how, "POST"), CONFIG + "max_body = 2000\n")
    headers = ORIGIN | {"content-type": FORM}
    headers |= {"content-length": str(size)} if sent == "announced" else {}
    chunks = Chunks(size)
    request = Request("POST", "http://site.test/api/1", headers, chunks)
    response = asyncio.run(app.app.handle(request))

    assert response.status == status
    if status == 413:
        assert chunks.taken <= (0 if sent == "announced" else 3000)
        assert text(response) == "The body is larger than 2000 bytes."


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken", 400),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 200),
    ],
)
def test_a_form_that_is_none_is_the_visitors_mistake(
    make_app: MakeApp, content_type: str, body: bytes, status: int
) -> None:
    app = make_app(endpoint("len(await ctx.request.form_data())", "POST"))
    response = app.request("POST", "/api/1", ORIGIN | {"content-type": content_type}, body)

    assert (response.status, app.log) == (status, [])


def test_a_body_read_twice_is_the_sites_mistake(make_app: MakeApp) -> None:
    code = "[await ctx.request.text(), await ctx.request.text()]"
    app = make_app(endpoint(code, "POST"))

    assert app.request("POST", "/api/1", JSON, b"x").status == 500
    assert app.log[0].startswith(
        "pages/api/[x].py:2 (route /api/[x]): The request's body was read already.\n"
    )


def test_cookies_of_several_headers_are_all_there(make_app: MakeApp) -> None:
    app = make_app(endpoint("[ctx.cookies.get(n).value for n in 'ab']"))
    headers = Headers([("cookie", "a=1"), ("cookie", "b=2, 3")])
    response = asyncio.run(app.app.handle(Request("GET", "http://site.test/api/1", headers)))

    assert text(response) == '{"it":["1","2, 3"]}'


def test_fifty_requests_at_once_share_nothing(make_app: MakeApp) -> None:
    middleware = (
        "import asyncio\nasync def on_request(ctx, next):\n"
        "    ctx.locals.who = ctx.url.search[1:]\n    ctx.cookies.set('who', ctx.locals.who)\n"
        "    await asyncio.sleep(0)\n    response = await next()\n    await asyncio.sleep(0)\n"
        "    response.headers['x-who'] = ctx.locals.who\n    return response\n"
    )
    page = (
        "---\nimport asyncio\nbody = await ctx.request.text()\nawait asyncio.sleep(0)\n"
        "ctx.response.headers['x-page'] = ctx.params['x']\n---\n"
        "{% from '_m.html' import show %}{{ show() }} {{ body }} {{ ctx.locals.who }}"
    )
    macro = "{% macro show() %}{{ ctx.params.x }}{% endmacro %}"
    files = {"pages/_middleware.py": middleware, "pages/p/[x].html": page, "pages/_m.html": macro}
    app = make_app(files)

    async def ask(name: str) -> Response:
        url = f"http://site.test/p/{name}?{name}"
        return await app.app.handle(Request("POST", url, JSON, name.encode()))

    async def all_at_once() -> list[tuple[str, Response, str]]:
        names = [f"n{number}" for number in range(50)]
        answers = await asyncio.gather(*map(ask, names))
        bodies = [await answer.text() for answer in answers]
        return list(zip(names, answers, bodies, strict=True))

    answers = asyncio.run(all_at_once())
    assert app.log == []
    for name, response, body in answers:
        assert body == f"{name} {name} {name}"
        assert [response.headers["x-who"], response.headers["x-page"]] == [name, name]
        assert response.headers.get_all("set-cookie") == [f"who={name}; Path=/"]


def test_a_context_with_known_parameters_is_the_context() -> None:
    assert APIContext[object] is APIContext  # pyright: ignore[reportInvalidTypeArguments]
    assert not hasattr(APIContext, "__orig_bases__")  # `typing.Generic` is not paid for
