"""D1: SQL statements in, rows out, exact on every runtime."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from bindings.cloudflare._sql import split_statements
from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import BindingError, D1ConstraintError, D1Error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bindings.cloudflare.backend import D1Parameter, D1ResultData

T = TypeVar("T")

# https://developers.cloudflare.com/d1/platform/limits/
MAX_PARAMETERS = 100
MAX_INTEGER = 2**63 - 1  # SQLite's INTEGER
MAX_SAFE_INTEGER = 2**53 - 1  # JavaScript's Number.MAX_SAFE_INTEGER

CONVERSIONS = {
    "date": "value.isoformat()",
    "datetime": "value.isoformat()",
    "time": "value.isoformat()",
    "timedelta": "value.total_seconds()",
    "UUID": "str(value)",
    "Decimal": "str(value)",
    "dict": "json.dumps(value)",
    "list": "json.dumps(value), or pass each item as a parameter with *value",
    "tuple": "json.dumps(value), or pass each item as a parameter with *value",
    "bytearray": "bytes(value)",
    "memoryview": "bytes(value)",
}


class Row(dict[str, Any]):
    """A row by column name, as a mapping and as attributes.

    `row["name"]` and `row.name` are the same, in Python and in templates.
    Values are str, int, float, bytes or None; a whole REAL, such as 1.0, comes as
    an int, as JavaScript has one kind of number. A column that has the name of
    a dict method, such as `items`, is reached by `row["items"]`.
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


@dataclass(frozen=True, slots=True)
class D1Meta:
    """What a statement did: times in milliseconds, sizes in bytes.

    `last_row_id` is the rowid that the connection inserted last. `rows_read` and
    `rows_written` are what Cloudflare bills; the embedded backend counts the
    rows that came back and that changed.

    Source:
        https://developers.cloudflare.com/d1/worker-api/return-object/
    """

    duration_ms: float = 0.0
    changes: int = 0
    last_row_id: int = 0
    rows_read: int = 0
    rows_written: int = 0
    size_after: int = 0
    changed_db: bool = False


@dataclass(frozen=True, slots=True)
class D1Result:
    """The rows of a statement, empty when it returns none, and its meta."""

    rows: list[Row]
    meta: D1Meta


@dataclass(frozen=True, slots=True)
class D1Statement:
    """A statement of one database, made by `D1.prepare()`.

    Immutable: `bind()` returns another one, so a statement may be kept in a
    module and bound by every request.
    """

    database: str
    sql: str
    params: tuple[D1Parameter, ...] = ()

    def bind(self, *params: object) -> D1Statement:
        """Return this statement with values for its placeholders.

        Args:
            *params: str, int, float, bool, bytes or None, in the order of the
                placeholders `?`, or by number for `?1`. An int is an SQLite
                INTEGER, exact to 64 bits; a bool is 0 or 1.

        Raises:
            TypeError: A value is of another type; the message says how to
                convert it.
            D1Error: There are more than 100 values, an int needs more than 64
                bits, or a float is not finite.
        """
        call = _D1Call(self.database, "bind", self.sql)
        if len(params) > MAX_PARAMETERS:
            call.fail(f"{len(params)} parameters are bound; D1 takes {MAX_PARAMETERS}.")
        values = tuple(_to_parameter(call, number, value) for number, value in enumerate(params, 1))
        return D1Statement(self.database, self.sql, values)

    @overload
    async def first(self, column: str, *, into: None = None) -> Any: ...
    @overload
    async def first(self, column: None = None, *, into: None = None) -> Row | None: ...
    @overload
    async def first(self, column: None = None, *, into: type[T]) -> T | None: ...
    async def first(self, column: str | None = None, *, into: type[Any] | None = None) -> Any:
        """Return the first row, or one of its columns.

        Args:
            column: Return this column's value instead of the row.
            into: A dataclass to build from the row's columns, by name.

        Returns:
            None when the statement returns no row.

        Raises:
            D1Error: The statement failed, or the row has no such column.
        """
        call = _D1Call(self.database, "first", self.sql)
        rows = (await self._run(call)).rows
        if not rows:
            return None
        if column is not None:
            return _pick(call, rows[0], column)
        return rows[0] if into is None else _build(call, rows[:1], into)[0]

    @overload
    async def all(self, *, into: None = None) -> list[Row]: ...
    @overload
    async def all(self, *, into: type[T]) -> list[T]: ...
    async def all(self, *, into: type[Any] | None = None) -> list[Any]:
        """Return every row.

        Args:
            into: A dataclass to build from each row's columns, by name. Columns
                that it has no field for are left out.

        Raises:
            D1Error: The statement failed, or a field has neither a column nor a
                default.
        """
        call = _D1Call(self.database, "all", self.sql)
        rows = (await self._run(call)).rows
        return rows if into is None else _build(call, rows, into)

    async def run(self) -> D1Result:
        """Run the statement and return its rows and what it did."""
        return await self._run(_D1Call(self.database, "run", self.sql))

    async def _run(self, call: _D1Call) -> D1Result:
        with call:
            data = await call.backend.d1(self.database).run((self.sql, self.params))
        return _to_result(call, data)


