"""Prerendering: which paths there are, what each becomes, and what `ctx` refuses."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.build.config import Config
from firstlight.build.pipeline import build
from firstlight.build.prerender import StaticPath, redirect_page, static_paths
from firstlight.build.scan import scan
from firstlight.errors import RouteError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from conftest import BuildSite, Failures, Files, WriteSite

PLAIN = "[tool.firstlight]\n"
EXPECTED = 'Return a list of `{"params": {…}, "props": {…}}`.'


def client_files(root: Path) -> dict[str, str]:
    client = root / "dist" / "client"
    paths = sorted(path for path in client.rglob("*") if path.is_file())
    return {path.relative_to(client).as_posix(): path.read_text() for path in paths}


def paths_of(write_site: WriteSite, file: str, result: Any, **options: str) -> list[StaticPath]:
    text = "\ndef get_static_paths():\n    pass\ndef GET(ctx): ...\n"
    fences = "" if file.endswith(".py") else "---"
    site = scan(write_site({file: f"{fences}{text}{fences}\n"}), Config(**options))  # pyright: ignore[reportArgumentType]
    (route,) = site.routes

    class Module:
        get_static_paths = staticmethod(lambda: result)

    return asyncio.run(static_paths(route, Module, site.config))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("file", "params", "path", "output"),
    [
        ("[a].html", {"a": "x"}, "/x", "x/index.html"),
        ("[a].html", {"a": "/x/"}, "/x", "x/index.html"),
        ("[a].html", {"a": "a b&c?d#e%20"}, "/a b&c?d#e%20", "a b&c?d#e%20/index.html"),
        ("[a].html", {"a": "日本"}, "/日本", "日本/index.html"),
        ("[a].html", {"a": "404"}, "/404", "404.html"),
        ("[a]-[b].html", {"a": "x", "b": "y"}, "/x-y", "x-y/index.html"),
        ("[...r].html", {"r": "x/y"}, "/x/y", "x/y/index.html"),
        ("[...r].html", {"r": None}, "/", "index.html"),
        ("[...r].html", {"r": ""}, "/", "index.html"),
        ("[...r].html", {"r": "/"}, "/", "index.html"),
        ("d/[...r].html", {"r": None}, "/d", "d/index.html"),
        ("[l]/[...r].html", {"l": "en", "r": None}, "/en", "en/index.html"),
        ("[l]/[...r].html", {"l": "en"}, "/en", "en/index.html"),
        ("[a].json.py", {"a": "x"}, "/x.json", "x.json"),
        ("[...r].json.py", {"r": "x/y"}, "/x/y.json", "x/y.json"),
        ("[...r].html", {"r": "/x//y/"}, "/x/y", "x/y/index.html"),
        ("[a].html", {"a": "cafe\u0301"}, "/caf\u00e9", "caf\u00e9/index.html"),
        ("a/[b].py", {"b": "c.txt"}, "/a/c.txt", "a/c.txt"),
    ],
)
def test_static_path_of_params(
    write_site: WriteSite, file: str, params: dict[str, str | None], path: str, output: str
) -> None:
    (found,) = paths_of(write_site, f"pages/{file}", [{"params": params, "props": {"n": 1}}])
    assert (found.path, found.output, found.props) == (path, output, {"n": 1})


def test_static_paths_may_be_awaited_a_tuple_or_none(write_site: WriteSite) -> None:
    async def later() -> Any:
        return ({"params": {"a": "x"}},)

    assert [p.path for p in paths_of(write_site, "pages/[a].html", later())] == ["/x"]
    assert paths_of(write_site, "pages/[a].html", []) == []


X = {"params": {"a": "x"}}


BAD_RESULTS: list[tuple[Any, str]] = [
    (None, "returned NoneType, not a list"),
    ({"params": {}}, "returned dict, not a list"),
    ((entry for entry in ()), "returned generator, not a list"),
    (["x"], "returned an entry 0 that is str, not a dict: `'x'`"),
    ([X, None], "returned an entry 1 that is NoneType, not a dict: `None`"),
    ([{"param": {"a": "x"}}], "returned an entry 0 with the unknown key `param`"),
    ([{}], "returned an entry 0 without `params`: `{}`"),
    ([{"params": {}}], "returned an entry 0 without `params`: `{'params': {}}`"),
    ([{"params": "x"}], "returned an entry 0 without `params`: `{'params': 'x'}`"),
    (
        [{"params": {"a": "x"}, "props": []}],
        "returned an entry 0 whose `props` is list, not a dict",
    ),
    (
        [{"params": {"b": "x"}}],
        "returned an entry 0 without the parameter `a`: `{'b': 'x'}`",
    ),
    (
        [{"params": {"a": "x", "b": "y"}}],
        "returned an entry 0 with the unknown parameter `b`",
    ),
    ([{"params": {"a": 1}}], "returned an entry 0 whose `a` is not a str: `1`"),
    ([{"params": {"a": None}}], "returned an entry 0 whose `a` is not a str: `None`"),
    ([{"params": {"a": ""}}], "returned an entry 0 whose `a` cannot be a path: `''`"),
    ([{"params": {"a": "/"}}], "returned an entry 0 whose `a` cannot be a path: `'/'`"),
    ([{"params": {"a": "x/y"}}], "returned an entry 0 whose `a` cannot be a path: `'x/y'`"),
    ([{"params": {"a": ".."}}], "returned an entry 0 whose `a` cannot be a path: `'..'`"),
    ([{"params": {"a": "."}}], "returned an entry 0 whose `a` cannot be a path: `'.'`"),
    ([{"params": {"a": "a\\b"}}], "returned an entry 0 whose `a` cannot be a path: `'a\\\\b'`"),
    ([{"params": {"a": "a\0"}}], "returned an entry 0 whose `a` cannot be a path: `'a\\x00'`"),
    ([{"params": {"a": "a\n"}}], "returned an entry 0 whose `a` cannot be a path: `'a\\n'`"),
    (
        [{"params": {"a": "\ud800"}}],
        "returned an entry 0 whose `a` cannot be a path: `'\\ud800'`",
    ),
    ([X, X], "returned an entry 1 that repeats `{'a': 'x'}`"),
    ([X, {"params": {"a": "/x"}}], "returned an entry 1 that repeats `{'a': 'x'}`"),
]


@pytest.mark.parametrize(("result", "what"), BAD_RESULTS)
def test_static_paths_mistake_says(write_site: WriteSite, result: Any, what: str) -> None:
    with pytest.raises(RouteError) as caught:
        paths_of(write_site, "pages/[a].html", result)
    assert str(caught.value) == (
        f"pages/[a].html:2 (route /[a]): `get_static_paths()` {what}.\n  Hint: {EXPECTED}"
    )


@pytest.mark.parametrize("rest", ["../x", "a/../../b", "a/./b", ".."])
def test_static_paths_never_lead_outside(write_site: WriteSite, rest: str) -> None:
    with pytest.raises(RouteError) as caught:
        paths_of(write_site, "pages/[...r].html", [{"params": {"r": rest}}])
    assert caught.value.message == (
        f"`get_static_paths()` returned an entry 0 whose `r` cannot be a path: `{rest!r}`."
    )


def test_dynamic_route_needs_static_paths(failures: Failures) -> None:
    assert failures({"pages/[a].html": ""}, PLAIN) == [
        "pages/[a].html (route /[a]): This prerendered route has parameters, but no "
        "`get_static_paths()`.\n"
        "  Hint: Define `get_static_paths()`, or set `prerender = False`."
    ]


def paths_page(*entries: str, body: str = "{{ ctx.params }}{{ ctx.props }}") -> str:
    listed = ", ".join(entries)
    return f"---\ndef get_static_paths():\n    return [{listed}]\n---\n{body}"


def test_static_paths_give_params_and_props(build_site: BuildSite) -> None:
    page = paths_page("{'params': {'r': 'a/b'}, 'props': {'n': 1}}", "{'params': {'r': None}}")
    assert client_files(build_site({"pages/[...r].html": page}, PLAIN)) == {
        "a/b/index.html": "{&#39;r&#39;: &#39;a/b&#39;}{&#39;n&#39;: 1}",
        "index.html": "{&#39;r&#39;: None}{}",
    }


A = paths_page("{'params': {'a': 'x'}}")
GET = "def GET(ctx):\n    return 'x'\n"


@pytest.mark.parametrize(
    ("files", "config", "url", "named"),
    [
        ({"[a].html": A, "x.html": ""}, "", "/x", ["pages/x.html", "pages/[a].html"]),
        ({"[a].html": A, "[b].md": ""}, "", None, []),
        (
            {"[a].html": A, "x.py": "prerender = False\n" + GET},
            'adapter = "cloudflare"\n',
            "/x",
            ["pages/x.py", "pages/[a].html"],
        ),
        (
            {"[a].html": A, "[b].jinja": A.replace("'a'", "'b'")},
            "",
            "/x",
            ["pages/[a].html", "pages/[b].jinja"],
        ),
        (
            {"[a].py": GET + "def get_static_paths():\n    return [{'params': {'a': 'x.css'}}]\n",
             "x.css": ""},
            "",
            "/x.css",
            ["pages/x.css", "pages/[a].py"],
        ),
        (
            {"x.html": "", "x.html.py": GET},
            'format = "file"\n',
            "/x.html",
            ["pages/x.html", "pages/x.html.py"],
        ),
        (
            {"[a].html": A},
            '[tool.firstlight.redirects]\n"/x" = "/y"\n',
            "/x",
            ["the redirect `/x` in pyproject.toml", "pages/[a].html"],
        ),
    ],
)  # fmt: skip
def test_generated_path_of_another_file_is_a_collision(
    failures: Failures, files: dict[str, str], config: str, url: str | None, named: list[str]
) -> None:
    texts = failures({f"pages/{file}": text for file, text in files.items()}, PLAIN + config)
    if url is None:
        assert [text.partition(":")[0] for text in texts] == ["pages/[b].md (route /[b])"]
        return
    listed = "".join(f"\n    {file}" for file in named)
    where = next(file for file in named if file.startswith("pages/"))
    assert texts == [
        f"{where}: 2 files answer the URL `{url}`:{listed}\n  Hint: Rename all but one of them."
    ]


@pytest.mark.parametrize(
    ("files", "file", "folder"),
    [
        ({"blog.py": GET, "blog/a.html": ""}, "pages/blog.py", "pages/blog/a.html"),
        (
            {"LICENSE": "", "[...r].html": paths_page("{'params': {'r': 'LICENSE/a'}}")},
            "pages/LICENSE",
            "pages/[...r].html",
        ),
        ({"blog.py": GET, "blog/a/b.txt.py": GET}, "pages/blog.py", "pages/blog/a/b.txt.py"),
    ],
)
def test_file_that_would_be_a_folder_is_a_collision(
    failures: Failures, files: dict[str, str], file: str, folder: str
) -> None:
    url = file.removeprefix("pages").removesuffix(".py")
    assert failures({f"pages/{name}": text for name, text in files.items()}, PLAIN) == [
        f"{file}: `{url}` would be a file and a folder:\n    {file}\n    {folder}\n"
        "  Hint: Give the endpoint an extension, as in `blog.json.py`, "
        "or set `prerender = False` in one of them."
    ]


def test_endpoint_whose_paths_exclude_each_other_is_named_once(failures: Failures) -> None:
    paths = "[{'params': {'p': None}}, {'params': {'p': 'a'}}]"
    text = f"{GET}def get_static_paths():\n    return {paths}\n"
    (error,) = failures({"pages/api/[...p].py": text}, PLAIN)
    assert error.startswith(
        "pages/api/[...p].py: `/api` would be a file and a folder:\n    pages/api/[...p].py\n  Hint"
    )


def test_home_page_that_is_generated_twice_is_told_once(failures: Failures) -> None:
    files = {"pages/index.html": "", "pages/[...r].html": paths_page("{'params': {'r': None}}")}
    (error,) = failures(files, PLAIN)
    assert error.startswith("pages/index.html: 2 files answer the URL `/`:")


def test_path_the_disk_cannot_take_is_told_with_its_page(failures: Failures) -> None:
    (text,) = failures({"pages/[a].html": paths_page("{'params': {'a': 'x' * 300}}")}, PLAIN)
    assert text == (
        f"pages/[a].html (route /[a]): `{'x' * 300}/index.html` cannot be written: "
        "File name too long."
    )


RESPONSE = "from firstlight import Response\n"


@pytest.mark.parametrize(
    ("file", "text", "written"),
    [
        ("a.html", "<p>{{ 1 + 1 }}</p>\n", {"a/index.html": "<p>2</p>"}),
        ("404.html", "gone", {"404.html": "gone"}),
        ("500.html", "---\nctx.response.status = 500\n---\noops", {"500.html": "oops"}),
        ("a.html", f"---\n{RESPONSE}return Response('x', 418)\n---\n", {"a/index.html": "x"}),
        ("a.html", f"---\n{RESPONSE}return Response('')\n---\n", {"a/index.html": ""}),
        ("a.html", f"---\n{RESPONSE}return Response(None)\n---\n", {}),
        ("a.html", f"---\n{RESPONSE}return Response(None, 404)\n---\n", {}),
        ("a.txt.py", RESPONSE + "def GET(ctx):\n    return Response(None)\n", {}),
        ("a.txt.py", RESPONSE + "def ALL(ctx):\n    return Response('x', 500)\n", {"a.txt": "x"}),
        ("a.json.py", "def GET(ctx):\n    return {'a': [1]}\n", {"a.json": '{"a":[1]}'}),
        ("index.py", "def GET(ctx):\n    return 'root'\n", {"index.html": "root"}),
        ("a.html", "---\nctx.cookie = 1\nprint('hello')\n---\nx", {"a/index.html": "x"}),
        (
            "a.txt.py",
            f"{RESPONSE}def GET(ctx):\n    async def body():\n        yield b'a'\n"
            "        yield 'b'\n    return Response(body())\n",
            {"a.txt": "ab"},
        ),
        (
            "a.html",
            "---\nreturn ctx.redirect('/b?x=1&y=2')\n---\n",
            {"a/index.html": redirect_page("/b?x=1&y=2", 302)},
        ),
    ],
)
def test_prerendered_file_of(
    build_site: BuildSite, file: str, text: str, written: dict[str, str]
) -> None:
    assert client_files(build_site({f"pages/{file}": text}, PLAIN)) == written


def test_prerendered_endpoint_keeps_its_bytes(build_site: BuildSite) -> None:
    text = f"{RESPONSE}def GET(ctx):\n    return Response(bytes(range(256)) + b'\\r\\n')\n"
    root = build_site({"pages/a.bin.py": text}, PLAIN)
    assert (root / "dist/client/a.bin").read_bytes() == bytes(range(256)) + b"\r\n"


@pytest.mark.parametrize(("status", "delay"), [(301, 0), (302, 2), (303, 0), (307, 0), (308, 0)])
def test_redirect_page_sends_on(status: int, delay: int) -> None:
    assert redirect_page('/b?x="1"&y', status) == (
        "<!doctype html>\n<title>Redirecting to: /b?x=&quot;1&quot;&amp;y</title>\n"
        f'<meta http-equiv="refresh" content="{delay};url=/b?x=&quot;1&quot;&amp;y">\n'
        '<meta name="robots" content="noindex">\n'
        '<link rel="canonical" href="/b?x=&quot;1&quot;&amp;y">\n'
        '<body><a href="/b?x=&quot;1&quot;&amp;y">Redirecting to '
        "<code>/b?x=&quot;1&quot;&amp;y</code></a></body>\n"
    )


def test_redirect_page_names_its_origin_and_the_canonical_url() -> None:
    page = redirect_page("/b", 301, source="/<a>", site="https://x.example")
    assert '<link rel="canonical" href="https://x.example/b">' in page
    assert "Redirecting from <code>/&lt;a&gt;</code> to <code>/b</code>" in page
    for target in ("https://y.example/", "//y.example/", "../b"):
        page = redirect_page(target, 301, site="https://x.example")
        assert f'<link rel="canonical" href="{target}">' in page


CONTEXT = (
    "{{ ctx.url }}|{{ ctx.site }}|{{ ctx.base }}|{{ ctx.route_pattern }}|{{ ctx.is_prerendered }}"
)


@pytest.mark.parametrize(
    ("config", "file", "expected"),
    [
        ("", "a.html", "http://localhost:4321/a/|None|/|/a|True"),
        ("", "index.html", "http://localhost:4321/|None|/|/|True"),
        ("", "404.html", "http://localhost:4321/404|None|/|/404|True"),
        ('format = "file"', "a.html", "http://localhost:4321/a|None|/|/a|True"),
        (
            'site = "https://x.example"',
            "a b.html",
            "https://x.example/a%20b/|https://x.example|/|/a b|True",
        ),
        ('base = "/d"', "a.html", "http://localhost:4321/d/a/|None|/d|/a|True"),
        ('base = "/d"', "index.html", "http://localhost:4321/d/|None|/d|/|True"),
        (
            'base = "/d"\ntrailing_slash = "never"',
            "index.html",
            "http://localhost:4321/d|None|/d|/|True",
        ),
        (
            'trailing_slash = "always"\nformat = "file"',
            "a.html",
            "http://localhost:4321/a/|None|/|/a|True",
        ),
    ],
)
def test_prerendered_page_sees_its_own_url(
    build_site: BuildSite, config: str, file: str, expected: str
) -> None:
    root = build_site({f"pages/{file}": CONTEXT}, f"{PLAIN}{config}\n")
    (text,) = client_files(root).values()
    assert text == expected


@pytest.mark.parametrize("member", ["request", "cookies", "client_address", "session"])
def test_prerendered_page_has_no_visitor(failures: Failures, member: str) -> None:
    page = f"---\nx = 1\n\nctx.{member}\n---\n"
    absent = f"`ctx.{member}` is not available while prerendering."
    hint = "Set `prerender = False` to run this route for each request."
    middleware = f"async def on_request(ctx, next):\n    ctx.{member}\n"
    assert failures({"pages/a.html": page}, PLAIN) == [
        f"pages/a.html:4 (route /a): {absent}\n  Hint: {hint}"
    ]
    assert failures({"pages/a.html": "", "pages/_middleware.py": middleware}, PLAIN) == [
        f"pages/_middleware.py:2 (route /a): {absent}\n"
        "  Hint: Test `ctx.is_prerendered` first: middleware runs at build, too."
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.html": "---\nraise KeyError('k')\n---\n"}, "pages/a.html:2 (route /a): KeyError: 'k'"),
        ({"a.html": "\n{{ nope }}"},
         "pages/a.html:2 (route /a): `nope` is undefined.\n"
         "  Hint: Bind it in the frontmatter, or test `nope is defined` first."),
        ({"a.html": "---\nimport sys\nsys.exit(0)\n---\n"},
         "pages/a.html:3 (route /a): SystemExit: 0"),
        ({"a.html": "---\nreturn 1\n---\n"},
         "pages/a.html:2: The frontmatter returns `1`, not a `Response`.\n"
         "  Hint: Return a `Response`, such as `ctx.redirect(…)`, or nothing at all: "
         "the names it binds are the template's."),
        ({"a.txt.py": "def GET(ctx):\n    return 5\n"},
         "pages/a.txt.py:1 (route /a.txt): `GET` answered a GET request with `5`, "
         "not a `Response`.\n"
         "  Hint: Write `Response(str(value))`, or `Response(None, status)` for a status."),
        ({"a.html": "---\nreturn ctx.rewrite('/b')\n---\n"},
         "pages/a.html:2 (route /a): `ctx.rewrite()` works only while a request is answered.\n"
         "  Hint: Set `prerender = False` to run this route for each request."),
        ({"a.html": "",
          "_middleware.py": "async def on_request(ctx, next):\n    return await next('/b')\n"},
         "pages/_middleware.py:2 (route /a): `next('/b')` is not available while prerendering.\n"
         "  Hint: Test `ctx.is_prerendered` first: middleware runs at build, too."),
        ({"a.html": "---\n\nimport nowhere\n---\n"},
         "pages/a.html:3 (route /a): ModuleNotFoundError: No module named 'nowhere'\n"
         "  Hint: Mend its name, or install it into this environment: `pip install nowhere`."),
        ({"[a].html": "---\nx = 1\ndef get_static_paths():\n    return x\n---\n"},
         "pages/[a].html:4 (route /[a]): NameError: name 'x' is not defined\n  Hint: "
         "`get_static_paths()` runs once, before any page: it sees the frontmatter's imports, but "
         "neither `ctx` nor its other names."),
        ({"[a].html": "---\nimport sys\ndef get_static_paths():\n    sys.exit('no')\n---\n"},
         "pages/[a].html:4 (route /[a]): SystemExit: no"),
        ({"a.txt.py": "def GET(ctx): ...\n1 / 0\n"},
         "pages/a.txt.py:2 (route /a.txt): ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_error_of_a_prerendered_page_is_told_with_its_place(
    failures: Failures, files: dict[str, str], message: str
) -> None:
    texts = failures({f"pages/{file}": text for file, text in files.items()}, PLAIN)
    assert texts == [message]


def test_interrupt_stops_the_build(write_site: WriteSite) -> None:
    root = write_site({"pages/a.html": "---\nraise KeyboardInterrupt\n---\n", "pages/b.html": ""})
    with pytest.raises(KeyboardInterrupt):
        build(root)
    assert not (root / "dist").exists()


@pytest.fixture
def heeded_interrupt() -> Generator[None, None, None]:
    """Heed SIGINT even where the shell has started these tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded_interrupt")
def test_interrupt_stops_pages_that_never_wait(write_site: WriteSite) -> None:
    first = "---\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)\n---\n"
    root = write_site({"pages/a.html": first, "pages/b.html": "---\nopen('reached', 'w')\n---\n"})
    with pytest.raises(KeyboardInterrupt):
        build(root)
    assert not (root / "reached").exists()


def test_prerendered_middleware_runs_around_each_page(build_site: BuildSite) -> None:
    files: Files = {
        "pages/a.html": "{{ ctx.locals.user }}",
        "pages/b.html": "",
        "pages/_middleware.py": (
            f"{RESPONSE}async def on_request(ctx, next):\n    ctx.locals.user = ctx.url.pathname\n"
            "    if ctx.route_pattern == '/b':\n        return ctx.redirect('/a', 301)\n"
            "    response = await next()\n"
            "    return Response.html((await response.text()).upper())\n"
        ),
    }
    assert client_files(build_site(files, PLAIN)) == {
        "a/index.html": "/A/",
        "b/index.html": redirect_page("/a", 301),
    }
