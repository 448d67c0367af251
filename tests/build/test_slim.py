from __future__ import annotations

import ast
from pathlib import Path

import pytest

from firstlight import app
from firstlight.build.slim import without_docstrings

SOURCE = '''\
"""Über
alles."""

x = "kept"


class A:
    """One line."""  # kept


def é(a): "short"; return (a,
    1 / 0)


async def b():
    \'\'\'Only
    this.\'\'\'
'''
SLIM = """\
""


x = "kept"


class A:
    ""  # kept


def é(a): ""; return (a,
    1 / 0)


async def b():
    ""

"""


def test_docstrings_go_and_lines_stay() -> None:
    assert without_docstrings(SOURCE) == SLIM


@pytest.mark.parametrize("text", ["", "x = 1\n", "'text'; x = 1", "def f():\n    5\n", "f'a'\n"])
def test_other_code_stays_as_it_is(text: str) -> None:
    slim = without_docstrings(text)

    assert ast.dump(ast.parse(slim)).replace("''", "'text'") == ast.dump(ast.parse(text))


def test_a_real_module_keeps_its_code() -> None:
    text = Path(app.__file__).read_text()
    slim = without_docstrings(text)

    assert slim.count("\n") == text.count("\n")
    assert len(slim) < len(text)
    assert '"""' not in slim
