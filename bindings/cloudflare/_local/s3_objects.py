"""What R2 knows of an object, as S3 keeps it: headers, and metadata that may be ASCII only."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare._local.r2_rules import check_metadata

if TYPE_CHECKING:
    from bindings.cloudflare.shapes import R2ObjectData

HEADERS = {
    "contentType": "ContentType",
    "contentLanguage": "ContentLanguage",
    "contentDisposition": "ContentDisposition",
    "contentEncoding": "ContentEncoding",
    "cacheControl": "CacheControl",
}
# What S3 says of an object that was stored without a type.
NO_TYPE = ("binary/octet-stream", "")
STORAGE_CLASSES = {"Standard": "STANDARD", "InfrequentAccess": "STANDARD_IA"}
REST = "firstlight"
"""The metadata, in JSON, that holds what S3 has no place for."""

# Names arrive in lower case, and values lose what is not ASCII and the spaces around them.
PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
PLAIN_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
MD5 = re.compile(r"[0-9a-f]{32}")


def arguments_of(options: dict[str, Any], checksums: dict[str, str]) -> dict[str, Any]:
    """Make arguments of `put_object` and `create_multipart_upload`.

    Args:
        options: R2PutOptions of the platform.
        checksums: Hexadecimal digests by algorithm; `md5` is the ETag.

    Raises:
        PlatformError: The metadata is too large.
    """
    check_metadata(options["customMetadata"])
    http: dict[str, str] = options["httpMetadata"]
    arguments: dict[str, Any] = {HEADERS[name]: http[name] for name in HEADERS if name in http}
    altered = {name: http[name] for name in HEADERS if name in http and _is_altered(http[name])}
    rest: dict[str, Any] = {"http": altered} if altered else {}
    if "cacheExpiry" in http:
        arguments["Expires"] = datetime.fromisoformat(http["cacheExpiry"])
        rest["cacheExpiry"] = http["cacheExpiry"]  # with its milliseconds
    if "storageClass" in options:
        arguments["StorageClass"] = STORAGE_CLASSES[options["storageClass"]]
    plain, other = _split(options["customMetadata"])
    rest |= {"custom": other} if other else {}
    sums = {name: value for name, value in checksums.items() if name != "md5"}
    rest |= {"checksums": sums} if sums else {}
    metadata = plain | ({REST: json.dumps(rest, separators=(",", ":"))} if rest else {})
    return arguments | ({"Metadata": metadata} if metadata else {})


def object_of(key: str, told: dict[str, Any]) -> R2ObjectData:
    """Make R2's data of what S3 told: the answer of `head_object` or `get_object`."""
    metadata: dict[str, str] = dict(told.get("Metadata", {}))
    rest = _read_rest(metadata)
    http = {name: told[header] for name, header in HEADERS.items() if told.get(header)}
    if http.get("contentType") in NO_TYPE:
        del http["contentType"]
    http |= rest.get("http", {})
    expiry = rest.get("cacheExpiry") or _expiry(told)
    if expiry is not None:
        http["cacheExpiry"] = expiry
    etag: str = told["ETag"].strip('"')
    is_md5 = MD5.fullmatch(etag) and told.get("ServerSideEncryption") in {None, "AES256"}
    uploaded: datetime = told["LastModified"].astimezone(UTC).replace(microsecond=0)
    is_rare = told.get("StorageClass") == STORAGE_CLASSES["InfrequentAccess"]
    return {
        "key": key,
        "version": f"{etag}-{int(uploaded.timestamp())}",
        "size": _size(told),
        "etag": etag,
        "httpEtag": f'"{etag}"',
        "uploaded": uploaded.isoformat(timespec="milliseconds"),
        "httpMetadata": http,
        "customMetadata": metadata | rest.get("custom", {}),
        "checksums": ({"md5": etag} if is_md5 else {}) | rest.get("checksums", {}),
        "storageClass": "InfrequentAccess" if is_rare else "Standard",
    }


def _is_altered(value: str) -> bool:
    """Tell whether a header comes back as another, or as none."""
    return value in NO_TYPE or not PLAIN_VALUE.fullmatch(value)


def _split(metadata: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Tell what S3 keeps as it is from what it does not."""
    plain = {
        name: value
        for name, value in metadata.items()
        if name != REST and PLAIN_NAME.fullmatch(name) and PLAIN_VALUE.fullmatch(value)
    }
    return plain, {name: value for name, value in metadata.items() if name not in plain}


def _read_rest(metadata: dict[str, str]) -> dict[str, Any]:
    """Take out what was stored for S3; of another program's, nothing."""
    try:
        rest = json.loads(metadata.get(REST, "{}"))
    except ValueError:
        return {}
    if not isinstance(rest, dict):
        return {}
    metadata.pop(REST, None)
    return rest  # pyright: ignore[reportUnknownVariableType] - JSON


def _expiry(told: dict[str, Any]) -> str | None:
    expires = told.get("Expires")
    return expires.isoformat(timespec="milliseconds") if isinstance(expires, datetime) else None


def _size(told: dict[str, Any]) -> int:
    """Return the size of the whole object, of which a part may have been read."""
    whole = told.get("ContentRange", "").rpartition("/")[2]
    return int(whole) if whole.isdecimal() else told["ContentLength"]
