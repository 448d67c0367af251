"""Where frontmatter ends, what it gives the template, and what the build reads of it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from told import says

from firstlight.build.frontmatter import (
    Source,
    analyse,
    key_line,
    option_value,
    parse_python,
    split_source,
)
from firstlight.errors import FrontmatterError, RouteError

if TYPE_CHECKING:
    from conftest import MakeApp


@pytest.mark.parametrize(
    ("text", "frontmatter", "body", "body_line"),
    [
        ("", None, "", 1),
        ("body", None, "body", 1),
        ("\n---\na = 1\n---\nbody", None, "\n---\na = 1\n---\nbody", 1),
        (" ---\na = 1\n---\n", None, " ---\na = 1\n---\n", 1),
        ("----\na\n---\n", None, "----\na\n---\n", 1),
        ("---\n---\nbody\n", "", "body\n", 3),
        ("---\n---", "", "", 3),
        ("---\na = 1\n---\nbody\n", "a = 1", "body\n", 4),
        ("---\na = 1\n---\n\n\nbody", "a = 1", "\n\nbody", 4),
        ("---  \na = 1\n---\t\nbody", "a = 1", "body", 4),
        ("\ufeff---\na = 1\n---\nbody", "a = 1", "body", 4),
        ("---\r\na = 1\r\nb = 2\r\n---\r\nbody\r\n", "a = 1\nb = 2", "body\n", 5),
        ("---\na = '---'\n # ---\n---\nbody\n---\n", "a = '---'\n # ---", "body\n---\n", 5),
        ("---\na = 1\n ---\n----\n---\nbody", "a = 1\n ---\n----", "body", 6),
    ],
)
def test_source_splits_at_the_first_pair_of_fences(
    text: str, frontmatter: str | None, body: str, body_line: int
) -> None:
    assert split_source("p", text) == Source("p", frontmatter, body, 2, body_line)


@pytest.mark.parametrize("text", ["---", "---\n", "---\na = 1\n ---\n"])
def test_source_without_a_closing_fence_says_so(text: str) -> None:
    with pytest.raises(FrontmatterError) as caught:
        split_source("pages/a.html", text)
    assert says(
        caught.value,
        "pages/a.html:1: The frontmatter has no closing `---` line.\n"
        "  Hint: Put a line of three dashes after it.",
    )


@pytest.mark.parametrize(
    ("key", "line"), [("title", 2), ("layout", 4), ("nested", None), ("none", None)]
)
def test_key_line_finds_top_level_keys(key: str, line: int | None) -> None:
    source = split_source("p", "---\ntitle: a\n  nested: b\nlayout: c\n---\n")
    assert key_line(source, key) == line


def test_frontmatter_tells_apart_module_and_render() -> None:
    text = """\
# a comment
from __future__ import annotations
import os
prerender = True

@decorated
def get_static_paths():
    return []

def helper():
    import json
    return json
