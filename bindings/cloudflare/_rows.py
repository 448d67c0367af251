"""Rows out of D1, exact, and dataclasses out of rows."""

from __future__ import annotations

import dataclasses
import json
import types
from datetime import UTC, datetime
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bindings.cloudflare._d1 import D1Call
    from bindings.cloudflare.backend import Call

    Converter = Callable[[Any], Any]

T = TypeVar("T")

MAX_SAFE_INTEGER = 2**53 - 1  # JavaScript's Number.MAX_SAFE_INTEGER
BEYOND_INTEGER = 2.0**63  # what is larger was no SQLite INTEGER
SHOWN = 60  # characters of a value that an error shows


class Row(dict[str, Any]):
    """A row by column name, as a mapping and as attributes.

    `row["name"]` and `row.name` are the same, in Python and in templates.
    Values are str, int, float, bytes or None; a whole REAL, such as 1.0, comes as
    an int, as JavaScript has one kind of number. A column that has the name of
    a dict method, such as `items`, is reached by `row["items"]`. Of columns that
    share a name, the last one stays; `raw()` keeps them all.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            columns = ", ".join(f"`{column}`" for column in self)
            raise AttributeError(
                f"the row has no column `{name}`. Its columns: {columns}.",
                name=name,
                obj=self,
            ) from None


def to_row(call: Call, values: dict[str, Any]) -> Row:
    """Make a row of what came through JSON."""
    row = Row(values)
    for column, value in values.items():
        if type(value) is list or (
            type(value) is int and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER
        ):
            row[column] = exact(call, column, value)
    return row


def exact(call: Call, column: str, value: Any) -> Any:
    """Return a value that came through JSON as SQLite held it, or refuse.

    D1 has no arrays: a list is a BLOB. JavaScript rounds integers beyond 2^53,
    where a whole REAL looks the same; from 2^63 on it can only be a REAL.
    """
    if type(value) is list:
        return bytes(cast("list[int]", value))
    if type(value) is not int or -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return value
    if abs(float(value)) > BEYOND_INTEGER:
        return float(value)
    return call.fail(
        f"column `{column}` holds a number beyond 2^53, which JavaScript rounds.",
        f"Select it as text: cast({column} as text).",
        code="inexact_integer",
    )


def build(call: D1Call, rows: list[Row], into: type[T]) -> list[T]:
    """Make a dataclass of each row, every value as its field's type says."""
    if not dataclasses.is_dataclass(into):
        raise TypeError(f"`into` takes a dataclass, not `{into.__name__}`.")
    if not rows:
        return []
    wanted: list[_Field] = []
    for field in _fields_of(into):
        if field.name in rows[0]:
            wanted.append(field)
        elif field.is_required:
            columns = ", ".join(f"`{name}`" for name in rows[0])
            call.fail(
                f"`{into.__name__}.{field.name}` has no column. Columns: {columns}.",
                "Select it, or give the field a default.",
                code="missing_column",
            )
    return [into(**{f.name: f.value_of(call, into, row) for f in wanted}) for row in rows]


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    is_required: bool
    hint: Any
    convert: Converter

    def value_of(self, call: D1Call, into: type, row: Row) -> Any:
        value = row[self.name]
        try:
            return self.convert(value)
        except (ValueError, TypeError, ArithmeticError) as error:
            shown = "NULL" if value is None else repr(value)
            shown = shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 1]}…"
            kind = getattr(self.hint, "__name__", None)
            kind = str(self.hint) if kind is None or get_args(self.hint) else kind
            raise call.error(
                f"column `{self.name}` holds {shown}; `{into.__name__}.{self.name}` is `{kind}`.",
                code="bad_field",
            ) from error


@lru_cache(maxsize=256)
def _fields_of(into: type) -> tuple[_Field, ...]:
    try:
        hints = get_type_hints(into)
    except NameError as error:
        raise TypeError(
            f"the fields of `{into.__name__}` cannot be read: {error}. "
            "Import their types outside `if TYPE_CHECKING:`."
        ) from error
    return tuple(
        _Field(
            field.name,
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
            hints[field.name],
            _converter(hints[field.name], f"{into.__name__}.{field.name}"),
        )
        for field in dataclasses.fields(into)
        if field.init
    )


def _converter(hint: Any, where: str) -> Converter:
    hint = getattr(hint, "__supertype__", hint)  # of a NewType
    origin = get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return _first_of([_converter(each, where) for each in get_args(hint)])
    if origin is Literal:
        return _one_of(get_args(hint))
    kind = origin or hint
    if kind in PLAIN:
        return PLAIN[kind]
    if hasattr(kind, "__members__"):  # an Enum
        return kind
    name = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"
    if name not in BY_NAME:
        raise TypeError(
            f"`{where}` is `{hint}`; `into` knows str, int, float, bool, bytes, datetime, "
            "date, time, UUID, Decimal, Enum, Literal, list, dict, Any and their unions."
        )
    return BY_NAME[name](kind)


def _first_of(converters: Iterable[Converter]) -> Converter:
    def convert(value: Any) -> Any:
        for each in converters:
            try:
                return each(value)
            except (ValueError, TypeError, ArithmeticError):
                continue
        raise ValueError(value)

    return convert


def _one_of(allowed: tuple[Any, ...]) -> Converter:
    def convert(value: Any) -> Any:
        return allowed[allowed.index(value)]

    return convert


def _same(*kinds: type) -> Converter:
    def convert(value: Any) -> Any:
        if type(value) not in kinds:
            raise ValueError(value)
        return value

    return convert


def _to_bool(value: Any) -> bool:
    if type(value) is not int or value not in {0, 1}:
        raise ValueError(value)
    return value == 1


def _to_float(value: Any) -> float:
    return float(_same(int, float)(value))


def _from_json(kind: type) -> Converter:
    def convert(value: Any) -> Any:
        parsed = json.loads(_same(str)(value))
        if not isinstance(parsed, kind):
            raise TypeError(value)
        return parsed

    return convert


def _from_iso(kind: Any) -> Converter:
    return lambda value: kind.fromisoformat(_same(str)(value))


def _to_datetime(_kind: type) -> Converter:
    def convert(value: Any) -> datetime:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(value)
        # SQLite's own functions, such as datetime('now'), mean UTC.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

    return convert


def _to_uuid(kind: Any) -> Converter:
    return lambda value: kind(bytes=value) if isinstance(value, bytes) else kind(value)


def _to_decimal(kind: Any) -> Converter:
    return lambda value: kind(str(_same(str, int, float)(value)))


PLAIN: dict[Any, Converter] = {
    Any: lambda value: value,
    object: lambda value: value,
    type(None): _same(type(None)),
    str: _same(str),
    int: _same(int),
    bytes: _same(bytes),
    bool: _to_bool,
    float: _to_float,
    list: _from_json(list),
    dict: _from_json(dict),
}

# By name, so that a site that has no use for them does not import them.
BY_NAME: dict[str, Callable[[Any], Converter]] = {
    "datetime.datetime": _to_datetime,
    "datetime.date": _from_iso,
    "datetime.time": _from_iso,
    "uuid.UUID": _to_uuid,
    "decimal.Decimal": _to_decimal,
}
