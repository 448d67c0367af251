"""Endpoints by method, and what pages and endpoints may return: design.md 5 and 6."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import MakeApp

    from firstlight.response import Response

JSON = {"content-type": "application/json"}
EVERY = "".join(
    f"def {name}(ctx):\n    return '{name} ' + ctx.request.method\n\n"
    for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "ALL")
)


def text(response: Response) -> str:
    return asyncio.run(response.text())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_methods_own_function_beats_all(make_app: MakeApp, method: str) -> None:
    app = make_app({"pages/api/x.py": EVERY})

    assert text(app.request(method, "/api/x", JSON)) == f"{method} {method}"


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "BREW", "get"])
def test_all_takes_what_has_no_function(make_app: MakeApp, method: str) -> None:
    app = make_app({"pages/api/x.py": "async def ALL(ctx):\n    return ctx.request.method\n"})

    assert text(app.request(method, "/api/x", JSON)) == method


@pytest.mark.parametrize(
    ("functions", "served_by"),
    [
        (("HEAD", "ALL", "GET"), "HEAD"),
        (("ALL", "GET"), "ALL"),
        (("GET",), "GET"),
    ],
)
def test_head_goes_to_head_then_all_then_get(
    make_app: MakeApp, functions: tuple[str, ...], served_by: str
) -> None:
    code = "from firstlight import Response\n" + "".join(
        f"def {name}(ctx):\n    return Response('body', 203, {{'x-by': '{name}'}})\n"
        for name in functions
    )
    response = make_app({"pages/api/x.py": code}).request("HEAD", "/api/x")

    assert (response.status, response.headers["x-by"]) == (203, served_by)
    assert response.is_empty


@pytest.mark.parametrize(
    ("body", "length"), [("'héllo'", "6"), ("b'1234'", "4"), ("''", "0"), ("None", None)]
)
def test_head_tells_the_length_that_get_would_have(
    make_app: MakeApp, body: str, length: str | None
) -> None:
    code = f"from firstlight import Response\ndef GET(ctx):\n    return Response({body})\n"
    response = make_app({"pages/api/x.py": code}).request("HEAD", "/api/x")

    assert response.headers.get("content-length") == length


def test_head_of_a_page_has_its_headers_and_no_body(make_app: MakeApp) -> None:
    app = make_app({"pages/a.html": "<p>page</p>"})
    response = app.request("HEAD", "/a")

    assert response.is_empty
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-length"] == str(len("<p>page</p>"))


def test_head_makes_no_more_of_a_stream_than_its_first_piece(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\n"
        "async def parts():\n    yield b'a'\n    raise RuntimeError\n"
        "def GET(ctx):\n    return Response(parts(), headers={'x-kind': 'stream'})\n"
    )
    response = make_app({"pages/api/x.py": code}).request("HEAD", "/api/x")

    assert (response.status, response.headers["x-kind"]) == (200, "stream")
    assert response.is_empty
    assert "content-length" not in response.headers


@pytest.mark.parametrize(
    ("code", "allow"),
    [
        ("def GET(ctx): ...", "GET, HEAD, OPTIONS"),
        ("def POST(ctx): ...\ndef GET(ctx): ...", "GET, HEAD, POST, OPTIONS"),
        ("def PUT(ctx): ...", "PUT, OPTIONS"),
        ("def HEAD(ctx): ...\ndef GET(ctx): ...", "GET, HEAD, OPTIONS"),
        ("def get(ctx): ...\nasync def DELETE(ctx): ...", "DELETE, OPTIONS"),
    ],
)
def test_a_method_without_a_function_is_405_with_allow(
    make_app: MakeApp, code: str, allow: str
) -> None:
    app = make_app({"pages/api/x.py": code, "pages/404.html": "lost"})
    refused = app.request("PATCH", "/api/x", JSON)
    options = app.request("OPTIONS", "/api/x")

    assert (refused.status, refused.headers["allow"]) == (405, allow)
    assert text(refused) == "Method Not Allowed"
    assert (options.status, options.headers["allow"], options.is_empty) == (204, allow, True)


def test_a_405_of_head_has_no_body(make_app: MakeApp) -> None:
    response = make_app({"pages/api/x.py": "def POST(ctx): ..."}).request("HEAD", "/api/x")

    assert (response.status, response.is_empty) == (405, True)


@pytest.mark.parametrize("name", ["GET", "ALL"])
def test_a_handler_that_is_no_function_is_a_500(make_app: MakeApp, name: str) -> None:
    app = make_app({"pages/api/x.py": f"{name} = 'text'\n\ndef POST(ctx):\n    return ''\n"})
    response = app.get("/api/x")

    assert response.status == 500
    assert app.log == [
        f"pages/api/x.py (route /api/x): `{name}` is str, not a function.\n"
        "  Hint: Define it with `def` or `async def`.\n"
    ]


@pytest.mark.parametrize(
    ("returned", "body", "content_type"),
    [
        ("{'a': [1, None, 'é']}", '{"a":[1,null,"é"]}', "application/json"),
        ("[]", "[]", "application/json"),
        ("'<b>'", "<b>", "text/plain; charset=utf-8"),
        ("''", "", "text/plain; charset=utf-8"),
    ],
)
def test_dict_list_and_str_are_conveniences(
    make_app: MakeApp, returned: str, body: str, content_type: str
) -> None:
    response = make_app({"pages/api/x.py": f"def GET(ctx):\n    return {returned}\n"}).get("/api/x")

    assert (response.status, text(response)) == (200, body)
    assert response.headers["content-type"] == content_type


@pytest.mark.parametrize(
    ("returned", "hint"),
    [
        ("None", "End with `return`; `Response(None, 204)` is an answer without a body."),
        ("42", "Write `Response(str(value))`, or `Response(None, status)` for a status."),
        ("b''", "Write `Response(data)`."),
        ("(1, 2)", "Write `Response(body, status)`."),
        ("1.5", "Return a `Response`; an endpoint may return a dict, list or str, too."),
    ],
)
def test_any_other_value_is_an_error_that_names_the_file(
    make_app: MakeApp, returned: str, hint: str
) -> None:
    app = make_app({"pages/api/[x].py": f"\ndef GET(ctx):\n    return {returned}\n"})
    response = app.get("/api/1")

    assert response.status == 500
    assert app.log == [
        f"pages/api/[x].py:2 (route /api/[x]): `GET` answered a GET request with `{returned}`, "
        f"not a `Response`.\n  Hint: {hint}\n"
    ]


def test_a_handler_may_be_any_callable(make_app: MakeApp) -> None:
    code = (
        "from functools import partial\n"
        "def answer(kind, ctx):\n    return {'fine': 'ok'}.get(kind)\n"
        "GET = partial(answer, 'fine')\nPOST = partial(answer, 'bad')\n"
    )
    app = make_app({"pages/api/x.py": code})

    assert text(app.get("/api/x")) == "ok"
    assert app.request("POST", "/api/x", JSON).status == 500
    assert "`POST` answered a POST request with `None`" in app.log[0]


def test_data_that_is_no_json_is_an_error_that_names_the_file(make_app: MakeApp) -> None:
    explicit = "from firstlight import Response\ndef GET(ctx):\n    return Response.json({1j})\n"
    files = {"pages/api/a.py": "def GET(ctx):\n    return {'a': 1j}\n", "pages/api/b.py": explicit}
    app = make_app(files)

    assert [app.get("/api/a").status, app.get("/api/b").status] == [500, 500]
    assert app.log[0].startswith("pages/api/a.py:1 (route /api/a): The data cannot be JSON: ")
    assert app.log[1].startswith("pages/api/b.py:3 (route /api/b): The data cannot be JSON: ")


def test_frontmatter_that_returns_something_else_is_an_error(make_app: MakeApp) -> None:
    app = make_app({"pages/a.html": "---\nreturn 'text'\n---\nx"})

    assert app.get("/a").status == 500
    assert app.log[0].startswith(
        "pages/a.html:2 (route /a): The frontmatter returned `'text'`, not a `Response`.\n"
    )


def test_bytes_and_several_set_cookies_pass_unchanged(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Headers, Response\n"
        "def GET(ctx):\n"
        "    headers = Headers([('set-cookie', 'a=1'), ('set-cookie', 'b=2')])\n"
        "    ctx.cookies.set('c', '3')\n"
        "    return Response(bytes(range(256)), 200, headers)\n"
    )
    response = make_app({"pages/api/x.py": code}).get("/api/x")

    assert response.body == bytes(range(256))
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2", "c=3; Path=/"]
    assert "content-type" not in response.headers


@pytest.mark.parametrize(
    ("body", "length"), [("'text'", None), ("b'text'", None), ("parts()", "9")]
)
def test_the_length_of_a_body_in_memory_is_the_platforms(
    make_app: MakeApp, body: str, length: str | None
) -> None:
    code = (
        "from firstlight import Response\nasync def parts():\n    yield b'text'\n"
        f"def GET(ctx):\n    return Response({body}, headers={{'content-length': '9'}})\n"
    )
    response = make_app({"pages/api/x.py": code}).get("/api/x")

    assert (text(response), response.headers.get("content-length")) == ("text", length)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_null_body_statuses_carry_no_body(make_app: MakeApp, status: int) -> None:
    code = f"from firstlight import Response\ndef GET(ctx):\n    return Response('x', {status})\n"
    response = make_app({"pages/api/x.py": code}).get("/api/x")

    assert (response.status, response.is_empty, response.headers.items()) == (status, True, [])


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("body", ["None", "''", "'own'"])
def test_an_endpoints_own_404_or_500_is_left_alone(
    make_app: MakeApp, status: int, body: str
) -> None:
    code = (
        f"from firstlight import Response\ndef GET(ctx):\n    return Response({body}, {status})\n"
    )
    files = {"pages/api/x.py": code, "pages/404.html": "lost", "pages/500.html": "broken"}
    response = make_app(files).get("/api/x")

    assert response.status == status
    assert text(response) == ("own" if body == "'own'" else "")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_a_page_answers_every_method(make_app: MakeApp, method: str) -> None:
    app = make_app({"pages/a.html": "{{ ctx.request.method }}"})

    assert text(app.request(method, "/a", JSON)) == method


def test_a_pages_own_response_is_the_answer(make_app: MakeApp) -> None:
    page = (
        "---\nfrom firstlight import Response\n"
        "return Response('stopped', 418, {'x-why': 'test'})\n---\nnever"
    )
    response = make_app({"pages/a.html": page}).get("/a")

    assert (response.status, text(response), response.headers["x-why"]) == (418, "stopped", "test")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("return {}", 201),
        ("return 'x'", 201),
        ("return Response('x')", 201),
        ("return Response('x', 403)", 403),
        ("return ctx.redirect('/')", 302),
    ],
)
def test_ctx_response_status_yields_to_a_status_that_was_chosen(
    make_app: MakeApp, code: str, status: int
) -> None:
    endpoint = (
        "from firstlight import Response\n"
        f"def GET(ctx):\n    ctx.response.status = 201\n    {code}\n"
    )
    page = f"---\nfrom firstlight import Response\nctx.response.status = 201\n{code}\n---\nx"
    app = make_app({"pages/api/x.py": endpoint, "pages/a.html": page})

    assert app.get("/api/x").status == status
    if "Response" in code or "redirect" in code:
        assert app.get("/a").status == status


def test_ctx_response_adds_headers_and_keeps_the_pages_own(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\n"
        "def GET(ctx):\n"
        "    ctx.response.headers['x-own'] = 'context'\n"
        "    ctx.response.headers['x-new'] = 'context'\n"
        "    ctx.response.headers.append('set-cookie', 'a=1')\n"
        "    return Response('x', headers={'x-own': 'page', 'set-cookie': 'b=2'})\n"
    )
    response = make_app({"pages/api/x.py": code}).get("/api/x")

    assert (response.headers["x-own"], response.headers["x-new"]) == ("page", "context")
    assert response.headers.get_all("set-cookie") == ["b=2", "a=1"]


def test_ctx_response_changes_a_pages_content_type_and_status(make_app: MakeApp) -> None:
    page = (
        "---\nctx.response.status = 202\n"
        "ctx.response.headers['content-type'] = 'image/svg+xml'\n---\n<svg/>"
    )
    response = make_app({"pages/a.html": page}).get("/a")

    assert (response.status, response.headers.get_all("content-type")) == (202, ["image/svg+xml"])


def test_a_response_kept_by_the_site_is_not_changed(make_app: MakeApp) -> None:
    code = (
        "from firstlight import Response\nKEPT = Response('x')\n"
        "def GET(ctx):\n"
        "    ctx.cookies.set('n', ctx.url.search[1:])\n"
        "    ctx.response.headers['x-n'] = ctx.url.search[1:]\n"
        "    return KEPT\n"
    )
    app = make_app({"pages/api/x.py": code})

    for number in ("1", "2"):
        response = app.get(f"/api/x?{number}")
        assert response.headers.get_all("set-cookie") == [f"n={number}; Path=/"]
        assert response.headers.get_all("x-n") == [number]
