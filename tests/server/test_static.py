"""`dist/client/` from a web server of our own: conditions, ranges, encodings, caching."""

from __future__ import annotations

import asyncio
import gzip
import os
from typing import TYPE_CHECKING

import pytest

from firstlight.request import Request
from firstlight.server.static import MOST_IN_MEMORY, StaticServer, preferred_encoding

if TYPE_CHECKING:
    from pathlib import Path

    from firstlight.response import Response

TEXT = b"0123456789"
CSS = b"b { color: red }\n" * 10
BIG = bytes(range(256)) * (MOST_IN_MEMORY // 256 + 1)
MODIFIED = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT"
ETAG = '"781e5e245d69b566979b86e28d23f2c7"'


@pytest.fixture
def client(tmp_path: Path) -> Path:
    files = {
        "a.txt": TEXT,
        "index.html": b"home",
        "css/site.css": CSS,
        "css/site.css.gz": gzip.compress(CSS),
        "css/site.css.br": b"brotli",
        "big.bin": BIG,
        "app-0a1b2c3d.js": b"hashed",
        "report-20251101.pdf": b"dated",
        "media/x.png": b"png",
        "_headers": b"/media/*\n  cache-control: no-store\n/a.txt\n  x-a: 1\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (MODIFIED, MODIFIED))
    return tmp_path


def send(
    client: Path, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[Response, bytes]:
    """Send a request to a fresh server; return the answer and its body."""

    async def answer() -> tuple[Response, bytes]:
        server = StaticServer(client, "auto-trailing-slash", immutable=["/static/*", "/media/*"])
        response = await server.handle(Request(method, f"http://site.test{path}", headers))
        assert response is not None
        return response, await response.bytes()

    return asyncio.run(answer())


def test_a_file_goes_out_with_what_caches_need(client: Path) -> None:
    response, body = send(client, "/a.txt")
    assert body == TEXT
    assert dict(response.headers.items()) == {
        "etag": ETAG,
        "cache-control": "public, max-age=0, must-revalidate",
        "last-modified": DATE,
        "accept-ranges": "bytes",
        "content-type": "text/plain; charset=utf-8",
        "x-a": "1",
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": ETAG}, 304),
        ({"if-none-match": f'"x", W/{ETAG}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": EARLIER}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-none-match": '"x"', "if-modified-since": DATE}, 200),
        ({"if-match": ETAG}, 200),
        ({"if-match": '"x"'}, 412),
    ],
)
def test_conditions(client: Path, headers: dict[str, str], status: int) -> None:
    response, body = send(client, "/a.txt", headers)
    assert response.status == status
    assert body == (TEXT if status == 200 else b"")


def test_a_304_has_the_headers_that_a_cache_updates(client: Path) -> None:
    response, _ = send(client, "/a.txt", {"if-none-match": ETAG})
    assert [name for name, _ in response.headers.items()] == [
        "etag",
        "cache-control",
        "last-modified",
        "x-a",
    ]


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, TEXT, "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=3-2", 200, TEXT, None),
        ("bytes=-", 200, TEXT, None),
        ("bytes=0-1,3-4", 200, TEXT, None),
        ("lines=0-1", 200, TEXT, None),
    ],
)
def test_ranges(
    client: Path, asked: str, status: int, body: bytes, content_range: str | None
) -> None:
    response, sent = send(client, "/a.txt", {"range": asked})
    assert (response.status, sent) == (status, body)
    assert response.headers.get("content-range") == content_range


@pytest.mark.parametrize(
    ("condition", "status"), [(ETAG, 206), ('"x"', 200), (DATE, 206), (EARLIER, 200), ("x", 200)]
)
def test_a_range_of_what_has_changed_is_all_of_it(
    client: Path, condition: str, status: int
) -> None:
    response, _ = send(client, "/a.txt", {"range": "bytes=0-3", "if-range": condition})
    assert response.status == status


@pytest.mark.parametrize(("asked", "start", "end"), [(None, 0, len(BIG)), ("bytes=5-", 5, None)])
def test_a_large_file_is_streamed(
    client: Path, asked: str | None, start: int, end: int | None
) -> None:
    response, body = send(client, "/big.bin", {"range": asked} if asked else {})
    assert response.headers["content-length"] == str(len(BIG) - start)
    assert body == BIG[start:end]


def test_head_tells_the_length(client: Path) -> None:
    response, body = send(client, "/a.txt", {"range": "bytes=0-1"}, "HEAD")
    assert (response.status, response.headers["content-length"], body) == (200, "10", b"")


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("gzip", "gzip", gzip.compress(CSS)),
        ("gzip, br", "br", b"brotli"),
        ("identity", None, CSS),
    ],
)
def test_a_file_that_was_compressed_goes_out_compressed(
    client: Path, accepted: str, encoding: str | None, body: bytes
) -> None:
    response, sent = send(client, "/css/site.css", {"accept-encoding": accepted})
    assert response.headers.get("content-encoding") == encoding
    assert gzip.decompress(sent) == CSS if encoding == "gzip" else sent == body
    assert response.headers["vary"] == "accept-encoding"
    assert response.headers["content-type"] == "text/css; charset=utf-8"


