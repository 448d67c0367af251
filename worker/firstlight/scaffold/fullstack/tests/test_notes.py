"""The notes as a visitor uses them, each test with bindings of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from bindings.cloudflare import D1, R2

if TYPE_CHECKING:
    from firstlight.testing import Answer, Site

DB = D1("DB")
PICTURES = R2("PICTURES")
PNG = b"\x89PNG\r\n\x1a\n picture"


@pytest.fixture(autouse=True)
def password(site: Site) -> str:
    """The secret, whatever .dev.vars says."""
    site.env["PASSWORD"] = "open sesame"
    return "open sesame"


@pytest.fixture
async def visitor(site: Site, password: str) -> Site:
    """The site, signed in."""
    await site.post("/login", form={"password": password})
    return site


async def add(visitor: Site, text: str, picture: bytes = b"", kind: str = "image/png") -> Answer:
    """Send the form as a browser does: without a picture, an empty file."""
    files = {"picture": ("a.png" if picture else "", picture, kind)}
    return await visitor.post("/notes", form={"text": text}, files=files, follow=True)


async def test_start_page_is_for_everyone(site: Site) -> None:
    assert "behind a password" in (await site.get("/")).text


@pytest.mark.parametrize("path", ["/notes", "/notes/", "/pictures/x"])
async def test_visitors_without_a_session_are_sent_to_sign_in(site: Site, path: str) -> None:
    assert (await site.get(path, follow=True)).url.endswith("/login")


async def test_wrong_password_starts_no_session(site: Site) -> None:
    answer = await site.post("/login", form={"password": "guess"})
    assert answer.status == 422
    assert "This is not the password." in answer.text
    assert site.cookies == {}


async def test_right_password_leads_to_the_notes(site: Site, password: str) -> None:
    answer = await site.post("/login", form={"password": password}, follow=True)
    assert (answer.status, answer.url) == (200, f"{site.origin}/notes")
    assert answer.headers["cache-control"] == "private, no-store"
    assert "Nothing here yet." in answer.text


async def test_signing_out_ends_the_session(visitor: Site) -> None:
    assert (await visitor.post("/logout")).headers["location"] == "/"
    assert (await visitor.get("/notes")).headers["location"] == "/login"


async def test_note_is_shown_escaped_newest_first(visitor: Site) -> None:
    await add(visitor, "<b>one</b>\r\nmore")
    page = await add(visitor, "two")
    assert page.text.index("two") < page.text.index("&lt;b&gt;one&lt;/b&gt;")
    assert await DB.first("select count(*) as n from notes") == {"n": 2}


async def test_picture_is_kept_shown_and_deleted_with_its_note(visitor: Site) -> None:
    page = await add(visitor, "look", PNG)
    found = re.search(r'<img src="(/pictures/(\w+))"', page.text)
    assert found
    picture = await visitor.get(found[1])
    assert (picture.body, picture.headers["content-type"]) == (PNG, "image/png")
    gone = await visitor.post("/notes", form={"delete": "1"}, follow=True)
    assert "Nothing here yet." in gone.text
    assert await PICTURES.head(found[2]) is None


@pytest.mark.parametrize(
    ("text", "picture", "kind", "problem"),
    [
        (" ", b"", "", "Write something."),
        ("x" * 1001, b"", "", "A note has at most 1000 characters; this one has 1001."),
        ("x", b"<svg/>", "image/svg+xml", "A picture is a PNG, JPEG, GIF or WebP file."),
        ("x", b"x" * 500_001, "image/png", "A picture has at most 500 kB."),
    ],
)
async def test_what_cannot_be_kept_comes_back_with_the_reason(
    visitor: Site, text: str, picture: bytes, kind: str, problem: str
) -> None:
    answer = await add(visitor, text, picture, kind)
    assert answer.status == 422
    assert problem in answer.text
    assert text.strip() in answer.text


async def test_forms_of_other_sites_are_refused(visitor: Site) -> None:
    headers = {"origin": "https://evil.example"}
    answer = await visitor.post("/notes", form={"text": "x"}, headers=headers)
    assert answer.status == 403