title = "T"
"""
    found = analyse(Source("p", text, ""))
    assert found.future_lines == [(3, "from __future__ import annotations")]
    assert found.module_lines == [
        (4, "import os"),
        (5, "prerender = True"),
        (7, "@decorated"),
        (8, "def get_static_paths():"),
        (9, "    return []"),
    ]
    assert found.render_lines == [
        (2, "    # a comment"),
        (6, ""),
        (10, ""),
        (11, "    def helper():"),
        (12, "        import json"),
        (13, "        return json"),
        (14, '    title = "T"'),
        (15, ""),
    ]
    assert found.imported == ["os"]


@pytest.mark.parametrize(
    ("text", "once", "render"),
    [
        ("import a; b = 1", [(2, "import a")], [(2, "    pass; b = 1")]),
        ("b = 1; import a  # c", [(2, "import a")], [(2, "    b = 1; pass  # c")]),
        ("import a; import b", [(2, "import a; import b")], []),
        ("import a; prerender = True", [(2, "import a; prerender = True")], []),
        (
            "import a; b = 1; import c",
            [(2, "import a"), (2, "import c")],
            [(2, "    pass; b = 1; pass")],
        ),
        (
            "é = 'é'; from a import (\n  b,\n); c = 1",
            [(2, "from a import ("), (3, "  b,"), (4, ")")],
            [(2, "    é = 'é'; pass"), (3, ""), (4, "    pass; c = 1")],
        ),
        (
            "x = '''\n'''; import a",
            [(3, "import a")],
            [(2, "    x = '''"), (3, "'''; pass")],
        ),
        ("if x: import a", [], [(2, "    if x: import a")]),
    ],
)
def test_frontmatter_divides_lines_that_statements_share(
    text: str, once: list[tuple[int, str]], render: list[tuple[int, str]]
) -> None:
    found = analyse(Source("p", text, ""))
    assert (found.module_lines, found.render_lines) == (once, render)


def test_frontmatter_divides_a_future_import_from_what_shares_its_line() -> None:
    found = analyse(Source("p", "from __future__ import annotations; import os; x = 1", ""))
    assert found.future_lines == [(2, "from __future__ import annotations")]
    assert found.module_lines == [(2, "import os")]
    assert found.render_lines == [(2, "    pass; pass; x = 1")]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import os.path", ["os"]),
        ("import os.path as p", ["p"]),
        ("from a import b, c as d", ["b", "d"]),
        ("from __future__ import annotations", []),
        ("try:\n    import a\nexcept ImportError:\n    a = None", []),
        ("import b; import a; c = 1", ["a", "b"]),
    ],
)
def test_frontmatter_knows_the_names_of_imports(text: str, names: list[str]) -> None:
    assert analyse(Source("p", text, "")).imported == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = = 2", "3: `b = = 2` is not Python: invalid syntax."),
        ("a = (1,\n", "2: `a = (1,` is not Python: '(' was never closed."),
        ("  a = 1", "2: `a = 1` is not Python: unexpected indent."),
        (
            "if a:\n\tb = 1\n        c = 1",
            "4: `c = 1` is not Python: inconsistent use of tabs and spaces in indentation.",
        ),
        (
            "a = 1\nb = 'x",
            "3: `b = 'x` is not Python: unterminated string literal (detected at line 3).",
        ),
        (
            "from a import *",
            "2: `import *` hides which names the template can use.\n"
            "  Hint: Import the names you need.",
        ),
        (
            "a = 1\nb = yield a",
            "3: `yield` has no place in frontmatter.\n"
            "  Hint: Bind a name for the template, or return a `Response`.",
        ),
        (
            "for a in b:\n    yield from a",
            "3: `yield` has no place in frontmatter.\n"
            "  Hint: Bind a name for the template, or return a `Response`.",
        ),
    ],
)
def test_frontmatter_mistake_says(text: str, message: str) -> None:
    with pytest.raises(FrontmatterError) as caught:
        analyse(Source("pages/a.html", text, ""))
    assert says(caught.value, f"pages/a.html:{message}")


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    yield 1",
        "f = lambda: (yield)",
        "class A:\n    def f(self):\n        yield 1",
        "await x",
        "return x",
        "async with a: pass",
        "b = [x async for x in a]",
        "from a import b\n\n\n# end",
    ],
)
def test_frontmatter_is_the_body_of_an_async_function(text: str) -> None:
    assert ast.dump(analyse(Source("p", text, "")).tree) == ast.dump(ast.parse(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("prerender = True", True),
        ("prerender = False", False),
        ("prerender: bool = False", False),
        ("(prerender) = True", True),
        ("import a; prerender = False", False),
        ("def f():\n    prerender = True", None),
        ("async def f():\n    prerender = True", None),
        ("class A:\n    prerender = True", None),
        ("a = lambda prerender: prerender", None),
        ("def f(prerender): pass", None),
        ("a.prerender = True", None),
        ("a['prerender'] = True", None),
        ("print(prerender)", None),
        ("'prerender = True'", None),
        ("# prerender = True", None),
        ("'''\nprerender = False\n'''", None),
        ("import a as b, prerenders", None),
    ],
)
def test_prerender_is_read_from_the_syntax_tree(text: str, value: bool | None) -> None:  # noqa: FBT001
    assert option_value(ast.parse(text), "prerender", "p") is value


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("prerender = 1", 1, "is `1`"),
        ("prerender = None", 1, "is `None`"),
        ("prerender = 'False'", 1, "is `'False'`"),
        ("prerender = not True", 1, "is `not True`"),
        ("a = 1\nprerender = DEBUG", 2, "is `DEBUG`"),
        ("prerender: bool = x()", 1, "is `x()`"),
        ("prerender = True\n\nprerender = True", 3, "is assigned twice"),
        ("prerender: bool", 1, "is not a plain assignment"),
        ("prerender = a = True", 1, "is not a plain assignment"),
        ("a = prerender = True", 1, "is not a plain assignment"),
        ("prerender, a = True, 1", 1, "is not a plain assignment"),
        ("[prerender] = [True]", 1, "is not a plain assignment"),
        ("*prerender, a = b", 1, "is not a plain assignment"),
        ("prerender |= True", 1, "is not a plain assignment"),
        ("if a:\n    prerender = True", 2, "is not a plain assignment"),
        ("if a: pass\nelse:\n    prerender = True", 3, "is not a plain assignment"),
        ("try:\n    prerender = True\nfinally: pass", 2, "is not a plain assignment"),
        ("try: pass\nexcept E as prerender: pass", 2, "is not a plain assignment"),
        ("with a as prerender: pass", 1, "is not a plain assignment"),
        ("with a:\n    prerender = True", 2, "is not a plain assignment"),
        ("for prerender in a: pass", 1, "is not a plain assignment"),
        ("while a:\n    prerender = True", 2, "is not a plain assignment"),
        ("print(prerender := True)", 1, "is not a plain assignment"),
        ("match a:\n    case prerender: pass", 2, "is not a plain assignment"),
        ("match a:\n    case [*prerender]: pass", 2, "is not a plain assignment"),
        ("match a:\n    case {**prerender}: pass", 2, "is not a plain assignment"),
        ("import prerender", 1, "is not a plain assignment"),
        ("import prerender.a", 1, "is not a plain assignment"),
        ("import a as prerender", 1, "is not a plain assignment"),
        ("from a import prerender", 1, "is not a plain assignment"),
        ("from a import b as prerender", 1, "is not a plain assignment"),
        ("def prerender(): pass", 1, "is not a plain assignment"),
        ("class prerender: pass", 1, "is not a plain assignment"),
        ("prerender = True\ndel prerender", 2, "is not a plain assignment"),
        ("def f():\n    global prerender\n    prerender = 1", 2, "is not a plain assignment"),
    ],
)
def test_prerender_that_is_no_literal_says(text: str, line: int, what: str) -> None:
    with pytest.raises(RouteError) as caught:
        option_value(ast.parse(text), "prerender", "pages/a.py")
    assert says(
        caught.value,
        f"pages/a.py:{line}: `prerender` {what}; the build reads it without running the file.\n"
        "  Hint: Write `prerender = True` or `prerender = False` once, at the top level.",
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = = 1", "p:11: `a = = 1` is not Python: invalid syntax."),
        ("a\nb = = 1", "p:12: `b = = 1` is not Python: invalid syntax."),
    ],
)
def test_parse_python_counts_from_the_first_line(text: str, error: str) -> None:
    with pytest.raises(FrontmatterError) as caught:
        parse_python(text, "p", 11)
    assert says(caught.value, error)


MULTI_LINE = '''\
---
first = """one
two
    three"""
name = "N"
second = f"""a
  {name}
