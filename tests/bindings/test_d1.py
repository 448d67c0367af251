from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import jinja2
import pytest

from bindings.cloudflare import D1, D1Error, Row

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


def test_row_is_a_mapping_with_attributes() -> None:
    row = Row(id=1, name="Ada")
    assert row["name"] == row.name == "Ada"
    assert json.dumps(row) == '{"id": 1, "name": "Ada"}'
    assert copy.deepcopy(row) == row
    with pytest.raises(AttributeError) as raised:
        _ = row.email
    expected = "the row has no column `email`. Its columns: `id`, `name`."
    assert str(raised.value) == expected


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
    ("params", "expected"),
    [
        ([2**63], "parameter 1, 9223372036854775808, needs more than 64 bits."),
        ([1, -(2**63) - 1], "parameter 2, -9223372036854775809, needs more than 64"),
        ([float("nan")], "parameter 1 is nan; D1 stores finite numbers."),
        ([float("-inf")], "parameter 1 is -inf; D1 stores finite numbers."),
        ([0] * 101, "101 parameters are bound; D1 takes 100."),
    ],
)
def test_bind_keeps_the_limits(params: list[Any], expected: str) -> None:
    with pytest.raises(D1Error) as raised:
        DB.prepare("select 1").bind(*params)
    assert str(raised.value).startswith(f'D1 DB bind "select 1": {expected}')


def test_bind_makes_plain_values_and_another_statement() -> None:
    statement = DB.prepare("select ?, ?, ?")
    bound = statement.bind(True, Level.HIGH, None)  # noqa: FBT003 - a D1 value
    assert [type(value) for value in bound.params] == [int, int, type(None)]
    assert bound.params == (1, 3, None)
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


@pytest.mark.parametrize("sql", ["begin", "COMMIT", "-- x\nattach 'a' as b", "vacuum"])
@pytest.mark.usefixtures("backend")
def test_transactions_are_the_batch(run: Run, sql: str) -> None:
    with pytest.raises(D1Error, match="a batch is the transaction: not authorized"):
        run(DB.run(sql))
