"""Pages with `stream = True`, and streamed bodies in general."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.app import NoPlatform
from firstlight.request import Request

if TYPE_CHECKING:
    from conftest import Client, MakeApp

    from firstlight.response import Response

LAYOUT = "<title>{% block title %}{% endblock %}</title>{% block main %}{% endblock %}<footer>"
SLOW = (
    "---\n"
    "from pages._lib import gate\n\n"
    "stream = True\n"
    "title = 'Stories'\n"
    "rows = gate.rows()\n"
    "---\n"
    "{% extends '_layouts/base.html' %}{% block title %}{{ title }}{% endblock %}\n"
    "{% block main %}{% for row in rows %}<p>{{ row }}</p>{% endfor %}{% endblock %}"
)
GATE = (
    "import asyncio\n\n"
    "opened = None\nlog = []\n\n"
    "async def rows():\n"
    "    log.append('begun')\n"
    "    try:\n"
    "        await opened.wait()\n"
    "    except asyncio.CancelledError:\n"
    "        log.append('cancelled')\n"
    "        raise\n"
    "    return ['<a>', 'b']\n\n"
    "async def count():\n"
    "    try:\n"
    "        for n in range(3):\n"
    "            if n == 2:\n"
    "                await opened.wait()\n"
    "            yield n\n"
    "    finally:\n"
    "        log.append('closed')\n\n"
    "async def fail():\n"
    "    raise KeyError('lost')\n\n"
    "async def fail_later():\n"
    "    await opened.wait()\n"
    "    raise KeyError('late')\n"
)
SITE = {"pages/_layouts/base.html": LAYOUT, "pages/_lib/gate.py": GATE}


@pytest.fixture
def slow(make_app: MakeApp) -> Client:
    return make_app({**SITE, "pages/index.html": SLOW})


def gate_of(client: Client) -> Any:
    del client  # it has put the site among the modules
    return import_module("pages._lib.gate")


async def answer(client: Client, method: str = "GET", path: str = "/") -> Response:
    gate_of(client).opened = asyncio.Event()
    return await client.app.handle(Request(method, f"http://site.test{path}"), NoPlatform())


def pieces_of(client: Client, path: str = "/") -> list[str]:
    """Collect the pieces of an answer; what is slow is ready after the first."""

    async def collect() -> list[str]:
        response = await answer(client, path=path)
        pieces: list[str] = []
        async for piece in response.body:  # pyright: ignore[reportGeneralTypeIssues, reportOptionalIterable, reportUnknownVariableType]
            pieces.append(piece)  # pyright: ignore[reportUnknownArgumentType]
            gate_of(client).opened.set()
        return pieces

    return asyncio.run(collect())


def page(body: str, frontmatter: str = "") -> dict[str, str]:
    text = f"---\nfrom pages._lib import gate\nstream = True\n{frontmatter}\n---\n{body}"
    return {**SITE, "pages/index.html": text}


def test_the_head_goes_out_before_slow_data(slow: Client) -> None:
    assert pieces_of(slow) == ["<title>Stories</title>", "<p>&lt;a&gt;</p><p>b</p><footer>"]


def test_a_streamed_page_has_the_headers_of_a_page(slow: Client) -> None:
    response = asyncio.run(answer(slow, "HEAD"))

    assert response.status == 200
    assert response.headers.items() == [("content-type", "text/html; charset=utf-8")]
    assert response.body is None
    assert gate_of(slow).log == ["begun", "cancelled"]


@pytest.mark.parametrize(
    ("body", "frontmatter", "text"),
    [
        ("<h1>{% for n in numbers %}{{ n }},{% endfor %}", "numbers = gate.count()", "<h1>0,1,2,"),
        ("<h1>{% for n in gate.count() %}{{ n }},{% endfor %}", "", "<h1>0,1,2,"),
        ("<h1>{{ gate.rows() | join('+') }}", "", "<h1>&lt;a&gt;+b"),
        ("<h1>{{ rows[0] }}{{ rows | length }}", "rows = gate.rows()", "<h1>&lt;a&gt;2"),
        ("<h1>{% if rows %}{{ rows[1] }}{% endif %}", "rows = gate.rows()", "<h1>b"),
        (
            "<h1>{% for n in numbers %}{{ loop.index }}{{ ';' if not loop.last }}{% endfor %}",
            "numbers = gate.count()",
            "<h1>1;2;3",
        ),
        (
            "<h1>{% set r = rows %}{% macro m(x) %}<i>{{ x[1] }}</i>{% endmacro %}{{ m(r) }}",
            "rows = gate.rows()",
            "<h1><i>b</i>",
        ),
    ],
)  # fmt: skip
def test_the_template_waits_where_it_uses_a_name(
    make_app: MakeApp, body: str, frontmatter: str, text: str
) -> None:
    pieces = pieces_of(make_app(page(body, frontmatter)))

    assert "".join(pieces) == text
    assert len(pieces) == 2
    assert pieces[0].startswith("<h1>")


@pytest.mark.parametrize(
    "shown", ["{{ n }}", "{{ loop.index0 }}", "{{ n if n is odd or n == 0 else 2 }}"]
)
def test_items_go_out_as_they_come(make_app: MakeApp, shown: str) -> None:
    body = f"{{% for n in gate.count() %}}{shown};{{% endfor %}}."

    assert pieces_of(make_app(page(body))) == ["0;1;", "2;."]


def test_what_is_printed_goes_out_before_a_call_that_waits(make_app: MakeApp) -> None:
    body = "<h1>{{ '<' ~ 1 }}{{ gate.rows()[0] }}{% set x = gate.rows() %}{{ x[1] }}"

    assert pieces_of(make_app(page(body))) == ["<h1>&lt;1", "&lt;a&gt;b"]


def test_includes_imports_and_middleware_work_in_a_streamed_page(make_app: MakeApp) -> None:
    files = {
        "pages/_parts/row.html": "({{ rows[1] }}{{ ctx.url.pathname }})",
        "pages/_parts/forms.html": "{% macro input(name) %}<input name={{ name }}>{% endmacro %}",
        "pages/_middleware.py": "async def on_request(ctx, next):\n"
        "    response = await next()\n"
        "    response.headers['x-seen'] = '1'\n"
        "    return response\n",
    }
    body = (
        "{% from '_parts/forms.html' import input %}{% import '_parts/forms.html' as f %}"
        "<h1>{% include '_parts/row.html' %}{{ input(rows[1]) }}{{ f.input('x') }}"
        "{% include '_parts/none.html' ignore missing %}"
    )
    client = make_app(page(body, "rows = gate.rows()") | files)

    assert "".join(pieces_of(client)) == "<h1>(b/)<input name=b><input name=x>"
    assert asyncio.run(answer(client, "HEAD")).headers["x-seen"] == "1"


def test_what_is_awaited_begins_side_by_side(make_app: MakeApp) -> None:
    client = make_app(page("<h1>{{ one[1] }}{{ two[1] }}", "one = gate.rows()\ntwo = gate.rows()"))

    async def first_piece() -> list[str]:
        response = await answer(client)
        async with aclosing(aiter(response.body)) as pieces:  # pyright: ignore[reportArgumentType, reportUnknownArgumentType, reportUnknownVariableType]
            await anext(pieces)  # pyright: ignore[reportUnknownArgumentType]
            return list(gate_of(client).log)

    assert asyncio.run(first_piece()) == ["begun", "begun"]
    assert gate_of(client).log == ["begun", "begun", "cancelled", "cancelled"]


def test_an_error_before_the_first_byte_is_a_500(make_app: MakeApp) -> None:
    client = make_app(page("text before\n{{ gate.fail() }}"))

    response = client.get("/")

    assert response.status == 500
    assert "text before" not in asyncio.run(response.text())
    assert client.log == [
        "pages/_lib/gate.py:25 (route /): KeyError: 'lost'\n    pages/index.html:7 in root\n"
    ]


def test_a_frontmatter_error_is_a_500_and_a_return_an_answer(make_app: MakeApp) -> None:
    broken = page("x", "1 / 0")
    leaving = {"pages/leave.html": "---\nstream = True\nreturn ctx.redirect('/')\n---\nx"}
    client = make_app(broken | leaving)

    assert client.get("/").status == 500
    assert client.log == ["pages/index.html:4 (route /): ZeroDivisionError: division by zero\n"]
    assert client.get("/leave").headers["location"] == "/"


def test_an_error_after_the_first_byte_is_logged_and_breaks_the_body(make_app: MakeApp) -> None:
    client = make_app(page("<h1>\n{{ late }}", "late = gate.fail_later()"))

    with pytest.raises(KeyError, match="late"):
        pieces_of(client)

    (log,) = client.log
    assert "(route /): KeyError: 'late'" in log
    assert "pages/index.html:7 in root" in log


def test_a_name_that_the_template_does_not_use_is_awaited_too(make_app: MakeApp) -> None:
    client = make_app(page("<h1>", "late = gate.fail_later()"))

    with pytest.raises(KeyError, match="late"):
        pieces_of(client)


def test_a_cookie_that_comes_too_late_is_an_error(make_app: MakeApp) -> None:
    client = make_app(
        page("<h1>{{ rows[0] }}{{ ctx.cookies.set('a', 'b') }}", "rows = gate.rows()")
    )

    with pytest.raises(Exception, match="Cookie `a` comes too late"):
        pieces_of(client)


ENDPOINT = (
    "from firstlight import Response\n"
    "from pages._lib import gate\n\n"
    "async def broken():\n"
    "    raise ValueError('at once')\n"
    "    yield b''\n\n"
    "async def empty():\n"
    "    return\n"
    "    yield b''\n\n"
    "async def breaking():\n"
    "    yield 'text'\n"
    "    raise ValueError('later')\n\n"
    "BODIES = {'broken': broken, 'empty': empty, 'breaking': breaking, 'count': gate.count}\n\n"
    "def GET(ctx):\n"
    "    return Response(BODIES[ctx.params['kind']](), 201)\n"
)


@pytest.fixture
def endpoint(make_app: MakeApp) -> Client:
    return make_app({**SITE, "pages/[kind].py": ENDPOINT, "pages/500.html": "own {{ 500 }}"})


def test_a_streamed_body_that_fails_at_once_is_a_500(endpoint: Client) -> None:
    response = endpoint.get("/broken")

    assert (response.status, asyncio.run(response.text())) == (500, "own 500")
    assert endpoint.log == ["pages/[kind].py:5 (route /[kind]): ValueError: at once\n"]


def test_a_streamed_body_that_fails_later_is_logged(endpoint: Client) -> None:
    async def read() -> None:
        response = await endpoint.app.handle(Request("GET", "http://site.test/breaking"))
        assert response.status == 201
        await response.bytes()

    with pytest.raises(ValueError, match="later"):
        asyncio.run(read())
    assert endpoint.log == ["pages/[kind].py:14 (route /[kind]): ValueError: later\n"]


def test_an_empty_stream_is_an_empty_body(endpoint: Client) -> None:
    async def read() -> bytes:
        return await (await answer(endpoint, path="/empty")).bytes()

    assert asyncio.run(read()) == b""


def test_a_stream_that_nobody_reads_is_closed(endpoint: Client) -> None:
    response = asyncio.run(answer(endpoint, "HEAD", "/count"))

    assert (response.status, response.body) == (201, None)
    assert gate_of(endpoint).log == ["closed"]
