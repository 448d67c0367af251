"""Compiled pages: readable, exact about lines, and every mistake told in the page's own terms."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest
from told import says

from firstlight.build.compile import CompiledModule, check_syntax, compile_site
from firstlight.build.config import Config
from firstlight.build.scan import scan
from firstlight.errors import FrontmatterError, page_line

if TYPE_CHECKING:
    from conftest import Files, MakeApp, WriteSite

PAGE = """\
---
from __future__ import annotations
import math

prerender = False

text = \"\"\"one
two\"\"\"

def get_static_paths():
    return []

n = math.floor(2.5)
---
<p>{{ n }}</p>
{% for i in range(n) %}
{{ text }}
{% endfor %}
"""
COMPILED = """\
# 'pages/index.html', compiled by Firstlight: edit that file, not this one.

from __future__ import annotations
__page__ = 'pages/index.html'
__template__ = 'index.html'
__lines__ = '3+2 8+3 9+5 14+4 15+6 19+12 24=15 35=15 39=16 41=17'

import math
prerender = False
from firstlight.handlers import Names as _Names


async def _frontmatter(ctx):


    text = \"\"\"one
two\"\"\"


    n = math.floor(2.5)
    return _Names({'math': math, } | locals())
"""


def compiled(write_site: WriteSite, files: Files, **options: Any) -> dict[str, CompiledModule]:
    site = scan(write_site(files), Config(**options))
    modules, errors = compile_site(site)
    assert [*site.errors, *errors] == []
    return {module.file: module for module in modules.values()}


def mistakes(write_site: WriteSite, files: Files) -> list[str]:
    site = scan(write_site(files), Config())
    return [str(error) for error in (*site.errors, *compile_site(site)[1])]


def runs_of(module: CompiledModule) -> str:
    tree = ast.parse(module.text)
    (value,) = (
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and ast.unparse(node.targets[0]) == "__lines__"
    )
    return str(value)


def test_compiled_page_is_readable(write_site: WriteSite) -> None:
    text = compiled(write_site, {"pages/index.html": PAGE})["pages/index.html"].text
    assert text[: text.index("\n\ndef _template(")] == COMPILED
    assert text.endswith("    return root, {}, None\n")


def test_compiled_page_maps_each_of_its_lines(write_site: WriteSite) -> None:
    module = compiled(write_site, {"pages/index.html": PAGE})["pages/index.html"]
    source, runs = PAGE.split("\n"), runs_of(module)
    mapped = {
        text.strip(): source[line - 1].strip()
        for number, text in enumerate(module.text.split("\n"), 1)
        if (line := page_line(runs, number)) and text.strip() in PAGE and text.strip()
    }
    assert mapped == {text: text for text in mapped}
    assert set(mapped) >= {"import math", 'text = """one', 'two"""', "n = math.floor(2.5)"}


def test_compiled_page_keeps_static_paths_only_when_prerendered(write_site: WriteSite) -> None:
    page = "---\n@str\ndef get_static_paths():\n    return []\nx = 1\n---\n"
    files: Files = {
        "pages/[a]/x.html": page,
        "pages/[b]/y.html": page.replace("x = 1", "prerender = False"),
    }
    modules = compiled(write_site, files)
    assert "get_static_paths" in modules["pages/[a]/x.html"].text
    assert "get_static_paths" not in modules["pages/[b]/y.html"].text
    assert "@str" not in modules["pages/[b]/y.html"].text


def test_compiled_page_without_frontmatter_has_only_its_template(write_site: WriteSite) -> None:
    module = compiled(write_site, {"pages/a.html": "---\n# nothing\n---\n<p>"})["pages/a.html"]
    assert "_frontmatter" not in module.text
    assert runs_of(module) == "9=4"


def test_compiled_endpoint_is_the_file_itself(write_site: WriteSite) -> None:
    text = "# comment\ndef GET(ctx):\n    return ''\n"
    assert compiled(write_site, {"pages/a.py": text})["pages/a.py"].text == text


def test_compiled_page_knows_its_templates(write_site: WriteSite) -> None:
    files: Files = {
        "pages/a.html": "{% extends '_l.html' %}{% import '_m.html' as m %}",
        "pages/b.html": "{% include ['_x.html', '_m.html'] %}"
        "{% include '_y.html' ignore missing %}",
        "pages/c.html": "{% include ctx.params.x %}{% from '_m.html' import f %}",
        "pages/d.md": "---\nlayout: _l.html\n---\n",
        "pages/_l.html": "",
        "pages/_m.html": "{% macro f() %}{% endmacro %}",
    }
    modules = compiled(write_site, files)
    assert {file: modules[file].templates for file in sorted(files) if "_" not in file} == {
        "pages/a.html": {"_l.html", "_m.html"},
        "pages/b.html": {"_m.html"},
        "pages/c.html": {None, "_m.html"},
        "pages/d.md": {"_l.html"},
    }


NAMES = "Template names are relative to pages/, such as `_layouts/base.html`."


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"a.html": "---\nx = 1\n---\n<p>\n{% if x %}\n"},
            "pages/a.html:5: Unexpected end of template. Jinja was looking for the following "
            "tags: `elif` or `else` or `endif`. The innermost block that needs to be closed is "
            "`if`.",
        ),
        ({"a.html": "\n{{ x | nope }}"}, "pages/a.html:2: No filter named `nope`."),
        ({"a.html": "\n\n{{ x is nope }}"}, "pages/a.html:3: No test named `nope`."),
        (
            {"a.html": "{% wat %}"},
            "pages/a.html:1: Encountered unknown tag `wat`.",
        ),
        (
            {"_l.html": "a\n{{ }", "a.html": ""},
            "pages/_l.html:2: Unexpected `}`.",
        ),
        (
            {"a.html": "---\nx = 1\n---\n\n{% extends 'base.html' %}"},
            f"pages/a.html:5: There is no template `base.html`.\n  Hint: {NAMES}",
        ),
        (
            {"a.html": "{% include ['x.html', 'y.html'] %}"},
            f"pages/a.html:1: There is no template `x.html` or `y.html`.\n  Hint: {NAMES}",
        ),
        (
            {"a.html": "{% import 5 as x %}"},
            f"pages/a.html:1: There is no template `5`.\n  Hint: {NAMES}",
        ),
        (
            {"_l.html": "{% from '../x.html' import y %}", "a.html": ""},
            f"pages/_l.html:1: There is no template `../x.html`.\n  Hint: {NAMES}",
        ),
        (
            {"_l.html": "---\nx = 1\n---\n", "a.html": ""},
            "pages/_l.html:1: Only pages have frontmatter; this is a layout or component.\n"
            "  Hint: Compute the values in the page, or pass them to a macro.",
        ),
        (
            {"a.md": "---\ntitle: x\nlayout: _l.html\n---\n"},
            f"pages/a.md:3: There is no template `_l.html`.\n  Hint: {NAMES}",
        ),
        (
            {"a.md": "---\nlayout: [1]\n---\n"},
            f"pages/a.md:2: There is no template `[1]`.\n  Hint: {NAMES}",
        ),
        (
            {"a.md": "---\nlayout: _l.html\nx: !!set {a}\n---\n", "_l.html": ""},
            "pages/a.md:1: The frontmatter holds a set, which has no place in a page.",
        ),
        (
            {"a.md": "---\nlayout: _l.html\nx: &a [*a]\n---\n", "_l.html": ""},
            "pages/a.md:1: The frontmatter contains itself.",
        ),
        (
            {"a.html": "---\nx = 1\n\ndef f():\n    await x\n---\n"},
            "pages/a.html:5: This is not Python: 'await' outside async function.",
        ),
        (
            {"a.html": "---\nx = 1\n---\n\n{{ f(a=1, a=2) }}"},
            "pages/a.html:5: This is not Python: keyword argument repeated: a.",
        ),
        (
            {"a.py": "def GET(ctx):\n    await ctx\n"},
            "pages/a.py:2: This is not Python: 'await' outside async function.",
        ),
        (
            {"a.py": "def GET(ctx): ...\nreturn 1\n"},
            "pages/a.py:2: This is not Python: 'return' outside function.",
        ),
    ],
)
def test_compile_mistake_says(write_site: WriteSite, files: dict[str, str], message: str) -> None:
    (told,) = mistakes(write_site, {f"pages/{file}": text for file, text in files.items()})
    assert says(told, message)


def test_compile_reports_every_broken_file(write_site: WriteSite) -> None:
    files: Files = {f"pages/{name}.html": "\n{{ }" for name in ("_l", "a", "b")}
    assert [each.partition("\n")[0] for each in sorted(mistakes(write_site, files))] == [
        "pages/_l.html:2: Unexpected `}`.",
        "pages/a.html:2: Unexpected `}`.",
        "pages/b.html:2: Unexpected `}`.",
    ]


def test_check_syntax_translates_the_line() -> None:
    with pytest.raises(FrontmatterError) as caught:
        check_syntax("a\nb\nc = = 1\n", "pages/a.html", "2+10")
    assert says(caught.value, "pages/a.html:11: This is not Python: invalid syntax.")


BIND = "  Hint: Bind it in the frontmatter, or test `nope is defined` first.\n"
# What a run-time error is logged as: the page's own file and line.
BROKEN: list[tuple[Files, str]] = [
    (
        {"index.html": "---\nx = 1\n\nraise ValueError('a')\n---\n"},
        "pages/index.html:4 (route /): ValueError: a\n",
    ),
    (
        {"index.html": "---\nx = '''\n'''\nasync def f():\n    return 1 / 0\ny = await f()\n---\n"},
        "pages/index.html:5 (route /): ZeroDivisionError: division by zero\n"
        "    pages/index.html:6 in _frontmatter\n",
    ),
    (
        {"index.html": "---\nx = 0\n---\n\n<p>\n{{ 1 // x }}\n"},
        "pages/index.html:6 (route /): ZeroDivisionError: integer division or modulo by zero\n",
    ),
    (
        {"index.html": "\n\n{{ 1 if (1).x }}"},
        "pages/index.html:3 (route /): A `int` has no `x`.\n",
    ),
    (
        {"index.html": "---\nstream = True\n---\n{{ 1 if (1).x }}"},
        "pages/index.html:4 (route /): A `int` has no `x`.\n",
    ),
    (
        {"index.html": "\n{% if x %}{% endif %}\n"},
        "pages/index.html:2 (route /): `x` is undefined.\n"
        "  Hint: Bind it in the frontmatter, or test `x is defined` first.\n",
    ),
    (
        {"index.html": "{% extends '_l.html' %}\n\n{% block b %}\n{{ nope }}{% endblock %}",
         "_l.html": "<main>\n{% block b %}{% endblock %}"},
        "pages/index.html:4 (route /): `nope` is undefined.\n"
        "    pages/index.html:1 in root\n    pages/_l.html:2 in root\n" + BIND,
    ),
    (
        {"index.html": "{% extends '_l.html' %}", "_l.html": "<main>\n\n{{ nope }}"},
        "pages/_l.html:3 (route /): `nope` is undefined.\n"
        "    pages/index.html:1 in root\n" + BIND,
    ),
    (
        {"index.html": "\n{% include '_part.html' %}", "_part.html": "\n\n\n{{ nope }}"},
        "pages/_part.html:4 (route /): `nope` is undefined.\n"
        "    pages/index.html:2 in root\n" + BIND,
    ),
    (
        {"index.html": "{% from '_m.html' import m %}\n{{ m() }}",
         "_m.html": "{% macro m() %}\n{{ nope }}{% endmacro %}"},
        "pages/_m.html:2 (route /): `nope` is undefined.\n"
        "    pages/index.html:2 in root\n" + BIND,
    ),
    (
        {"index.html": "---\nfrom pages._lib.x import f\n\ny = f()\n---\n",
         "_lib/x.py": "\ndef f():\n    return [][1]\n"},
        "pages/_lib/x.py:3 (route /): IndexError: list index out of range\n"
        "    pages/index.html:4 in _frontmatter\n",
    ),
    (
        {"index.html": "---\n\nimport pages._lib.x\n---\n", "_lib/x.py": "\n\n1 / 0\n"},
        "pages/_lib/x.py:3 (route /): ZeroDivisionError: division by zero\n"
        "    pages/index.html:3 in <module>\n",
    ),
    (
        {"index.html": "---\n\nimport nowhere\n---\n"},
        "pages/index.html:3 (route /): ModuleNotFoundError: No module named 'nowhere'\n"
        "  Hint: Mend its name, or install it into this environment: `pip install nowhere`.\n",
    ),
    (
        {"index.py": "\ndef GET(ctx):\n    return 1 / 0\n"},
        "pages/index.py:3 (route /): ZeroDivisionError: division by zero\n",
    ),
    (
        {"index.html": "", "_middleware.py": "\nasync def on_request(ctx, next):\n    1 / 0\n"},
        "pages/_middleware.py:3 (route /): ZeroDivisionError: division by zero\n",
    ),
    (
        {"index.md": "---\ntitle: x\nlayout: _l.html\n---\n", "_l.html": "\n{{ nope }}"},
        "pages/_l.html:2 (route /): `nope` is undefined.\n" + BIND,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("files", "log"), BROKEN)
def test_error_at_run_time_shows_the_pages_own_line(
    make_app: MakeApp, files: dict[str, str], log: str
) -> None:
    app = make_app({f"pages/{file}": text for file, text in files.items()})
    assert app.get("/").status == 500
    assert app.log == [log]
