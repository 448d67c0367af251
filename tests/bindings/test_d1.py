from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import jinja2
import pytest
from told import says

from bindings.cloudflare import D1, D1ConstraintError, D1Error, Row
from bindings.cloudflare._d1 import D1Call

if TYPE_CHECKING:
    from conftest import Run

DB = D1("DB")


@dataclass
class Point:
    x: int
    y: int
    tags: list[str] = field(default_factory=list[str])
    norm: int = field(init=False, default=0)


class Level(IntEnum):
    HIGH = 3


class Color(str, Enum):  # noqa: UP042 - the kind whose str() is its name
    RED = "red"


def test_row_is_a_mapping_with_attributes() -> None:
    row = Row(id=1, name="Ada")
    assert row["name"] == row.name == "Ada"
    assert json.dumps(row) == '{"id": 1, "name": "Ada"}'
    assert copy.deepcopy(row) == row
    with pytest.raises(AttributeError) as raised:
        _ = row.email
    expected = "the row has no column `email`. Its columns: `id`, `name`."
    assert says(raised.value, expected)


def test_row_is_read_by_templates() -> None:
    template = jinja2.Template("{{ row.name }} {{ row['name'] }} {{ row.x is defined }}")
    assert template.render(row=Row(name="Ada")) == "Ada Ada False"


@pytest.mark.parametrize(
    ("value", "kind", "remedy"),
    [
        (datetime.now(UTC), "datetime", " Convert it: value.isoformat()."),
        (date(2030, 1, 2), "date", " Convert it: value.isoformat()."),
        (UUID(int=1), "UUID", " Convert it: str(value)."),
        (Decimal(1), "Decimal", " Convert it: str(value)."),
        (bytearray(b"x"), "bytearray", " Convert it: bytes(value)."),
        ({}, "dict", " Convert it: json.dumps(value)."),
        (object(), "object", ""),
    ],
)
def test_bind_refuses_other_types(value: object, kind: str, remedy: str) -> None:
    with pytest.raises(TypeError) as raised:
        DB.prepare("select ?, ?").bind(1, value)
    assert str(raised.value) == (
        f"D1 parameter 2 is a {kind}; D1 takes str, int, float, bool, bytes and None.{remedy}"
    )


@pytest.mark.parametrize(
    ("params", "code", "expected"),
    [
        (
            [2**63],
            "bad_parameter",
            "parameter 1, 9223372036854775808, needs more than 64 bits.\n"
            "  Hint: Bind it as text: str(value).",
        ),
        (
            [1, -(2**63) - 1],
            "bad_parameter",
            "parameter 2, -9223372036854775809, needs more than 64 bits.\n"
            "  Hint: Bind it as text: str(value).",
        ),
        (
            [float("nan")],
            "bad_parameter",
            "parameter 1 is nan; D1 stores finite numbers.\n  Hint: Bind None.",
        ),
        (
            [float("-inf")],
            "bad_parameter",
            "parameter 1 is -inf; D1 stores finite numbers.\n  Hint: Bind None.",
        ),
        (
            ["ab\udc00"],
            "not_utf8",
            "parameter 1 holds `\\udc00` at 2, half of a character.\n"
            "  Hint: Replace it: text.encode('utf-8', 'replace').decode().",
        ),
        (
            [0] * 101,
            "too_many_parameters",
            "101 parameters are bound; D1 takes 100.\n"
            "  Hint: Bind one JSON array and read it with json_each(?).",
        ),
    ],
)
def test_bind_keeps_the_limits(params: list[Any], code: str, expected: str) -> None:
    with pytest.raises(D1Error) as raised:
        DB.prepare("select 1").bind(*params)
    assert says(raised.value, f'D1 DB bind "select 1": {expected}')
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("sql", "code", "expected"),
    [
        ("", "no_statement", 'D1 DB run "": the SQL holds no statement.'),
        (
            "select 1; select 2",
            "many_statements",
            'D1 DB run "select 1; select 2": the SQL holds 2 statements.\n'
            "  Hint: Use `batch()`, or `script()` for a text of many statements.",
        ),
        (
            "select :a",
            "named_parameter",
            'D1 DB run "select :a": `:a` is a placeholder with a name; '
            "D1 knows those with a number only.\n"
            "  Hint: Write `?`, or `?1` for the first value.",
        ),
        (
            "-- x\nbegin",
            "transaction",
            'D1 DB run "-- x begin": D1 has no BEGIN: '
            "each statement is a transaction of its own.\n"
            "  Hint: Pass the statements to `batch()`: all of them happen, or none.",
        ),
        (
            "select ?, ?2",
            "parameter_count",
            'D1 DB run "select ?, ?2": 0 values for 2 placeholders.',
        ),
        (
            "select * from nope",
            "no_such_table",
            'D1 DB run "select * from nope": no such table: nope: SQLITE_ERROR\n'
            "  Hint: Check its name, or apply the migration that makes it: "
            "`wrangler d1 migrations apply`.",
        ),
        (
            "select zeroblob(2200001)",
            "value_too_large",
            'D1 DB run "select zeroblob(2200001)": string or blob too big: SQLITE_TOOBIG\n'
            "  Hint: Keep what is larger than 2 MB in R2, and its key here.",
        ),
        (
            "attach 'a' as b",
            "not_authorized",
            """D1 DB run "attach 'a' as b": not authorized: SQLITE_AUTH""",
        ),
        (
            "create virtual table t using rtree (id, a, b)",
            "not_authorized",
            'D1 DB run "create virtual table t using rtree (id, a, b)": '
            "not authorized: SQLITE_AUTH",
        ),
        (
            "vacuum",
            "failed",
            'D1 DB run "vacuum": cannot VACUUM from within a transaction: SQLITE_ERROR',
        ),
        (
            "selec",
            "syntax",
            'D1 DB run "selec": near "selec": syntax error: SQLITE_ERROR',
        ),
    ],
)
@pytest.mark.usefixtures("backend")
def test_statement_that_is_refused_says_why(run: Run, sql: str, code: str, expected: str) -> None:
    with pytest.raises(D1Error) as raised:
        run(DB.run(sql))
    assert says(raised.value, expected)
    assert raised.value.code == code


