"""Titles, languages, viewports, images without `alt` and repeated ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from check_site import BASE, CLOUDFLARE, page

if TYPE_CHECKING:
    from check_site import Check

ALT = 'Hint: Describe it: `alt="…"`; or `alt=""` when it only decorates.'
TITLE = "Hint: Write `<title>…</title>` in the page's `<head>`."
LANG = 'Hint: Write `<html lang="en">`, or whichever language it is in.'
VIEWPORT = 'Hint: Write `<meta name="viewport" content="width=device-width, initial-scale=1">`.'
NARROW = "The page has no `<meta name=viewport>`: phones show it shrunk."


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (
            {"pages/index.html": "<!doctype html>\n<html>\n<head>\n</head>\nHi</html>"},
            [
                f"warning pages/index.html:2 (route /): The page does not say its language. {LANG}",
                f"warning pages/index.html:3 (route /): The page has no `<title>`. {TITLE}",
                f"warning pages/index.html:3 (route /): {NARROW} {VIEWPORT}",
            ],
        ),
        (
            {"pages/index.html": BASE.replace(">T<", "> <")},
            [f"warning pages/index.html:3 (route /): The page has an empty `<title>`. {TITLE}"],
        ),
        (
            {"pages/index.html": BASE.replace("<title>T</title>", "<svg><title>T</title></svg>")},
            [f"warning pages/index.html:3 (route /): The page has no `<title>`. {TITLE}"],
        ),
        (
            {
                "pages/_layouts/base.html": BASE.replace(' lang="en"', ' lang=""'),
                "pages/index.html": page(""),
                "pages/about.html": page(""),
            },
            [
                "warning pages/_layouts/base.html:2 (route /about and 1 more): "
                f"The page does not say its language. {LANG}"
            ],
        ),
        (
            {"pages/index.md": "# Hi"},
            [
                "warning pages/index.md (route /): The page does not say its language. "
                f"Hint: Name a `layout` in the front matter, and there: {LANG[6:]}",
                f"warning pages/index.md (route /): {NARROW} "
                f"Hint: Name a `layout` in the front matter, and there: {VIEWPORT[6:]}",
            ],
        ),
        (
            {"pages/index.html": page('<p>\n<img src="/a.png"></p>'), "pages/a.png": ""},
            [f'warning pages/index.html:3 (route /): `<img src="/a.png">` has no `alt`. {ALT}'],
        ),
        (
            {
                "pages/index.md": "---\nlayout: _l.html\n---\n<img src='/a.png'>\n\n![](/a.png)",
                "pages/a.png": "",
                "pages/_l.html": BASE.replace("{% block main %}{% endblock %}", "{{ content }}"),
            },
            [f'warning pages/index.md:4 (route /): `<img src="/a.png">` has no `alt`. {ALT}'],
        ),
        (
            {"pages/index.html": page('<p id="x">\n<p id="y">\n<p id="x">')},
            [
                f"warning pages/index.html:{line} (route /): The id `x` stands more than once in "
                "the page. Hint: Give each element an id of its own."
                for line in (2, 4)
            ],
        ),
        ({"pages/index.html": "---\nreturn ctx.redirect('/')\n---\n"}, []),
        ({"pages/data.json.py": "def GET(ctx): return {}\n"}, []),
    ],
)
def test_markup_problem_is_told_at_the_authors_line(
    check: Check, files: dict[str, str], found: list[str]
) -> None:
    assert check(files) == found


@pytest.mark.parametrize(
    "image",
    [
        '<img alt="" src="/a.png">',
        '<img alt="A" src="/a.png">',
        '<img aria-hidden="true" src="/a.png">',
        '<img role="presentation" src="/a.png">',
        '<input type="text">',
    ],
)
def test_image_that_needs_no_more_words(check: Check, image: str) -> None:
    assert check({"pages/index.html": page(image), "pages/a.png": ""}) == []


def test_page_on_demand_is_checked_as_a_whole(check: Check) -> None:
    site = {
        "pages/_layouts/base.html": BASE.replace(' lang="en"', ""),
        "pages/a.html": page(
            '{% if x %}<p id="a">{% else %}<p id="a">{% endif %}',
            "prerender = False\nx = ctx.request.method",
        ),
        "pages/part.html": "---\nprerender = False\nx = ctx.request.url\n---\n<li>{{ x }}</li>",
    }
    assert check(site, CLOUDFLARE) == [
        f"warning pages/_layouts/base.html:2 (route /a): The page does not say its language. {LANG}"
    ]
