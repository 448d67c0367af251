"""To-dos: rows of D1, and JSON that is checked before it becomes one."""

from __future__ import annotations

from dataclasses import dataclass

from bindings.cloudflare import D1
from firstlight.errors import RequestError

DB = D1("DB")
LONGEST_TEXT = 500
MOST_DIGITS = 15  # JavaScript holds every whole number of so many digits exactly


@dataclass(frozen=True, slots=True)
class Todo:
    """One to-do; `created_at` is UTC in ISO 8601."""

    id: int
    text: str
    done: bool
    created_at: str


async def list_todos(*, done: bool | None, limit: int) -> list[Todo]:
    """List to-dos, newest first; `done` None lists all of them."""
    return await DB.all(
        "select id, text, done, created_at from todos where done = coalesce(?, done) "
        "order by id desc limit ?",
        done,
        limit,
        into=Todo,
    )


async def find_todo(todo_id: int) -> Todo:
    """Return a to-do.

    Raises:
        RequestError: There is none (404).
    """
    sql = "select id, text, done, created_at from todos where id = ?"
    return _found(await DB.first(sql, todo_id, into=Todo), todo_id)


async def add_todo(text: str) -> Todo:
    """Add a to-do and return it."""
    sql = "insert into todos (text) values (?) returning id, text, done, created_at"
    return _found(await DB.first(sql, text, into=Todo), 0)


async def change_todo(todo_id: int, *, text: str | None, done: bool | None) -> Todo:
    """Change a to-do and return it; None keeps what it has.

    Raises:
        RequestError: There is none (404).
    """
    sql = (
        "update todos set text = coalesce(?, text), done = coalesce(?, done) where id = ? "
        "returning id, text, done, created_at"
    )
    return _found(await DB.first(sql, text, done, todo_id, into=Todo), todo_id)


async def delete_todo(todo_id: int) -> None:
    """Delete a to-do.

    Raises:
        RequestError: There is none (404).
    """
    sql = "delete from todos where id = ? returning id, text, done, created_at"
    _found(await DB.first(sql, todo_id, into=Todo), todo_id)


def checked_text(value: object) -> str:
    """Return the text of a to-do.

    Raises:
        RequestError: It is no text, blank or too long (400).
    """
    if not isinstance(value, str) or not value.strip():
        raise RequestError("`text` must be a text that is not blank.")
    if len(value) > LONGEST_TEXT:
        raise RequestError(f"`text` has at most {LONGEST_TEXT} characters, not {len(value)}.")
    return value.strip()


def checked_done(value: object) -> bool:
    """Return whether a to-do is done; raises RequestError (400)."""
    if not isinstance(value, bool):
        raise RequestError("`done` must be true or false.")
    return value


def checked_number(text: str, name: str, most: int = 10**MOST_DIGITS) -> int:
    """Return a whole number from 1 on; raises RequestError (400)."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    if not is_number or not 1 <= int(text) <= most:
        raise RequestError(f"`{name}` is a whole number from 1 to {most}, not `{text}`.")
    return int(text)


def _found(todo: Todo | None, todo_id: int) -> Todo:
    if todo is None:
        raise RequestError(f"There is no to-do {todo_id}.", status=404)
    return todo
