"""Random templates over random data, held to Jinja2: the same text, or the same error and line."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from jinja2 import TemplateError
from jinja_pair import Pair, environment_of
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Draw = Callable[[st.SearchStrategy[Any]], Any]

VARIABLES = ("a", "b", "c", "row", "rows", "nope")
FIELDS = ("x", "y", "name", "items", "0")
TEXTS = ("", " ", "text", "<p>", "\n", "\n\n", " & ", "'\"", "é")
FILTERS = (
    "upper", "lower", "e", "safe", "string", "length", "first", "last", "list", "join", "trim",
    "default('<d>')", "default(1, true)", "title", "replace('a', '<')", "join(', ')", "abs",
    "int", "sort", "map('upper')", "select", "select('string')", "batch(2)", "tojson", "reverse",
    "truncate(5)", "indent", "sum", "unique", "map(attribute='x')", "groupby('x')", "dictsort",
    "items", "xmlattr", "striptags", "round", "capitalize", "center(9)", "wordcount", "forceescape",
)  # fmt: skip
TESTS = (
    "defined", "undefined", "none", "string", "number", "mapping", "iterable", "odd", "sequence",
    "in [1, 'a']", "eq 1", "escaped", "callable", "boolean", "divisibleby 2", "not defined",
)  # fmt: skip
OPERATORS = ("+", "-", "*", "~", "//", "%", "==", "!=", "<", ">=", "and", "or", "in", "not in")
LOOPS = (
    "loop.index", "loop.index0", "loop.first", "loop.last", "loop.length", "loop.revindex",
    "loop.revindex0", "loop.depth", "loop.cycle('<', 2)", "loop.changed(item)",
    "loop.previtem is defined", "loop.nextitem|default('-')", "loop", "loop['index']",
)  # fmt: skip
CHOICES = {
    "text": TEXTS,
    "field": FIELDS[:4],
    "key": (*map(repr, FIELDS), "0", "-1", "1:"),
    "filter": FILTERS,
    "test": TESTS,
    "operator": OPERATORS,
    "loop": LOOPS,
}
EXPRESSIONS = (
    "{inner}", "({inner}).{field}", "({inner})[{key}]", "(({inner})|{filter})",
    "(({inner}) is {test})", "(({inner}) {operator} ({inner2}))", "({inner} if {inner2})",
    "({inner} if {inner2} else {inner22})", "(not {inner})", "[{inner}, {inner2}]",
    "range({inner})", "{inner}",
)  # fmt: skip
SIMPLE = (
    "{text}", "{{{{ {value} }}}}", "{{{{ a }}}}{{{{ item|default(row) }}}}",
    "{{% set a = {value} %}}", "{{% set b, c = c, b %}}", "{{%- if a is none -%}} n {{% endif %}}",
)  # fmt: skip
TAGS = (
    "{{% if {value} %}}{body}{{% elif b %}}{body2}{{% else %}}{body22}{{% endif %}}",
    "{{% for item in {value} %}}{looped}{{% else %}}{body}{{% endfor %}}",
    "{{% for item in rows|default([1, 2]) %}}{looped}{{{{ item }}}}{{% endfor %}}",
    "{{% for item in [3, 1, 2] if item is odd %}}{looped}{{% endfor %}}",
    "{{% for k, item in row|dictsort %}}{{{{ k }}}}{looped}{{% endfor %}}",
    "{{% for item in [[1, []], [2]] recursive %}}{looped}{{% endfor %}}",
    "{{% set c %}}{body}{{% endset %}}{{{{ c }}}}",
    "{{% with a = {value}, item = b %}}{body}{{% endwith %}}",
    "{{% macro own(p, a='<a>') %}}{body}{{{{ p }}}}{{% endmacro %}}{{{{ own({value}) }}}}",
    "{{% filter upper %}}{body}{{% endfilter %}}",
    "{{% autoescape false %}}{body}{{% endautoescape %}}",
    "{{% autoescape a %}}{body}{{% endautoescape %}}",
    "{{% include '_part.html' %}}{{% include '_none.html' ignore missing %}}{body}",
    "{{% import '_macros.html' as h %}}{{{{ h.m({value}) }}}}{body}{{{{ h.top }}}}",
    "{{% from '_macros.html' import m %}}{{% call(q) m({value}) %}}{{{{ q }}}}{body}"
    "{{% endcall %}}",
)
PARTIALS = {
    "_part.html": "[{{ a|default('-') }}{{ item|default('-') }}{% set a = 5 %}]",
    "_macros.html": "{% macro m(x, y='<y>') %}{{ x }}{{ y }}{{ varargs }}"
    "{{ caller(x) if caller else '' }}{% endmacro %}{% set top = '<top>' %}",
    "_base.html": "<{% block one %}1{{ a|default('-') }}{% endblock %}|"
    "{% for item in [1, 2] %}{% block two scoped %}{{ item }}{% endblock %}{% endfor %}>",
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.floats(-2, 2, width=16)
    | st.text("ab <&'\"\0é", max_size=6)
    | st.builds(Markup, st.text("ab<&", max_size=5))
)
data = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=6,
)
contexts = st.fixed_dictionaries(
    {"a": data, "b": data, "c": data, "row": st.dictionaries(st.sampled_from(FIELDS), data)},
    optional={"rows": st.lists(st.dictionaries(st.sampled_from(FIELDS), scalars), max_size=3)},
)


class Grammar:
    """Makes random templates; draws only what the piece at hand needs."""

    def __init__(self, draw: Draw) -> None:
        self.pick: Callable[[Sequence[str]], str] = lambda options: draw(st.sampled_from(options))

    def expression(self, depth: int = 2) -> str:
        """Make an expression."""
        if depth == 0:
            return self.pick((*VARIABLES, "item", "1", "2.5", "'<s>'", "[1, 'a']", "none"))
        return self.pick(EXPRESSIONS).format_map(_Slots(self, depth - 1, in_loop=False))

    def body(self, depth: int, *, in_loop: bool = False) -> str:
        """Make a run of text, outputs and tags."""
        count = self.pick("123")
        return "".join(self.piece(depth, in_loop=in_loop) for _ in range(int(count)))

    def piece(self, depth: int, *, in_loop: bool) -> str:
        """Make one piece of a template."""
        if depth == 0 or self.pick("sc") == "s":
            text = self.pick((*SIMPLE, "{{{{ {loop} }}}}") if in_loop else SIMPLE)
        else:
            text = self.pick(TAGS)
        return text.format_map(_Slots(self, depth - 1, in_loop=in_loop))


class _Slots(dict[str, str]):
    """Fills the slots of a piece, each when it is asked for."""

    def __init__(self, grammar: Grammar, depth: int, *, in_loop: bool) -> None:
        super().__init__()
        self.grammar = grammar
        self.depth = max(depth, 0)
        self.in_loop = in_loop

    def __missing__(self, slot: str) -> str:
        kind, grammar = slot.rstrip("2"), self.grammar
        if kind == "body":
            return grammar.body(self.depth, in_loop=self.in_loop)
        if kind == "looped":
            return grammar.body(self.depth, in_loop=True)
        if kind == "inner":
            return grammar.expression(self.depth)
        return grammar.expression() if kind == "value" else grammar.pick(CHOICES[kind])


@st.composite
def templates(draw: Draw) -> str:
    """Make a template, with or without a parent."""
    body = Grammar(draw).body(3)
    if draw(st.booleans()):
        return body
    blocks = f"{{% block one %}}{body}{{{{ super() }}}}{{% endblock %}}"
    if draw(st.booleans()):
        blocks += "{% block two %}<{{ item|default('none') }}{{ self.one() }}>{% endblock %}"
    return "{% set a = '<set>' %}{% extends '_base.html' %}" + blocks


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # such as `{{ none[1:] }}`, in both
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(template=templates(), names=contexts)
def test_a_random_template_does_as_jinja2_does(template: str, names: dict[str, Any]) -> None:
    files = {**PARTIALS, "_page.html": template}
    try:
        environment_of(files).get_template("_page.html")
    except (ArithmeticError, TemplateError, TypeError):
        reject()  # Jinja2 stumbles over a constant such as `(1).x`; ours fails where it is rendered

    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder), files)

        pair.assert_equal("_page.html", lambda: names)
