"""From files under pages/ to routes: patterns, modes, names, collisions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from told import says

from firstlight.build.config import Config
from firstlight.build.scan import Site, canonical_path, output_file, pattern_of, scan
from firstlight.errors import RouteError
from firstlight.manifest import Redirect

if TYPE_CHECKING:
    from conftest import Files, WriteSite

ENDPOINT = "def GET(ctx):\n    return ''\n"
REBUILD = "the build reads it without running the file."


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("index.html", "/"),
        ("index.md", "/"),
        ("index.jinja", "/"),
        ("index.py", "/"),
        ("index.json.py", "/index.json"),
        ("about.html", "/about"),
        ("about/index.html", "/about"),
        ("blog/[slug].html", "/blog/[slug]"),
        ("docs/[...path].html", "/docs/[...path]"),
        ("[lang]/index.html", "/[lang]"),
        ("rss.xml.py", "/rss.xml"),
        ("api/index.py", "/api"),
        ("api/index.json.py", "/api.json"),
        ("api/[id].json.py", "/api/[id].json"),
        ("v1.2.html", "/v1.2"),
        ("a/b/c/index.html", "/a/b/c"),
        ("indexes.html", "/indexes"),
        ("404.html", "/404"),
        (".well-known/x.json.py", "/.well-known/x.json"),
        ("cafe\u0301.html", "/caf\u00e9"),
    ],
)
def test_pattern_of_a_file(name: str, pattern: str) -> None:
    assert pattern_of(name) == pattern


def scanned(root: Path, **options: str) -> Site:
    return scan(root, Config(**options))  # pyright: ignore[reportArgumentType]


LINES = {None: "", True: "prerender = True\n", False: "prerender = False\n"}
KINDS = {
    "page": ("pages/a.html", "---\n{}---\n"),
    "markdown": ("pages/a.md", "---\n{}---\n"),
    "api": ("pages/api/a.py", "{}" + ENDPOINT),
    "endpoint": ("pages/a.xml.py", "{}" + ENDPOINT),
}
STATIC = (True, 'output = "static"')
HYBRID = (True, 'output = "hybrid"')
SERVER = (False, 'output = "server"')
# design 3, row by row: output, kind of file, what decides without a line.
MODES = [
    ("static", "page", STATIC),
    ("static", "markdown", STATIC),
    ("static", "api", STATIC),
    ("static", "endpoint", STATIC),
    ("hybrid", "page", HYBRID),
    ("hybrid", "markdown", HYBRID),
    ("hybrid", "api", (False, "an endpoint under pages/api/")),
    ("hybrid", "endpoint", HYBRID),
    ("server", "page", SERVER),
    ("server", "markdown", SERVER),
    ("server", "api", SERVER),
    ("server", "endpoint", SERVER),
]


@pytest.mark.parametrize("line", [None, True, False])
@pytest.mark.parametrize(("output", "kind", "default"), MODES)
def test_scan_decides_by_output_kind_and_line(
    write_site: WriteSite,
    output: str,
    kind: str,
    default: tuple[bool, str],
    line: bool | None,  # noqa: FBT001
) -> None:
    file, text = KINDS[kind]
    setting = LINES[line].replace(" =", ":") if kind == "markdown" else LINES[line]
    (route,) = scanned(write_site({file: text.format(setting)}), output=output).routes
    expected = default if line is None else (line, f"prerender = {line}")
    assert (route.is_prerendered, route.why) == expected


@pytest.mark.parametrize(
    ("file", "is_prerendered"),
    [
        ("pages/api/a.py", False),
        ("pages/api/index.py", False),
        ("pages/api/index.json.py", False),
        ("pages/api/deep/[x].py", False),
        ("pages/api.py", True),
        ("pages/api.json.py", True),
        ("pages/apis/a.py", True),
        ("pages/v1/api/a.py", True),
        ("pages/api/page.html", True),
    ],
)
def test_scan_knows_what_lies_under_pages_api(
    write_site: WriteSite,
    file: str,
    is_prerendered: bool,  # noqa: FBT001
) -> None:
    text = ENDPOINT if file.endswith(".py") else ""
    (route,) = scanned(write_site({file: text}), output="hybrid").routes
    assert route.is_prerendered is is_prerendered


@pytest.mark.parametrize(
    ("text", "handlers"),
    [
        ("def GET(ctx): ...", ("GET",)),
        ("async def POST(ctx): ...\ndef ALL(ctx): ...", ("POST", "ALL")),
        ("from pages._lib import GET", ("GET",)),
        ("import a as GET", ("GET",)),
        ("GET = POST = make()", ("GET", "POST")),
        ("GET: object = make()", ("GET",)),
        ("try:\n    def GET(ctx): ...\nexcept E: ...", ("GET",)),
        ("if DEBUG:\n    def GET(ctx): ...", ("GET",)),
        ("class GET: ...", ("GET",)),
        ("def GET(ctx):\n    def POST(): ...", ("GET",)),
    ],
)
def test_scan_finds_the_handlers_of_an_endpoint(
    write_site: WriteSite, text: str, handlers: tuple[str, ...]
) -> None:
    (route,) = scanned(write_site({"pages/a.py": text}), output="server").routes
    assert route.handlers == handlers


def errors_of(root: Path, config: Config | None = None) -> list[str]:
    return [str(error) for error in scan(root, config or Config()).errors]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "pages/a.py",
            "def get(ctx): ...",
            "pages/a.py (route /a): This endpoint defines no handler.\n"
            "  Hint: Methods are written in capitals: rename `get` to `GET`.",
        ),
        (
            "pages/a.py",
            "def POST(ctx): ...\ndef HEAD(ctx): ...",
            "pages/a.py (route /a): A prerendered endpoint needs `GET`; "
            "this one defines POST, HEAD.\n  Hint: Define `GET`, or set `prerender = False`.",
        ),
        ("pages/a.py", "def GET(ctx):\nx", "pages/a.py:2: `x` is not Python: expected an "
         "indented block after function definition on line 1."),
        (
            "pages/a.md",
            "---\nprerender: true\ntitle: x\nprerender: false\n---\n",
            "pages/a.md:4: `prerender` stands twice.\n"
            "  Hint: Write `prerender: true` or `prerender: false`.",
        ),
        (
            "pages/a.md",
            "---\nprerender:\n---\n",
            "pages/a.md:2: `prerender` is `None`, neither true nor false.\n"
            "  Hint: Write `prerender: true` or `prerender: false`.",
        ),
        (
            "pages/a.md",
            "---\ntitle: x\nprerender: 'no'\n---\n",
            "pages/a.md:3: `prerender` is `no`, neither true nor false.\n"
            "  Hint: Write `prerender: true` or `prerender: false`.",
        ),
        (
            "pages/a.html",
            "---\nx = 1\nif x: prerender = False\n---\n",
            f"pages/a.html:3: `prerender` is not a plain assignment; {REBUILD}\n"
            "  Hint: Write `prerender = True` or `prerender = False` once, at the top level.",
        ),
        (
            "pages/a.html",
            b"caf\xe9",
            "pages/a.html: The file is not UTF-8 (byte 3).\n  Hint: Save it as UTF-8.",
        ),
        (
            "pages/[a b].html",
            "",
            "pages/[a b].html: `a b` in `[a b]` cannot name a parameter.\n"
            "  Hint: Use letters, digits and underscores, such as `[slug]` or `[...path]`.",
        ),
        (
            "pages/[a]/[a].html",
            "",
            "pages/[a]/[a].html: Parameter `a` stands more than once in `/[a]/[a]`.",
        ),
        (
            "pages/[...a]/[...b].html",
            "",
            "pages/[...a]/[...b].html: `/[...a]/[...b]` has more than one rest parameter.",
        ),
        ("pages/a].html", "", "pages/a].html: The brackets of `a]` do not match."),
        (
            "pages/q-[...r].md",
            "",
            "pages/q-[...r].md: A page's rest parameter stands alone in its segment, "
            "unlike in `/q-[...r]`.\n"
            "  Hint: Put a `/` between them, or use a parameter such as `[slug]`.",
        ),
    ],
)  # fmt: skip
def test_scan_mistake_says(
    write_site: WriteSite, file: str, text: str | bytes, message: str
) -> None:
    (told,) = errors_of(write_site({file: text, "pages/index.html": ""}))
    assert says(told, message)


def test_scan_reads_the_rest_beside_a_broken_file(write_site: WriteSite) -> None:
    site = scanned(write_site({"pages/a.py": "x", "pages/b.html": "", "pages/c.css": ""}))
    assert [route.file for route in site.routes] == ["pages/b.html"]
    assert site.assets == ["c.css"]
    assert len(site.errors) == 1


def test_scan_without_pages_says_so(tmp_path: Path) -> None:
    with pytest.raises(RouteError) as caught:
        scan(tmp_path, Config())
    assert str(caught.value) == (
        "This folder has no `pages/`.\n"
        "  Hint: Run the command in a site's root, or create pages/index.html."
    )


@pytest.mark.parametrize(
    ("files", "url"),
    [
        (["pages/a.html", "pages/a/index.html"], "/a"),
        (["pages/a.html", "pages/a.md"], "/a"),
        (["pages/a.html", "pages/a.jinja", "pages/a.md"], "/a"),
        (["pages/a.py", "pages/a.html"], "/a"),
        (["pages/index.html", "pages/index.md"], "/"),
        (["pages/a.css.py", "pages/a.css"], "/a.css"),
        (["pages/api/index.json.py", "pages/api.json.py"], "/api.json"),
        (["pages/caf\u00e9.html", "pages/cafe\u0301.html"], "/caf\u00e9"),
    ],
)
def test_scan_names_all_files_of_one_url(write_site: WriteSite, files: list[str], url: str) -> None:
    root = write_site({file: ENDPOINT if file.endswith(".py") else "" for file in files})
    (error,) = errors_of(root)
    where, _, listed = error.partition(": ")
    listed, _, hint = listed.partition("\n  Hint: ")
    first, *named = listed.split("\n    ")
    assert (first, hint) == (
        f"{len(files)} files answer the URL `{url}`:",
        "Rename all but one of them.",
    )
    assert sorted(named) == sorted(files)
    assert where == named[0]


def test_scan_refuses_two_on_demand_routes_of_one_shape(write_site: WriteSite) -> None:
    text = "---\nprerender = False\n---\n"
    root = write_site({"pages/b/[x].html": text, "pages/b/[y].html": text, "pages/b/a.html": ""})
    assert errors_of(root) == [
        "pages/b/[x].html: 2 files answer the URL `/b/[x]`:\n    pages/b/[x].html\n"
        "    pages/b/[y].html\n  Hint: Rename all but one of them."
    ]


@pytest.mark.parametrize("pattern", ["/a", "/b/[other]", "/c.css", "/p/[y]"])
def test_scan_refuses_a_redirect_from_a_page(write_site: WriteSite, pattern: str) -> None:
    files: Files = {
        "pages/a.html": "",
        "pages/b/[slug].html": "---\nprerender = False\n---\n",
        "pages/c.css": "",
        "pages/p/[x].html": "",
    }
    config = Config(redirects=(Redirect(pattern, "/x"), Redirect("/z", "/x")))
    (error,) = errors_of(write_site(files), config)
    file = {"/a": "a.html", "/b/[other]": "b/[slug].html", "/c.css": "c.css"}.get(pattern)
    file = f"pages/{file or 'p/[x].html'}"
    url = {"/b/[other]": "/b/[slug]", "/p/[y]": "/p/[x]"}.get(pattern, pattern)
    assert error == (
        f"{file}: 2 files answer the URL `{url}`:\n    {file}\n"
        f"    the redirect `{pattern}` in pyproject.toml\n  Hint: Rename all but one of them."
    )


@pytest.mark.parametrize("form", ["directory", "file"])
def test_always_gives_every_prerendered_page_its_slash(form: str) -> None:
    config = Config(trailing_slash="always", format=form)
    paths = ["/", "/a", "/v1.2", "/404"]
    found = [canonical_path(path, config, is_endpoint=False) for path in paths]
    assert found == ["/", "/a/", "/v1.2/", "/404/"]


def test_scan_sorts_files_into_what_they_are(write_site: WriteSite) -> None:
    names = [
        "a.html", "b.jinja", "c.md", "d.py", "e.css", "LICENSE", "f.HTML",
        ".well-known/security.txt", ".hidden", ".git/x.html", "_layouts/base.html",
        "_layouts/_deep/x.jinja", "_lib/x.py", "_lib/__init__.py", "_middleware.py",
        "_headers", "_redirects", "_notes.txt", "_content/posts/a.md", "sub/_part.html",
        "sub/_redirects", "__pycache__/d.pyc", "g/.env", ".x/_y.html",
    ]  # fmt: skip
    site = scanned(write_site({f"pages/{name}": ENDPOINT for name in names}))
    assert [route.file for route in site.routes] == [
        "pages/a.html",
        "pages/b.jinja",
        "pages/c.md",
        "pages/d.py",
    ]
    assert site.assets == [".well-known/security.txt", "LICENSE", "e.css", "f.HTML"]
    assert site.platform_files == ["_headers", "_redirects"]
    assert sorted(site.templates) == [
        "_layouts/_deep/x.jinja",
        "_layouts/base.html",
        "a.html",
        "b.jinja",
        "sub/_part.html",
    ]
    assert site.modules == {
        "pages._lib": "pages/_lib/__init__.py",
        "pages._lib.x": "pages/_lib/x.py",
        "pages._middleware": "pages/_middleware.py",
    }
    assert site.has_middleware


def test_scan_reads_files_that_begin_with_a_byte_order_mark(write_site: WriteSite) -> None:
    site = scanned(write_site({"pages/a.txt.py": b"\xef\xbb\xbf" + ENDPOINT.encode()}))
    assert site.routes[0].source.frontmatter == ENDPOINT


def test_scan_refuses_names_that_no_url_can_hold(write_site: WriteSite) -> None:
    root = write_site({"pages/index.html": "", "pages/a\nb.css": ""})
    Path(os.fsdecode(os.fsencode(root) + b"/pages/\xff.html")).touch()
    said = "The file's name is not UTF-8 or holds a control character.\n  Hint: Rename it."
    assert errors_of(root) == [f"pages/a\\nb.css: {said}", f"pages/\\udcff.html: {said}"]


def test_scan_tells_a_file_that_cannot_be_read(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_site({"pages/a.html": "", "pages/b.html": ""})
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "a.html":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert errors_of(root) == ["pages/a.html: The file cannot be read: Permission denied."]


def test_scan_follows_links_to_folders_of_the_site(write_site: WriteSite) -> None:
    root = write_site({"pages/a/x.css": "", "pages/b/y.css": "", "docs/z.css": ""})
    for link, target in {
        "a/b": "../b", "b/a": "../a", "docs": "../docs", "self": ".", "root": "..", "etc": "/etc"
    }.items():  # fmt: skip
        (root / "pages" / link).symlink_to(target)
    site = scanned(root)
    assert site.assets == ["a/b/y.css", "a/x.css", "b/a/x.css", "b/y.css", "docs/z.css"]
    assert sorted(site.left_out) == [
        "pages/a/b/a", "pages/b/a/b", "pages/etc", "pages/root", "pages/self",
    ]  # fmt: skip


def test_scan_leaves_out_links_to_outside_and_nowhere(write_site: WriteSite) -> None:
    root = write_site({"pages/a.css": "", "pages/index.html": "", "secret.txt": ""})
    (root / "pages" / "in.css").symlink_to("a.css")
    (root / "pages" / "beside.txt").symlink_to("../secret.txt")
    (root / "pages" / "etc.txt").symlink_to("/etc/hostname")
    (root / "pages" / "gone.html").symlink_to("nowhere")
    site = scanned(root)
    assert site.assets == ["a.css", "beside.txt", "in.css"]
    assert sorted(site.left_out) == ["pages/etc.txt", "pages/gone.html"]
    assert [route.file for route in site.routes] == ["pages/index.html"]


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (["a.html"], {"a.html": "pages.a_html"}),
        (["a.md"], {"a.md": "pages.a_md"}),
        (["a.py"], {"a.py": "pages.a"}),
        (["404.html"], {"404.html": "pages._404_html"}),
        (["a-b.c.py"], {"a-b.c.py": "pages.a_b_c"}),
        (["blog/[slug].html"], {"blog/[slug].html": "pages.blog._slug__html"}),
        (["[...path].html"], {"[...path].html": "pages.____path__html"}),
        (["2024/1.html"], {"2024/1.html": "pages._2024._1_html"}),
        (["caf\u00e9/\u0661.py"], {"caf\u00e9/\u0661.py": "pages.caf_._"}),
        (["class.py"], {"class.py": "pages.class"}),
        (
            ["api/notes.py", "api/notes/[id].py"],
            {"api/notes.py": "pages.api.notes_", "api/notes/[id].py": "pages.api.notes._id_"},
        ),
        (
            ["blog.html", "blog/index.html"],
            {"blog.html": "pages.blog_html", "blog/index.html": "pages.blog.index_html"},
        ),
        (
            ["a-b.py", "a.b.py", "a_b.py"],
            {"a-b.py": "pages.a_b", "a.b.py": "pages.a_b_", "a_b.py": "pages.a_b__"},
        ),
        (
            ["x.py", "x/y.py", "x_/z.py"],
            {"x.py": "pages.x__", "x/y.py": "pages.x.y", "x_/z.py": "pages.x_.z"},
        ),
        (["[a].py", "_a_.py"], {"[a].py": "pages._a__"}),
    ],
)
def test_scan_gives_modules_unique_names(
    write_site: WriteSite, files: list[str], modules: dict[str, str]
) -> None:
    site = scanned(write_site({f"pages/{file}": ENDPOINT for file in files}), output="server")
    found = {r.file.removeprefix("pages/"): r.module for r in site.routes}
    assert {file: found[file] for file in modules} == modules
    assert len(set(found.values())) == len(found)


def test_scan_names_helpers_as_relative_imports_do(write_site: WriteSite) -> None:
    files = ["[lang]/_text.py", "my-blog/_lib/deep.py", "api/_db.py"]
    site = scanned(write_site({f"pages/{file}": "" for file in files}))
    assert sorted(site.modules) == [
        "pages._lang_._text",
        "pages.api._db",
        "pages.my_blog._lib.deep",
    ]


@pytest.mark.parametrize(
    ("pattern", "is_endpoint", "directory", "file"),
    [
        ("/", False, "index.html", "index.html"),
        ("/a", False, "a/index.html", "a.html"),
        ("/a/b", False, "a/b/index.html", "a/b.html"),
        ("/v1.2", False, "v1.2/index.html", "v1.2.html"),
        ("/404", False, "404.html", "404.html"),
        ("/500", False, "500.html", "500.html"),
        ("/a/404", False, "a/404/index.html", "a/404.html"),
        ("/rss.xml", True, "rss.xml", "rss.xml"),
        ("/api/a", True, "api/a", "api/a"),
        ("/404", True, "404", "404"),
        ("/", True, "index.html", "index.html"),
    ],
)
def test_output_file_by_format(
    pattern: str,
    is_endpoint: bool,  # noqa: FBT001
    directory: str,
    file: str,
) -> None:
    found = [
        output_file(pattern, Config(format=form), is_endpoint=is_endpoint)
        for form in ("directory", "file")
    ]
    assert found == [directory, file]


@pytest.mark.parametrize(
    ("policy", "form", "pattern", "expected"),
    [
        ("ignore", "directory", "/a", "/a/"),
        ("ignore", "file", "/a", "/a"),
        ("always", "file", "/a", "/a/"),
        ("never", "file", "/a", "/a"),
        ("never", "directory", "/a", "/a"),
    ],
)
def test_canonical_path_by_policy_and_format(
    policy: str, form: str, pattern: str, expected: str
) -> None:
    config = Config(trailing_slash=policy, format=form)
    assert canonical_path(pattern, config, is_endpoint=False) == expected
