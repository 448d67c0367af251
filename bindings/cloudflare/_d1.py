"""What D1 takes and refuses: the checks before a call, the codes of its errors."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from bindings.cloudflare._sql import read_sql
from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import BindingError, D1ConstraintError, D1Error

if TYPE_CHECKING:
    from bindings.cloudflare.shapes import D1Parameter, Statement

# https://developers.cloudflare.com/d1/platform/limits/
MAX_PARAMETERS = 100
MAX_SQL = 100_000  # bytes of UTF-8
MAX_INTEGER = 2**63 - 1  # SQLite's INTEGER

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

# D1 runs every statement inside a transaction of its own.
TRANSACTIONS = {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"}

CONSTRAINTS = {
    "UNIQUE constraint failed": "unique",
    "NOT NULL constraint failed": "not_null",
    "CHECK constraint failed": "check",
    "FOREIGN KEY constraint failed": "foreign_key",
    "cannot store": "datatype",
    "SQLITE_CONSTRAINT": "constraint",
}
CODES = {
    "no such table": "no_such_table",
    "no such column": "no_such_column",
    "has no column named": "no_such_column",
    "no such function": "no_such_function",
    "syntax error": "syntax",
    "incomplete input": "syntax",
    "unrecognized token": "syntax",
    "not authorized": "not_authorized",
    "SQLITE_TOOBIG": "value_too_large",
    "SQLITE_MISMATCH": "mismatch",
    "SQLITE_BUSY": "busy",
    "overloaded": "overloaded",
}
HINTS = {
    "no_such_table": "Check its name, or apply the migration that makes it: "
    "`wrangler d1 migrations apply`.",
    "no_such_column": "Check its name against the table that the migrations make.",
    "syntax": "Mend the SQL near that word; D1 speaks SQLite's dialect.",
    "unique": "Use `insert … on conflict … do update`, or catch D1ConstraintError.",
    "value_too_large": "Keep what is larger than 2 MB in R2, and its key here.",
}

# Where in the SQL: of what was sent, which is not what the site wrote.
NOISE = re.compile(r" at offset \d+(?=: SQLITE_|$)| \(extended: \w+\)")


class D1Call(Call):
    """One call of a D1 handle."""

    __slots__ = ()

    def __init__(self, database: str, operation: str, sql: str | None = None) -> None:
        super().__init__(D1Error, database, operation, sql=sql)

    def refusal(self, message: str) -> BindingError:
        """Make an error of what the platform said."""
        text = NOISE.sub("", message)
        for part, code in CONSTRAINTS.items():
            if part in text and "SQLITE_CONSTRAINT" in text:
                return self.error(text, HINTS.get(code), code=code, error_type=D1ConstraintError)
        code = next((code for part, code in CODES.items() if part in text), "failed")
        return self.error(text, HINTS.get(code), code=code)

    def statement(self, sql: str, params: tuple[D1Parameter, ...]) -> Statement:
        """Return a statement as it is sent, or refuse what D1 cannot run."""
        if self.utf8_size(sql, "the SQL") > MAX_SQL:
            hint = "Bind values instead of writing them into the SQL."
            self.fail(f"the SQL is longer than {MAX_SQL} bytes.", hint, code="sql_too_long")
        read = read_sql(sql)
        if read.statements != 1:
            self._fail_count(read.statements)
        if read.first_word in TRANSACTIONS:
            self.fail(
                f"D1 has no {read.first_word}: each statement is a transaction of its own.",
                "Pass the statements to `batch()`: all of them happen, or none.",
                code="transaction",
            )
        if read.named is not None:
            self.fail(
                f"`{read.named}` is a placeholder with a name; D1 knows those with a number only.",
                "Write `?`, or `?1` for the first value.",
                code="named_parameter",
            )
        if read.parameters != len(params):
            values = _counted(len(params), "value")
            places = _counted(read.parameters, "placeholder")
            hint = "Give one value for each `?`; `?1` used twice counts once."
            self.fail(f"{values} for {places}.", hint, code="parameter_count")
        return read.text, params

    def parameters(self, params: tuple[object, ...]) -> tuple[D1Parameter, ...]:
        """Return the values to bind as D1 takes them."""
        if len(params) > MAX_PARAMETERS:
            self.fail(
                f"{len(params)} parameters are bound; D1 takes {MAX_PARAMETERS}.",
                "Bind one JSON array and read it with json_each(?).",
                code="too_many_parameters",
            )
        return tuple(self._parameter(number, value) for number, value in enumerate(params, 1))

    def _parameter(self, number: int, value: object) -> D1Parameter:
        if isinstance(value, str):
            if not value.isascii():
                self.utf8_size(value, f"parameter {number}")
            return str.__str__(value)  # an Enum's own str() is its name
        if isinstance(value, float):
            if not math.isfinite(value):
                message = f"parameter {number} is {value}; D1 stores finite numbers."
                self.fail(message, "Bind None.", code="bad_parameter")
            return value
        if isinstance(value, int):
            if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
                message = f"parameter {number}, {value}, needs more than 64 bits."
                self.fail(message, "Bind it as text: str(value).", code="bad_parameter")
            return int(value)
        if value is None or isinstance(value, bytes):
            return value
        raise _refused_type(number, value)

    def _fail_count(self, statements: int) -> None:
        if statements == 0:
            self.fail("the SQL holds no statement.", code="no_statement")
        self.fail(
            f"the SQL holds {statements} statements.",
            "Use `batch()`, or `script()` for a text of many statements.",
            code="many_statements",
        )


def _refused_type(number: int, value: object) -> TypeError:
    kind = type(value).__name__
    remedy = CONVERSIONS.get(kind)
    hint = "" if remedy is None else f" Convert it: {remedy}."
    return TypeError(
        f"D1 parameter {number} is a {kind}; D1 takes str, int, float, bool, bytes and None.{hint}"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
