"""Links that lead nowhere, told at the author's own line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from check_site import CLOUDFLARE, page

if TYPE_CHECKING:
    from check_site import Check

DEAD = "leads nowhere: no page, file or route answers"
LAYOUT = (
    '<!doctype html><html lang="en"><head><title>T</title><meta name="viewport" content=""></head>'
    "{{ content }}"
)
MEND = "Hint: Mend the link, or make the page."


ANSWERED = [
    '<a href="/about/">x</a>',
    '<a href="/about">the platform sends on</a>',
    '<a href="/about/?q=1">x</a>',
    '<a href="about/">x</a>',
    '<a href="../about/">x</a>',
    '<a href="/about/#team">x</a>',
    '<a href="/about/#old-name">x</a>',
    '<a href="#top">x</a><a href="#">x</a><a href="#/route">x</a><a href="">x</a>',
    '<a href="/api/notes">x</a><a href="/notes/7">x</a>',
    '<a href="/old">x</a><a href="/moved/7">x</a>',
    '<a href="https://example.com/nowhere">x</a><a href="//cdn.test/x.js">x</a>',
    '<a href="mailto:a@b.c">x</a><a href="tel:1">x</a><a href="javascript:void 0">x</a>',
    '<img alt="" src="data:image/png;base64,AA==">',
    '<img alt="" src="/img/a%20b.png" srcset="/img/a%20b.png 1x, /logo.svg 2x">',
    '<form method="post" action="/api/notes"></form><form action="/about/"></form>',
    '<form method="dialog" action="/nowhere"></form>',
    '<link rel="preconnect" href="/nowhere">',
    '<svg><title>t</title><use href="/logo.svg#part"></use></svg>',
    '<a href="/ünï/">x</a><a href="/%C3%BCn%C3%AF/">x</a>',
]
UNANSWERED = [
    ('<a href="/nowhere">x</a>', f"`/nowhere` {DEAD} `/nowhere`. {MEND}"),
    (
        '<a href="nowhere/?a=1&amp;b=2#c">x</a>',
        f"`nowhere/?a=1&b=2#c` {DEAD} `/nowhere/`. {MEND}",
    ),
    ('<a href="/abuot/">x</a>', f"`/abuot/` {DEAD} `/abuot/`. Hint: Did you mean `/about/`?"),
    (
        '<img alt="" src="/logo.png">',
        f"`/logo.png` {DEAD} `/logo.png`. Hint: Did you mean `/logo.svg`?",
    ),
    (
        '<img alt="" srcset="/logo.svg 1x, /none.webp 2x">',
        f"`/none.webp` {DEAD} `/none.webp`. {MEND}",
    ),
    ('<img alt="" src="">', "`<img>` has an empty `src`."),
    ('<script src="/js/nope.js"></script>', f"`/js/nope.js` {DEAD} `/js/nope.js`. {MEND}"),
    ('<a href="http://[/">x</a>', "`http://[/` is no URL that a server understands."),
    ('<a href="/%ff/">x</a>', "`/%ff/` is no URL that a server understands."),
    (
        '<a href="/about/#tame">x</a>',
        "`/about/#tame` leads to `#tame`, but that page has no such `id`. "
        "Hint: Did you mean `#team`?",
    ),
    (
        '<a href="#nope">x</a>',
        "`#nope` leads to `#nope`, but that page has no such `id`. "
        "Hint: Give an element of that page this `id`.",
    ),
    (
        '<form method="post" action="/about/"></form>',
        "This form posts to `/about/`, a static page: the platform answers 405. "
        "Hint: Set `prerender = False` in that page, or post to an endpoint.",
    ),
    (
        '<form><button formmethod="post" formaction="/api/read">x</button></form>',
        "`/api/read` is asked for with POST, but pages/api/read.py defines GET only: the "
        "answer is 405. Hint: Define `POST` there, or link to another URL.",
    ),
    (
        '<a href="/api/write">x</a>',
        "`/api/write` is asked for with GET, but pages/api/write.py defines POST only: the "
        "answer is 405. Hint: Define `GET` there, or link to another URL.",
    ),
    (
        '<meta http-equiv="refresh" content="0; url=/nowhere">',
        f"`/nowhere` {DEAD} `/nowhere`. {MEND}",
    ),
]


def test_what_the_site_answers_is_no_dead_link(check: Check) -> None:
    site = {
        "pages/index.html": page("\n".join(ANSWERED)),
        "pages/about.html": page('<h2 id="team">x</h2><a name="old-name"></a>'),
        "pages/ünï.html": page(""),
        "pages/logo.svg": "<svg/>",
        "pages/img/a b.png": "",
        "pages/api/notes.py": "def GET(ctx): return ''\ndef POST(ctx): return ''\n",
        "pages/notes/[id].html": page("{{ ctx.params.id }}", "prerender = False"),
    }
    redirects = '"/old" = "/about"\n"/moved/[id]" = "/notes/[id]"\n'
    assert check(site, f"{CLOUDFLARE}[tool.firstlight.redirects]\n{redirects}") == []


def test_dead_links_are_told_at_their_lines(check: Check) -> None:
    site = {
        "pages/index.html": page("\n".join(link for link, _ in UNANSWERED)),
        "pages/about.html": page('<h2 id="team">x</h2>'),
        "pages/logo.svg": "<svg/>",
        "pages/api/read.py": "def GET(ctx): return ''\n",
        "pages/api/write.py": "def POST(ctx): return ''\n",
    }
    told = [
        f"{'warning' if 'such `id`' in found else 'error'} pages/index.html:{n} (route /): {found}"
        for n, (_, found) in enumerate(UNANSWERED, 2)
    ]
    assert check(site, CLOUDFLARE) == sorted(told, key=lambda line: line.startswith("warning"))


@pytest.mark.parametrize(
    ("forms", "place"),
    [
        ("<form method=post></form>", ":2 (route /): "),
        ("<form method=post></form>" * 2, " (route /): "),
    ],
)
def test_form_that_posts_to_its_own_static_page(check: Check, forms: str, place: str) -> None:
    (found,) = check({"pages/index.html": page(forms.replace("><form", ">\n<form"))})[:1]
    assert found.startswith(f"error pages/index.html{place}This form posts to `/`, a static page: ")


def test_dead_link_of_a_layout_is_told_once(check: Check) -> None:
    layout = LAYOUT.replace("</head>", '\n</head>\n<a href="/gone">x</a>\n')
    pages = {f"pages/{name}.md": "---\nlayout: _layouts/doc.html\n---\nHi" for name in "abc"}
    assert check({"pages/_layouts/doc.html": layout, **pages}) == [
        f"error pages/_layouts/doc.html:3 (route /a and 2 more): `/gone` {DEAD} `/gone`. {MEND}"
    ]


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"pages/a.md": "---\nlayout: _layouts/md.html\n---\n\nSee [it](/gone)."}, "pages/a.md:5"),
        (
            {"pages/a.md": "---\nlayout: _layouts/md.html\n---\n[it]\n\n[it]: /gone 'T'"},
            "pages/a.md:6",
        ),
        ({"pages/a.html": page('<a\n class="x"\n href=/gone>x</a>')}, "pages/a.html:4"),
        ({"pages/a.html": page("<a href='{{ to }}'>x</a>", 'to = "/gone"')}, "pages/a.html:2"),
        (
            {"pages/a.html": page('{% from "_c/c.html" import link %}\n{{ link("/gone") }}'),
             "pages/_c/c.html": '{% macro link(to) %}<a href="{{ to }}">x</a>{% endmacro %}'},
            "pages/a.html:3",
        ),
        (
            {"pages/a.html": page('<a href="/{{ to }}">x</a>', 'to = "go" + "ne"')},
            "pages/a.html:5",
        ),
        (
            {
                "pages/_content/posts/one.md": "# One\n\nA [link](/gone).",
                "pages/a.html": page(
                    "{{ post.html }}",
                    "from firstlight.content import get_entry\npost = get_entry('posts', 'one')",
                ),
            },
            "pages/_content/posts/one.md:3",
        ),
        (
            {"pages/a.html": page("{{ links.MENU | safe }}", "from pages._lib import links"),
             "pages/_lib/links.py": "MENU = (\n    '<a href=\"/gone\">x</a>'\n)\n"},
            "pages/_lib/links.py:2",
        ),
        ({"pages/a.html": page("{{ x | safe }}", "x = '<a href=\"/g' + 'one\">'")}, "pages/a.html"),
    ],
)  # fmt: skip
def test_line_of_a_dead_link_is_the_authors(
    check: Check, files: dict[str, str], place: str
) -> None:
    (found,) = check({"pages/_layouts/md.html": LAYOUT, **files})
    assert found.startswith(f"error {place} (route /a): `/gone`")
    assert ("(in the built page, line 6)" in found) == (place == "pages/a.html")


def test_templates_on_demand_are_checked_without_being_run(check: Check) -> None:
    body = (
        '<a href="/gone">x</a><a href="{{ x }}">x</a><a href="/{% if x %}a{% endif %}">x</a>\n'
        '<img src="/gone.png"><a href="#unknown">x</a><a href="relative">x</a>'
    )
    site = {"pages/a/[x].html": page(body, "prerender = False\nx = ctx.params['x'] < '<img>'")}
    assert check(site, CLOUDFLARE) == [
        f"error pages/a/[x].html:6 (route /a/[x]): `/gone` {DEAD} `/gone`. {MEND}",
        f"error pages/a/[x].html:7 (route /a/[x]): `/gone.png` {DEAD} `/gone.png`. {MEND}",
        'warning pages/a/[x].html:7 (route /a/[x]): `<img src="/gone.png">` has no `alt`. '
        'Hint: Describe it: `alt="…"`; or `alt=""` when it only decorates.',
    ]


def test_links_outside_of_base(check: Check) -> None:
    config = '[tool.firstlight]\nbase = "/docs"\n'
    links = "/docs/about/", "/about/", "/docs/nowhere", "/shop/"
    body = "\n".join(f'<a href="{link}">x</a>' for link in links)
    site = {"pages/index.html": page(body), "pages/about.html": page("")}
    assert check(site, config) == [
        "error pages/index.html:3 (route /): `/about/` lies outside of `base`, which is `/docs`. "
        "Hint: Did you mean `/docs/about/`?",
        f"error pages/index.html:4 (route /): `/docs/nowhere` {DEAD} `/docs/nowhere`. {MEND}",
    ]


def test_absolute_links_to_the_site_itself(check: Check) -> None:
    config = '[tool.firstlight]\nsite = "https://site.test"\n'
    body = '<a href="https://site.test/">x</a>\n<a href="https://site.test/gone">x</a>'
    assert check({"pages/index.html": page(body)}, config) == [
        f"error pages/index.html:3 (route /): `https://site.test/gone` {DEAD} `/gone`. {MEND}"
    ]


def test_absolute_link_without_site_names_the_machine(check: Check) -> None:
    body = '<link rel="canonical" href="{{ ctx.url.href }}">'
    assert check({"pages/index.html": page(body)}) == [
        "warning pages/index.html:2 (route /): `http://localhost:4321/` names this machine. "
        'Hint: Set `site = "https://…"` in [tool.firstlight] of pyproject.toml.'
    ]


def test_redirects_to_nothing(check: Check) -> None:
    config = (
        f'{CLOUDFLARE}[tool.firstlight.redirects]\n"/a" = "/about"\n"/b" = "/abuot"\n'
        '"/c/[x]" = "/p/[x]"\n"/d/[x]" = "/q/[x]"\n"/e" = "https://example.com/"\n'
    )
    site = {
        "pages/about.html": page(""),
        "pages/p/[x].html": page("{{ ctx.params.x }}", "prerender = False"),
    }
    assert check(site, config) == [
        "error pyproject.toml:6: The redirect `/b` leads to `/abuot`, which is not there. "
        "Hint: Did you mean `/about/`?",
        "error pyproject.toml:8: The redirect `/d/[x]` leads to `/q/[x]`, which is not there.",
    ]


def test_links_to_a_page_that_failed_are_not_dead(check: Check) -> None:
    site = {"pages/index.html": page('<a href="/about/">x</a>'), "pages/about.html": "{{ nope }}"}
    (found,) = check(site)
    assert found.startswith("error pages/about.html:1 (route /about): ")


def test_dynamic_route_answers_what_it_has_paths_for(check: Check) -> None:
    paths = "def get_static_paths(): return [{'params': {'x': 'a'}}]"
    links = '<a href="/p/a/">x</a>\n<a href="/p/b/">x</a>'
    site = {"pages/index.html": page(links), "pages/p/[x].html": page("", paths)}
    assert check(site) == [
        f"error pages/index.html:3 (route /): `/p/b/` {DEAD} `/p/b/`. Hint: Did you mean `/p/a/`?"
    ]


def test_what_the_platform_or_middleware_answers_is_not_dead(check: Check) -> None:
    middleware = (
        "from firstlight import Response\n\nasync def on_request(ctx, next):\n"
        "    if ctx.url.pathname == '/health':\n        return Response('ok')\n"
        "    return await next()\n"
    )
    links = "/cdn-cgi/image/width=80/a.png", "/health", "/healthy"
    body = "\n".join(f'<a href="{link}">x</a>' for link in links)
    site = {"pages/_middleware.py": middleware, "pages/index.html": page(body)}
    (found,) = check(site, CLOUDFLARE)
    assert found.startswith(f"error pages/index.html:4 (route /): `/healthy` {DEAD}")
