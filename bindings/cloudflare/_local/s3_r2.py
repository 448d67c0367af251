"""An R2 bucket on an S3-compatible store: what several machines share."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.body import CHUNK
from bindings.cloudflare._local.r2_rules import (
    BAD_RANGE,
    NO_SUCH_PART,
    check_sizes,
    checksums,
    holds,
    span,
)
from bindings.cloudflare._local.s3_client import S3Error
from bindings.cloudflare._local.s3_listing import list_objects
from bindings.cloudflare._local.s3_objects import arguments_of, object_of
from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bindings.cloudflare._local.s3_client import S3Client
    from bindings.cloudflare.shapes import R2ObjectData, R2PageData

MISSING = ("NoSuchKey", "NotFound", "404")
OUT_OF_RANGE = ("InvalidRange", "416")
# Somebody else wrote between a look at the object and the conditional write.
OVERTAKEN = (*MISSING, "PreconditionFailed", "412", "ConditionalRequestConflict", "409")
ATTEMPTS = 16


class S3Body:
    """A body, or a part of one, that comes while it is read."""

    def __init__(self, client: S3Client, stream: Any) -> None:
        self.used = False
        self._client = client
        self._stream = stream

    @property
    def js_body(self) -> object:
        """No JavaScript here."""
        raise AttributeError("`js_body` exists in a Worker only")

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of 64 KiB."""
        try:
            while chunk := await self._client.run(self._read_chunk):
                yield chunk
        finally:
            self._stream.close()

    def _read_chunk(self) -> bytes:
        return self._stream.read(CHUNK)


