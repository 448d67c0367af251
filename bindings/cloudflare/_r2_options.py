"""Check what R2's methods are given, and say it in the platform's words."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bindings.cloudflare._r2_values import HTTP_NAMES, HTTPMetadata, R2Conditional
from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import (
    R2ChecksumError,
    R2Error,
    R2LimitError,
    R2PreconditionError,
    R2RangeError,
    R2UploadError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping

    from bindings.cloudflare.errors import BindingError

    Range = tuple[int, int | None]

T = TypeVar("T", HTTPMetadata, R2Conditional)

# https://developers.cloudflare.com/r2/platform/limits/
MAX_KEY = 1024  # bytes of UTF-8
MAX_METADATA = 8192  # bytes of UTF-8, names and values together
MAX_VALUE = 5 * 1024**3 - 5 * 1024**2  # bytes in one call
MAX_COLLECTED = 32 * 1024**2  # bytes of an iterable; ours, for a Worker has 128 MB

STORAGE_CLASSES = ("Standard", "InfrequentAccess")
DIGEST_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}
CONDITION_NAMES = {
    "etag_matches": "etagMatches",
    "etag_does_not_match": "etagDoesNotMatch",
    "uploaded_before": "uploadedBefore",
    "uploaded_after": "uploadedAfter",
    "seconds_granularity": "secondsGranularity",
}

# https://developers.cloudflare.com/r2/api/error-codes/
CODES = {
    10011: "part_too_small",
    10012: "metadata_too_large",
    10020: "key_too_long",
    10022: "bad_limit",
    10024: "no_such_upload",
    10025: "no_such_part",
    10037: "checksum_mismatch",
    10039: "bad_range",
    10048: "parts_uneven",
    100100: "value_too_large",
}
ERRORS: dict[str | None, type[R2Error]] = {
    **dict.fromkeys(
        ("bad_key", "key_too_long", "metadata_too_large", "value_too_large", "bad_limit"),
        R2LimitError,
    ),
    **dict.fromkeys(("bad_checksum", "checksum_mismatch"), R2ChecksumError),
    **dict.fromkeys(
        ("bad_part", "no_such_part", "no_such_upload", "part_too_small", "parts_uneven"),
        R2UploadError,
    ),
    "bad_range": R2RangeError,
    "precondition_failed": R2PreconditionError,
}
HINTS: dict[str | None, str] = {
    "bad_range": "Ask for bytes that the object has: `head(key)` tells its size."
}
# Such as `get: The requested range is not satisfiable (10039)`.
PLATFORM_MESSAGE = re.compile(r"(?:[a-z]\w*: )?(.* \((\d+)\))", re.DOTALL)


class R2Call(Call):
    """One call of R2, whose errors have the class for their code."""

    __slots__ = ()

    def __init__(self, bucket: str, operation: str, key: str | None = None) -> None:
        super().__init__(R2Error, bucket, operation, key=key)

    def error(
        self,
        message: str,
        hint: str | None = None,
        *,
        code: str | None = None,
        error_type: type[BindingError] | None = None,
    ) -> BindingError:
        """Make an error that knows which call it belongs to."""
        kind = error_type or ERRORS.get(code)
        return super().error(message, hint, code=code, error_type=kind)

    def refusal(self, message: str) -> BindingError:
        """Make an error of what the platform said."""
        told = PLATFORM_MESSAGE.fullmatch(message)
        if told is None:
            return self.error(message, code="bad_cursor" if "cursor" in message else None)
        code = CODES.get(int(told[2]))
        return self.error(told[1].replace("\n", " "), HINTS.get(code), code=code)

    def check_key(self) -> None:
        """Refuse a key that R2 does not take."""
        size = self.utf8_size(self.key or "", "the key")
        if size == 0:
            self.fail("a key is at least one byte long.", code="bad_key")
        if size > MAX_KEY:
            self.fail(f"the key is {size} bytes long; R2 takes {MAX_KEY}.", code="key_too_long")

    def check_size(self, size: int) -> None:
        """Refuse a body that is too large for one call."""
        if size > MAX_VALUE:
            self.fail(
                f"the value is {size} bytes long; R2 takes {MAX_VALUE} in one call.",
                "Use `create_multipart_upload()`.",
                code="value_too_large",
            )


def put_options(
    call: R2Call,
    http_metadata: HTTPMetadata | Mapping[str, Any] | None,
    content_type: str | None,
    custom_metadata: Mapping[str, str] | None,
    storage_class: str | None,
) -> dict[str, Any]:
    """Make what `put()` and `createMultipartUpload()` have in common."""
    http = _made(HTTPMetadata, http_metadata, "http_metadata")
    if content_type is not None:
        http = replace(http, content_type=content_type)
    values = {name: _plain(getattr(http, field), field) for field, name in HTTP_NAMES.items()}
    options: dict[str, Any] = {
        "httpMetadata": {name: value for name, value in values.items() if value is not None},
        "customMetadata": _custom_metadata(call, custom_metadata or {}),
    }
    if storage_class is not None:
        options["storageClass"] = _storage_class(call, storage_class)
    return options


def checksum_option(call: R2Call, checksum: tuple[str, str] | None) -> dict[str, str]:
    """Make the option that holds R2 to a digest."""
    if checksum is None:
        return {}
    algorithm, digest = checksum
    length = DIGEST_LENGTHS.get(algorithm)
    if length is None:
        known = ", ".join(f"`{name}`" for name in DIGEST_LENGTHS)
        call.fail(f"`checksum` has no `{algorithm}`; it takes {known}.", code="bad_checksum")
    if not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", digest):
        message = f"`{digest}` is no {algorithm}, which has {length} hexadecimal digits."
        call.fail(message, code="bad_checksum")
    return {algorithm: digest}


def condition_option(only_if: R2Conditional | Mapping[str, Any] | None) -> dict[str, Any]:
    """Make the option that R2 tests before it acts."""
    if only_if is None:
        return {}
    condition = _made(R2Conditional, only_if, "only_if")
    values = {
        name: _plain(getattr(condition, field), field) for field, name in CONDITION_NAMES.items()
    }
    return {"onlyIf": {name: value for name, value in values.items() if value is not None}}


def range_option(call: R2Call, wanted: Range | None) -> dict[str, Any]:
    """Make the option that reads a part: inclusive as in HTTP, in the platform's way."""
    if wanted is None:
        return {}
    first, last = wanted
    if first < 0 and last is None:
        return {"range": {"suffix": -first}}
    if first < 0 or (last is not None and last < first):
        call.fail(
            f"`range` is {wanted}.",
            "Pass (first, last), (first, None) or (-count, None).",
            code="bad_range",
        )
    if last is None:
        return {"range": {"offset": first}}
    return {"range": {"offset": first, "length": last - first + 1}}


