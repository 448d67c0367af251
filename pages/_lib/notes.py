"""Notes: rows of D1 as JSON, and JSON checked for D1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from bindings.cloudflare import D1, Row
from firstlight.errors import RequestError
from pages._lib.text import is_storable

if TYPE_CHECKING:
    from firstlight import APIContext

DB = D1("DB")
LONGEST_TEXT = 2000
MOST_NOTES = 100
DEFAULT_NOTES = 50
MOST_DIGITS = 15  # JavaScript holds every whole number of so many digits exactly


async def list_notes(limit: int) -> list[dict[str, Any]]:
    """List the newest notes, newest first."""
    sql = "select id, text, done, created_at from notes order by id desc limit ?"
    return [_to_json(row) for row in await DB.all(sql, limit)]


async def find_note(note_id: int) -> dict[str, Any]:
    """Return a note.

    Raises:
        RequestError: There is none (404).
    """
    sql = "select id, text, done, created_at from notes where id = ?"
    return _found(await DB.first(sql, note_id))


async def create_note(text: str, *, done: bool) -> dict[str, Any]:
    """Add a note and return it."""
    sql = "insert into notes (text, done) values (?, ?) returning id, text, done, created_at"
    return _found(await DB.first(sql, text, done))


async def update_note(note_id: int, text: str | None, *, done: bool | None) -> dict[str, Any]:
    """Change a note and return it; None keeps what it has.

    Raises:
        RequestError: There is none (404).
    """
    sql = (
        "update notes set text = coalesce(?, text), done = coalesce(?, done) "
        "where id = ? returning id, text, done, created_at"
    )
    return _found(await DB.first(sql, text, done, note_id))


async def delete_note(note_id: int) -> None:
    """Delete a note.

    Raises:
        RequestError: There is none (404).
    """
    if await DB.first("delete from notes where id = ? returning id", note_id) is None:
        raise _no_such_note()


def read_id(ctx: APIContext) -> int:
    """Return the `[id]` of the URL.

    Raises:
        RequestError: It is no whole number (400).
    """
    return _number(ctx.params["id"], "An id is a whole number")


def read_limit(ctx: APIContext) -> int:
    """Return `?limit=`, or its default.

    Raises:
        RequestError: It is no whole number from 1 to 100 (400).
    """
    given = ctx.url.search_params.get("limit")
    message = f"`limit` is a whole number from 1 to {MOST_NOTES}"
    limit = DEFAULT_NOTES if given is None else _number(given, message)
    if not 1 <= limit <= MOST_NOTES:
        raise RequestError(f"{message}, not {limit}.")
    return limit


async def read_fields(ctx: APIContext) -> dict[str, Any]:
    """Read the body: an object with `text` and `done`, either of which may be absent.

    Other members are passed over, so that a note can be sent back as it came.

    Raises:
        RequestError: It is no JSON object, or a field has another type (400).
    """
    data: object = await ctx.request.json()
    if not isinstance(data, dict):
        raise RequestError("The body must be a JSON object.")
    fields = cast("dict[str, object]", data)
    if "text" in fields:
        _check_text(fields["text"])
    if not isinstance(fields.get("done", False), bool):
        raise RequestError("`done` must be true or false.")
    return {name: fields[name] for name in ("text", "done") if name in fields}


def require_text(fields: dict[str, Any]) -> str:
    """Return the text.

    Raises:
        RequestError: It is absent (400).
    """
    if "text" not in fields:
        raise RequestError("`text` is missing.")
    return fields["text"]


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise RequestError("`text` must be a string.")
    if not 1 <= len(text) <= LONGEST_TEXT:
        raise RequestError(f"`text` has 1 to {LONGEST_TEXT} characters, not {len(text)}.")
    if not is_storable(text):
        raise RequestError("`text` has characters that cannot be stored.")


def _number(text: str, message: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise RequestError(f"{message}, not `{text}`.")
    return int(text)


def _found(row: Row | None) -> dict[str, Any]:
    if row is None:
        raise _no_such_note()
    return _to_json(row)


def _no_such_note() -> RequestError:
    return RequestError("No such note.", status=404)


def _to_json(row: Row) -> dict[str, Any]:
    # SQLite has no booleans.
    return {**row, "done": bool(row["done"])}
