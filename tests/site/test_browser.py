"""The site in a real browser: to look at, to use by keyboard, without JavaScript, on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import Browser, Tab, chromium
from servers import copy_site, preview_of

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/about/",
    "/blog/",
    "/blog/bindings/",
    "/docs/",
    "/docs/bindings/d1/",
    "/docs/from-astro/",
    "/docs/reference/commands/",
    "/docs/reference/config/",
    "/guestbook",
    "/login",
    "/nope",
]
AUDIT = (Path(__file__).parent / "audit.js").read_text("utf-8")
# Layout shifts since the page began, those after input apart: https://web.dev/articles/cls
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (!entry.hadRecentInput) window.shifts.push(entry.value);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
SETTLED = "document.fonts.ready.then(() => new Promise(done => setTimeout(done, 100)))"
# What the browser itself says of the status of /nope.
EXPECTED_COMPLAINTS = {"/nope": ["404"]}
MOST_STOPS = 80


@pytest.fixture(scope="module")
def site_origin(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    with preview_of(copy_site(tmp_path_factory.mktemp("browser"))) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser, None, None]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def tab(browser: Browser) -> Generator[Tab, None, None]:
    with browser.tab() as opened:
        yield opened


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_sound_on_every_screen_in_both_schemes(
    site_origin: str, tab: Tab, path: str
) -> None:
    tab.before_each_page(SHIFTS)
    found: dict[str, list[str]] = {}
    for width, scheme in [
        (1280, "light"),
        (1280, "dark"),
        (800, "light"),
        (360, "dark"),
        (320, "light"),
    ]:
        tab.resize(width, 800)
        tab.prefer(scheme)
        tab.open(site_origin + path)
        tab.run(SETTLED)
        problems = tab.run(AUDIT) + [f"shift {shift}" for shift in tab.run("window.shifts")]
        problems += [
            text
            for text in tab.complaints()
            if not any(known in text for known in EXPECTED_COMPLAINTS.get(path, []))
        ]
        elsewhere = [url for url in tab.requests() if not url.startswith((site_origin, "data:"))]
        found |= {f"{width} {scheme}": problems + elsewhere} if problems + elsewhere else {}
    assert found == {}


def test_every_page_of_the_guide_is_sound(site_origin: str, tab: Tab) -> None:
    tab.open(f"{site_origin}/docs/")
    paths = tab.run("[...document.querySelectorAll('.guide-nav a')].map((link) => link.href)")
    assert len(paths) > 15
    found: dict[str, list[str]] = {}
    for width, scheme in [(1280, "light"), (320, "dark")]:
        tab.resize(width, 800)
        tab.prefer(scheme)
        for path in paths:
            tab.open(path)
            if problems := tab.run(AUDIT) + tab.complaints():
                found[f"{path} {width}"] = problems
    assert found == {}


def test_the_audit_finds_what_is_wrong(site_origin: str, tab: Tab) -> None:
    tab.resize(320, 800)
    tab.open(f"{site_origin}/about/")
    tab.run(
        "document.title = '';"
        "document.querySelector('main').insertAdjacentHTML('beforeend', `"
        '<h4 id="main">Deep</h4><input><img src="/favicon.svg"><a href="/"></a>'
        '<p style="color: #999; background: #fff">Pale</p><p style="width: 400px">Wide</p>`)'
    )
    found = tab.run(AUDIT)
    wanted = ["no title", "the id main", "a heading of level 4", "no label", "no alt", "no name"]
    wanted += ["contrast 2.8", "scrolls sideways"]
    assert [each for each in wanted if not any(text.startswith(each) for text in found)] == []


@pytest.mark.parametrize("path", ["/", "/docs/pages/", "/guestbook"])
def test_every_stop_of_the_keyboard_is_seen(site_origin: str, tab: Tab, path: str) -> None:
    tab.open(site_origin + path)
    tab.press("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    stops: list[str] = []
    for _ in range(MOST_STOPS):
        stop, outline, is_seen = tab.run(
            "[document.activeElement.outerHTML.slice(0, 60),"
            " parseFloat(getComputedStyle(document.activeElement).outlineWidth),"
            " document.activeElement.checkVisibility({ visibilityProperty: true })]"
        )
        if stop.startswith("<body"):
            break
        assert is_seen, stop
        assert outline >= 2, stop
        stops.append(stop)
        tab.press("Tab")
    assert len(stops) > 5


def test_the_skip_link_leads_past_the_header(site_origin: str, tab: Tab) -> None:
    tab.open(f"{site_origin}/docs/")
    tab.press("Tab")
    tab.press("Enter")
    assert tab.run("document.activeElement.id") == "main"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_without_javascript(site_origin: str, browser: Browser, path: str) -> None:
    with browser.tab(script=False) as tab:
        tab.open(site_origin + path)
        assert tab.run("getComputedStyle(document.querySelector('.tools')).display") == "none"
        assert len(tab.run("document.querySelector('main').innerText")) > 80
        assert [each for each in tab.run(AUDIT) if not each.startswith("contrast")] == []


def test_the_menus_of_a_narrow_screen_need_no_javascript(
    site_origin: str, browser: Browser
) -> None:
    with browser.tab(script=False) as tab:
        tab.resize(360, 800)
        tab.open(f"{site_origin}/docs/bindings/kv/")
        shown = "document.querySelector('#guide-nav').checkVisibility()"
        assert tab.run(shown) is False
        tab.run("document.querySelector('[popovertarget=guide-nav]').focus()")
        tab.press("Enter")
        assert tab.run(shown) is True
        assert tab.run("document.querySelector('#guide-nav [aria-current]').innerText") == "KV"
        tab.press("Escape")
        assert tab.run(shown) is False


def test_the_contents_of_a_narrow_screen_close_when_they_are_used(
    site_origin: str, tab: Tab
) -> None:
    tab.resize(360, 800)
    tab.open(f"{site_origin}/docs/bindings/kv/")
    tab.run("document.querySelector('[popovertarget=guide-toc]').click()")
    shown = "document.querySelector('#guide-toc').checkVisibility()"
    assert tab.run(shown) is True
    tab.run("document.querySelector('#guide-toc a[href=\"#limits\"]').click()")
    assert tab.run(shown) is False
    assert tab.run("document.querySelector('#limits').getBoundingClientRect().top") < 200


def test_the_current_page_is_in_sight_in_a_long_navigation(site_origin: str, tab: Tab) -> None:
    tab.resize(1280, 500)
    tab.open(f"{site_origin}/docs/reference/config/")
    top, bottom, scrolled = tab.run(
        "(({ top, bottom }) => [top, bottom, scrollY])"
        "(document.querySelector('.guide-nav [aria-current]').getBoundingClientRect())"
    )
    assert 0 < top < bottom < 500
    assert scrolled == 0


def test_code_is_copied_as_it_stands(site_origin: str, tab: Tab) -> None:
    # A headless browser has no clipboard of its own.
    tab.before_each_page(
        "navigator.clipboard.writeText = (text) => Promise.resolve(window.copied = text)"
    )
    tab.open(f"{site_origin}/docs/")
    tab.run("document.querySelector('.copy').focus()")
    tab.press("Enter")
    tab.wait_for("document.activeElement.innerText === 'Copied'")
    assert tab.run("window.copied").startswith('---\ngreeting = "Good morning"\n---\n')


def test_search_is_used_by_keyboard_alone(site_origin: str, tab: Tab) -> None:
    tab.open(f"{site_origin}/docs/")
    assert not [url for url in tab.requests() if url.endswith("search.json")]
    tab.press("/", text="/")
    tab.wait_for("document.querySelector('dialog').open")
    tab.type("static paths")
    tab.wait_for("document.querySelector('[role=option]')")
    first, expanded, active = tab.run(
        "[document.querySelector('[role=option][aria-selected=true]').innerText,"
        " document.querySelector('#search').getAttribute('aria-expanded'),"
        " document.querySelector('#search').getAttribute('aria-activedescendant')]"
    )
    assert "Static paths" in first
    assert (expanded, active) == ("true", "search-result-0")
    tab.press("ArrowDown")
    assert tab.run("document.querySelector('[aria-selected=true]').id") == "search-result-1"
    tab.press("ArrowUp")
    tab.press("Enter")
    tab.wait_until_loaded()
    assert tab.run("location.pathname + location.hash") == "/docs/routing/#static-paths"


def test_search_says_when_nothing_is_found_and_closes(site_origin: str, tab: Tab) -> None:
    tab.open(f"{site_origin}/")
    tab.run("document.querySelector('[data-search-open]').focus()")
    tab.press("Enter")
    tab.wait_for("document.querySelector('dialog').open")
    tab.type("zzqx")
    tab.wait_for("document.querySelector('[role=status]').innerText.startsWith('No')")
    assert tab.run("document.querySelector('#search').getAttribute('aria-expanded')") == "false"
    tab.press("Escape")
    assert tab.run("document.querySelector('dialog').open") is False
    assert tab.run("document.activeElement.hasAttribute('data-search-open')") is True


def test_the_colours_are_switched_and_remembered_without_a_flash(
    site_origin: str, tab: Tab
) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    tab.prefer("light")
    tab.open(f"{site_origin}/")
    light = tab.run(paper)
    tab.run("document.querySelector('[data-theme-toggle]').click()")
    dark = tab.run(paper)
    assert dark != light
    assert tab.run("document.querySelector('[data-theme-toggle]').ariaPressed") == "true"
    # What the first script of the next page finds is what will be painted first.
    tab.before_each_page(
        "document.addEventListener('readystatechange', () =>"
        " window.first ??= document.documentElement.dataset.theme)"
    )
    tab.open(f"{site_origin}/about/")
    assert (tab.run("window.first"), tab.run(paper)) == ("dark", dark)
    tab.run("document.querySelector('[data-theme-toggle]').click()")
    tab.open(f"{site_origin}/about/")
    assert (tab.run("localStorage.getItem('theme')"), tab.run(paper)) == (None, light)


def test_the_home_page_counts_its_visits(site_origin: str, browser: Browser) -> None:
    counted: list[int] = []
    for _ in range(2):
        with browser.tab() as tab:
            tab.open(f"{site_origin}/")
            text = "document.querySelector('[data-visits]').innerText"
            tab.wait_for(f"{text}.includes('so far')")
            counted.append(int(tab.run(text).split()[0]))
    assert counted[1] == counted[0] + 1


def test_a_printed_page_has_its_words_alone(site_origin: str, tab: Tab) -> None:
    tab.open(f"{site_origin}/docs/bindings/kv/")
    tab.prefer("dark", media="print")
    shown = "(selector) => document.querySelector(selector).checkVisibility()"
    assert tab.run(f"['.top', '.guide-nav', '.guide-toc', '.pager'].map({shown})") == [False] * 4
    assert tab.run(f"({shown})('article pre')") is True
    assert tab.run("getComputedStyle(document.body).colorScheme") == "light"
