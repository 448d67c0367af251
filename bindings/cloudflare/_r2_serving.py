"""Answer an HTTP request with an object of R2: ranges, preconditions, HEAD."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bindings.cloudflare._r2_values import R2Conditional, R2Response
from bindings.cloudflare.errors import R2PreconditionError, R2RangeError

if TYPE_CHECKING:
    from bindings.cloudflare._r2_options import Range
    from bindings.cloudflare._r2_values import R2Object
    from bindings.cloudflare.r2 import R2
    from bindings.cloudflare.shapes import Request, RequestHeaders

# RFC 9110 §5.6.7: one is written, all three are read.
HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
PRECONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
ENTITY_TAG = re.compile(r'(W/)?("[^"]*")')
SINGLE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
UNKNOWN_TYPE = "application/octet-stream"
BEYOND = 2**53 - 1  # bytes: larger than any object, and exact in JavaScript
BEYOND_DIGITS = 15  # 10**15 is less
# RFC 9110 §15.4.5: what a 304 repeats of the 200.
NOT_MODIFIED_HEADERS = ("cache-control", "etag", "expires", "last-modified")


async def serve(bucket: R2, key: str, request: Request) -> R2Response | None:
    """Answer a GET or HEAD. None when the key is missing."""
    if request.method != "GET":
        return await _serve_conditionally(bucket, key, request, None)
    headers = request.headers
    wanted = _range_of(headers.get("range"))
    conditions = PRECONDITIONS if wanted is None else (*PRECONDITIONS, "if-range")
    if all(headers.get(name) is None for name in conditions):
        return await _read(bucket, key, wanted, None)
    return await _serve_conditionally(bucket, key, request, wanted)


async def _serve_conditionally(
    bucket: R2, key: str, request: Request, wanted: Range | None
) -> R2Response | None:
    # R2 tests conditions itself, but does not say which failed, and that decides
    # between 304 and 412. An object that is replaced in between is looked at again.
    while (about := await bucket.head(key)) is not None:
        status = _failed_status(about, request.headers)
        if status is not None:
            return _without_body(about, status)
        if request.method != "GET":
            return R2Response(None, 200, _headers_of(about))
        if not _may_send_range(about, request.headers.get("if-range")):
            wanted = None
        try:
            return await _read(bucket, key, wanted, R2Conditional(etag_matches=about.etag))
        except R2PreconditionError:
            continue
    return None


async def _read(
    bucket: R2, key: str, wanted: Range | None, only_if: R2Conditional | None
) -> R2Response | None:
    try:
        found = await bucket.get(key, range=wanted, only_if=only_if)
    except R2RangeError:
        return await _without_range(bucket, key, wanted)
    if found is None:
        return None
    headers = _headers_of(found)
    if found.range is None:
        return R2Response(found, 200, headers)
    first, last = found.range
    headers["content-length"] = str(last - first + 1)
    headers["content-range"] = f"bytes {first}-{last}/{found.size}"
    return R2Response(found, 206, headers)


async def _without_range(bucket: R2, key: str, wanted: Range | None) -> R2Response | None:
    about = await bucket.head(key)
    if about is None:
        return None
    # RFC 9110 §14.1.2: the last bytes of an empty object are all of it.
    if about.size == 0 and wanted is not None and wanted[0] < 0:
        return await _read(bucket, key, None, None)
    return _without_body(about, 416)


def _without_body(about: R2Object, status: int) -> R2Response:
    headers = _headers_of(about)
    if status == 304:  # noqa: PLR2004 - RFC 9110
        kept = {name: headers[name] for name in NOT_MODIFIED_HEADERS if name in headers}
        return R2Response(None, status, kept)
    if status == 416:  # noqa: PLR2004 - RFC 9110
        return R2Response(None, status, {"content-range": f"bytes */{about.size}"})
    return R2Response(None, status, {})


def _headers_of(about: R2Object) -> dict[str, str]:
    http = about.http_metadata
    expires = http.cache_expiry
    values = {
        "accept-ranges": "bytes",
        "cache-control": http.cache_control,
        "content-disposition": http.content_disposition,
        "content-encoding": http.content_encoding,
        "content-language": http.content_language,
        "content-length": str(about.size),
        "content-type": http.content_type or UNKNOWN_TYPE,
        "etag": about.http_etag,
        "expires": None if expires is None else _http_date(expires),
        "last-modified": _http_date(about.uploaded),
    }
    return {name: value for name, value in values.items() if value is not None}


def _failed_status(about: R2Object, headers: RequestHeaders) -> int | None:
    """Return 412, 304 or None, in the order of RFC 9110 §13.2.2."""
    uploaded = about.uploaded.replace(microsecond=0)
    tags = headers.get("if-match")
    date = _parse_date(headers.get("if-unmodified-since"))
    if tags is not None:
        if not _names(about, tags, weakly=False):
            return 412
    elif date is not None and uploaded > date:
        return 412
    tags = headers.get("if-none-match")
    date = _parse_date(headers.get("if-modified-since"))
    if tags is not None:
        return 304 if _names(about, tags, weakly=True) else None
    return 304 if date is not None and uploaded <= date else None


def _names(about: R2Object, tags: str, *, weakly: bool) -> bool:
    found = ENTITY_TAG.findall(tags)
    is_named = any(tag == about.http_etag and (weakly or not weak) for weak, tag in found)
    return tags.strip() == "*" or is_named


def _may_send_range(about: R2Object, condition: str | None) -> bool:
    if condition is None:
        return True
    date = _parse_date(condition)
    if date is not None:
        return date == about.uploaded.replace(microsecond=0)
    return condition.strip() == about.http_etag


def _range_of(header: str | None) -> Range | None:
    """Return the one range of the header; None for none, several or what is malformed."""
    match = SINGLE_RANGE.fullmatch(header or "")
    if match is None or match[0] == "":
        return None
    first, last = map(_position, match.groups())
    if first is None:
        # The last zero bytes cannot be sent.
        return None if last is None else ((-last, None) if last else (BEYOND, None))
    if last is not None and last < first:
        return None
    return first, last


def _position(digits: str) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= BEYOND_DIGITS else BEYOND


def _http_date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(HTTP_DATES[0])


def _parse_date(text: str | None) -> datetime | None:
    """Return the moment. None for none, or what is no date of HTTP."""
    if text is None:
        return None
    for pattern in HTTP_DATES:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
