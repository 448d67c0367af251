"""What R2 knows of its objects, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from bindings.cloudflare.shapes import R2ObjectData

HTTP_NAMES = {
    "content_type": "contentType",
    "content_language": "contentLanguage",
    "content_disposition": "contentDisposition",
    "content_encoding": "contentEncoding",
    "cache_control": "cacheControl",
    "cache_expiry": "cacheExpiry",
}


@dataclass(frozen=True, slots=True)
class HTTPMetadata:
    """Headers that go with an object; None for each that is not set.

    `cache_expiry` is an aware datetime.

    Source:
        https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#http-metadata
    """

    content_type: str | None = None
    content_language: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    cache_control: str | None = None
    cache_expiry: datetime | None = None


@dataclass(frozen=True, slots=True)
class R2Conditional:
    """When a call may go ahead; None for what does not matter.

    The ETags are plain or quoted, `*` for any. The datetimes are aware and compared
    exclusively: uploaded at that very moment is neither before nor after.
    `uploaded_before` yields to `etag_matches` that holds, and `uploaded_after` to
    `etag_does_not_match` that holds. `seconds_granularity` compares whole seconds, as
    HTTP's dates do. A key that is missing meets `etag_does_not_match` and
    `uploaded_before` alone: `etag_does_not_match="*"` writes only what is new.

    Source:
        https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#conditional-operations
    """

    etag_matches: str | None = None
    etag_does_not_match: str | None = None
    uploaded_before: datetime | None = None
    uploaded_after: datetime | None = None
    seconds_granularity: bool = False


@dataclass(frozen=True, slots=True)
class R2Object:
    """What R2 knows of an object, without its body.

    `size` is in bytes, of the whole object; `uploaded` is in UTC; `etag` is plain
    and `http_etag` quoted, as the header wants it; `checksums` holds hexadecimal
    digests by algorithm, `md5` unless the object was uploaded in parts; `range` holds
    the first and the last byte that were read, None unless a part was asked for.

    Source:
        https://developers.cloudflare.com/r2/api/workers/workers-api-reference/#r2object-definition
    """

    key: str
    version: str
    size: int
    etag: str
    http_etag: str
    uploaded: datetime
    http_metadata: HTTPMetadata
    custom_metadata: dict[str, str]
    checksums: dict[str, str]
    range: tuple[int, int] | None
    storage_class: str


@dataclass(frozen=True, slots=True)
class R2Page:
    """A page of objects, without their bodies.

    `cursor` continues a truncated listing, else it is None. With a delimiter,
    `delimited_prefixes` holds the folders of this level, such as `img/`.
    """

    objects: list[R2Object]
    truncated: bool
    cursor: str | None
    delimited_prefixes: list[str]


@dataclass(frozen=True, slots=True)
class R2UploadedPart:
    """A part of a multipart upload: its number from 1, and the ETag R2 gave it."""

    number: int
    etag: str


class R2Response(NamedTuple):
    """An answer to an HTTP request: `Response(*answer)` makes a response of it.

    The headers have lower-case names and may be changed.
    """

    body: AsyncIterable[bytes] | None
    status: int
    headers: dict[str, str]


def to_object(data: R2ObjectData, wanted: tuple[int, int | None] | None = None) -> R2Object:
    """Make an object of the platform's data.

    Args:
        data: What the platform said.
        wanted: The range that was asked for.
    """
    size = data["size"]
    return R2Object(
        key=data["key"],
        version=data["version"],
        size=size,
        etag=data["etag"],
        http_etag=data["httpEtag"],
        uploaded=datetime.fromisoformat(data["uploaded"]),
        http_metadata=_to_http_metadata(data.get("httpMetadata") or {}),
        custom_metadata=data.get("customMetadata") or {},
        checksums=data.get("checksums") or {},
        range=None if wanted is None else _resolve_range(wanted, size),
        # An R2 that knows no storage classes stores everything as Standard.
        storage_class=data.get("storageClass") or "Standard",
    )


def _resolve_range(wanted: tuple[int, int | None], size: int) -> tuple[int, int]:
    first, last = wanted
    if first < 0:
        first = max(0, size + first)
    return first, size - 1 if last is None else min(last, size - 1)


def _to_http_metadata(data: dict[str, str]) -> HTTPMetadata:
    values: dict[str, Any] = {
        field: data[name] for field, name in HTTP_NAMES.items() if data.get(name)
    }
    if "cache_expiry" in values:
        values["cache_expiry"] = datetime.fromisoformat(values["cache_expiry"])
    return HTTPMetadata(**values)
