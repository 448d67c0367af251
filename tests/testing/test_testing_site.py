"""The `site` fixture: requests, forms, cookies, redirects, bindings, errors."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING

import pytest

from bindings.cloudflare import D1
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from firstlight.testing import Site

DB = D1("DB")


@pytest.fixture
async def seeded(site: Site) -> None:
    """A note that is there before the test."""
    del site
    await DB.run("insert into notes (text) values ('seed')")


async def test_get_answers_pages_and_files(site: Site) -> None:
    page = await site.get("/")
    assert (page.status, page.text) == (200, "<h1>Home</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.url == "http://localhost/"
    assert (await site.get("/css/site.css")).body == b"body {}\n"
    assert (await site.head("/")).body == b""


async def test_visitor_has_an_address(site: Site) -> None:
    assert (await site.get("/api/address")).text == "127.0.0.1"


async def test_missing_page_is_the_sites_own(site: Site) -> None:
    answer = await site.get("/nope")
    assert (answer.status, answer.text) == (404, "<h1>Nothing here</h1>")


async def test_bindings_are_empty_and_migrated_in_each_test(site: Site) -> None:
    assert (await site.get("/api/notes")).json() == {"notes": [], "title": "configured"}


@pytest.mark.usefixtures("seeded")
async def test_test_and_site_see_the_same_bindings(site: Site) -> None:
    answer = await site.post("/api/notes", form={"text": "posted"}, follow=True)
    assert answer.json()["notes"] == ["seed", "posted"]
    assert await DB.first("select count(*) as n from notes") == {"n": 2}


async def test_env_stands_before_what_is_configured(site: Site) -> None:
    site.env["TITLE"] = "of this test"
    assert (await site.get("/api/notes")).json()["title"] == "of this test"


async def test_wait_until_is_done_when_the_request_returns(site: Site) -> None:
    await site.patch("/api/notes")
    assert (await site.get("/api/notes")).json()["notes"] == ["later"]
    with pytest.raises(LookupError, match="later"):
        await site.patch("/api/notes?fail")


async def test_json_form_files_and_bodies(site: Site) -> None:
    sent = await site.put("/api/echo", json={"a": [1]}, headers={"x-mark": "m"})
    assert sent.json() == {
        "method": "PUT",
        "type": "application/json",
        "origin": "http://localhost",
        "mark": "m",
        "body": '{"a": [1]}',
    }
    form = (await site.post("/api/echo", form={"tag": ["a", "ü&"]})).json()
    assert form["tags"] == ["a", "ü&"]
    files = {"upload": ('a".txt', b"hello", "text/plain")}
    upload = (await site.post("/api/echo", form={"tag": "x"}, files=files)).json()
    assert (upload["tags"], upload["file"]) == (["x"], ['a".txt', "text/plain", "hello"])
    text = await site.delete("/api/echo", body="gone", headers={"content-type": "text/x"})
    assert (text.json()["type"], text.json()["body"]) == ("text/x", "gone")


async def test_form_from_another_site_is_refused(site: Site) -> None:
    headers = {"origin": "https://evil.example"}
    assert (await site.post("/api/notes", form={"text": "x"}, headers=headers)).status == 403


async def test_cookies_are_kept_by_path_until_deleted(site: Site) -> None:
    await site.post("/api/cookies")
    assert site.cookies == {"a": "ö 1", "b": "2"}
    assert (await site.get("/api/cookies")).json() == ["ö 1"]
    await site.delete("/api/cookies")
    assert site.cookies == {"b": "2"}
    site.set_cookie("a", "mine")
    assert (await site.get("/api/cookies")).json() == ["mine"]
    site.clear_cookies()
    assert (await site.get("/api/cookies")).json() == []


async def test_cookies_are_those_of_one_test(site: Site) -> None:
    assert site.cookies == {}


async def test_redirects_are_followed_when_asked(site: Site) -> None:
    found = await site.get("/api/jump?to=/css/site.css")
    assert (found.status, found.headers["location"]) == (302, "/css/site.css")
    assert repr(found) == (
        "<Answer 302 GET http://localhost/api/jump?to=/css/site.css → /css/site.css>"
    )
    assert (await site.get("/api/jump?to=/css/site.css", follow=True)).url == (
        "http://localhost/css/site.css"
    )
    kept = await site.post("/api/jump?to=/api/echo&status=307", json=1, follow=True)
    assert (kept.json()["method"], kept.json()["body"]) == ("POST", "1")
    turned = await site.post("/api/jump?to=/api/echo", json=1, follow=True)
    assert (turned.json()["method"], turned.json()["body"]) == ("GET", "")
    away = await site.get("/api/jump?to=https://example.com/", follow=True)
    assert (away.status, away.headers["location"]) == (302, "https://example.com/")
    circle = await site.get("/api/jump?to=/api/jump%3Fto=/api/jump", follow=True)
    assert circle.url == "http://localhost/"


@pytest.mark.parametrize(
    ("path", "error", "steps"),
    [
        (
            "/boom",
            AttributeError,
            [("pages/boom.html", 9, "_frontmatter"), ("pages/boom.html", 6, "deep")],
        ),
        ("/typo", Exception, [("pages/typo.html", 6, "root")]),
        ("/api/stream", LookupError, [("pages/api/stream.py", 7, "pieces")]),
    ],
)
async def test_error_of_site_code_is_the_tests(
    site: Site, path: str, error: type[Exception], steps: list[tuple[str, int, str]]
) -> None:
    with pytest.raises(error) as caught:
        await site.get(path)
    frames = traceback.extract_tb(caught.value.__traceback__)
    inside = [frame for frame in frames if "/pages/" in frame.filename]
    assert [
        (frame.filename[frame.filename.index("pages/") :], frame.lineno, frame.name)
        for frame in inside
    ] == steps
    assert frames[-1] is inside[-1]  # nothing of the framework's behind it


async def test_error_can_be_answered_as_visitors_see_it(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.raise_errors = False
    answer = await site.get("/boom")
    assert (answer.status, answer.text) == (500, "<h1>Our mistake</h1>")
    assert capsys.readouterr().err.startswith("pages/boom.html:6 (route /boom): AttributeError")


async def test_error_of_a_prerendered_page_names_its_place(site: Site) -> None:
    with pytest.raises(FirstlightError, match=r"pages/late\.html:1 \(route /late\)"):
        await site.get("/late/")


async def test_page_that_does_not_compile_is_the_tests_error_alone(site: Site) -> None:
    with pytest.raises(FirstlightError, match=r"pages/broken\.html:1: "):
        await site.get("/broken")
    assert (await site.get("/")).status == 200


async def test_requests_at_the_same_time_keep_their_errors(site: Site) -> None:
    good, bad = await asyncio.gather(
        site.get("/api/notes"), site.get("/boom"), return_exceptions=True
    )
    assert not isinstance(good, BaseException)
    assert isinstance(bad, AttributeError)
