from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import jinja2.defaults
import pytest
from jinja2 import DictLoader, Environment, StrictUndefined
from jinja2.filters import FILTERS
from jinja2.tests import TESTS
from markupsafe import Markup

from firstlight.build.compile import compile_site, template_modules
from firstlight.build.config import load_config
from firstlight.build.scan import scan
from firstlight.templating import GLOBALS, POLICIES, Templates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import MakeApp

CTX = SimpleNamespace(title="<ctx>")
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
}


class User:
    def __init__(self, name: str, age: int) -> None:
        self.name = name
        self.age = age

    def __getitem__(self, key: str) -> str:
        if key == "name":
            return "item"
        raise KeyError(key)


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
        "users": [User("ann", 30), User("bob", 20), User("cy", 30)],
        "rows": [{"g": "x", "v": 1}, {"g": "y", "v": 2}, {"g": "x", "v": 3}],
        "tree": [
            {"n": 1, "kids": [{"n": 2, "kids": []}, {"n": 3, "kids": [{"n": 4, "kids": []}]}]}
        ],
        "when": datetime.date(2024, 2, 29),
        "call": lambda *args, **kwargs: f"<{args}{kwargs}>",  # pyright: ignore[reportUnknownLambdaType]
        "part": "_part.html",
    }


OUTPUT = r"""
plain
text

{{ word }} {{ safe }} {{ safe + word }} {{ word ~ safe }} {{ none }} {{ 1.0 }}

{{ 7 // 2 }} {{ 7 / 2 }} {{ 7 % 4 }} {{ 2 ** 5 }} {{ -3 }} {{ +3 }} {{ '<' * 3 }}

{{ 1 < 2 <= 2 != 3 }} {{ 1 in nums }} {{ 5 not in nums }} {{ not yes and 1 or 'z' }}

{{ nums[0] }} {{ nums[-1] }} {{ nums[1:] }} {{ nums[::2] }} {{ word[:5] }}

{{ d.b }} {{ d['a'] }} {{ d.items is callable }} {{ d['items'] }} {{ d.get('q', 7) }}
{{ d.keys()|list }}

{{ users[0].name }} {{ users[0]['name'] }} {{ users[0]['age'] }} {{ word.upper() }}

{{ 'a' if yes else 'b' }} {{ 'a' if none }} {{ [1, '<'] }} {{ (1, 2) }} {{ {'k': '<'} }}

{{ call(1, *nums, k='v', **{'z': 2}) }}

{{ 'line\n\'quoted\'' }} {{ "é ☃" }} {{ 1_000 }} {{ 0x1f }} {{ 1e3 }}

{{ when.year }} {{ when }} {{ floats|round|int }} {{ '%s<%s'|format('a', '>') }}

{# comment #}a{#- trimmed -#} b

{% raw %}{{ raw }} {% if %}{% endraw %}

 {%- if yes %} x {%- endif %} y {{- 1 -}} z

{% if yes +%}
  a
{%+ endif %}

{{ '{{' }} {{ '%}' }}

{% if none %}1{% elif empty %}2{% else %}3{% endif %}

{% for n in nums %}{{ loop.index }}/{{ loop.length }}:{{ n }}{{ ',' if not loop.last }}
{% endfor %}

{% for n in nums %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}
{{ loop.depth }}{{ loop.depth0 }}{% endfor %}

{% for n in nums %}{{ loop.previtem|default('-') }}<{{ n }}<{{ loop.nextitem|default('-') }}
{% endfor %}

{% for n in nums %}{{ loop.cycle('odd', 'even') }}{{ loop.changed(n > 1) }} {% endfor %}

{% for n in empty %}{{ n }}{% else %}nothing{% endfor %}

{% for n in nums if n > 1 %}{{ loop.index }}{{ n }}{% else %}none{% endfor %}

{% for k, v in d|items %}{{ k }}={{ v }};{% endfor %}

{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}

{% for node in tree recursive %}<{{ node.n }}{{ loop.depth }}{{ loop(node.kids) }}>{% endfor %}

{% for a in nums %}{% for b in nums %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}

{% for a in nums %}{% set outer = loop %}{% for b in 'xy' %}{{ outer.index }}{{ b }}{% endfor %}
{% endfor %}

{% for n in range(5) %}{{ n }}{% endfor %}{{ n is defined }}

{% set x = 1 %}{% set a, b = (2, 3) %}{{ x }}{{ a }}{{ b }}

{% set block %}<b>{{ word }}</b>{% endset %}{{ block }}{{ block|length }}

{% set block | upper | trim %} a<b>{{ word }} {% endset %}{{ block }}

{% set x = 1 %}{% for n in nums %}{% set x = n %}{% endfor %}{{ x }}

{% set ns = namespace(total=0, seen='') %}{% for n in nums %}{% set ns.total = ns.total + n %}
{% endfor %}{{ ns.total }}{{ ns.seen }}

{% with %}{% set y = 2 %}{{ y }}{% endwith %}{{ y is defined }}

{% with a=1, b=word %}{{ a }}{{ b }}{% with a=2 %}{{ a }}{% endwith %}{{ a }}{% endwith %}

{% filter upper %}a {{ word }}{% endfilter %}

{% filter replace('l', 'L')|indent(2, true) %}hello
all{% endfilter %}

{% macro m(a, b='<d>', c=a) %}{{ a }}|{{ b }}|{{ c }}{% endmacro %}{{ m(1) }}
{{ m('<', b=2, c=3) }}

{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, '<', k=2) }}

{% macro m(a, b=2) %}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.caller }}

{% macro m(x) %}{{ x }}{% if x %}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}

{% macro box(t) %}<{{ t }}>{{ caller() }}{% endmacro %}{% call box('<t>') %}in {{ word }}
{% endcall %}

{% macro each() %}{% for n in nums %}{{ caller(n, k='<') }}{% endfor %}{% endmacro %}
{% call(n, k) each() %}{{ n }}{{ k }}{% endcall %}

{% autoescape false %}{{ word }}{% autoescape true %}{{ word }}{% endautoescape %}
{% endautoescape %}

{% extends '_base.html' %}dropped{% block main %}m {{ word }}{% endblock %}

{% extends '_base.html' %}{% block title %}t {{ super() }}{% endblock %}

{% extends '_middle.html' %}{% block title %}{{ super() }}+{{ super.super() }}{% endblock %}
{% block inner %}<{{ super() }}>{% endblock %}

{% extends '_loop.html' %}{% block item %}<{{ n }}>{% endblock %}

{% extends '_required.html' %}{% block must %}here{% endblock %}

{% extends '_base.html' if yes else '_middle.html' %}{% block main %}x{% endblock %}

{% set x = 5 %}{% extends '_base.html' %}{% block main %}{{ x }}{% endblock %}

{% if none %}{% extends '_base.html' %}{% endif %}{% block main %}alone{% endblock %}

{% block a %}1{% block b %}2{% endblock b %}{% endblock a %}{{ self.b() }}

{% set n = 1 %}{% include '_part.html' %}

{% for n in nums %}{% include '_part.html' %}{% endfor %}

{% include part %}{% include ['_missing.html', '_part.html'] %}

{% include '_missing.html' ignore missing %}ok{% include ['_a', '_b'] ignore missing %}

{% with n=9 %}{% include '_part.html' with context %}{% endwith %}

{% include '_deep1.html' %}

{% include '_deep2.html' without context %}

{% include '_middle.html' %}

{% import '_macros.html' as m %}{{ m.hi('<ann>') }}{{ m.hi('b', greeting=safe) }}{{ m.top }}
{{ m }}

{% from '_macros.html' import hi, top as t %}{{ hi(word) }}{{ t }}

{% import '_macros.html' as m %}{% call(i) m.caller_twice() %}<{{ i }}{{ word }}>{% endcall %}

{% import '_uses_word.html' as m with context %}{{ m.shout() }}

{% from '_uses_word.html' import shout with context %}{{ shout() }}

{% import '_macros.html' as m %}{{ m._private is defined }}{{ m.nothing is defined }}

{% extends '_base.html' %}{% import '_macros.html' as m %}{% block main %}{{ m.hi(1) }}
{% endblock %}

{% block a %}{% from '_macros.html' import hi %}{{ hi('x') }}{% endblock %}

{{ -5|abs }} {{ 'x'|upper|lower|capitalize|title }} {{ 'heLLo wOrld-x'|title }}
{{ 'abc'|reverse }}

{{ users|map(attribute='name')|join(', ') }} {{ nums|map('string')|join('-') }}
{{ word|join('.') }}

{{ users|attr('x') is defined }}{{ users[0]|attr('name') }}

{{ nums|batch(2, '-')|list }} {{ nums|slice(2, '-')|list }} {{ nums|first }} {{ nums|last }}

{{ 'ab'|center(6) }}| {{ 'ab'|indent }} {{ text|indent(4) }} {{ text|indent('> ', first=True) }}

{{ none|default('d') }} {{ nope|default('d') }} {{ ''|d('e', true) }}

{{ d|dictsort }} {{ d|dictsort(by='key', reverse=true) }} {{ d|items|list }}

{{ word|escape }} {{ word|e }} {{ word|forceescape }} {{ safe|forceescape }} {{ word|safe }}

{{ 123456789|filesizeformat }} {{ 123456789|filesizeformat(true) }} {{ 1|filesizeformat }}

{{ '12'|int }} {{ 'x'|int(7) }} {{ '0x1f'|int(base=16) }} {{ '1.5'|float }} {{ 'x'|float(2.5) }}

{{ rows|groupby('g') }} {% for g, items in rows|groupby('g') %}{{ g }}{{ items|length }}
{% endfor %}

{% for age, us in users|groupby('age', default=0) %}{{ age }}:{{ us|map(attribute='name')|list }}
{% endfor %}

{{ nums|length }} {{ nums|count }} {{ nums|sum }} {{ users|sum(attribute='age', start=1) }}

{{ nums|max }} {{ nums|min }} {{ users|max(attribute='age')|attr('name') }} {{ empty|sum }}

{{ 'abc'|list }} {{ {'a': 1}|list }} {{ ['b', 'A', 'a']|sort }} {{ ['b', 'A']|sort(true, true) }}

{{ users|sort(attribute='age,name')|map(attribute='name')|list }}
{{ ['A', 'a', 'b']|unique|list }}

{{ ['A', 'a']|unique(case_sensitive=true)|list }} {{ rows|unique(attribute='g')|list }}

{{ nums|select('odd')|list }} {{ nums|reject('odd')|list }} {{ [0, 1, '']|select|list }}

{{ users|selectattr('age', 'gt', 25)|map(attribute='name')|list }}
{{ rows|rejectattr('g', 'eq', 'x')|list }} {{ nums|select('in', [1, 2])|list }}
{{ nums|select('>', 1)|list }}

{{ nums|map('round', 1)|list }} {{ users|map(attribute='q', default='?')|list }}

{{ users|map(attribute='name')|map('upper')|list }} {{ rows|map(attribute='v')|sum }}

{{ 42.55|round }} {{ 42.55|round(1, 'floor') }} {{ 42.41|round(1, 'ceil') }} {{ 3|round }}

{{ word|replace('l', '<', 1) }} {{ safe|replace('safe', '<') }}
{{ '  a '|trim }}|{{ 'xax'|trim('x') }}

{{ html|striptags }} {{ word|striptags }} {{ 3|string }} {{ safe|string }} {{ text|wordcount }}

{{ text|truncate(9) }} {{ text|truncate(9, true, '<') }} {{ text|truncate(12, leeway=0) }}

{{ text|wordwrap(10) }} {{ text|wordwrap(5, false) }} {{ text|wordwrap(5, wrapstring='<br>') }}

{{ link|urlize }} {{ link|urlize(20, target='_blank', rel='me') }} {{ 'a b&c/é'|urlencode }}

{{ {'q': 'a b', 'r': [1]}|urlencode }} {{ [('a', 1), ('b', '&')]|urlencode }}

{{ d|tojson }} {{ '</script>&'|tojson }} {{ nums|tojson(indent=2) }} {{ word|tojson }}

<p{{ {'class': 'a b', 'data-x': '<', 'no': none}|xmlattr }}> {{ {'a': 1}|xmlattr(false) }}

{{ d|pprint }} {{ word|pprint }}

{{ nums|first|default(0) }} {{ 'a,b'.split(',')|last }} {{ [1, 2]|random in [1, 2] }}

{{ 1 is odd }}{{ 2 is even }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}
{{ nope is undefined }}

{{ none is none }}{{ yes is true }}{{ false is false }}{{ yes is boolean }}{{ 1 is integer }}

{{ 1.5 is float }}{{ 1 is number }}{{ 'x' is string }}{{ d is mapping }}{{ nums is sequence }}

{{ nums is iterable }}{{ call is callable }}{{ nums is sameas nums }}{{ 'a' is lower }}
{{ 'A' is upper }}

{{ safe is escaped }}{{ 1 is in nums }}{{ 1 is eq 1 }}{{ 1 is ne 2 }}{{ 1 is lt 2 }}
{{ 1 is le 1 }}

{{ 2 is gt 1 }}{{ 2 is ge 2 }}{{ 2 is equalto 2 }}{{ 2 is greaterthan 1 }}{{ 2 is lessthan 3 }}

{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ 'nope' is test }}
{{ 1 is not odd }}

{{ word is defined and word is not none }}{{ nope is defined }}

{{ range(3)|list }} {{ range(1, 9, 3)|list }} {{ dict(a=1, b='<') }} {{ lipsum(n=0) }}

{{ lipsum(n=2, min=3, max=5) }} {{ lipsum(n=1, html=False) }}

{% set c = cycler('a', '<') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.reset() }}
{{ c.next() }}

{% set pipe = joiner('|') %}{% for n in nums %}{{ pipe() }}{{ n }}{% endfor %}

{{ namespace(a=1).a }} {{ namespace({'b': 2}).b }}

{{ ctx.title }} {{ ctx['title'] is defined }}
""".strip().split("\n\n")
FAILURES = r"""
{{ nope }}

{{ nope.x }}

{{ d.nope }}

{{ d['nope'] }}

{{ users[0].nope }}

{{ nums[9] }}

{{ none.x }}

{% if nope %}{% endif %}

{% for n in nope %}{% endfor %}

{{ nope + 1 }}

{{ nope|upper }}

{{ nope() }}

{{ nope == 1 }}

{{ d.nope.deeper|default('x') }}

{{ 'a' if none }}{{ ('a' if none) + 'b' }}

{{ 1 // 0 }}

{{ 'a' + 1 }}

{{ call.nope() }}

{{ nums|map('nope')|list }}

{{ nums|select('nope')|list }}

{{ nums|map(nope)|list }}

{{ nums|map()|list }}

{{ nums|sum(attribute='x') }}

{{ range() }}

{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}

{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}

{% macro m(a) %}{% endmacro %}{{ m(z=1) }}

{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}

{% extends '_base.html' %}{% block title %}{{ super.super() }}{% endblock %}

{% extends '_required.html' %}

{% block x %}{{ super() }}{% endblock %}

{{ self.nope() }}

{% include nope %}

{% include word %}

{% include [word, 'x' ~ word] %}

{% include [nope, word] %}

{% extends nope %}

{% import word as m %}

{% from '_macros.html' import nope %}{{ nope }}

{% import '_macros.html' as m %}{{ m.nope() }}

{% import '_uses_word.html' as m %}{{ m.shout() }}

{% include '_uses_word.html' without context %}{% include '_part.html' without context %}

{% set ns = namespace() %}{{ ns.nope }}

{% set d.y = 1 %}

{% for node in tree recursive %}{{ loop(1) }}{% endfor %}

{{ loop }}

{% for n in nums %}{% endfor %}{{ n }}

{{ cycler() }}

{{ text|truncate(2, end='....') }}

{{ {'a b': 1}|xmlattr }}
""".strip().split("\n\n")


