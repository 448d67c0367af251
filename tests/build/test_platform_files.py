"""`_headers` and `_redirects`: the user's lines first, then what the site sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import BuildSite, Failures, WriteSite

RESPONSE = "from firstlight import Response\n"
PLAIN = "[tool.firstlight]\n"
ADAPTER = '[tool.firstlight]\nadapter = "cloudflare"\n'


def platform_file(root: Path, name: str) -> str | None:
    path = root / "dist" / "client" / name
    return path.read_text() if path.exists() else None


@pytest.mark.parametrize(
    ("config", "file", "text", "expected"),
    [
        ("", "a.html", "x", None),
        ("", "a.html", "---\nctx.response.headers['x-a'] = '1'\n---\n", "/a/\n  x-a: 1\n"),
        ("", "index.html", "---\nctx.response.headers['x-a'] = '1'\n---\n", "/\n  x-a: 1\n"),
        ("", "404.html", "---\nctx.response.headers['x-a'] = '1'\n---\n", "/404\n  x-a: 1\n"),
        (
            'format = "file"',
            "a b.html",
            "---\nctx.response.headers['x-a'] = '1'\n---\n",
            "/a%20b\n  x-a: 1\n",
        ),
        (
            'base = "/docs"',
            "a.html",
            "---\nctx.response.headers['x-a'] = '1'\n---\n",
            "/docs/a/\n  x-a: 1\n",
        ),
        ("", "a.html", f"---\n{RESPONSE}return Response(None, 404, {{'x-a': '1'}})\n---\n", None),
        ("", "a.html", "---\nreturn ctx.redirect('/b')\n---\n", None),
        (
            "",
            "a.html",
            f"---\n{RESPONSE}return Response.html('', 200, {{'set-cookie': 'a=1'}})\n---\n",
            None,
        ),
        ("", "a.json.py", "def GET(ctx):\n    return {}\n", None),
        (
            "",
            "feed.py",
            f"{RESPONSE}def GET(ctx):\n    return Response('x', 200, "
            "{'content-type': 'application/rss+xml', 'cache-control': 'no-store'})\n",
            "/feed\n  cache-control: no-store\n  content-type: application/rss+xml\n",
        ),
        ("", "feed.py", f"{RESPONSE}def GET(ctx):\n    return Response(b'x')\n", None),
    ],
)
def test_headers_file_of(
    build_site: BuildSite, config: str, file: str, text: str, expected: str | None
) -> None:
    root = build_site({f"pages/{file}": text}, f"{PLAIN}{config}\n")
    assert platform_file(root, "_headers") == expected


def test_headers_file_spells_paths_as_the_platform_does(build_site: BuildSite) -> None:
    page = "---\nctx.response.headers['x-a'] = '1'\n---\n"
    root = build_site({"pages/a+b (c)/\u00fc!.html": page}, ADAPTER)
    assert platform_file(root, "_headers") == "/a%2Bb%20(c)/%C3%BC!/\n  x-a: 1\n"


def test_headers_file_begins_with_the_users_own_lines(build_site: BuildSite) -> None:
    page = "---\nctx.response.headers['x-a'] = '1'\n---\n"
    own = "# mine\n/*\n  x-b: 2\n\n"
    root = build_site({"pages/a.html": page, "pages/_headers": own}, 'tool.firstlight.base = "/d"')
    assert platform_file(root, "_headers") == "# mine\n/*\n  x-b: 2\n/d/a/\n  x-a: 1\n"


@pytest.mark.parametrize(
    ("config", "line", "expected"),
    [
        ("", '"/a" = "/b"', "/a /b 301\n/a/ /b 301\n"),
        ("", '"/a" = { status = 302, destination = "https://x.example/?q" }',
         "/a https://x.example/?q 302\n/a/ https://x.example/?q 302\n"),
        ("", '"/" = "/b"', "/ /b 301\n"),
        ("", '"/a/[x]" = "/b/[x]"', "/a/:x /b/:x 301\n/a/:x/ /b/:x 301\n"),
        ("", '"/a/[...r]" = "/b/[...r]"', "/a/* /b/:splat 301\n"),
        ("", '"/a-[x]" = "/b/[x]"', None),
        ("", '"/[...r]/z" = "/b"', None),
        ("", '"/[1x]" = "/b/[1x]"', None),
        ("", '"/a:b" = "/c"', None),
        ("", '"/a*" = "/c"', None),
        ("", '"/a" = "../b"', None),
        ("", '"/a" = "//x.example"', None),
        ("", '"/a" = { status = 300, destination = "/b" }', None),
        ("", '"/a" = { status = 304, destination = "/b" }', None),
        ("", '"/gr\u00f6\u00dfe/[x]" = "/ma\u00df [x]"',
         "/gr%C3%B6%C3%9Fe/:x /ma%C3%9F%20:x 301\n/gr%C3%B6%C3%9Fe/:x/ /ma%C3%9F%20:x 301\n"),
        ("", '"/my old" = "/b"', "/my%20old /b 301\n/my%20old/ /b 301\n"),
        ('base = "/\u00fc"\n', '"/a/[...r]" = "/b/[...r]"', "/%C3%BC/a/* /b/:splat 301\n"),
        ('base = "/d"\n', '"/a" = "/b"', "/d/a /b 301\n/d/a/ /b 301\n"),
        ("", '"/b/[x]" = "/1"\n"/b/a" = "/2"', "/b/a /2 301\n/b/a/ /2 301\n/b/:x /1 301\n"
         "/b/:x/ /1 301\n"),
    ],
)  # fmt: skip
def test_redirects_file_of(
    build_site: BuildSite, config: str, line: str, expected: str | None
) -> None:
    text = f"{ADAPTER}{config}[tool.firstlight.redirects]\n{line}\n"
    root = build_site({"pages/index.md" if '"/"' not in line else "pages/i.md": ""}, text)
    assert platform_file(root, "_redirects") == expected


def test_redirects_file_begins_with_the_users_own_lines(build_site: BuildSite) -> None:
    config = f'{ADAPTER}[tool.firstlight.redirects]\n"/a" = "/b"\n'
    root = build_site({"pages/i.md": "", "pages/_redirects": "/x /y 302\n\n"}, config)
    assert platform_file(root, "_redirects") == "/x /y 302\n/a /b 301\n/a/ /b 301\n"


def test_redirect_without_an_adapter_is_a_page(build_site: BuildSite) -> None:
    line = '"/a" = { status = 302, destination = "/b?x&y" }'
    root = build_site({"pages/i.md": ""}, f"[tool.firstlight.redirects]\n{line}\n")
    assert platform_file(root, "_redirects") is None
    assert '<meta http-equiv="refresh" content="2;url=/b?x&amp;y">' in (
        platform_file(root, "a/index.html") or ""
    )


@pytest.mark.parametrize("name", ["_headers", "_redirects"])
def test_platform_file_that_is_not_utf_8_is_told(failures: Failures, name: str) -> None:
    assert failures({"pages/index.html": "", f"pages/{name}": b"\xff"}) == [
        f"pages/{name}: The file is not UTF-8 (byte 0).\n  Hint: Save it as UTF-8."
    ]


def test_link_out_of_the_site_is_a_warning(write_site: WriteSite) -> None:
    root = write_site({"pages/index.html": ""})
    (root / "pages/a.txt").symlink_to("/etc/hostname")
    assert build(root).warnings == [
        "pages/a.txt is a link out of the site, to nothing or in a circle; it is left out."
    ]
