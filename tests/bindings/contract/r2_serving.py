"""How every R2 bucket answers HTTP requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bindings.cloudflare import HTTPMetadata, R2LimitError, R2Response
from contract.suite import Site, contract, raises

if TYPE_CHECKING:
    from bindings.cloudflare import R2Object

CONTENT = "0123456789"
IMF, RFC_850, ASCTIME = (
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %Y",
)


@dataclass
class Asked:
    """A request, as far as R2 reads it; header names in lower case."""

    headers: dict[str, str] = field(default_factory=dict[str, str])
    method: str = "GET"


@contract
async def r2_serves_an_object_whole(site: Site) -> None:
    expiry = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    http = HTTPMetadata("text/css", "de", "inline", None, "max-age=60", cache_expiry=expiry)
    stored = await site.r2.put("serve/whole", CONTENT, http_metadata=http)
    answer = await site.r2.respond("serve/whole", Asked())
    assert type(answer) is R2Response
    assert answer.status == 200
    assert answer.headers == {
        "accept-ranges": "bytes",
        "cache-control": "max-age=60",
        "content-disposition": "inline",
        "content-language": "de",
        "content-length": "10",
        "content-type": "text/css",
        "etag": stored.http_etag,
        "expires": "Wed, 02 Jan 2030 03:04:05 GMT",
        "last-modified": stored.uploaded.strftime(IMF),
    }
    assert await text_of(answer) == CONTENT
    await site.r2.put("serve/bare", "", http_metadata={"content_encoding": "gzip"})
    answer = await site.r2.respond("serve/bare", Asked())
    assert answer is not None
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-encoding"] == "gzip"
    assert await text_of(answer) == ""


@contract
async def r2_serves_no_missing_object(site: Site) -> None:
    for request in (
        Asked(),
        Asked(method="HEAD"),
        Asked({"range": "bytes=0-1"}),
        Asked({"if-none-match": "*"}),
        Asked({"if-match": "*"}),
    ):
        assert await site.r2.respond("serve/missing", request) is None
    with raises(R2LimitError):
        await site.r2.respond("", Asked())


@contract
async def r2_serves_ranges(site: Site) -> None:
    await site.r2.put("serve/range", CONTENT)
    cases = (
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=0-", CONTENT, "bytes 0-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-99", CONTENT, "bytes 0-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
        ("bytes=08-" + "9" * 5000, "89", "bytes 8-9/10"),
        ("Bytes = 1-1", "1", "bytes 1-1/10"),
    )
    for header, text, part in cases:
        answer = await site.r2.respond("serve/range", Asked({"range": header}))
        assert answer is not None
        assert (answer.status, answer.headers["content-range"]) == (206, part), header[:20]
        assert answer.headers["content-length"] == str(len(text))
        assert await text_of(answer) == text


@contract
async def r2_ignores_a_range_that_is_none(site: Site) -> None:
    await site.r2.put("serve/none", CONTENT)
    for header in (
        "bytes=0-1,3-4",
        "bytes=4-2",
        "bytes=-",
        "bytes=a-b",
        "bytes=٣-",
        "lines=1-2",
        "",
    ):
        answer = await site.r2.respond("serve/none", Asked({"range": header}))
        assert answer is not None
        assert (answer.status, await text_of(answer)) == (200, CONTENT), header
        assert "content-range" not in answer.headers
    head = await site.r2.respond("serve/none", Asked({"range": "bytes=0-1"}, "HEAD"))
    assert head is not None
    assert (head.status, head.headers["content-length"]) == (200, "10")


@contract
async def r2_answers_416_beyond_the_end(site: Site) -> None:
    await site.r2.put("serve/416", CONTENT)
    for header in ("bytes=10-", "bytes=99-100", "bytes=-0", "bytes=" + "9" * 5000 + "-"):
        answer = await site.r2.respond("serve/416", Asked({"range": header}))
        assert answer == R2Response(None, 416, {"content-range": "bytes */10"}), header[:20]
    await site.r2.put("serve/416", "")
    answer = await site.r2.respond("serve/416", Asked({"range": "bytes=0-"}))
    assert answer == R2Response(None, 416, {"content-range": "bytes */0"})
    # The last bytes of nothing are all of it.
    answer = await site.r2.respond("serve/416", Asked({"range": "bytes=-5"}))
    assert answer is not None
    assert (answer.status, await text_of(answer)) == (200, "")


@contract
async def r2_serves_head_without_a_body(site: Site) -> None:
    stored = await site.r2.put("serve/head", CONTENT, content_type="text/plain")
    answer = await site.r2.respond("serve/head", Asked(method="HEAD"))
    assert answer is not None
    assert (answer.body, answer.status) == (None, 200)
    assert answer.headers["content-length"] == "10"
    assert answer.headers["content-type"] == "text/plain"
    unchanged = Asked({"if-none-match": stored.http_etag}, "HEAD")
    answer = await site.r2.respond("serve/head", unchanged)
    assert answer is not None
    assert answer.status == 304


@contract
async def r2_heeds_preconditions(site: Site) -> None:
    stored = await site.r2.put("serve/if", CONTENT)
    etag, same = stored.http_etag, stored.uploaded.strftime(IMF)
    before, after = dates_around(stored)
    cases: list[tuple[dict[str, str], int]] = [
        ({"if-none-match": etag}, 304),
        ({"if-none-match": f'"a,b", W/{etag}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-none-match": stored.etag}, 200),
        ({"if-modified-since": same}, 304),
        ({"if-modified-since": after}, 304),
        ({"if-modified-since": before}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": stored.uploaded.strftime(RFC_850)}, 304),
        ({"if-modified-since": stored.uploaded.strftime(ASCTIME)}, 304),
        ({"if-match": etag}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": f'"other",{etag}'}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-match": f"W/{etag}"}, 412),
        ({"if-unmodified-since": same}, 200),
        ({"if-unmodified-since": after}, 200),
        ({"if-unmodified-since": before}, 412),
        ({"if-unmodified-since": "never"}, 200),
        # RFC 9110 §13.2.2: ETags go before dates, and 412 before 304.
        ({"if-none-match": '"other"', "if-modified-since": after}, 200),
        ({"if-match": etag, "if-unmodified-since": before}, 200),
        ({"if-match": '"other"', "if-none-match": etag}, 412),
        ({"if-match": etag, "if-none-match": etag}, 304),
    ]
    for headers, status in cases:
        answer = await site.r2.respond("serve/if", Asked(headers))
        assert answer is not None
        assert answer.status == status, headers
        assert await text_of(answer) == (CONTENT if status == 200 else "")


@contract
async def r2_unchanged_answer_has_the_headers_of_a_304(site: Site) -> None:
    stored = await site.r2.put(
        "serve/304", CONTENT, http_metadata={"cache_control": "no-cache", "content_type": "a/b"}
    )
    answer = await site.r2.respond("serve/304", Asked({"if-none-match": stored.http_etag}))
    modified = stored.uploaded.strftime(IMF)
    headers = {"cache-control": "no-cache", "etag": stored.http_etag, "last-modified": modified}
    assert answer == R2Response(None, 304, headers)
    answer = await site.r2.respond("serve/304", Asked({"if-match": '"x"'}))
    assert answer == R2Response(None, 412, {})


@contract
async def r2_serves_a_range_if_it_is_still_the_same(site: Site) -> None:
    stored = await site.r2.put("serve/if-range", CONTENT)
    before, after = dates_around(stored)
    cases = (
        (stored.http_etag, 206),
        (stored.uploaded.strftime(IMF), 206),
        ('"other"', 200),
        (f"W/{stored.http_etag}", 200),
        (before, 200),
        (after, 200),
    )
    for condition, status in cases:
        request = Asked({"range": "bytes=1-2", "if-range": condition})
        answer = await site.r2.respond("serve/if-range", request)
        assert answer is not None
        assert answer.status == status, condition
        assert await text_of(answer) == ("12" if status == 206 else CONTENT)
    without = await site.r2.respond("serve/if-range", Asked({"if-range": '"other"'}))
    assert without is not None
    assert without.status == 200
    matched = {"range": "bytes=1-2", "if-match": stored.http_etag}
    answer = await site.r2.respond("serve/if-range", Asked(matched))
    assert answer is not None
    assert (answer.status, await text_of(answer)) == (206, "12")
    beyond = {"range": "bytes=99-", "if-match": stored.http_etag}
    answer = await site.r2.respond("serve/if-range", Asked(beyond))
    assert answer is not None
    assert answer.status == 416


def dates_around(stored: R2Object) -> tuple[str, str]:
    second = timedelta(seconds=1)
    return (stored.uploaded - second).strftime(IMF), (stored.uploaded + second).strftime(IMF)


async def text_of(answer: R2Response) -> str:
    chunks = [] if answer.body is None else [chunk async for chunk in answer.body]
    return b"".join(chunks).decode()
