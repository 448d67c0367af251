"""D1: SQL statements in, rows out, exact on every runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from bindings.cloudflare._d1 import D1Call
from bindings.cloudflare._rows import Row, build, exact, to_row
from bindings.cloudflare._sql import split_statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bindings.cloudflare.shapes import D1Backend, D1Parameter, D1ResultData, D1SessionBackend

T = TypeVar("T")


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
    _session: D1SessionBackend | None = field(default=None, repr=False, compare=False)

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
                bits, a float is not finite, or a text is no UTF-8.
        """
        values = D1Call(self.database, "bind", self.sql).parameters(params)
        return D1Statement(self.database, self.sql, values, self._session)

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
            into: A dataclass to build from the row's columns, by name; every value
                becomes what its field's type says, as in `all()`.

        Returns:
            None when the statement returns no row.

        Raises:
            D1Error: The statement failed, or the row has no such column.
        """
        call = D1Call(self.database, "first", self.sql)
        if column is not None and into is not None:
            raise TypeError("`column` and `into` exclude each other: pass one of them.")
        found = (await self._data(call))["results"]
        if not found:
            return None
        row = to_row(call, found[0])
        if column is not None:
            return _pick(call, row, column)
        return row if into is None else build(call, [row], into)[0]

    @overload
    async def all(self, *, into: None = None) -> list[Row]: ...
    @overload
    async def all(self, *, into: type[T]) -> list[T]: ...
    async def all(self, *, into: type[Any] | None = None) -> list[Any]:
        """Return every row.

        Args:
            into: A dataclass to build from each row's columns, by name. Columns
                that it has no field for are left out. Fields may be str, int,
                float, bytes, bool (of 0 and 1), datetime (of ISO 8601, UTC where it
                names no zone, or of Unix seconds), date, time, UUID, Decimal, Enum,
                Literal, list and dict (of JSON), Any, and unions of them.

        Raises:
            D1Error: The statement failed, a field has neither a column nor a
                default, or a value is none of its field's type.
        """
        call = D1Call(self.database, "all", self.sql)
        rows = (await self._run(call)).rows
        return rows if into is None else build(call, rows, into)

    async def run(self) -> D1Result:
        """Run the statement and return its rows and what it did."""
        return await self._run(D1Call(self.database, "run", self.sql))

    async def raw(self, *, column_names: bool = False) -> list[tuple[Any, ...]]:
        """Return every row as a tuple, in the order of the columns.

        Args:
            column_names: Put the names of the columns first, as a tuple of str,
                even when there is no row.
        """
        call = D1Call(self.database, "raw", self.sql)
        statement = call.statement(self.sql, self.params)
        with call:
            names, rows = await _backend(call, self._session).raw(statement)
        values = [tuple(map(exact, [call] * len(names), names, row)) for row in rows]
        return [tuple(names), *values] if column_names else values

    async def _run(self, call: D1Call) -> D1Result:
        return _to_result(call, await self._data(call))

    async def _data(self, call: D1Call) -> D1ResultData:
        statement = call.statement(self.sql, self.params)
        with call:
            return await _backend(call, self._session).run(statement)


@dataclass(frozen=True, slots=True)
class D1:
    """A D1 database, by the name that wrangler.toml gives its binding.

    Making one costs nothing: the database is looked up at each call.

    Every method raises D1ConstraintError when a constraint fails, D1Error when
    the statement fails otherwise or a value cannot be carried exactly (`code` says
    which),
    UnknownBinding when wrangler.toml does not declare the name, and
    NoRequestError outside a request.

    Source:
        https://developers.cloudflare.com/d1/worker-api/d1-database/
    """

    name: str
    _session: D1SessionBackend | None = field(default=None, repr=False, compare=False)

    def prepare(self, sql: str) -> D1Statement:
        """Make a statement to bind and run, or to run in a `batch()`.

        Args:
            sql: One statement, at most 100,000 bytes, with the placeholders `?` or
                `?1`.
        """
        return D1Statement(self.name, sql, (), self._session)

    def with_session(self, start: str | None = None) -> D1Session:
        """Start a session, whose queries see what those before them wrote.

        Args:
            start: Where the first query may go: `first-primary` to the primary
                database, `first-unconstrained` to any replica, or the bookmark of
                an earlier session to a replica at least as new. None means
                `first-unconstrained`.

        Raises:
            BindingUnsupported: The runtime's D1 has no sessions.

        Source:
            https://developers.cloudflare.com/d1/worker-api/d1-database/#withsession
        """
        with D1Call(self.name, "with_session") as call:
            session = call.backend.d1(self.name).with_session(start)
        return D1Session(self.name, session)

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
        return await statement.first(cast("None", column), into=cast("type[Any]", into))

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

    async def raw(
        self, sql: str, *params: object, column_names: bool = False
    ) -> list[tuple[Any, ...]]:
        """Return every row as a tuple; arguments as in `D1Statement`."""
        return await self.prepare(sql).bind(*params).raw(column_names=column_names)

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
        return await self._batch(D1Call(self.name, "batch"), tuple(statements))

    async def script(self, sql: str) -> list[D1Result]:
        """Run statements separated by semicolons, in one transaction.

        Args:
            sql: Any number of lines, comments and statements, without
                placeholders. Triggers may hold semicolons of their own.

        Returns:
            One result per statement, in their order.
        """
        statements = [self.prepare(statement) for statement in split_statements(sql)]
        return await self._batch(D1Call(self.name, "script"), statements)

    async def _batch(self, call: D1Call, statements: Sequence[D1Statement]) -> list[D1Result]:
        for statement in statements:
            if statement.database != self.name:
                message = f"a statement belongs to `{statement.database}`."
                call.fail(message, code="other_database")
        checked = [
            D1Call(self.name, call.operation, each.sql).statement(each.sql, each.params)
            for each in statements
        ]
        if not checked:
            return []
        with call:
            results = await _backend(call, self._session).batch(checked)
        return [_to_result(call, data) for data in results]


class D1Session(D1):
    """A database whose queries see what the session's earlier ones wrote.

    Made by `D1.with_session()`, for the request that is being handled.
    """

    __slots__ = ()

    @property
    def bookmark(self) -> str | None:
        """How new the database is that the session has seen.

        Hand it to the visitor, for instance in a cookie, and start the next
        request's session with it. None before the first query of a session that
        was not started with one.
        """
        with D1Call(self.name, "bookmark"):
            return None if self._session is None else self._session.bookmark


def _backend(call: D1Call, session: D1SessionBackend | None) -> D1Backend:
    return call.backend.d1(call.binding) if session is None else session


def _to_result(call: D1Call, data: D1ResultData) -> D1Result:
    rows = [to_row(call, values) for values in data["results"]]
    return D1Result(rows, _to_meta(data["meta"]))


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


def _pick(call: D1Call, row: Row, column: str) -> Any:
    if column not in row:
        columns = ", ".join(f"`{name}`" for name in row)
        message = f"the row has no column `{column}`. Its columns: {columns}."
        call.fail(message, code="missing_column")
    return row[column]
