"""Notes: their text in D1, their pictures in R2."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bindings.cloudflare import D1, R2, HTTPMetadata

if TYPE_CHECKING:
    from firstlight.form_data import UploadedFile

DB = D1("DB")
PICTURES = R2("PICTURES")
NEWEST = 50
LONGEST_TEXT = 1000
MOST_BYTES = 500_000
# What may be shown to a browser that trusts the site.
PICTURE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, slots=True)
class Note:
    """One note; `picture` is a key of R2, `created_at` is UTC in ISO 8601."""

    id: int
    text: str
    picture: str | None
    created_at: str


async def list_notes() -> list[Note]:
    """List the newest notes, newest first."""
    sql = "select id, text, picture, created_at from notes order by id desc limit ?"
    return await DB.all(sql, NEWEST, into=Note)


def problem_with(text: str, picture: UploadedFile | None) -> str | None:
    """Say what is wrong with a note; None when nothing is."""
    if not text:
        return "Write something."
    if len(text) > LONGEST_TEXT:
        return f"A note has at most {LONGEST_TEXT} characters; this one has {len(text)}."
    if picture and picture.content_type not in PICTURE_TYPES:
        return "A picture is a PNG, JPEG, GIF or WebP file."
    if picture and picture.size > MOST_BYTES:
        return f"A picture has at most {MOST_BYTES // 1000} kB."
    return None


async def add_note(text: str, picture: UploadedFile | None) -> None:
    """Store a note that was checked before: the picture first, so that no note lacks it."""
    key = None
    if picture:
        key = os.urandom(16).hex()
        metadata = HTTPMetadata(content_type=picture.content_type)
        await PICTURES.put(key, picture.bytes(), http_metadata=metadata)
    await DB.run("insert into notes (text, picture) values (?, ?)", text, key)


async def delete_note(note_id: str) -> None:
    """Delete a note and its picture, whether it is there or not."""
    sql = "delete from notes where id = ? returning picture"
    row = await DB.first(sql, int(note_id) if note_id.isdecimal() else 0)
    if row is not None and row["picture"]:
        await PICTURES.delete(row["picture"])
