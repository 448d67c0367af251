"""The API as a client sees it, each test with a database of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bindings.cloudflare import D1

if TYPE_CHECKING:
    from firstlight.testing import Site

DB = D1("DB")


@pytest.fixture
async def todo(site: Site) -> dict[str, Any]:
    """A to-do that is there before the test."""
    return (await site.post("/api/todos", json={"text": "first"})).json()


async def test_added_todo_can_be_read(site: Site) -> None:
    added = await site.post("/api/todos", json={"text": " milk "})
    assert (added.status, added.headers["location"]) == (201, "/api/todos/1")
    assert added.json()["text"] == "milk"
    assert (await site.get("/api/todos/1")).json() == added.json()


async def test_list_is_newest_first_and_can_be_chosen(site: Site) -> None:
    await DB.run("insert into todos (text, done) values ('old', 1), ('new', 0)")
    listed = (await site.get("/api/todos")).json()["todos"]
    assert [(each["text"], each["done"]) for each in listed] == [("new", False), ("old", True)]
    chosen = (await site.get("/api/todos?done=true&limit=1")).json()["todos"]
    assert [each["text"] for each in chosen] == ["old"]


async def test_patch_changes_what_it_names(site: Site, todo: dict[str, Any]) -> None:
    changed = await site.patch(f"/api/todos/{todo['id']}", json={"done": True})
    assert changed.json() == {**todo, "done": True}


async def test_deleted_todo_is_gone(site: Site, todo: dict[str, Any]) -> None:
    path = f"/api/todos/{todo['id']}"
    assert (await site.delete(path)).status == 204
    gone = await site.get(path)
    assert (gone.status, gone.json()) == (404, {"error": "There is no to-do 1."})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "`text` must be a text that is not blank."),
        ({"text": 1}, "`text` must be a text that is not blank."),
        ({"text": "x" * 501}, "`text` has at most 500 characters, not 501."),
        ([], "The body must be a JSON object."),
    ],
)
async def test_what_cannot_be_a_todo_is_refused(site: Site, body: object, error: str) -> None:
    refused = await site.post("/api/todos", json=body)
    assert (refused.status, refused.json()) == (400, {"error": error})


@pytest.mark.parametrize("path", ["/api/todos/x", "/api/todos?limit=0", "/api/todos?done=yes"])
async def test_odd_addresses_are_refused(site: Site, path: str) -> None:
    assert (await site.get(path)).status == 400


async def test_other_methods_are_not_allowed(site: Site) -> None:
    answer = await site.put("/api/todos", json={})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")


async def test_start_page_shows_the_addresses(site: Site) -> None:
    assert "GET /api/todos?done=false&amp;limit=20" in (await site.get("/")).text
