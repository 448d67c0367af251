"""Calls of an S3-compatible store: botocore in threads, so that any event loop may wait."""

from __future__ import annotations

import asyncio
import importlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bindings.cloudflare._local.r2_rules import (
    BAD_RANGE,
    KEY_TOO_LONG,
    METADATA_TOO_LARGE,
    NO_SUCH_PART,
    NO_SUCH_UPLOAD,
    PART_TOO_SMALL,
    VALUE_TOO_LARGE,
)
from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 32  # at once, each with a thread and a connection
REGION = "us-east-1"  # what stores without regions take
URL_HINT = "Set FIRSTLIGHT_R2_URL to `https://HOST` or `https://HOST/BUCKET`."
KEYS_HINT = (
    "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION for a user who may "
    "read, list, write and delete in the bucket."
)

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
MESSAGES = {
    "NoSuchUpload": NO_SUCH_UPLOAD,
    "InvalidPart": NO_SUCH_PART,
    "EntityTooSmall": PART_TOO_SMALL,
    "EntityTooLarge": VALUE_TOO_LARGE,
    "InvalidRange": BAD_RANGE,
    "416": BAD_RANGE,
    "KeyTooLongError": KEY_TOO_LONG,
    "MetadataTooLarge": METADATA_TOO_LARGE,
}
HINTS = {
    "NoSuchBucket": "Create the bucket, or name another: `bucket_name` in wrangler.toml, "
    "or the path of FIRSTLIGHT_R2_URL.",
    "NotImplemented": "This store cannot do that: leave out the option, or choose another store.",
    "InvalidStorageClass": "This store has no such class: leave out `storage_class`.",
    **dict.fromkeys(
        ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403"), KEYS_HINT
    ),
}


class S3Error(PlatformError):
    """A refusal of the store.

    Args:
        code: Such as `NoSuchKey`; an answer without a body has its status, such as `404`.
        message: What the store said.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(MESSAGES.get(code, f"S3: {code}: {message}"), HINTS.get(code))
        self.code = code


class S3Client:
    """A store at a URL; threads and event loops may share it.

    Credentials and region are those of the usual variables and files of AWS.

    Args:
        url: `https://host`, where each R2 bucket is one of its name, or `https://host/bucket`.

    Attributes:
        bucket: What the URL names. None when it names none.

    Raises:
        PlatformError: The package `botocore` is not installed, or the URL is another.
    """

    def __init__(self, url: str) -> None:
        endpoint, self.bucket = _split(url)
        self._client = _connect(endpoint)
        self._errors: Any = importlib.import_module("botocore.exceptions")
        self._pool = ThreadPoolExecutor(CALLS, "s3")

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation of botocore's client, such as `head_object`.

        Raises:
            S3Error: The store refuses.
            PlatformError: The store cannot be asked.
        """
        return await self.run(partial(getattr(self._client, operation), **arguments))

    async def run(self, function: Callable[[], Any]) -> Any:
        """Await what blocks, such as reading a body."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function)
        except self._errors.ClientError as error:
            told = error.response.get("Error", {})
            raise S3Error(told.get("Code", "unknown"), told.get("Message", str(error))) from error
        except self._errors.NoCredentialsError as error:
            raise PlatformError("S3: there are no credentials.", KEYS_HINT) from error
        except self._errors.BotoCoreError as error:
            raise PlatformError(f"S3: {error}") from error

    def close(self) -> None:
        """Let go of threads and connections."""
        self._pool.shutdown(wait=False)
        self._client.close()


def _split(url: str) -> tuple[str, str | None]:
    # A URL may hold a password or a signature: no error shows it.
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PlatformError("FIRSTLIGHT_R2_URL is no URL.", URL_HINT) from error
    if parts.username is not None or parts.query:
        message = "FIRSTLIGHT_R2_URL holds credentials or a query, which logs would show."
        raise PlatformError(message, KEYS_HINT)
    bucket = parts.path.strip("/")
    if parts.scheme not in {"http", "https"} or not parts.hostname or "/" in bucket:
        raise PlatformError("FIRSTLIGHT_R2_URL is no URL of a store.", URL_HINT)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}", bucket or None


def _connect(endpoint: str) -> Any:
    try:
        session: Any = importlib.import_module("botocore.session").Session()
        config: Any = importlib.import_module("botocore.config").Config
    except ModuleNotFoundError as error:
        raise PlatformError("R2 on S3 needs `pip install 'firstlight[s3]'`.") from error
    options = config(
        max_pool_connections=CALLS,
        retries={"mode": "standard"},
        s3={"addressing_style": "path"},
        # What is newer than Content-MD5 is unknown to many stores.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or REGION
    return session.create_client("s3", region_name=region, endpoint_url=endpoint, config=options)
