from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, Literal, NewType, Optional
from uuid import UUID

import pytest

from bindings.cloudflare import D1Error, Row
from bindings.cloudflare._d1 import D1Call
from bindings.cloudflare._rows import build, exact

if TYPE_CHECKING:
    from fractions import Fraction

CALL = D1Call("DB", "all", "select")
KEY = UUID("12345678123456781234567812345678")
UserID = NewType("UserID", int)


class Color(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@dataclass
class Fields:
    text: str = ""
    number: int = 0
    part: float = 0.0
    flag: bool = False
    body: bytes = b""
    at: datetime = datetime(1, 1, 1)
    day: date = date(1, 1, 1)
    hour: time = time()
    key: UUID = KEY
    price: Decimal = Decimal()
    color: Color = Color.RED
    level: Level = Level.HIGH
    kind: Literal["a", 1] = "a"
    tags: list[str] | None = None
    options: Optional[dict[str, int]] = None  # noqa: UP045 - the older spelling
    either: int | str = 0
    user: UserID = UserID(0)
    anything: Any = None
    thing: object = None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("text", "x", "x"),
        ("number", 5, 5),
        ("part", 1, 1.0),
        ("part", 0.5, 0.5),
        ("flag", 1, True),
        ("flag", 0, False),
        ("body", b"x", b"x"),
        ("at", "2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("at", "2026-01-02T03:04:05.5Z", datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC)),
        (
            "at",
            "2026-01-02T03:04:05+02:00",
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("at", 0.5, datetime(1970, 1, 1, 0, 0, 0, 500_000, UTC)),
        ("day", "2026-01-02", date(2026, 1, 2)),
        ("hour", "03:04", time(3, 4)),
        ("key", str(KEY), KEY),
        ("key", KEY.bytes, KEY),
        ("price", "1.10", Decimal("1.10")),
        ("price", 0.1, Decimal("0.1")),
        ("color", "red", Color.RED),
        ("level", 3, Level.HIGH),
        ("kind", "a", "a"),
        ("kind", 1, 1),
        ("tags", '["x"]', ["x"]),
        ("tags", None, None),
        ("options", '{"a": 1}', {"a": 1}),
        ("either", "x", "x"),
        ("either", 1, 1),
        ("user", 7, 7),
        ("anything", None, None),
        ("thing", b"x", b"x"),
    ],
)
def test_value_becomes_what_its_field_says(name: str, value: object, expected: object) -> None:
    (built,) = build(CALL, [Row({name: value})], Fields)
    found = getattr(built, name)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "shown", "kind"),
    [
        ("text", 1, "1", "str"),
        ("text", None, "NULL", "str"),
        ("number", "1", "'1'", "int"),
        ("number", 0.5, "0.5", "int"),
        ("flag", 2, "2", "bool"),
        ("flag", "true", "'true'", "bool"),
        ("body", "x", "'x'", "bytes"),
        ("at", "soon", "'soon'", "datetime"),
        ("at", b"x", "b'x'", "datetime"),
        ("day", "2026-01-02 03:04:05", "'2026-01-02 03:04:05'", "date"),
        ("key", "x", "'x'", "UUID"),
        ("price", "x", "'x'", "Decimal"),
        ("color", "blue", "'blue'", "Color"),
        ("kind", "c", "'c'", "typing.Literal['a', 1]"),
        ("tags", "{}", "'{}'", "list[str] | None"),
        ("either", b"x", "b'x'", "int | str"),
        ("number", "x" * 99, f"'{'x' * 58}…", "int"),
    ],
)
def test_value_that_is_no_such_thing_raises(
    name: str, value: object, shown: str, kind: str
) -> None:
    with pytest.raises(D1Error) as raised:
        build(CALL, [Row({name: value})], Fields)
    assert str(raised.value) == (
        f'D1 DB all "select": column `{name}` holds {shown}; `Fields.{name}` is `{kind}`.'
    )
    assert raised.value.code == "bad_field"


@dataclass
class Strange:
    x: complex


@dataclass
class Hidden:
    x: Fraction


def test_field_of_a_type_that_no_column_becomes_is_a_type_error() -> None:
    with pytest.raises(TypeError) as raised:
        build(CALL, [Row(x=1)], Strange)
    assert str(raised.value) == (
        "`Strange.x` is `<class 'complex'>`; `into` knows str, int, float, bool, bytes, "
        "datetime, date, time, UUID, Decimal, Enum, Literal, list, dict, Any and their unions."
    )


def test_field_whose_type_is_not_imported_is_a_type_error() -> None:
    with pytest.raises(TypeError) as raised:
        build(CALL, [Row(x=1)], Hidden)
    assert str(raised.value) == (
        "the fields of `Hidden` cannot be read: name 'Fraction' is not defined. "
        "Import their types outside `if TYPE_CHECKING:`."
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], b""),
        ([0, 255], b"\x00\xff"),
        (2**53 - 1, 2**53 - 1),
        (10**20, 1e20),
        (-(10**20), -1e20),
        (0.5, 0.5),
        ("x", "x"),
        (None, None),
    ],
)
def test_value_out_of_json_is_what_sqlite_held(value: object, expected: object) -> None:
    found = exact(CALL, "n", value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**63, -(2**63)])
def test_integer_that_javascript_may_have_rounded_raises(value: int) -> None:
    with pytest.raises(D1Error) as raised:
        exact(CALL, "n", value)
    assert str(raised.value) == (
        'D1 DB all "select": column `n` holds a number beyond 2^53, which JavaScript rounds.\n'
        "  Hint: Select it as text: cast(n as text)."
    )
    assert raised.value.code == "inexact_integer"