b {
name
} c"""
third = "x\\
y"
fourth = (
"a"
    "b"
)
fifth = """

end"""
---
{{ first }}|{{ second }}|{{ third }}|{{ fourth }}|{{ fifth }}'''
ROWS: list[tuple[str, str]] = [
    (MULTI_LINE, "one\ntwo\n    three|a\n  N\nb N c|xy|ab|\n\nend"),
    ("---\r\nx = '''a\r\nb'''\r\n---\r\n{{ x }}\r\n", "a\nb"),
    ("\ufeff---\nx = 1\n---\n{{ x }}", "1"),
    ("---\n---\nempty", "empty"),
    ("---\n# only a comment\n---\nempty", "empty"),
    ("---\nimport math\n---\n{{ math.floor(1.5) }}", "1"),
    ("---\nimport math as m; x = m.floor(2.5)\n---\n{{ x }}{{ m.ceil(2.5) }}", "23"),
    (
        "---\nfrom __future__ import annotations\ndef f(a: Missing) -> None: ...\n---\n{{ f(1) }}",
        "None",
    ),
    ("---\nimport math\nfrom __future__ import annotations\nx: Missing = 1\n---\n{{ x }}", "1"),
    ("---\nif True:\n\tx = 1\n\tif x:\n\t\ty = 2\n---\n{{ x }}{{ y }}", "12"),
    ("---\nx = 1 + \\\n2\n---\n{{ x }}", "3"),
    (
        "---\nasync def gen():\n    yield 1\n    yield 2\n"
        "x = [i async for i in gen()]\n---\n{{ x }}",
        "[1, 2]",
    ),
    ("---\nif (n := 3) > 2: big = True\n---\n{{ n }}{{ big }}", "3True"),
    ("---\nx = [y := 1 for _ in range(2)]\n---\n{{ x }}{{ y }}", "[1, 1]1"),
    (
        "---\ntry:\n    1 / 0\nexcept ZeroDivisionError as e:\n"
        "    text = str(e)\nelse:\n    pass\n---\n{{ text }}{{ e is defined }}",
        "division by zeroFalse",
    ),
    (
        "---\nmatch {'a': 1, 'b': 2}:\n    case {'a': first, **rest}:\n"
        "        pass\n---\n{{ first }}{{ rest.b }}",
        "12",
    ),
    (
        "---\nn = 2\ndef add(x):\n    def inner(): return x + n\n"
        "    return inner()\n---\n{{ add(3) }}",
        "5",
    ),
    (
        "---\nclass Card:\n    title = 'T'\n"
        "    def __html__(self): return '<b>'\ncard = Card()\n---\n"
        "{{ card }}{{ card.title }}",
        "<b>T",
    ),
    ("---\nimport functools\n@functools.cache\ndef f(x):\n    return x * 2\n---\n{{ f(4) }}", "8"),
    ("---\nfor i, (a, *b) in enumerate([(1, 2, 3)]): pass\n---\n{{ i }}{{ a }}{{ b }}", "01[2, 3]"),
    ("---\nx = 1\ndel x\ny = 2\n---\n{{ x is defined }}{{ y }}", "False2"),
    ("---\nx = '---'\n---\n{{ x }}\n---\n{{ x }}", "---\n---\n---"),
    (
        "---\nlocals = 1\nname = 2\nenvironment = 3\n_frontmatter = 4\n"
        "_template = 5\n_Names = 6\n_locals = 7\n---\n"
        "{{ locals }}{{ name }}{{ environment }}{{ _frontmatter }}{{ _template "
        "}}{{ _Names }}{{ _locals }}",
        "1234567",
    ),
    (
        "---\nroot = 1\nblocks = 2\ncontext = 3\nmissing = 4\nself = 5\nprops = 6\n---\n"
        "{{ root }}{{ blocks }}{{ context }}{{ missing }}{{ props }}",
        "12346",
    ),
    ("---\nctx = 1\n---\n{{ ctx.url.pathname }}", "/"),
    (
        "---\nimport asyncio\nawait asyncio.sleep(0)\n"
        "x = await asyncio.sleep(0, 'done')\n---\n{{ x }}",
        "done",
    ),
    ("---\nx = 'é𝄞'; y = 1\n---\n{{ x }}{{ y }}", "é𝄞1"),
    (
        "---\nfrom firstlight import Response\nif True:\n    return Response('early')\n---\nlate",
        "early",
    ),
    ("---\nnonlocal_ = lambda: [__name__, 1][1]\n---\n{{ nonlocal_() }}", "1"),
]


@pytest.mark.parametrize(("page", "expected"), ROWS)
def test_frontmatter_gives_the_template(make_app: MakeApp, page: str, expected: str) -> None:
    assert make_app({"pages/index.html": page}).text("/") == expected


def test_frontmatter_evaluates_imports_once_and_the_rest_per_render(
    make_app: MakeApp,
) -> None:
    files = {
        "pages/_counter.py": "count = 0\ndef step():\n    global count\n    count += 1\n"
        "    return count\n",
        "pages/_first.py": "from pages._counter import step\nstep()\n",
        "pages/index.html": "---\nimport pages._first; from pages._counter import step\n"
        "n = step()\n---\n{{ n }}",
    }
    app = make_app(files)
    assert [app.text("/") for _ in range(3)] == ["2", "3", "4"]