def test_sql_has_a_largest_size(run: Run) -> None:
    with pytest.raises(D1Error) as raised:
        run(DB.run(f"select '{'ü' * 50_000}'"))
    assert str(raised.value).endswith(
        '…": the SQL is longer than 100000 bytes.\n'
        "  Hint: Bind values instead of writing them into the SQL."
    )
    assert raised.value.code == "sql_too_long"


@pytest.mark.parametrize(
    ("message", "code", "expected"),
    [
        (
            "UNIQUE constraint failed: u.id: SQLITE_CONSTRAINT"
            " (extended: SQLITE_CONSTRAINT_PRIMARYKEY)",
            "unique",
            "UNIQUE constraint failed: u.id: SQLITE_CONSTRAINT",
        ),
        (
            "no such column: a at offset 7: SQLITE_ERROR",
            "no_such_column",
            "no such column: a: SQLITE_ERROR",
        ),
        ("D1 DB is overloaded.", "overloaded", "D1 DB is overloaded."),
        ("Network connection lost.", "failed", "Network connection lost."),
    ],
)
def test_words_of_the_platform_become_a_code(message: str, code: str, expected: str) -> None:
    error = D1Call("DB", "run", "select 1").refusal(message)
    assert says(error, f'D1 DB run "select 1": {expected}')
    assert error.code == code
    assert isinstance(error, D1ConstraintError) == (code == "unique")


def test_bind_makes_plain_values_and_another_statement() -> None:
    statement = DB.prepare("select ?, ?, ?, ?")
    bound = statement.bind(True, Level.HIGH, Color.RED, None)  # noqa: FBT003 - a D1 value
    assert [type(value) for value in bound.params] == [int, int, str, type(None)]
    assert bound.params == (1, 3, "red", None)
    assert statement.params == ()


@pytest.mark.usefixtures("backend")
def test_into_builds_dataclasses(run: Run) -> None:
    assert run(DB.all("select 1 as x, 2 as y, 3 as z", into=Point)) == [Point(1, 2)]
    assert run(DB.all("select 1 as x, 2 as y where 0", into=Point)) == []
    assert run(DB.prepare("select 1 as x where 0").first(into=Point)) is None


@pytest.mark.usefixtures("backend")
def test_into_names_the_missing_column(run: Run) -> None:
    with pytest.raises(D1Error) as raised:
        run(DB.first("select 1 as x, 2 as z", into=Point))
    assert str(raised.value) == (
        'D1 DB first "select 1 as x, 2 as z": '
        "`Point.y` has no column. Columns: `x`, `z`.\n"
        "  Hint: Select it, or give the field a default."
    )


@pytest.mark.usefixtures("backend")
def test_into_takes_dataclasses_only(run: Run) -> None:
    with pytest.raises(TypeError, match="`into` takes a dataclass, not `dict`"):
        run(DB.all("select 1 as x", into=dict[str, int]))


@pytest.mark.usefixtures("backend")
def test_numbers_beyond_javascript_raise(run: Run) -> None:
    with pytest.raises(D1Error) as raised:
        run(DB.all("select 9007199254740992 as big"))
    assert str(raised.value) == (
        'D1 DB all "select 9007199254740992 as big": '
        "column `big` holds a number beyond 2^53, which JavaScript rounds.\n"
        "  Hint: Select it as text: cast(big as text)."
    )
    assert run(DB.first("select 1e300 as n, -0.5 as m")) == {"n": 1e300, "m": -0.5}


@pytest.mark.usefixtures("backend")
def test_batch_refuses_statements_of_another_database(run: Run) -> None:
    with pytest.raises(D1Error, match=r"D1 DB batch: a statement belongs to `OTHER`\."):
        run(DB.batch([D1("OTHER").prepare("select 1")]))


def test_column_and_into_exclude_each_other(run: Run) -> None:
    with pytest.raises(TypeError, match="`column` and `into` exclude each other"):
        run(DB.first("select 1 as x", column=cast("None", "x"), into=Point))
