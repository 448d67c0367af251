"""Markdown: what it becomes, anchors, highlighting, and YAML front matter."""

from __future__ import annotations

import datetime
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
from told import says

from firstlight.build.frontmatter import split_source
from firstlight.build.markdown import load_frontmatter, render_markdown, slugify
from firstlight.errors import FrontmatterError

if TYPE_CHECKING:
    from conftest import MakeApp


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("*a* **b** `c<`", "<p><em>a</em> <strong>b</strong> <code>c&lt;</code></p>\n"),
        ("~~a~~", "<p><s>a</s></p>\n"),
        ("<b>raw</b> & text", "<p><b>raw</b> &amp; text</p>\n"),
        ("{{ x }} {% if %} {# c #}", "<p>{{ x }} {% if %} {# c #}</p>\n"),
        ("https://example.com", "<p>https://example.com</p>\n"),
        ("[a](javascript:alert)", "<p>[a](javascript:alert)</p>\n"),
        ("# A *b* `c`", '<h1 id="a-b-c">A <em>b</em> <code>c</code></h1>\n'),
        (
            "## A\n\n## A\n\n## A-1\n\n## A",
            '<h2 id="a">A</h2>\n<h2 id="a-1">A</h2>\n<h2 id="a-1-1">A-1</h2>\n'
            '<h2 id="a-2">A</h2>\n',
        ),
        (
            "a|b\n-|:-:\n1|2",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n"
            '<th style="text-align:center">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n'
            '<td>1</td>\n<td style="text-align:center">2</td>\n</tr>\n</tbody>\n</table>\n',
        ),
        (
            "- [x] a\n- [ ] b",
            '<ul class="contains-task-list">\n<li class="task-list-item">'
            '<input class="task-list-item-checkbox" checked="checked" disabled="disabled" '
            'type="checkbox"> a</li>\n<li class="task-list-item">'
            '<input class="task-list-item-checkbox" disabled="disabled" type="checkbox"> b</li>\n'
            "</ul>\n",
        ),
        ("```\n<a>\n```", "<pre><code>&lt;a&gt;\n</code></pre>\n"),
        (
            "```nosuch\n<a>\n```",
            '<pre><code class="language-nosuch">&lt;a&gt;\n</code></pre>\n',
        ),
        (
            "```python\nx = '<'\n```",
            '<pre class="highlight"><code class="language-python"><span class="n">x</span> '
            '<span class="o">=</span> <span class="s1">\'&lt;\'</span>\n</code></pre>\n\n',
        ),
        (
            '```text title="a & <b>"\nx\n```',
            '<pre class="highlight" data-title="a &amp; &lt;b&gt;"><code class="language-text">'
            "x\n</code></pre>\n\n",
        ),
    ],
)
def test_markdown_becomes(text: str, html: str) -> None:
    assert render_markdown(text).html == html


@pytest.mark.parametrize("language", ["html", "jinja"])
def test_markdown_highlights_a_page_as_python_and_jinja(language: str) -> None:
    page = "---\nif True:\n    x = 1\n---\n{{ x }}"
    html = render_markdown(f"```{language}\n{page}\n```").html
    assert '<span class="k">if</span>' in html
    assert '<span class="cp">{{</span> <span class="nv">x</span> <span class="cp">}}</span>' in html
    assert unescape(re.sub("<[^>]+>", "", html)).strip() == page


def test_markdown_highlights_an_answer_as_it_does_a_request() -> None:
    html = render_markdown("```http\nGET / HTTP/1.1\n\nHTTP/1.1 404 Not Found\n```").html
    assert '<span class="m">404</span> <span class="ne">Not Found</span>' in html


def test_markdown_numbers_footnotes_anew_in_each_document() -> None:
    first, second = (render_markdown("a[^n]\n\n[^n]: note").html for _ in range(2))
    assert first == second
    assert '<a href="#fn1" id="fnref1">[1]</a>' in first
    assert '<li id="fn1" class="footnote-item"><p>note ' in first