@dataclass(frozen=True, slots=True)
class D1:
    """A D1 database, by the name that wrangler.toml gives its binding.

    Making one costs nothing: the database is looked up at each call.

    Every method raises D1ConstraintError when a constraint fails, D1Error when
    the statement fails otherwise or a value cannot be carried exactly,
    UnknownBinding when wrangler.toml does not declare the name, and
    NoRequestError outside a request.

    Source:
        https://developers.cloudflare.com/d1/worker-api/d1-database/
    """

    name: str

    def prepare(self, sql: str) -> D1Statement:
        """Make a statement to bind and run, or to run in a `batch()`."""
        return D1Statement(self.name, sql)

    @overload
    async def first(self, sql: str, *params: object, column: str, into: None = None) -> Any: ...
    @overload
    async def first(
        self, sql: str, *params: object, column: None = None, into: None = None
    ) -> Row | None: ...
    @overload
    async def first(
        self, sql: str, *params: object, column: None = None, into: type[T]
    ) -> T | None: ...
    async def first(
        self,
        sql: str,
        *params: object,
        column: str | None = None,
        into: type[Any] | None = None,
    ) -> Any:
        """Return the first row; arguments as in `D1Statement`.

        None when the statement returns no row.
        """
        statement = self.prepare(sql).bind(*params)
        if column is not None:
            return await statement.first(column)
        return await statement.first(into=into)

    @overload
    async def all(self, sql: str, *params: object, into: None = None) -> list[Row]: ...
    @overload
    async def all(self, sql: str, *params: object, into: type[T]) -> list[T]: ...
    async def all(self, sql: str, *params: object, into: type[Any] | None = None) -> list[Any]:
        """Return every row; arguments as in `D1Statement`."""
        return await self.prepare(sql).bind(*params).all(into=into)

    async def run(self, sql: str, *params: object) -> D1Result:
        """Run a statement and return its rows and what it did."""
        return await self.prepare(sql).bind(*params).run()

    async def batch(self, statements: Iterable[D1Statement]) -> list[D1Result]:
        """Run statements in one transaction: all of them happen, or none.

        Args:
            statements: Statements of this database, bound.

        Returns:
            One result per statement, in their order.

        Raises:
            D1Error: A statement failed or belongs to another database; nothing
                of the batch happened.
        """
        return await self._batch(_D1Call(self.name, "batch"), tuple(statements))

    async def script(self, sql: str) -> list[D1Result]:
        """Run statements separated by semicolons, in one transaction.

        Args:
            sql: Any number of lines, comments and statements, without
                placeholders.
        """
        statements = [self.prepare(statement) for statement in split_statements(sql)]
        return await self._batch(_D1Call(self.name, "script"), statements)

    async def _batch(self, call: _D1Call, statements: Sequence[D1Statement]) -> list[D1Result]:
        for statement in statements:
            if statement.database != self.name:
                call.fail(f"a statement belongs to `{statement.database}`.")
        if not statements:
            return []
        with call:
            results = await call.backend.d1(self.name).batch(
                [(statement.sql, statement.params) for statement in statements]
            )
        return [_to_result(call, data) for data in results]


class _D1Call(Call):
    __slots__ = ()

    def __init__(self, database: str, operation: str, sql: str | None = None) -> None:
        super().__init__(D1Error, database, operation, sql=sql)

    def refusal(self, message: str) -> BindingError:
        constraint = "constraint failed" in message
        return self.error(message, error_type=D1ConstraintError if constraint else None)


def _to_parameter(call: Call, number: int, value: object) -> D1Parameter:
    if isinstance(value, float):
        if not math.isfinite(value):
            call.fail(f"parameter {number} is {value}; D1 stores finite numbers.")
        return value
    if isinstance(value, int):
        if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
            call.fail(f"parameter {number}, {value}, needs more than 64 bits.")
        return int(value)
    if value is None or isinstance(value, (str, bytes)):
        return value
    raise _refusal(number, value)


def _refusal(number: int, value: object) -> TypeError:
    kind = type(value).__name__
    remedy = CONVERSIONS.get(kind)
    hint = "" if remedy is None else f" Convert it: {remedy}."
    return TypeError(
        f"D1 parameter {number} is a {kind}; D1 takes str, int, float, bool, bytes and None.{hint}"
    )


def _to_result(call: Call, data: D1ResultData) -> D1Result:
    rows = [_to_row(call, values) for values in data["results"]]
    return D1Result(rows, _to_meta(data["meta"]))


def _to_row(call: Call, values: dict[str, Any]) -> Row:
    row = Row(values)
    for column, value in values.items():
        if isinstance(value, list):
            # D1 has no arrays: a list is a BLOB on its way through JSON.
            row[column] = bytes(value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
            call.fail(
                f"column `{column}` holds a number beyond 2^53, which JavaScript rounds.",
                f"Select it as text: cast({column} as text).",
            )
    return row


def _to_meta(data: dict[str, Any]) -> D1Meta:
    return D1Meta(
        duration_ms=data.get("duration", 0.0),
        changes=data.get("changes", 0),
        last_row_id=data.get("last_row_id", 0),
        rows_read=data.get("rows_read", 0),
        rows_written=data.get("rows_written", 0),
        size_after=data.get("size_after", 0),
        changed_db=data.get("changed_db", False),
    )


def _pick(call: Call, row: Row, column: str) -> Any:
    if column not in row:
        columns = ", ".join(f"`{name}`" for name in row)
        call.fail(f"the row has no column `{column}`. Its columns: {columns}.")
    return row[column]


def _build(call: Call, rows: list[Row], into: type[T]) -> list[T]:
    fields = [field for field in dataclasses.fields(_dataclass(into)) if field.init]
    names = {field.name for field in fields}
    for field in fields if rows else ():
        if field.name not in rows[0] and _is_required(field):
            columns = ", ".join(f"`{name}`" for name in rows[0])
            call.fail(
                f"`{into.__name__}.{field.name}` has no column. Columns: {columns}.",
                "Select it, or give the field a default.",
            )
    return [into(**{name: value for name, value in row.items() if name in names}) for row in rows]


def _dataclass(into: type[T]) -> Any:
    if not dataclasses.is_dataclass(into):
        raise TypeError(f"`into` takes a dataclass, not `{into.__name__}`.")
    return into


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing
