"""Compiled templates held to Jinja2: the same text, or the same error on the same line.

The templates are in jinja/*.txt, a blank line between them.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jinja2 import Environment, nodes
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.filters import FILTERS
from jinja2.tests import TESTS
from jinja_pair import Pair
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterator

WHITESPACE = [
    "",
    "\n",
    "\n\n",
    "a\n",
    "a\n\n",
    "\n a \n ",
    "a\r\nb\r\n",
    "a\rb\r",
    "\ta\t",
    " \n{{ 1 }}\n ",
    "a {%- if yes -%} b {%- endif -%} c",
    "a {%- if yes %} b {% endif -%} c",
    "a\n  {%- if yes %}\n  b\n  {%- endif %}\nc\n",
    "{%+ if yes +%} a {%+ endif +%}\n",
    "{{- word -}} {{- 1 }} x {{ 2 -}} y",
    "a {#- c -#} b {# d #} e\n{#- f #}\n g",
    "{#\n multi\n line {{ nope }} {% if %}\n#}x",
    "{% raw %}{{ a }} {% b %} {# c #}{% endraw %}",
    "a {%- raw -%} {{ a }} {%- endraw -%} b",
    "{% raw %}\n  {%- x -%}\n{% endraw %}\n",
    "{% if yes %}\n\n  a\n\n{% endif %}\n\n",
    "{% for n in nums %}\n  {{ n }}\n{% endfor %}\n\nend\n",
    "{% for n in nums -%}\n  {{ n }}\n{%- endfor %}\n",
    "{{ '{{' }}{{ '{%' }}{{ '#}' }}{{ '%}' }}",
    "{{ {'a': {'b': 1}} }}",
    "{ { } } {x} { % if false %}",
    "%s %d {0} {} {{ 1 }} %%",
    "{{\n word\n}}",
    "{%\n if\n yes\n%}a{%\nendif\n%}",
    "{% set x %}\n a \n{% endset %}[{{ x }}]",
    "{% macro m() %}\n a\n{% endmacro %}[{{ m() }}]",
    "{% block b %}\n a\n{% endblock %}\n",
    "{% extends '_base.html' %}\n\n{% block main %}\n x\n{% endblock %}\n\n",
    "'''\"\"\"\\n\\ {{ word }} \\",
    "é\n☃\u2028\u2029 {{ word }}\n",
    "a" * 5000 + "{{ word }}" + "<b>" * 1000,
    "\n\n{{ word }}\n\n\n{{ nope }}\n",
    "{# a\n\n b #}\n{{ nope }}",
    "{% raw %}\n\n{% endraw %}\n{{ nope }}",
    "{{ word }}\n{{- ' ' -}}\n{{ nope }}",
    "a\r\n\r\nb\r\n{{ nope }}",
    "x\n" * 40 + "{{ nope }}",
]
PARTIALS = {
    "_base.html": "<b>{% block title %}base{% endblock %}|{% block main %}{% endblock %}"
    "|{{ self.title() }}</b>{% set hidden = 1 %}",
    "_middle.html": "{% extends '_base.html' %}{% block title %}mid+{{ super() }}{% endblock %}"
    "{% block main %}[{% block inner %}inner{% endblock %}]{% endblock %}",
    "_loop.html": "{% for n in nums %}{% block item scoped %}{{ n }}{% endblock %};{% endfor %}",
    "_required.html": "{% block must required %}{% endblock %}",
    "_part.html": "({{ word }}{{ n|default('-') }}{{ ctx.title }})",
    "_macros.html": "{% macro hi(name, greeting='Hi') %}<i>{{ greeting }} {{ name }} "
    "{{ ctx.title }}</i>{% endmacro %}"
    "{% macro caller_twice() %}{{ caller(1) }}{{ caller(2) }}{% endmacro %}"
    "{% set top = '<top>' %}{% set _private = 1 %}text {{ top }}",
    "_uses_word.html": "{% macro shout() %}{{ word|upper }}{% endmacro %}",
    "_deep1.html": "1{% include '_deep2.html' without context %}",
    "_deep2.html": "2{% import '_deep3.html' as deep %}{{ deep.m() }}",
    "_deep3.html": "{% macro m() %}3{% include '_deep4.html' %}{% endmacro %}",
    "_deep4.html": "4{{ ctx.title }}",
    "_chain1.html": "{% block a %}1{% endblock %}|{% block b %}1{% endblock %}",
    "_chain2.html": "{% extends '_chain1.html' %}{% block a %}2{{ super() }}{% endblock %}"
    "{% block b %}2{{ super() }}{% endblock %}",
    "_chain3.html": "{% extends '_chain2.html' %}{% block a %}3{{ super() }}{% endblock %}"
    "{% block b %}3{{ super() }}{% endblock %}",
    "_sets.html": "{% set top = 'base' %}{% block show %}{{ top }}{% endblock %}{{ top }}",
    "_loop2.html": "{% for n in nums %}{% block item scoped %}<{{ loop.last }}>{% endblock %}"
    "{% endfor %}",
    "_loop_part.html": "[{{ loop.index if loop is defined else '-' }}{{ n|default('-') }}]",
    "_auto.html": "{% autoescape false %}{% block a %}{{ word }}{% endblock %}{% endautoescape %}"
    "{{ word }}",
    "_includes.html": "{% include '_part.html' %}{% block main %}{% endblock %}"
    "{% import '_macros.html' as m %}{{ m.hi(1) }}",
    "_scoped_twice.html": "{% for row in nums %}{% for col in 'ab' %}{% block cell scoped %}"
    "{{ row }}{{ col }}{{ loop.index }}{% endblock %}{% endfor %}{% endfor %}",
    "_outer_if.html": "{% if yes %}{% block maybe %}base {{ word }}{% endblock %}{% endif %}",
    "_assigns.html": "{% set assigned = assigned|default('new') %}{{ assigned }}",
    "_tree.html": "{% for node in tree %}{% include '_node.html' %}{% endfor %}",
    "_node.html": "<{{ node.n }}{% for node in node.kids %}{% include '_node.html' %}{% endfor %}>",
    "_counting.html": "{% set c = cycler(1, 2, 3, 4, 5) %}{% macro tick() %}{{ c.next() }}"
    "{% endmacro %}",
    "_ticks.html": "{% import '_counting.html' as t %}{{ t.tick() }}{{ t.tick() }}",
    "_child.html": "{% extends '_base.html' %}{% macro made() %}made {{ ctx.title }}{% endmacro %}"
    "{% block main %}c{% endblock %}",
    "_reexports.html": "{% from '_macros.html' import hi %}{% import '_macros.html' as all %}"
    "{% set own = '<own>' %}{% macro wrapped(x) %}{{ hi(x) }}{{ all.hi(x) }}{% endmacro %}",
    "_required_user.html": "{% extends '_required.html' %}{% block must %}given{% endblock %}",
    "sub/_deep.html": "deep {{ ctx.title }}{% include '_plain.html' ignore missing %}",
    "_plain.html": "plain {{ n is defined }}{{ ctx.title }}",
    "_fails.html": "fine\n\n{{ nope.x }}",
}


class User:
    def __init__(self, name: str, age: int) -> None:
        self.name = name
        self.age = age

    def __getitem__(self, key: str) -> str:
        if key == "name":
            return "item"
        raise KeyError(key)


class Both(dict[str, Any]):
    """A mapping with attributes of its own."""

    x = "attribute"
    keys = "keys"  # pyright: ignore[reportAssignmentType]


class OnlyItems:
    def __getitem__(self, key: object) -> str:
        return f"item <{key}>"


class Tricky:
    fine = "fine"

    def __getattr__(self, name: str) -> Any:
        if name == "fallback":
            return "from __getattr__"
        raise AttributeError(name)

    @property
    def raises(self) -> str:
        raise AttributeError("inside")

    @property
    def explodes(self) -> str:
        raise ValueError("exploded")


class HasHtml:
    def __html__(self) -> str:
        return "<html-object>"

    def __str__(self) -> str:
        return "str of <HasHtml>"

    __repr__ = __str__


class BadHtml:
    def __html__(self) -> str:
        raise RuntimeError("no html")


class BadStr:
    def __str__(self) -> str:
        raise RuntimeError("no str")


class BadIter:
    def __iter__(self) -> Iterator[int]:
        yield 1
        raise RuntimeError("broken")


class Formatted:
    def __str__(self) -> str:
        return "<formatted>"


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "<str of Text>"


class FormattedFloat(float):
    def __str__(self) -> str:
        return "<float>"


class Seen:
    """Rows that note when they are taken, beside what the template does meanwhile."""

    def __init__(self) -> None:
        self.log: list[int] = []

    @property
    def rows(self) -> Iterator[int]:
        for number in (1, 2, 3):
            self.log.append(number)
            yield number


def fails() -> str:
    raise KeyError("inside")


def stops() -> str:
    raise StopIteration


def names() -> dict[str, Any]:
    return {
        "word": "hello <b>world</b> & 'you'",
        "safe": Markup("<em>safe</em>"),
        "text": "The quick brown fox\njumps over  the lazy dog",
        "html": "<p>One <b>two</b></p>\n<!-- x --> three",
        "link": "see https://example.com/a?b=1 or www.example.org, mail me@example.com",
        "nums": [3, 1, 2],
        "floats": 42.55,
        "empty": [],
        "none": None,
        "yes": True,
        "d": {"b": 1, "a": "<x>", "items": 5},
        "both": Both(x="item", items="<items>"),
        "only": OnlyItems(),
        "tricky": Tricky(),
        "html_object": HasHtml(),
        "bad_html": BadHtml(),
        "bad_str": BadStr(),
        "bad_iter": BadIter(),
        "formatted": Formatted(),
        "number": 7,
        "big": 10**30,
        "fraction": 0.1 + 0.2,
        "data": b"<bytes>",
        "sub": Text("text"),
        "fs": FormattedFloat(1),
        "zero": "a\0<b>\0",
        "unicode": "é<☃>𝄞ß",
        "users": [User("ann", 30), User("bob", 20), User("cy", 30)],
        "rows": [{"g": "x", "v": 1}, {"g": "y", "v": 2}, {"g": "x", "v": 3}],
        "tree": [
            {"n": 1, "kids": [{"n": 2, "kids": []}, {"n": 3, "kids": [{"n": 4, "kids": []}]}]}
        ],
        "many": [
            {"n": n, "s": f"<{n}>", "name": f"N {n}", "zero": f"\0<{n}>", "price": n / 2}
            for n in range(20)
        ],
        "mixed": [*"<&>abcdefghijklmno", 1, True, None, Markup("<b>"), HasHtml(), Text("t"), "<"],
        "late_fault": [*range(17), BadStr(), 2],
        "when": datetime.date(2024, 2, 29),
        "call": lambda *args, **kwargs: f"<{args}{kwargs}>",  # pyright: ignore[reportUnknownLambdaType]
        "call_caller": lambda caller: caller("<given>"),  # pyright: ignore[reportUnknownLambdaType]
        "once": lambda: iter("abc"),
        "fails": fails,
        "stops": stops,
        "growing": [1, 2],
        "seen": Seen(),
        "part": "_part.html",
        "parts": ["_none.html", "_part.html"],
        "parts_plain": ["_none.html", "_plain.html"],
        "part_base": "_base.html",
        "name_of_macros": "_macros.html",
    }


TABLES = {path.stem: path.read_text("utf-8") for path in Path(__file__).parent.glob("jinja/*.txt")}
CASES = [
    pytest.param(template, id=f"{table}-{number}")
    for table, text in sorted(TABLES.items())
    for number, template in enumerate(text.removesuffix("\n").split("\n\n"), 1)
] + [pytest.param(template, id=f"whitespace-{n}") for n, template in enumerate(WHITESPACE, 1)]
NAMES: dict[Any, str] = {case.values[0]: f"_{case.id}.html" for case in CASES}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """All templates of the tables, compiled as one site."""
    files = {**PARTIALS, **{name: text for text, name in NAMES.items()}}
    return Pair(tmp_path_factory.mktemp("site"), files)


@pytest.mark.parametrize("template", CASES)
def test_template_does_as_jinja2_does(
    pair: Pair, template: str, request: pytest.FixtureRequest
) -> None:
    outcome = pair.assert_equal(NAMES[template], names)

    table = request.node.callspec.id.partition("-")[0]
    if table not in ("undefined", "whitespace"):
        assert (outcome.error is not None) == (table == "failures"), outcome


LARGE = {
    "outputs": "<p>{{ word }}{{ nums[0] }}</p>\n" * 2000 + "{{ nope }}",
    "text": "<p>a & b</p>\n" * 20_000 + "{{ word }}",
    "depth": "{% for n in nums if n > 2 %}" * 15 + "{{ n }}{{ word }}" + "{% endfor %}" * 15,
    "conditions": "{% if word %}" * 60 + "{{ word }}" + "{% endif %}" * 60,
    "parentheses": "{{ " + "(" * 30 + "1" + ")" * 30 + " }}",
    "names": "".join(f"{{% set n{n} = {n} %}}{{{{ n{n} }}}}" for n in range(500)),
    "blocks": "".join(f"{{% block b{n} %}}{n}{{{{ word }}}}{{% endblock %}}" for n in range(300)),
    "macros": "".join(
        f"{{% macro m{n}(x) %}}{n}{{{{ x }}}}{{% endmacro %}}{{{{ m{n}('<') }}}}"
        for n in range(300)
    ),
}


def test_a_large_template_does_as_jinja2_does(tmp_path: Path) -> None:
    pair = Pair(tmp_path, {f"_{name}.html": text for name, text in LARGE.items()})

    outcomes = {name: pair.assert_equal(f"_{name}.html", names) for name in LARGE}

    assert [name for name, outcome in outcomes.items() if outcome.error] == ["outputs"]


def test_every_filter_test_and_global_is_compared() -> None:
    found: dict[str, set[str]] = {"filters": set(), "tests": set(), "names": set()}
    for text in NAMES:
        tree = Environment(autoescape=True).parse(text)
        found["filters"] |= {node.name for node in tree.find_all(nodes.Filter)}
        found["tests"] |= {node.name for node in tree.find_all(nodes.Test)}
        found["names"] |= {node.name for node in tree.find_all(nodes.Name)}
        for node in tree.find_all(nodes.Filter):
            constants = [arg.value for arg in node.args if isinstance(arg, nodes.Const)]
            found["tests"] |= {value for value in constants if isinstance(value, str)}

    assert set(FILTERS) - found["filters"] == set()
    assert set(TESTS) - found["tests"] == set()
    assert set(DEFAULT_NAMESPACE) - found["names"] == set()


KINDS = """
    Template Output TemplateData For If Macro CallBlock FilterBlock With Block Include Import
    FromImport Extends Assign AssignBlock NSRef ScopedEvalContextModifier CondExpr Filter Test
    Call Getattr Getitem Slice Concat Compare Operand Add Sub Mul Div FloorDiv Mod Pow Neg Pos
    Not And Or Const Tuple List Dict Pair Keyword Name
"""


def test_every_kind_of_node_is_compared() -> None:
    found = {"Template"}
    for text in NAMES:
        found |= {
            type(node).__name__
            for node in Environment(autoescape=True).parse(text).find_all(nodes.Node)
        }

    assert set(KINDS.split()) - found == set()
