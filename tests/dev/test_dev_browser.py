"""`firstlight dev` in a real browser: open pages follow what changes and lose nothing."""

from __future__ import annotations

import struct
import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from browser import chromium
from dev_process import dev_process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from browser import Browser, Tab
    from dev_process import DevProcess

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]
    OpenSite = Callable[..., tuple[DevProcess, Tab]]

pytestmark = pytest.mark.browser

HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
LAYOUT = (
    '<!doctype html>\n<html lang="en"><head><title>{% block title %}T{% endblock %}</title>'
    '<link rel="stylesheet" href="/site.css"></head>\n'
    "<body>\n<main>{% block main %}{% endblock %}</main>\n</body></html>\n"
)
CSS = "body { color: rgb(1, 2, 3) }"
COMMON: dict[str, str | bytes] = {
    "pyproject.toml": HYBRID,
    "pages/_layout.html": LAYOUT,
    "pages/site.css": CSS,
}
COLOR = "getComputedStyle(document.body).color"
ERRORS = "document.querySelector('firstlight-errors')?.shadowRoot.querySelector('dialog')"
MIDDLEWARE = "def on_request(ctx, next):\n    ctx.locals.x = '{}'\n    return next()\n"
# Set in the page itself: a page that was loaded anew has not got it.
MARK = "window.isSame = true"


def page(main: str) -> str:
    return f"{{% extends '_layout.html' %}}{{% block main %}}{main}{{% endblock %}}"