NAMES = {text: f"_{index}.html" for index, text in enumerate([*OUTPUT, *FAILURES])}
TEMPLATES = {**PARTIALS, **{name: text for text, name in NAMES.items()}}
Render = Callable[[str], str]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Give a function that renders a template of the tables, all compiled as one site."""
    templates = compiled(tmp_path_factory.mktemp("site"), TEMPLATES)

    def render(text: str) -> str:
        random.seed(1)
        return templates.get_template(NAMES[text]).render(names(), CTX)

    return render


def compiled(root: Path, files: Mapping[str, str]) -> Templates:
    (root / "pages").mkdir()
    (root / "pyproject.toml").write_text("")
    for name, text in files.items():
        (root / "pages" / name).write_text(text)
    site = scan(root, load_config(root))
    modules, errors = compile_site(site)
    assert errors == []

    def load(name: str) -> ModuleType:
        module = ModuleType(name)
        exec(modules[name].text, module.__dict__)  # noqa: S102 - compiled from the tables
        return module

    return Templates(template_modules(site), load)


def jinjas(text: str, files: Mapping[str, str] = TEMPLATES) -> str:
    loader = DictLoader(dict(files))
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.globals["ctx"] = CTX  # pyright: ignore[reportArgumentType]
    random.seed(1)
    return environment.get_template(NAMES.get(text, "_page.html")).render(names())


@pytest.mark.parametrize("template", OUTPUT)
def test_template_renders_as_jinja2_does(ours: Render, template: str) -> None:
    assert ours(template) == jinjas(template)


@pytest.mark.parametrize("template", FAILURES)
def test_template_fails_as_jinja2_does(ours: Render, template: str) -> None:
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever Jinja2 raises
        jinjas(template)
    with pytest.raises(type(expected.value)) as caught:
        ours(template)

    text = str(expected.value).replace("jinja2.environment.", "firstlight.templating.")
    assert str(caught.value) == text


def test_every_filter_test_and_global_is_compared() -> None:
    tables = "\n".join((*OUTPUT, *FAILURES))

    assert [name for name in FILTERS if f"|{name}" not in tables.replace(" ", "")] == []
    assert [n for n in TESTS if f"is {n}" not in tables and n.isalpha()] == []
    assert [name for name in GLOBALS if name not in tables] == []


def test_globals_and_policies_are_jinja2s() -> None:
    assert GLOBALS == jinja2.defaults.DEFAULT_NAMESPACE
    assert POLICIES == jinja2.defaults.DEFAULT_POLICIES


def test_filters_and_tests_are_jinja2s() -> None:
    templates = Templates({}, pytest.fail)

    assert templates.filters is FILTERS
    assert templates.tests is TESTS


def test_every_member_that_jinja2_asks_its_environment_for_is_there() -> None:
    asked = "autoescape concat context_class filters getattr getitem is_async newline_sequence "
    asked += "policies tests undefined call_filter call_test get_template select_template "
    asked += "get_or_select_template"

    assert [name for name in asked.split() if not hasattr(Templates, name)] == []


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

    text = compiled(tmp_path, files).get_template("_page.html").render({}, CTX)

    assert "&lt;ctx&gt;" in text
    assert text == jinjas(outer, files)


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
