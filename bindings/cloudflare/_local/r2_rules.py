"""What R2 accepts and refuses, wherever its objects are."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from bindings.cloudflare.shapes import R2ObjectData

MAX_METADATA = 2048  # as miniflare counts and has it; the platform takes 8,192 bytes
MIN_PART = 5 * 1024**2  # bytes

NO_SUCH_UPLOAD = "The specified multipart upload does not exist. (10024)"
NO_SUCH_PART = "One or more of the specified parts could not be found. (10025)"
PART_TOO_SMALL = "Your proposed upload is smaller than the minimum allowed object size. (10011)"
PARTS_UNEVEN = "There was a problem with the multipart upload. (10048)"
BAD_RANGE = "The requested range is not satisfiable (10039)"
KEY_TOO_LONG = "The specified object name is too long. (10020)"
VALUE_TOO_LARGE = "The value is larger than one call takes. (100100)"
METADATA_TOO_LARGE = "Your metadata headers exceed the maximum allowed metadata size. (10012)"


def check_metadata(metadata: dict[str, str]) -> None:
    """Refuse custom metadata that is too large."""
    if sum(map(_length, [*metadata, *metadata.values()])) > MAX_METADATA:
        raise PlatformError(METADATA_TOO_LARGE)


def _length(text: str) -> int:
    return len(text) if text.isascii() or max(text) < "\u0100" else 2 * len(text)


def checksums(value: bytes, options: dict[str, Any]) -> dict[str, str]:
    """Return the hexadecimal digests of a body, or refuse one that is not as given."""
    sums = {"md5": digest("md5", value)}
    for algorithm in ("md5", "sha1", "sha256", "sha384", "sha512"):
        given = options.get(algorithm)
        if given is None:
            continue
        sums[algorithm] = digest(algorithm, value)
        if given.lower() != sums[algorithm]:
            name = algorithm.upper().replace("SHA", "SHA-")
            raise PlatformError(
                f"The {name} checksum you specified did not match what we received.\n"
                f"You provided a {name} checksum with value: {given.lower()}\n"
                f"Actual {name} was: {sums[algorithm]} (10037)"
            )
    return sums


def digest(algorithm: str, value: bytes) -> str:
    """Return a hexadecimal digest."""
    return hashlib.new(algorithm, value, usedforsecurity=False).hexdigest()


def holds(condition: dict[str, Any], about: R2ObjectData | None) -> bool:
    """Test R2's conditions: ETags beat dates, and what is missing has neither."""
    if about is None:
        return "etagMatches" not in condition and "uploadedAfter" not in condition
    precision = "seconds" if condition.get("secondsGranularity") else "milliseconds"

    def moment(text: str) -> str:
        return datetime.fromisoformat(text).isoformat(timespec=precision)

    uploaded = moment(about["uploaded"])
    wanted, unwanted = condition.get("etagMatches"), condition.get("etagDoesNotMatch")
    before, after = condition.get("uploadedBefore"), condition.get("uploadedAfter")
    any_of_it = ("*", about["etag"])
    if (wanted is not None and wanted not in any_of_it) or unwanted in any_of_it:
        return False
    is_before = before is None or uploaded < moment(before) or wanted is not None
    is_after = after is None or moment(after) < uploaded or unwanted is not None
    return is_before and is_after


def span(wanted: dict[str, int] | None, size: int) -> tuple[int, int]:
    """Return the first byte and the length of a range, or refuse one beyond the end."""
    if wanted is None:
        return 0, size
    offset = size - min(wanted["suffix"], size) if "suffix" in wanted else wanted["offset"]
    if offset >= size:
        raise PlatformError(BAD_RANGE)
    return offset, min(wanted.get("length", size), size - offset)


def check_sizes(sizes: list[int]) -> None:
    """Refuse the sizes of parts that R2 does not put together."""
    if any(size < MIN_PART for size in sizes[:-1]):
        raise PlatformError(PART_TOO_SMALL)
    if any(size != sizes[0] for size in sizes[:-1]) or sizes[-1:] > sizes[:1]:
        raise PlatformError(PARTS_UNEVEN)
