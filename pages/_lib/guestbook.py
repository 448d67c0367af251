"""The guestbook: entries in D1, and the form that adds one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindings.cloudflare import D1
from pages._lib.text import check_length

if TYPE_CHECKING:
    from firstlight import FormData

DB = D1("DB")
NEWEST = 50
LONGEST_NAME = 40
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """What a visitor wrote; `created_at` is UTC in ISO 8601."""

    name: str
    message: str
    created_at: str


async def list_entries() -> list[Entry]:
    """List the newest entries, newest first."""
    return await DB.all(
        "select name, message, created_at from guestbook order by id desc limit ?",
        NEWEST,
        into=Entry,
    )


async def add_entry(name: str, message: str) -> None:
    """Add an entry that was checked before."""
    await DB.run("insert into guestbook (name, message) values (?, ?)", name, message)


def read_entry(form: FormData) -> dict[str, str]:
    """Read `name` and `message`, trimmed; the name on one line."""
    message = form.get("message", "") or ""
    return {
        "name": " ".join((form.get("name", "") or "").split()),
        # Browsers send CRLF for a line end that their maxlength counts as one.
        "message": message.replace("\r\n", "\n").strip(),
    }


def check_entry(entry: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with an entry, by field; empty when nothing is."""
    problems = {
        "name": check_length(entry["name"], "your name", LONGEST_NAME),
        "message": check_length(entry["message"], "a message", LONGEST_MESSAGE),
    }
    return {field: problem for field, problem in problems.items() if problem}