async def collect(call: R2Call, value: object, hint: str) -> bytes:
    """Return a body as bytes.

    Raises:
        R2LimitError: It is too large for one call; an iterable, for the memory.
    """
    if not hasattr(value, "__aiter__"):
        content = _to_bytes(call, value)
        call.check_size(len(content))
        return content
    content = bytearray()
    async for chunk in cast("AsyncIterable[object]", value):
        content += checked_chunk(chunk)
        if len(content) > MAX_COLLECTED:
            call.fail(
                f"the iterable yields more than {MAX_COLLECTED} bytes, which must be in "
                "memory at once.",
                hint,
                code="value_too_large",
            )
    return bytes(content)


def _to_bytes(call: R2Call, value: object) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        call.utf8_size(value, "the value")
        return value.encode()
    if isinstance(value, bytes):
        return value
    kind = type(value).__name__
    raise TypeError(f"R2 stores str, bytes, an async iterable of bytes or None, not {kind}.")


def checked_chunk(chunk: object) -> bytes:
    """Return what an iterable yielded, which must be bytes."""
    if isinstance(chunk, bytes):
        return chunk
    raise TypeError(f"R2 stores an async iterable of bytes, but it yielded {type(chunk).__name__}.")


def _made(kind: type[T], given: T | Mapping[str, Any] | None, option: str) -> T:
    if isinstance(given, kind):
        return given
    values = cast("Mapping[str, Any]", given or {})
    names = [field.name for field in fields(kind)]
    unknown = ", ".join(f"`{name}`" for name in values if name not in names)
    if unknown:
        known = ", ".join(f"`{name}`" for name in names)
        raise TypeError(f"R2's {option} has no {unknown}. It has {known}.")
    return kind(**values)


def _plain(value: object, name: str) -> object:
    if isinstance(value, str):
        # The platform takes an ETag without the quotes that HTTP puts around it.
        return value.strip('"') if name.startswith("etag_") else value
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise TypeError(f"`{name}` has no time zone. Pass an aware datetime.")
    return value.astimezone(UTC).isoformat(timespec="milliseconds")


def _custom_metadata(call: R2Call, metadata: Mapping[str, str]) -> dict[str, str]:
    size = 0
    for name, value in cast("Mapping[object, object]", metadata).items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"R2's custom_metadata maps str to str, but {name!r} is {value!r}.")
        size += call.utf8_size(name, "a name in `custom_metadata`")
        size += call.utf8_size(value, "a value in `custom_metadata`")
    if size > MAX_METADATA:
        message = f"`custom_metadata` is {size} bytes long; R2 takes {MAX_METADATA}."
        call.fail(message, code="metadata_too_large")
    return dict(metadata)


def _storage_class(call: R2Call, name: str) -> str:
    if name not in STORAGE_CLASSES:
        known = " and ".join(f"`{each}`" for each in STORAGE_CLASSES)
        message = f"`storage_class` has no `{name}`; it takes {known}."
        call.fail(message, code="bad_storage_class")
    return name
