"""List a bucket of S3 as R2 does, by pages and folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.cursor import AFTER_ALL, decode_cursor, encode_cursor
from bindings.cloudflare._local.r2_listing import MAX_WITH_METADATA
from bindings.cloudflare._local.s3_objects import object_of

if TYPE_CHECKING:
    from bindings.cloudflare._local.s3_client import S3Client
    from bindings.cloudflare.shapes import R2PageData

LAST = "\U0010ffff"  # the character that sorts behind all others
SURROGATES = (0xD800, 0xDFFF)  # no characters


async def list_objects(client: S3Client, bucket: str, options: dict[str, Any]) -> R2PageData:
    """List with the platform's R2ListOptions; the objects lack their metadata."""
    limit: int = options["limit"]
    wanted: dict[str, Any] = {
        "Bucket": bucket,
        "Prefix": options["prefix"],
        "MaxKeys": min(limit, MAX_WITH_METADATA) if options["include"] else limit,
    }
    if options.get("delimiter"):
        wanted["Delimiter"] = options["delimiter"]
    after = await _start(client, wanted, _after(options))
    if after:
        wanted["StartAfter"] = after
    told = await client.call("list_objects_v2", **wanted)
    objects = [
        object_of(each["Key"], {**each, "ContentLength": each["Size"]})
        for each in told.get("Contents", [])
    ]
    folders: list[str] = [each["Prefix"] for each in told.get("CommonPrefixes", [])]
    page: R2PageData = {
        "objects": objects,
        "truncated": told["IsTruncated"],
        "delimitedPrefixes": folders,
    }
    if told["IsTruncated"]:
        ends = [each["key"].encode() for each in objects]
        ends += [folder.encode() + AFTER_ALL for folder in folders]
        page["cursor"] = encode_cursor(max(ends))
    return page


def _after(options: dict[str, Any]) -> str:
    """Return the key to start after: a cursor may stand behind a whole folder."""
    start: bytes = options.get("startAfter", "").encode()
    last = max(start, decode_cursor(options.get("cursor", ""), "R2"))
    return last.removesuffix(AFTER_ALL).decode() + (LAST if last.endswith(AFTER_ALL) else "")


async def _start(client: S3Client, wanted: dict[str, Any], after: str) -> str:
    """Move a start that lies inside a folder before it or behind it.

    Stores differ in whether they tell such a folder; R2 does when it holds a later key.
    """
    delimiter, prefix = wanted.get("Delimiter", ""), wanted["Prefix"]
    end = after.find(delimiter, len(prefix)) if delimiter and after.startswith(prefix) else -1
    if end < 0 or after.endswith(LAST):
        return after
    folder = after[: end + len(delimiter)]
    told = await client.call(
        "list_objects_v2", Bucket=wanted["Bucket"], Prefix=folder, StartAfter=after, MaxKeys=1
    )
    return _just_before(folder) if told.get("Contents") else folder + LAST


def _just_before(folder: str) -> str:
    code = ord(folder[-1]) - 1
    if code < 0:
        return folder[:-1]
    is_surrogate = SURROGATES[0] <= code <= SURROGATES[1]
    return folder[:-1] + chr(SURROGATES[0] - 1 if is_surrogate else code) + LAST