def test_markdown_lists_its_headings() -> None:
    assert render_markdown("# One & *two*\n\n### `Three`\n\n# One & two").headings == [
        {"depth": 1, "slug": "one--two", "text": "One & two"},
        {"depth": 3, "slug": "three", "text": "Three"},
        {"depth": 1, "slug": "one--two-1", "text": "One & two"},
    ]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Hello World", "hello-world"),
        ("  A  b ", "a--b"),
        ("What's new?", "whats-new"),
        ("C++ & C#", "c--c"),
        ("Über_uns-2", "über_uns-2"),
        ("日本語 x", "日本語-x"),
        ("v1.2", "v12"),
        ("!?", ""),
    ],
)
def test_slugify_does_as_github(text: str, slug: str) -> None:
    assert slugify(text) == slug


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("body", {}),
        ("---\n---\n", {}),
        ("---\n# nothing\n---\n", {}),
        ("---\na: 1\nb: [x, y]\n---\n", {"a": 1, "b": ["x", "y"]}),
        ("---\na: 2026-01-02\n---\n", {"a": datetime.date(2026, 1, 2)}),
        ("---\na: |\n  one\n\n  two\n---\n", {"a": "one\n\ntwo"}),
        ("---\n'1': {2: true}\n---\n", {"1": {2: True}}),
    ],
)
def test_yaml_frontmatter_holds(text: str, data: dict[str, object]) -> None:
    assert load_frontmatter(split_source("p.md", text)) == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "p.md:2: The frontmatter is not YAML: expected ',' or ']', but got "
         "'<stream end>'."),
        ("a: 1\nb: 'x\nc: 1", "p.md:4: The frontmatter is not YAML: found unexpected end of "
         "stream."),
        ("a: b: c", "p.md:2: The frontmatter is not YAML: mapping values are not allowed here."),
        ("\ta: 1", "p.md:2: The frontmatter is not YAML: found character '\\t' that cannot "
         "start any token."),
        ("a: !!python/object:os.x {}", "p.md:2: The frontmatter is not YAML: could not determine "
         "a constructor for the tag 'tag:yaml.org,2002:python/object:os.x'."),
        ("a: 2026-13-01", "p.md:2: The frontmatter is not YAML: month must be in 1..12."),
        ("just text", "p.md:2: The frontmatter is a str, not a mapping.\n"
         "  Hint: Write lines such as `title: Hello`."),
        ("- a", "p.md:2: The frontmatter is a list, not a mapping.\n"
         "  Hint: Write lines such as `title: Hello`."),
        ("[]", "p.md:2: The frontmatter is a list, not a mapping.\n"
         "  Hint: Write lines such as `title: Hello`."),
    ],
)  # fmt: skip
def test_yaml_frontmatter_mistake_says(text: str, message: str) -> None:
    with pytest.raises(FrontmatterError) as caught:
        load_frontmatter(split_source("p.md", f"---\n{text}\n---\n"))
    assert says(caught.value, message)


LAYOUT = (
    "{{ frontmatter.title }}|{{ content }}|{{ headings[0].slug }}|{{ url }}|{{ file }}|"
    "{{ ctx.route_pattern }}"
)


@pytest.mark.parametrize(
    ("file", "url", "shown"), [("blog/a", "/blog/a/", "/blog/a"), ("index", "/", "/")]
)
def test_markdown_page_gives_its_layout(make_app: MakeApp, file: str, url: str, shown: str) -> None:
    text = "---\nlayout: _layouts/l.html\ntitle: <T>\n---\n# Hi"
    app = make_app({f"pages/{file}.md": text, "pages/_layouts/l.html": LAYOUT})
    assert app.text(url) == (f'&lt;T&gt;|<h1 id="hi">Hi</h1>\n|hi|{shown}|pages/{file}.md|{shown}')


def test_markdown_page_keeps_the_types_of_yaml(make_app: MakeApp) -> None:
    values = ["1", "1.5", "true", "null", "2026-01-02", "2026-01-02 03:04:05", ".inf", "-.inf",
              ".nan", "!!binary aGk=", "{a: [1]}", "'it''s'"]  # fmt: skip
    yaml = "".join(f"k{index}: {value}\n" for index, value in enumerate(values))
    layout = "{% for name, value in frontmatter.items() %}{{ value | string }};{% endfor %}"
    files = {"pages/index.md": f"---\nlayout: _l.html\n{yaml}---\n", "pages/_l.html": layout}
    assert make_app(files).text("/") == (
        "_l.html;1;1.5;True;None;2026-01-02;2026-01-02 03:04:05;inf;-inf;nan;b&#39;hi&#39;;"
        "{&#39;a&#39;: [1]};it&#39;s;"
    )


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: A & B\n---\n# H", "A &amp; B"),
        ("# H *i*", "H i"),
        ("text", "/a"),
    ],
)
def test_markdown_page_without_a_layout_is_a_document(
    make_app: MakeApp, text: str, title: str
) -> None:
    app = make_app({"pages/a.md": text})
    head = f'<!doctype html>\n<meta charset="utf-8">\n<title>{title}</title>\n'
    assert app.text("/a").startswith(head)
