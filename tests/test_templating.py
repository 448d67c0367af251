"""The run time of compiled templates: what it shares with Jinja2, and `ctx`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from jinja2.defaults import DEFAULT_POLICIES
from jinja_pair import CTX, Pair
from markupsafe import Markup

from firstlight.rendering.escaping import concat
from firstlight.rendering.filtering import POLICIES

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp


def test_policies_are_jinja2s() -> None:
    assert POLICIES == DEFAULT_POLICIES


def test_names_that_hold_the_separator_are_escaped_each() -> None:
    buffer = ["<", "a\0<", ">", "&"]

    assert concat(buffer) == "<a\0&lt;>&amp;"


def test_nothing_to_escape_is_joined_as_it_is() -> None:
    assert concat(["<b>", "text", "</b>", ""]) == "<b>text</b>"
    assert concat([]) == ""


DEPTHS = {
    "extends": "{% extends '_x.html' %}",
    "include": "{% include '_x.html' %}",
    "include without context": "{% include '_x.html' without context %}",
    "import": "{% import '_x.html' as x %}{{ x }}{{ x.m() }}",
    "import with context": "{% import '_x.html' as x with context %}{{ x }}{{ x.m() }}",
    "from import": "{% from '_x.html' import m %}{{ m() }}",
    "in a block": "{% block b %}{% include '_x.html' without context %}{% endblock %}",
    "in a macro": "{% macro q() %}{% import '_x.html' as x %}{{ x.m() }}{% endmacro %}{{ q() }}",
    "in a loop": "{% for n in [1, 2] %}{% from '_x.html' import m %}{{ m() }}{% endfor %}",
}


@pytest.mark.parametrize("inner", DEPTHS.values(), ids=DEPTHS)
@pytest.mark.parametrize("outer", DEPTHS.values(), ids=DEPTHS)
def test_ctx_is_visible_at_every_depth(tmp_path: Path, outer: str, inner: str) -> None:
    middle = inner.replace("_x", "_leaf") + (
        "{% macro m() %}{% import '_leaf.html' as x %}{{ x.m() }}{% endmacro %}"
    )
    leaf = "{% macro m() %}<m {{ ctx.title }}>{% endmacro %}<b {{ ctx.title }}>"
    files = {"_page.html": outer, "_x.html": middle, "_leaf.html": leaf}

    outcome = Pair(tmp_path, files).assert_equal("_page.html", dict)

    assert "&lt;ctx&gt;" in str(outcome.text)


def test_ctx_is_each_renders_own(make_app: MakeApp) -> None:
    macros = "{% macro m() %}{{ ctx.title }}{% endmacro %}"
    page = "{% import '_m.html' as m %}{{ m.m() }}{{ other(ctx) }}{{ m.m() }}"
    client = make_app({"pages/_page.html": page, "pages/_m.html": macros})
    template = client.app.templates().get_template("_page.html")

    def other(ctx: object) -> str:
        return template.render({"other": str}, SimpleNamespace(title="inner")) if ctx is CTX else ""

    text = template.render({"other": other}, CTX)

    assert text.startswith("&lt;ctx&gt;inner")
    assert text.endswith("inner&lt;ctx&gt;")


def test_ctx_cannot_be_hidden_by_the_pages_names(make_app: MakeApp) -> None:
    client = make_app({"pages/_page.html": "{{ ctx }}"})

    assert client.app.templates().get_template("_page.html").render({"ctx": 1}, 2) == "2"


def test_template_is_loaded_once(make_app: MakeApp) -> None:
    templates = make_app({"pages/_a.html": "x"}).app.templates()

    assert templates.get_template("_a.html") is templates.get_template("_a.html")
    assert templates.get_template(templates.get_template("_a.html")).name == "_a.html"


def test_page_and_layout_names_reach_the_template(make_app: MakeApp) -> None:
    page = (
        "---\nimport math\nfrom os.path import join as put\na = 1\nb: int = 2\n"
        "for c in range(3): pass\nwith __import__('io').StringIO() as d: pass\n"
        "def e(): return 5\nclass F: g = 6\n(h, *i) = 7, 8\nif (j := 9): pass\n---\n"
        "{{ math.pi|round }}{{ put('x', 'y') }}{{ a }}{{ b }}{{ c }}{{ d is defined }}"
        "{{ e() }}{{ F.g }}{{ h }}{{ i }}{{ j }}"
    )

    assert make_app({"pages/index.html": page}).text("/") == "3.0x/y122True567[8]9"


def test_a_pages_imports_do_not_reach_into_its_template(make_app: MakeApp) -> None:
    names = "type str dict len enumerate list tuple isinstance abs text attr missing call root"
    page = (
        f"---\nfrom pages._lib.own import {', '.join(names.split())}\nrows = [{{'n': '<'}}]\n---\n"
        "{% for row in rows %}{{ row.n }}{{ loop.last }}{{ rows|length }}{{ -1|abs }}"
        "{{ row is defined }}{{ call(1) }}{{ text }}{% endfor %}"
    )
    own = "".join(f"def {name}(*_): return '{name}'\n" for name in names.split())
    client = make_app({"pages/index.html": page, "pages/_lib/own.py": own + "text = 'own text'\n"})

    assert client.text("/") == "&lt;True11Truecallown text"


class _Moody:
    """Its properties count how often they are asked, and fail."""

    def __init__(self) -> None:
        self.asked = 0

    @property
    def lost(self) -> str:
        self.asked += 1
        raise AttributeError("lost")

    @property
    def broken(self) -> str:
        self.asked += 1
        if self.asked == 1:
            raise KeyError("broken")
        return "came the second time"

    def __getitem__(self, key: str) -> str:
        return f"{key}{self.asked}"


@pytest.mark.parametrize(
    "template",
    [
        "{{ a.lost }}",
        "{{ a.broken }}",
        "{% for x in [a] %}{{ x.lost }}{% endfor %}",
        "{% for x in [a] %}\n{{ x.broken }}{% endfor %}",
    ],
)
def test_a_property_is_asked_once(tmp_path: Path, template: str) -> None:
    Pair(tmp_path, {"t.html": template}).assert_equal("t.html", lambda: {"a": _Moody()})


class _Shown:
    """Says that it is HTML only when it is turned into text, which Jinja2 does not ask."""

    def __str__(self) -> str:
        return Markup("<i>")


@pytest.mark.parametrize("template", ["{{ a }}{{ b }}", "{% for x in [a, b] %}{{ x }}{% endfor %}"])
def test_text_that_is_markup_is_escaped_all_the_same(tmp_path: Path, template: str) -> None:
    names = {"a": _Shown(), "b": Markup("<b>")}
    pair = Pair(tmp_path, {"t.html": template})

    outcome = pair.assert_equal("t.html", lambda: names)

    assert (outcome.text or "").startswith("&lt;i&gt;<b>")


def test_text_that_is_markup_is_escaped_once_beside_the_separator(tmp_path: Path) -> None:
    names = {"a": _Shown(), "b": "\0<"}

    outcome = Pair(tmp_path, {"t.html": "{{ a }}{{ b }}"}).assert_equal("t.html", lambda: names)

    assert outcome.text == "&lt;i&gt;\0&lt;"