class S3R2:
    """One bucket.

    Args:
        client: The store.
        bucket: Its name there.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def put(self, key: str, value: bytes, options: dict[str, Any]) -> R2ObjectData | None:
        """Write with R2PutOptions of the platform. None when `onlyIf` does not hold."""
        arguments = arguments_of(options, checksums(value, options))
        md5 = hashlib.md5(value, usedforsecurity=False).digest()
        sent = {"Body": value, "ContentMD5": base64.b64encode(md5).decode(), **arguments}
        condition = options.get("onlyIf")
        if condition is None:
            told = await self._call("put_object", key, **sent)
        else:
            told = await self._put_if(key, condition, sent)
        if told is None:
            return None
        return await self._written(key, {**arguments, **told, "ContentLength": len(value)})

    async def get(
        self, key: str, options: dict[str, Any]
    ) -> tuple[R2ObjectData, S3Body | None] | None:
        """Read, with `range` (`offset` and `length`, or `suffix`) and `onlyIf`."""
        condition, wanted = options.get("onlyIf", {}), options.get("range")
        try:
            told = await self._call("get_object", key, **_range(wanted))
        except S3Error as error:
            if error.code in MISSING:
                return None
            if error.code not in OUT_OF_RANGE:
                raise
            return await self._out_of_range(key, condition)
        about, body = object_of(key, told), S3Body(self._client, told["Body"])
        try:
            if not holds(condition, about):
                told["Body"].close()
                return about, None
            if wanted is not None:
                _check_part(wanted, about["size"], told)
        except PlatformError:
            told["Body"].close()
            raise
        return about, body

    async def head(self, key: str) -> R2ObjectData | None:
        """Read everything but the body."""
        try:
            return object_of(key, await self._call("head_object", key))
        except S3Error as error:
            if error.code in MISSING:
                return None
            raise

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete the keys that exist."""
        if len(keys) == 1:
            await self._call("delete_object", keys[0])
            return
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        told = await self._client.call("delete_objects", Bucket=self._bucket, Delete=objects)
        for each in told.get("Errors", []):
            raise S3Error(each.get("Code", "unknown"), f"`{each.get('Key')}` was not deleted.")

    async def list(self, options: dict[str, Any]) -> R2PageData:
        """List in the order of the keys' UTF-8 bytes; metadata takes a call for each object."""
        page = await list_objects(self._client, self._bucket, options)
        include: list[str] = options["include"]
        if include:
            keys = [each["key"] for each in page["objects"]]
            found = await asyncio.gather(*map(self.head, keys))
            page["objects"] = [_only(about, include) for about in found if about is not None]
        return page

    async def create_upload(self, key: str, options: dict[str, Any]) -> str:
        """Begin a multipart upload and return its id."""
        told = await self._call("create_multipart_upload", key, **arguments_of(options, {}))
        return told["UploadId"]

    async def upload_part(self, key: str, upload_id: str, number: int, value: bytes) -> str:
        """Store a part and return its ETag."""
        told = await self._call(
            "upload_part", key, UploadId=upload_id, PartNumber=number, Body=value
        )
        return told["ETag"].strip('"')

    async def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]
    ) -> R2ObjectData:
        """Make an object of parts, each a number and an ETag."""
        stored = await self._parts(key, upload_id)
        if any((number, etag) not in stored for number, etag in parts):
            raise PlatformError(NO_SUCH_PART)
        sizes = [stored[part] for part in parts]
        check_sizes(sizes)  # S3 puts uneven parts together, R2 does not
        named = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}
        told = await self._call(
            "complete_multipart_upload", key, UploadId=upload_id, MultipartUpload=named
        )
        return await self._written(key, {**told, "ContentLength": sum(sizes)})

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Delete the parts of an upload; S3 does not know whether there ever was one."""
        try:
            await self._call("abort_multipart_upload", key, UploadId=upload_id)
        except S3Error as error:
            if error.code != "NoSuchUpload":
                raise

    async def _call(self, operation: str, key: str, **arguments: Any) -> dict[str, Any]:
        return await self._client.call(operation, Bucket=self._bucket, Key=key, **arguments)

    async def _put_if(
        self, key: str, condition: dict[str, Any], sent: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Write when R2's condition holds, and nobody wrote since it was tested."""
        for _ in range(ATTEMPTS):
            about = await self.head(key)
            if not holds(condition, about):
                return None
            same = {"IfNoneMatch": "*"} if about is None else {"IfMatch": about["httpEtag"]}
            try:
                return await self._call("put_object", key, **sent, **same)
            except S3Error as error:
                if error.code not in OVERTAKEN:
                    raise
        raise PlatformError(f"others wrote the object {ATTEMPTS} times meanwhile.", "Try again.")

    async def _written(self, key: str, sent: dict[str, Any]) -> R2ObjectData:
        """Look at what was written, unless somebody wrote again."""
        about = await self.head(key)
        if about is not None and about["httpEtag"] == sent["ETag"]:
            return about
        return object_of(key, {**sent, "LastModified": datetime.now(UTC)})

    async def _out_of_range(
        self, key: str, condition: dict[str, Any]
    ) -> tuple[R2ObjectData, None] | None:
        """Test what comes before the range: the key and the condition."""
        about = await self.head(key)
        if about is not None and holds(condition, about):
            raise PlatformError(BAD_RANGE)
        return None if about is None else (about, None)

    async def _parts(self, key: str, upload_id: str) -> dict[tuple[int, str], int]:
        """Return the sizes of an upload's parts by number and ETag."""
        sizes: dict[tuple[int, str], int] = {}
        marker = 0
        while True:
            told = await self._call("list_parts", key, UploadId=upload_id, PartNumberMarker=marker)
            for part in told.get("Parts", []):
                sizes[part["PartNumber"], part["ETag"].strip('"')] = part["Size"]
            if not told.get("IsTruncated"):
                return sizes
            marker = told["NextPartNumberMarker"]


def _range(wanted: dict[str, int] | None) -> dict[str, str]:
    if wanted is None:
        return {}
    if "suffix" in wanted:
        return {"Range": f"bytes=-{wanted['suffix']}"}
    first = wanted["offset"]
    last = first + wanted["length"] - 1 if "length" in wanted else ""
    return {"Range": f"bytes={first}-{last}"}


def _check_part(wanted: dict[str, int], size: int, told: dict[str, Any]) -> None:
    _, length = span(wanted, size)
    if told["ContentLength"] != length:
        message = f"S3 answered with {told['ContentLength']} bytes in place of {length}."
        raise PlatformError(message, "The store must heed `Range`.")


def _only(about: R2ObjectData, include: list[str]) -> R2ObjectData:
    if "httpMetadata" not in include:
        about["httpMetadata"] = {}
    if "customMetadata" not in include:
        about["customMetadata"] = {}
    return about