def png(red: int, width: int = 1) -> bytes:
    """Make a picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" + bytes((red, 0, 0)) * width)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser, None, None]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def open_site(write_site: WriteSite, browser: Browser) -> Generator[OpenSite, None, None]:
    """Serve a site from its sources and open its first page."""
    with ExitStack() as stack:

        def make(files: Mapping[str, str | bytes], path: str = "/") -> tuple[DevProcess, Tab]:
            return _open(stack, write_site(COMMON | dict(files)), browser, path)

        yield make


def _open(stack: ExitStack, root: Path, browser: Browser, path: str) -> tuple[DevProcess, Tab]:
    server = stack.enter_context(dev_process(root))
    tab = stack.enter_context(browser.tab())
    tab.resize(1000, 700)
    tab.open(server.origin + path)
    tab.run(MARK)
    return server, tab


def text(tab: Tab, expected: str) -> None:
    """Wait until the page says something."""
    tab.wait_for(f"document.body.innerText.includes({expected!r})")


def test_a_saved_page_keeps_scroll_focus_and_input(open_site: OpenSite) -> None:
    tall = '<div style="height: 5000px"></div>'
    form = '<input id="name" value="a"><input id="box" type="checkbox"><textarea>x</textarea>'
    server, tab = open_site({"pages/index.html": page(f"<h1>One</h1>{tall}{form}")})
    tab.run(
        "scrollTo(0, 4000); document.querySelector('#name').value = 'typed';"
        "document.querySelector('#box').checked = true;"
        "document.querySelector('textarea').value = 'written';"
        "document.querySelector('#name').focus({preventScroll: true});"
        "document.querySelector('#name').setSelectionRange(2, 3)"
    )
    server.write("pages/index.html", page(f"<h1>Two</h1>{tall}<p>new</p>{form}"))
    text(tab, "Two")
    assert tab.run(
        "[isSame, scrollY, document.activeElement.id, document.activeElement.value,"
        "document.activeElement.selectionStart, document.querySelector('#box').checked,"
        "document.querySelector('textarea').value, document.querySelector('main p').innerText]"
    ) == [True, 4000, "name", "typed", 2, True, "written", "new"]


def test_a_stylesheet_is_swapped_without_a_flash(open_site: OpenSite) -> None:
    server, tab = open_site({"pages/index.html": page("x"), "pages/other.css": "p { top: 0 }"})
    tab.run(
        "window.seen = new Set(); (function look() { seen.add(" + COLOR + ");"
        "requestAnimationFrame(look) })()"
    )
    server.write("pages/site.css", "body { color: rgb(4, 5, 6) }")
    tab.wait_for("seen.has('rgb(4, 5, 6)') && document.querySelectorAll('link').length === 1")
    assert tab.run("[isSame, [...seen]]") == [True, ["rgb(1, 2, 3)", "rgb(4, 5, 6)"]]


def test_only_the_changed_stylesheet_is_asked_for(open_site: OpenSite) -> None:
    link = "<link rel=stylesheet href=/other.css><style>@import '/third.css';</style>"
    files = {"pages/other.css": "@import 'deep.css';", "pages/deep.css": "p { top: 0 }"}
    third = {"pages/third.css": "main { color: rgb(0, 0, 0) }"}
    server, tab = open_site({"pages/index.html": page(f"{link}<p>x"), **files, **third})
    server.write("pages/deep.css", "p { color: rgb(7, 8, 9) }")
    tab.wait_for("getComputedStyle(document.querySelector('p')).color === 'rgb(7, 8, 9)'")
    assert "site.css" not in server.log().partition("changed")[2]
    server.write("pages/third.css", "main { color: rgb(3, 3, 3) }")
    tab.wait_for("getComputedStyle(document.querySelector('main')).color === 'rgb(3, 3, 3)'")
    assert tab.run("isSame")


def test_a_picture_is_swapped_in_place(open_site: OpenSite) -> None:
    images = '<img src="/a.png"><img srcset="/a.png 1x, /b.png 2x">'
    files = {"pages/index.html": page(images), "pages/a.png": png(10), "pages/b.png": png(20)}
    server, tab = open_site(files)
    server.write("pages/a.png", png(200, width=7))
    tab.wait_for("[...document.images].every((image) => image.naturalWidth === 7)")
    assert tab.run("[isSame, document.images[1].srcset.endsWith(', /b.png 2x')]") == [True, True]


def test_a_background_that_changed_reloads_the_page(open_site: OpenSite) -> None:
    style = '<p style="background: url(/a.png)">x</p>'
    server, tab = open_site({"pages/index.html": page(style), "pages/a.png": png(10)})
    server.write("pages/a.png", png(200))
    tab.wait_for("!window.isSame")


def test_a_script_that_changed_reloads_and_keeps_the_place(open_site: OpenSite) -> None:
    tall = '<div style="height: 5000px"></div><input id="name">'
    main = f'{tall}<script src="/a.js"></script>'
    files = {"pages/index.html": page(main), "pages/a.js": "window.made = 1"}
    server, tab = open_site(files)
    tab.run("scrollTo(0, 4000); document.querySelector('#name').focus({preventScroll: true})")
    tab.run("document.querySelector('#name').value = 'typed'")
    server.write("pages/a.js", "window.made = 2")
    tab.wait_for("window.made === 2 && document.readyState === 'complete' && scrollY === 4000")
    tab.wait_for("document.activeElement.id === 'name' && document.activeElement.value === 'typed'")
    tab.run(MARK)
    server.write("pages/index.html", page(f"{main}<script>window.made = 3</script>"))
    tab.wait_for("window.made === 3")


def test_what_scripts_have_made_of_a_page_stays(open_site: OpenSite) -> None:
    script = (
        "<script>document.documentElement.dataset.theme = 'dark';"
        "document.querySelector('#menu').classList.add('open');"
        "document.querySelector('#menu').before(document.createElement('hr'));"
        "document.querySelector('button').onclick = () => window.clicks = 1</script>"
    )
    main = '<p id="menu" class="a">x</p><button>Go</button><p>One</p>' + script
    server, tab = open_site({"pages/index.html": page(main)})
    fresh = main.replace("One", "Two").replace('"a"', '"b"').replace("Go", "Went")
    server.write("pages/index.html", page(fresh.replace("<p>", "<p>More</p><p>")))
    text(tab, "Two")
    tab.run("document.querySelector('button').click()")
    assert tab.run(
        "[isSame, document.documentElement.dataset.theme, menu.className, window.clicks,"
        "document.querySelectorAll('hr').length]"
    ) == [True, "dark", "open b", 1, 1]


def test_a_new_button_is_one_that_scripts_know(open_site: OpenSite) -> None:
    script = "<script>document.querySelectorAll('button').forEach((b) => b.title = 'on')</script>"
    server, tab = open_site({"pages/index.html": page(f"<p>x</p>{script}")})
    server.write("pages/index.html", page(f"<p>x</p><button>Go</button>{script}"))
    tab.wait_for("document.querySelector('button')?.title === 'on'")


def test_other_pages_are_left_alone(open_site: OpenSite) -> None:
    server, tab = open_site({"pages/index.html": page("x"), "pages/other.html": page("x")})
    tab.run("window.swaps = 0; addEventListener('firstlight:swap', () => swaps++)")
    server.write("pages/other.html", page("y"))
    server.write("pages/index.html", page("y"))
    text(tab, "y")
    assert tab.run("[isSame, swaps]") == [True, 1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pages/_layout.html", LAYOUT.replace("<main>", "<main>new ")),
        ("pages/_part.html", "new"),
        ("pages/_middleware.py", MIDDLEWARE.format("new")),
        ("pages/_lib/words.py", "WORD = 'new'\n"),
        ("beside.py", "WORD = 'new'\n"),
        ("pages/_content/posts/b.md", "---\ntitle: new\n---\n"),
        (".dev.vars", "WORD = 'new'\n"),
        ("wrangler.toml", '[vars]\nWORD = "new"\n'),
        ("pyproject.toml", f'{HYBRID}site = "https://new.example"\n'),
    ],
)
def test_everything_a_page_is_made_of_takes_effect(
    open_site: OpenSite, name: str, content: str
) -> None:
    files = {
        "pages/_part.html": "old",
        "pages/_middleware.py": MIDDLEWARE.format("old"),
        "pages/_lib/words.py": "WORD = 'old'\n",
        "beside.py": "WORD = 'old'\n",
        "pages/_content/posts/a.md": "---\ntitle: old\n---\n",
        "wrangler.toml": '[vars]\nWORD = "old"\n',
        "pages/index.html": "---\nfrom beside import WORD\nfrom bindings.cloudflare import env\n"
        "from firstlight.content import get_collection\nfrom pages._lib import words\n"
        "prerender = False\nposts = get_collection('posts')\n---\n"
        + page(
            "{% include '_part.html' %} {{ ctx.locals.x }} {{ words.WORD }} {{ WORD }}"
            "{{ env.WORD }} {{ ctx.site or '' }}{% for p in posts %} {{ p.data.title }}{% endfor %}"
        ),
    }
    server, tab = open_site(files)
    assert "new" not in tab.run("document.body.innerText")
    server.write(name, content)
    text(tab, "new")
    assert tab.run("isSame")


def test_new_renamed_and_deleted_pages_show_in_open_tabs(open_site: OpenSite) -> None:
    server, tab = open_site({"pages/index.html": page("home")}, "/later/")
    text(tab, "404")
    server.write("pages/later.html", page("now"))
    text(tab, "now")
    (server.root / "pages/later.html").rename(server.root / "pages/moved.html")
    text(tab, "404")
    (server.root / "pages/moved.html").rename(server.root / "pages/later.html")
    text(tab, "now")
    (server.root / "pages/later.html").unlink()
    text(tab, "404")


BROKEN = {
    "template": ("pages/index.html", page("\n{{ nothing }}"), "pages/index.html:2 (route /)"),
    "syntax": ("pages/index.html", page("\n{% if %}"), "pages/index.html:2"),
    "frontmatter": ("pages/index.html", "---\nx = 1 / 0\n---\n", "pages/index.html:2 (route /)"),
    "middleware": ("pages/_middleware.py", "def on_request(:\n", "pages/_middleware.py:1"),
    "middleware that raises": (
        "pages/_middleware.py",
        "def on_request(ctx, next):\n    raise ValueError('no')\n",
        "pages/_middleware.py:2",
    ),
    "helper": ("pages/_lib.py", "import nothing_of_that_name\n", "pages/_lib.py:1"),
    "collision": ("pages/index.md", "# Home", "2 files answer the URL"),
    "config": ("pyproject.toml", "[tool.firstlight]\noutptu = 1\n", "pyproject.toml:2"),
    "wrangler": ("wrangler.toml", "vars = [\n", "wrangler.toml:"),
    "content": ("pages/_content/posts/a.md", "---\na: [\n---\n", "pages/_content/posts/a.md:"),
    "layout": ("pages/_layout.html", "{% block main %}", "pages/_layout.html:1"),
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_errors_lie_above_the_page_until_they_are_mended(open_site: OpenSite, kind: str) -> None:
    name, content, place = BROKEN[kind]
    head = (
        "---\nfrom firstlight.content import get_collection\nfrom pages import _lib\n"
        "posts = get_collection('posts')\n---\n"
    )
    files = {
        "pages/index.html": head + page('<input id="name">'),
        "pages/_lib.py": "",
        "pages/_content/posts/a.md": "a",
    }
    server, tab = open_site(files)
    tab.run("document.querySelector('#name').value = 'typed'")
    path = server.root / name
    before = path.read_bytes() if path.exists() else None
    server.write(name, content)
    tab.wait_for(f"{ERRORS}?.innerText.includes({place!r})")
    assert place.partition(" (")[0] in server.log()
    if before is None:
        path.unlink()
    else:
        server.write(name, before)
    tab.wait_for(f"!{ERRORS}")
    assert tab.run("[isSame, document.querySelector('#name').value]") == [True, "typed"]


def test_escape_hides_errors_and_gives_the_focus_back(open_site: OpenSite) -> None:
    server, tab = open_site({"pages/index.html": page('<input id="name">')})
    tab.run("document.querySelector('#name').focus()")
    server.write("pages/index.html", page("{% if %}"))
    tab.wait_for(f"{ERRORS}?.open")
    assert tab.run(f"{ERRORS}.matches(':modal')")
    tab.press("Escape")
    tab.wait_for(f"!{ERRORS}")
    assert tab.run("document.activeElement.id") == "name"
    server.write("pages/index.html", page("{% if x %}"))
    tab.wait_for(f"{ERRORS}?.open")


def test_a_page_opened_with_an_error_recovers(open_site: OpenSite) -> None:
    server, tab = open_site({"pages/index.html": page("{% if %}")})
    text(tab, "pages/index.html:1")
    server.write("pages/index.html", page("{% else %}"))
    text(tab, "else")
    server.write("pages/index.html", page("mended"))
    text(tab, "mended")


def test_an_endpoint_that_a_page_asks_shows_its_error_there(open_site: OpenSite) -> None:
    ask = (
        "<p>?</p><script>fetch('/api/x').then((response) => response.text())"
        ".then((text) => document.querySelector('p').textContent = text)</script>"
    )
    bad = "async def GET(ctx):\n    return {'x': 1 / 0}\n"
    server, tab = open_site({"pages/index.html": page(ask), "pages/api/x.py": bad})
    tab.wait_for(f"{ERRORS}?.innerText.includes('pages/api/x.py:2 (route /api/x)')")
    assert "<" not in tab.run("document.querySelector('p').innerText")
    server.write("pages/api/x.py", bad.replace("1 / 0", "7"))
    text(tab, '{"x":7}')
    assert not tab.run(f"!!{ERRORS}")


def test_a_page_catches_up_with_what_it_missed(open_site: OpenSite) -> None:
    server, tab = open_site({"pages/index.html": page("one")})
    hide = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}});"
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    tab.run(hide.format("true") + look)
    server.write("pages/index.html", page("two"))
    server.wait_for(lambda log: "changed" in log)
    assert tab.run("document.body.innerText.includes('one')")
    tab.run(hide.format("false") + look)
    text(tab, "two")
    assert tab.run("isSame")


def test_a_policy_for_content_changes_nothing(open_site: OpenSite) -> None:
    policy = "/*\n  Content-Security-Policy: default-src 'self'\n"
    server, tab = open_site({"pages/index.html": page("one"), "pages/_headers": policy})
    server.write("pages/index.html", page("{% if %}"))
    tab.wait_for(f"{ERRORS}?.innerText.includes('pages/index.html:1')")
    assert (
        tab.run(f"getComputedStyle({ERRORS}.querySelector('article')).borderLeftStyle") == "solid"
    )
    server.write("pages/index.html", page("two"))
    text(tab, "two")


def test_a_save_all_is_one_change(open_site: OpenSite) -> None:
    files = {f"pages/_part{n}.html": "old" for n in range(20)}
    main = "".join(f"{{% include '_part{n}.html' %}}" for n in range(20))
    server, tab = open_site({**files, "pages/index.html": page(main)})
    tab.run("window.swaps = 0; addEventListener('firstlight:swap', () => swaps++)")
    for name in files:
        server.write(f"{name}.tmp", "new")
        (server.root / f"{name}.tmp").replace(server.root / name)
    text(tab, "new" * 20)
    assert tab.run("swaps") == 1
    assert server.log().count("changed") == 1
