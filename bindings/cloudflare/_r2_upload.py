"""Upload an object to R2 in parts, because it is large or its length is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._r2_options import R2Call, checked_chunk, collect
from bindings.cloudflare._r2_values import R2Object, R2UploadedPart, to_object

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Sequence

# https://developers.cloudflare.com/r2/objects/multipart-objects/
MAX_PARTS = 10_000
PART = 8 * 1024**2  # bytes; all parts but the last are of one size, at least 5 MiB


@dataclass(frozen=True, slots=True)
class R2MultipartUpload:
    """An upload in parts; `key` and `upload_id` find it again, in another request too.

    Making one costs nothing. Nothing of it can be read before `complete()`, which
    replaces what the key holds at once. R2 drops an upload that is neither completed
    nor aborted after seven days.

    Every method raises R2UploadError when the upload does not exist, because it was
    completed or aborted.

    Source:
        https://developers.cloudflare.com/r2/api/workers/workers-multipart-usage/
    """

    bucket: str
    key: str
    upload_id: str

    async def upload_part(
        self, number: int, data: str | bytes | AsyncIterable[bytes]
    ) -> R2UploadedPart:
        """Store a part, in place of one with the same number.

        Args:
            number: 1 to 10,000; the parts are put together in its order.
            data: At least 5 MiB and the same length in all parts but the last, which
                may be shorter; at most 4.995 GiB. An iterable of chunks is collected in
                memory and may hold 32 MiB.

        Returns:
            What `complete()` must be given.

        Raises:
            R2UploadError: The number is out of range, or the upload does not exist.
            R2LimitError: The part is too large.
            TypeError: The data is of another type.
        """
        call = self._call("upload_part")
        _check_number(call, number)
        content = await collect(call, data, "Upload it in smaller parts.")
        with call:
            etag = await call.backend.r2(self.bucket).upload_part(
                self.key, self.upload_id, number, content
            )
        return R2UploadedPart(number, etag)

    async def complete(self, parts: Sequence[R2UploadedPart]) -> R2Object:
        """Make the object of its parts; those that are not named are dropped.

        Args:
            parts: In any order.

        Raises:
            R2UploadError: A part is unknown, too small, of another size than the
                first, or named twice.
        """
        call = self._call("complete")
        pairs = sorted((part.number, part.etag) for part in parts)
        for (number, _), (following, _) in pairwise(pairs):
            if number == following:
                call.fail(f"part {number} is named twice.", code="bad_part")
        for number, _ in pairs:
            _check_number(call, number)
        with call:
            data = await call.backend.r2(self.bucket).complete_upload(
                self.key, self.upload_id, pairs
            )
        return to_object(data)

    async def abort(self) -> None:
        """Drop the upload and its parts, unless it was completed or aborted already."""
        with self._call("abort") as call:
            await call.backend.r2(self.bucket).abort_upload(self.key, self.upload_id)

    def _call(self, operation: str) -> R2Call:
        call = R2Call(self.bucket, operation, self.key)
        call.check_key()
        return call


async def create_upload(bucket: str, key: str, options: dict[str, Any]) -> R2MultipartUpload:
    """Begin an upload."""
    call = R2Call(bucket, "create_multipart_upload", key)
    with call:
        upload_id = await call.backend.r2(bucket).create_upload(key, options)
    return R2MultipartUpload(bucket, key, upload_id)


async def upload_chunks(upload: R2MultipartUpload, chunks: AsyncIterator[bytes]) -> R2Object:
    """Upload parts one by one, all of them or nothing."""
    parts: list[R2UploadedPart] = []
    try:
        async for content in chunks:
            parts.append(await upload.upload_part(len(parts) + 1, content))
            del content  # so that it is gone when the next one is gathered
        return await upload.complete(parts)
    except BaseException:
        await upload.abort()
        raise


class Regrouped:
    """An iterable of bytes in parts of one size; the last may be shorter.

    Args:
        chunks: Yields bytes of any lengths.
    """

    def __init__(self, chunks: AsyncIterable[object]) -> None:
        self._chunks = aiter(chunks)
        self._content = bytearray()
        self._is_over = False

    async def fits_in_one(self) -> bool:
        """Tell whether it is no longer than one part."""
        await self._fill()
        return self._is_over

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the parts: one at least, which may be empty."""
        while True:
            await self._fill()
            with memoryview(self._content) as view:
                part = bytes(view[:PART])
            del self._content[:PART]
            yield part
            del part
            if not self._content:
                return

    async def _fill(self) -> None:
        while len(self._content) <= PART and not self._is_over:
            try:
                self._content += checked_chunk(await anext(self._chunks))
            except StopAsyncIteration:
                self._is_over = True


def _check_number(call: R2Call, number: int) -> None:
    if not 1 <= number <= MAX_PARTS:
        message = f"the part's number is {number}; R2 takes 1 to {MAX_PARTS}."
        call.fail(message, code="bad_part")
