"""Read SQL only as far as needed to find placeholders and statements.

Pure: strings, quoted names and comments are stepped over, nothing is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# https://www.sqlite.org/lang_keywords.html, https://www.sqlite.org/lang_comment.html
# A doubled quote inside quotes reads as two quoted pieces side by side, which
# is the same to whoever steps over them. An unclosed one reaches to the end.
TOKENS = r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<quoted> '[^']*(?:'|\Z) | "[^"]*(?:"|\Z) | `[^`]*(?:`|\Z) | \[[^\]]*(?:\]|\Z) )
  | (?P<placeholder> \?\d* )
  | (?P<named> [:@$]\w+ )
  | (?P<word> [^\W\d][\w$]* )
  | (?P<other> \S )
"""


@dataclass(frozen=True, slots=True)
class SQL:
    """What a text of SQL holds.

    `text` ends with its last statement, without a comment behind it; `parameters`
    is the highest number of a placeholder, and `named` the first that has a name.
    """

    text: str
    statements: int
    first_word: str
    parameters: int
    named: str | None


@lru_cache(maxsize=256)
def read_sql(sql: str) -> SQL:
    """Find the statements and placeholders of a text."""
    statements = split_statements(sql)
    parameters, named = 0, None
    for match in re.finditer(TOKENS, sql, re.VERBOSE | re.DOTALL):
        if match.lastgroup == "placeholder":
            parameters = max(parameters, _number(match[0], parameters))
        elif match.lastgroup == "named" and named is None:
            named = match[0]
    end = max((end for _, end in _tokens(sql)), default=0)
    return SQL(sql[:end], len(statements), first_word(sql), parameters, named)


def cast_integers(sql: str, integers: frozenset[int]) -> str:
    """Make the placeholders of integers read their text as an INTEGER.

    A JavaScript number is bound as REAL, so integers travel as digits:
    `where id = ?` becomes `where id = +CAST(? AS INTEGER)`. The plus sign takes
    away CAST's affinity, so that an index on a TEXT column is still used.

    Args:
        sql: One statement with `?` and `?1` placeholders.
        integers: The 1-based numbers of the parameters that are integers.
    """
    return _cast_integers(sql, integers) if integers else sql


def split_statements(script: str) -> list[str]:
    """Split a script at the semicolons that end a statement.

    Those inside strings, comments and the body of a trigger end none; pieces
    without a statement are left out.

    Source:
        https://www.sqlite.org/c3ref/complete.html
    """
    statements: list[str] = []
    tokens: list[str] = []
    start = 0
    for word, end in _tokens(script):
        tokens.append(word)
        if word == ";" and _is_complete(tokens):
            if len(tokens) > 1:
                statements.append(script[start:end].strip())
            tokens, start = [], end
    if tokens:
        statements.append(script[start:].strip())
    return statements


def first_word(sql: str) -> str:
    """Return the statement's first token in upper case, `""` without one."""
    return next((word for word, _ in _tokens(sql)), "")


@lru_cache(maxsize=256)
def _cast_integers(sql: str, integers: frozenset[int]) -> str:
    pieces: list[str] = []
    end = highest = 0
    for match in re.finditer(TOKENS, sql, re.VERBOSE | re.DOTALL):
        if match.lastgroup != "placeholder":
            continue
        mark = match[0]
        number = _number(mark, highest)
        highest = max(highest, number)
        if number in integers:
            pieces += (sql[end : match.start()], f"+CAST({mark} AS INTEGER)")
            end = match.end()
    return "".join((*pieces, sql[end:]))


def _number(placeholder: str, highest: int) -> int:
    # https://www.sqlite.org/lang_expr.html#varparam: a bare `?` takes the number
    # after the largest one so far.
    return int(placeholder[1:]) if len(placeholder) > 1 else highest + 1


def _tokens(sql: str) -> Iterator[tuple[str, int]]:
    for match in re.finditer(TOKENS, sql, re.VERBOSE | re.DOTALL):
        if match.lastgroup != "comment":
            yield match[0].upper(), match.end()


def _is_complete(tokens: list[str]) -> bool:
    return not _is_trigger(tokens) or tokens[-3:] == [";", "END", ";"]


def _is_trigger(tokens: list[str]) -> bool:
    words = [word for word in tokens[:5] if word not in {"EXPLAIN", "TEMP", "TEMPORARY"}]
    return words[:2] == ["CREATE", "TRIGGER"]
