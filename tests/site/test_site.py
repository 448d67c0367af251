"""One suite of requests for `firstlight preview` and for the real `wrangler dev`."""

from __future__ import annotations

import concurrent.futures
import gzip
import os
import re

import httpx
import pytest

JSON = {"content-type": "application/json"}
STATIC_PAGES = {
    "/": "Firstlight",
    "/about/": "About",
    "/blog/": "Blog",
    "/blog/output-modes/": "output",
    "/blog/bindings/": "bindings",
    "/blog/one-request/": "request",
    "/docs/": "What Firstlight is",
    "/docs/bindings/kv/": "Text, JSON, bytes and streams by key",
    "/docs/reference/commands/": "firstlight build",
}


@pytest.mark.parametrize(("path", "text"), STATIC_PAGES.items())
def test_prerendered_pages_are_served(client: httpx.Client, path: str, text: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert text in response.text


@pytest.mark.parametrize("path", ["/about", "/blog", "/blog/bindings"])
def test_prerendered_pages_have_one_url(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert (response.status_code, response.headers["location"]) == (307, f"{path}/")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/css/site.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
        ("/js/visits.js", "javascript"),
        ("/rss.xml", "xml"),
        ("/search.json", "application/json"),
    ],
)
def test_assets_are_served_as_they_are(client: httpx.Client, path: str, content_type: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert content_type in response.headers["content-type"]
    assert response.content


@pytest.mark.parametrize("path", ["/", "/css/site.css"])
def test_assets_have_an_etag_and_answer_304(client: httpx.Client, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_assets_answer_head_and_refuse_the_rest(client: httpx.Client) -> None:
    head = client.head("/css/site.css")
    post = client.post("/css/site.css")

    assert (head.status_code, head.content) == (200, b"")
    assert post.status_code == 405


@pytest.mark.parametrize("path", ["/nope", "/blog/nope/", "/api/nope", "/css/nope.css"])
def test_an_unknown_path_shows_the_404_page(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert 'href="/css/site.css"' in response.text


@pytest.mark.parametrize(
    "path", ["/%2e%2e%2fpyproject.toml", "/..%2f..%2fwrangler.toml", "/css/%2e%2e%2f%2e%2e%2fx"]
)
def test_no_path_leads_outside(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert "compatibility_date" not in response.text


def test_guestbook_stores_and_redirects(client: httpx.Client) -> None:
    entry = {"name": "Ada <b>", "message": "Grüße & more"}
    posted = client.post("/guestbook", data=entry)
    page = client.get("/guestbook")

    assert (posted.status_code, posted.headers["location"]) == (303, "/guestbook")
    assert "Ada &lt;b&gt;" in page.text
    assert "Grüße &amp; more" in page.text


def test_guestbook_keeps_what_was_typed_when_it_is_wrong(client: httpx.Client) -> None:
    response = client.post("/guestbook", data={"name": "", "message": "kept words"})

    assert response.status_code == 422
    assert "kept words" in response.text
    assert "kept words" not in client.get("/guestbook").text


def test_guestbook_refuses_another_site(client: httpx.Client) -> None:
    evil = {"origin": "https://evil.example"}
    response = client.post("/guestbook", data={"name": "x", "message": "evil words"}, headers=evil)

    assert response.status_code == 403
    assert "evil words" not in client.get("/guestbook").text


def test_dashboard_needs_a_session(client: httpx.Client) -> None:
    response = client.get("/dashboard")

    assert (response.status_code, response.headers["location"]) == (302, "/login")


def test_login_dashboard_and_logout(client: httpx.Client) -> None:
    login = client.post("/login", data={"name": "Grace"})
    cookie = login.headers["set-cookie"]
    dashboard = client.get("/dashboard")
    logout = client.post("/logout")

    assert (login.status_code, login.headers["location"]) == (303, "/dashboard")
    assert re.fullmatch(
        r"session=[0-9a-f]{32}; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax", cookie
    )
    assert dashboard.status_code == 200
    assert "Grace" in dashboard.text
    assert (logout.status_code, logout.headers["location"]) == (303, "/")
    assert client.get("/dashboard").status_code == 302


def test_a_made_up_session_is_none(client: httpx.Client) -> None:
    response = client.get("/dashboard", headers={"cookie": "session=" + "0" * 32})

    assert response.status_code == 302


def test_notes_are_created_read_changed_and_deleted(client: httpx.Client) -> None:
    created = client.post("/api/notes", json={"text": "Wäsche"})
    path = created.headers["location"]
    replaced = client.put(path, json={"text": "Bügeln", "done": True})
    changed = client.patch(path, json={"done": False})

    assert created.status_code == 201
    assert created.json()["text"] == "Wäsche"
    assert created.json()["done"] is False
    assert (replaced.status_code, replaced.json()["done"]) == (200, True)
    assert (changed.json()["text"], changed.json()["done"]) == ("Bügeln", False)
    assert client.get(path).json() == changed.json()
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_notes_are_listed_newest_first(client: httpx.Client) -> None:
    for text in ("first", "second"):
        client.post("/api/notes", json={"text": text})
    listed = client.get("/api/notes?limit=2")

    assert [note["text"] for note in listed.json()] == ["second", "first"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/notes", '{"text": "open', 400),
        ("POST", "/api/notes", "[]", 400),
        ("POST", "/api/notes", '{"text": 7}', 400),
        ("POST", "/api/notes", "{}", 400),
        ("PUT", "/api/notes/99999", '{"text": "x"}', 404),
        ("GET", "/api/notes/abc", "", 400),
        ("GET", "/api/notes/99999", "", 404),
        ("GET", "/api/notes?limit=0", "", 400),
    ],
)
def test_notes_say_what_is_wrong(
    client: httpx.Client, method: str, path: str, body: str, status: int
) -> None:
    response = client.request(method, path, content=body, headers=JSON)

    assert response.status_code == status
    assert response.json()["error"]


def test_notes_refuse_a_body_of_five_megabytes(client: httpx.Client) -> None:
    body = b'{"text": "' + b"x" * 5_000_000 + b'"}'
    response = client.post("/api/notes", content=body, headers=JSON)

    assert response.status_code == 413
    assert client.get("/api/notes").status_code == 200


def test_a_method_without_a_function_is_405(client: httpx.Client) -> None:
    response = client.delete("/api/notes", headers=JSON)
    options = client.options("/api/notes")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, POST, OPTIONS")


@pytest.mark.parametrize("path", ["/api/notes", "/guestbook", "/nope"])
def test_head_has_no_body(client: httpx.Client, path: str) -> None:
    response = client.head(path)

    assert response.content == b""
    assert response.status_code == client.get(path).status_code


def test_files_keep_every_byte(client: httpx.Client) -> None:
    data = bytes(range(256)) * 400 + os.urandom(50_000)
    path = "/api/files/photos/Größe 1.bin"
    stored = client.put(path, content=data, headers={"content-type": "image/x-test"})
    served = client.get(path)

    assert (stored.status_code, stored.json()["size"]) == (201, len(data))
    assert served.content == data
    assert served.headers["content-type"] == "image/x-test"
    assert served.headers["etag"] == f'"{stored.json()["etag"]}"'


def test_files_answer_304_head_delete_and_list(client: httpx.Client) -> None:
    path = "/api/files/doc.txt"
    client.put(path, content=b"text", headers={"content-type": "text/plain"})
    etag = client.get(path).headers["etag"]
    unchanged = client.get(path, headers={"if-none-match": etag})
    listed = [file["key"] for file in client.get("/api/files").json()["files"]]

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (client.head(path).status_code, client.head(path).content) == (200, b"")
    assert "doc.txt" in listed
    assert client.delete(path, headers=JSON).status_code == 204
    assert client.get(path).status_code == 404


def test_files_are_served_in_part(client: httpx.Client) -> None:
    path = "/api/files/part.bin"
    client.put(path, content=bytes(range(256)), headers={"content-type": "image/png"})
    etag = client.get(path).headers["etag"]
    part = client.get(path, headers={"range": "bytes=-16", "if-range": etag})
    other = client.get(path, headers={"range": "bytes=0-1", "if-range": '"other"'})
    beyond = client.get(path, headers={"range": "bytes=256-"})
    failed = client.get(path, headers={"if-match": '"other"'})

    assert (part.status_code, part.content) == (206, bytes(range(240, 256)))
    assert part.headers["content-range"] == "bytes 240-255/256"
    assert (other.status_code, other.content) == (200, bytes(range(256)))
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */256")
    assert (failed.status_code, failed.content) == (412, b"")


def test_files_tell_their_length_to_head(client: httpx.Client) -> None:
    client.put("/api/files/head.png", content=b"x" * 300, headers={"content-type": "image/png"})
    head = client.head("/api/files/head.png")

    assert head.headers["content-length"] == "300"
    assert head.headers["accept-ranges"] == "bytes"
    assert head.headers["content-security-policy"].startswith("sandbox;")


def test_files_are_not_encoded_twice(client: httpx.Client) -> None:
    data = gzip.compress(b"text " * 100)
    path = "/api/files/text.txt"
    client.put(
        path, content=data, headers={"content-type": "text/plain", "content-encoding": "gzip"}
    )
    with client.stream("GET", path) as response:
        served = b"".join(response.iter_raw())

    assert served == data


def test_files_of_more_than_one_part_are_streamed(client: httpx.Client) -> None:
    data = os.urandom(9 * 1024 * 1024)
    path = "/api/files/large.bin"
    stored = client.put(path, content=data)

    assert (stored.status_code, stored.json()["size"]) == (201, len(data))
    assert client.get(path).content == data
    assert (
        client.get(path, headers={"range": "bytes=8388600-8388615"}).content
        == data[8388600:8388616]
    )


def test_files_that_are_too_large_are_refused(client: httpx.Client) -> None:
    path = "/api/files/huge.bin"
    announced = client.put(path, content=bytes(10 * 1024 * 1024 + 1))
    counted = client.put(path, content=(bytes(1024 * 1024) for _ in range(11)))

    assert (announced.status_code, counted.status_code) == (413, 413)
    assert client.get(path).status_code == 404


def test_visits_are_counted_in_kv(client: httpx.Client) -> None:
    before = client.get("/api/visits").json()["visits"]
    counted = client.post("/api/visits").json()["visits"]

    assert counted == before + 1
    assert client.get("/api/visits").json()["visits"] == before + 1


def test_on_demand_responses_get_the_middleware_headers(client: httpx.Client) -> None:
    response = client.get("/guestbook")

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "strict-origin-when-cross-origin"


def test_concurrent_requests_do_not_mix(origin: str) -> None:
    def session_of(number: int) -> tuple[str, str]:
        name = f"visitor-{number}-"
        with httpx.Client(base_url=origin, headers={"origin": origin}, timeout=60) as browser:
            browser.post("/login", data={"name": name})
            return name, browser.get("/dashboard").text

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        pages = list(pool.map(session_of, range(50)))

    for name, page in pages:
        assert set(re.findall(r"visitor-\d+-", page)) == {name}