def test_each_encoding_has_an_etag_of_its_own(client: Path) -> None:
    etags = {
        send(client, "/css/site.css", {"accept-encoding": accepted})[0].headers["etag"]
        for accepted in ("br", "gzip", "identity")
    }
    assert len(etags) == 3


def test_a_range_is_one_of_the_file_itself(client: Path) -> None:
    headers = {"accept-encoding": "gzip", "range": "bytes=0-1"}
    response, body = send(client, "/css/site.css", headers)
    assert (body, response.headers.get("content-encoding")) == (CSS[:2], None)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1, br;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0", None),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=odd", None),
        ("gzip; q=0.5", "gzip"),
        ("", None),
    ],
)
def test_preferred_encoding_is_what_the_visitor_likes_best(
    accepted: str, chosen: str | None
) -> None:
    assert preferred_encoding(accepted, ["br", "gzip"]) == chosen


@pytest.mark.parametrize(
    ("path", "cache_control"),
    [
        ("/app-0a1b2c3d.js", "public, max-age=31536000, immutable"),
        ("/report-20251101.pdf", "public, max-age=0, must-revalidate"),
        ("/media/x.png", "no-store"),
    ],
)
def test_what_never_changes_is_kept_for_a_year(client: Path, path: str, cache_control: str) -> None:
    assert send(client, path)[0].headers["cache-control"] == cache_control


def test_configured_paths_are_kept_for_a_year(client: Path) -> None:
    (client / "static").mkdir()
    (client / "static/x.js").touch()
    response, _ = send(client, "/static/x.js")
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_file_that_changes_gets_another_etag(client: Path) -> None:
    async def etags() -> list[str]:
        server = StaticServer(client, "auto-trailing-slash")
        found: list[str] = []
        for text in (TEXT, b"other"):
            (client / "a.txt").write_bytes(text)
            response = await server.handle(Request("GET", "http://site.test/a.txt"))
            found.append(response.headers["etag"] if response else "")
        return found

    first, second = asyncio.run(etags())
    assert first == ETAG != second


def test_a_file_that_is_gone_is_no_asset(client: Path) -> None:
    server = StaticServer(client, "auto-trailing-slash")
    (client / "a.txt").unlink()
    assert asyncio.run(server.handle(Request("GET", "http://site.test/a.txt"))) is None
    assert asyncio.run(server.fetch("/a.txt")) is None


@pytest.mark.parametrize(
    "path", ["/..%2f..%2fetc/passwd", "/css/../../x", "/%2e%2e/x", "/_headers"]
)
def test_nothing_outside_of_the_folder_is_served(client: Path, path: str) -> None:
    (client.parent / "x").write_text("secret")
    server = StaticServer(client, "auto-trailing-slash")
    assert not server.concerns(path)
    assert asyncio.run(server.handle(Request("GET", f"http://site.test{path}"))) is None
