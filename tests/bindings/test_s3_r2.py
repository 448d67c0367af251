"""What an S3-compatible store is told, and what it cannot do."""

from __future__ import annotations

import asyncio
import importlib
import os
import tracemalloc
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from contract import WRANGLER_TOML
from embedded import run_with
from s3_server import ENVIRONMENT, s3_server

from bindings.cloudflare import R2, HTTPMetadata, R2Error, R2Object, R2PreconditionError
from bindings.cloudflare._local import s3_r2, serve
from bindings.cloudflare._local.embedded import EmbeddedBackend
from bindings.cloudflare._local.s3_objects import arguments_of, object_of
from bindings.cloudflare.backend import PlatformError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from pathlib import Path

run = partial(run_with, "r2_url")
MEDIA = R2("MEDIA")
MIB = 1024**2
NOWHERE = "http://127.0.0.1:1"
SECOND_BUCKET = '\n[[r2_buckets]]\nbinding = "OTHER"\nbucket_name = "other"\n'


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    with s3_server("contract-r2", "other") as origin:
        yield origin


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    (tmp_path / "wrangler.toml").write_text(WRANGLER_TOML, encoding="utf-8")
    return tmp_path


def s3(url: str) -> Any:
    session: Any = importlib.import_module("botocore.session").Session()
    return session.create_client("s3", region_name="us-east-1", endpoint_url=url)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("ftp://host", "FIRSTLIGHT_R2_URL is no URL of a store."),
        ("host/bucket", "FIRSTLIGHT_R2_URL is no URL of a store."),
        ("https://host/a/b", "FIRSTLIGHT_R2_URL is no URL of a store."),
        ("https://host:port", "FIRSTLIGHT_R2_URL is no URL."),
        (
            "https://id:hidden@host",
            "FIRSTLIGHT_R2_URL holds credentials or a query, which logs would show.",
        ),
        (
            "https://host/b?key=hidden",
            "FIRSTLIGHT_R2_URL holds credentials or a query, which logs would show.",
        ),
    ],
)
def test_a_wrong_url_is_an_error_that_does_not_show_it(root: Path, wrong: str, text: str) -> None:
    with pytest.raises(PlatformError) as raised:
        EmbeddedBackend(root, root, r2_url=wrong)
    assert str(raised.value) == text
    assert raised.value.hint is not None
    assert "hidden" not in raised.value.hint


def test_a_store_that_is_not_there_is_an_error_of_r2(root: Path) -> None:
    with pytest.raises(R2Error) as raised:
        run(root, NOWHERE, MEDIA.get("k"))
    text = f'R2 MEDIA get "k": S3: Could not connect to the endpoint URL: "{NOWHERE}/contract-r2/k"'
    assert str(raised.value) == text


def test_missing_credentials_are_an_error_with_a_hint(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(R2Error) as raised:
        run(root, NOWHERE, MEDIA.head("k"))
    assert str(raised.value) == (
        'R2 MEDIA head "k": S3: there are no credentials.\n'
        "  Hint: Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION for a user who may "
        "read, list, write and delete in the bucket."
    )


def test_one_bucket_in_the_url_is_none_for_several(root: Path) -> None:
    (root / "wrangler.toml").write_text(WRANGLER_TOML + SECOND_BUCKET, encoding="utf-8")
    with pytest.raises(R2Error) as raised:
        run(root, f"{NOWHERE}/one", MEDIA.get("k"))
    assert str(raised.value) == (
        'R2 MEDIA get "k": FIRSTLIGHT_R2_URL names one bucket, `one`, for several: '
        "`contract-r2`, `other`.\n"
        "  Hint: Leave the bucket out of FIRSTLIGHT_R2_URL: each is then looked for by its name."
    )


def test_plain_metadata_is_s3s_own_and_the_rest_is_ascii() -> None:
    custom = {"author": "Ada", "Author": "Ada", "city": "Köln", "pad": " x", "firstlight": "y"}
    arguments = arguments_of({"httpMetadata": {}, "customMetadata": custom}, {"md5": "0"})
    assert arguments == {
        "Metadata": {
            "author": "Ada",
            "firstlight": '{"custom":{"Author":"Ada","city":"K\\u00f6ln","pad":" x",'
            '"firstlight":"y"}}',
        }
    }


@pytest.mark.servers
def test_objects_of_other_programs_are_read(root: Path, url: str) -> None:
    s3(url).put_object(
        Bucket="contract-r2",
        Key="foreign",
        Body=b"x",
        ContentType="text/css",
        Metadata={"firstlight": "not ours", "a": "b"},
    )
    head: R2Object = run(root, url, MEDIA.head("foreign"))
    assert head.http_metadata.content_type == "text/css"
    assert head.custom_metadata == {"firstlight": "not ours", "a": "b"}


def test_an_etag_that_is_no_md5_is_no_checksum() -> None:
    told = s3_answer(ServerSideEncryption="aws:kms")
    assert object_of("k", told).get("checksums") == {}
    assert object_of("k", s3_answer()).get("checksums") == {"md5": "0" * 32}


def s3_answer(**more: object) -> dict[str, Any]:
    modified = datetime(2030, 1, 1, tzinfo=UTC)
    return {"ETag": f'"{"0" * 32}"', "LastModified": modified, "ContentLength": 1, **more}


@pytest.mark.servers
def test_a_missing_bucket_is_an_error_with_a_hint(root: Path, url: str) -> None:
    with pytest.raises(R2Error) as raised:
        run(root, f"{url}/nowhere", MEDIA.put("k", "x"))
    assert str(raised.value) == (
        'R2 MEDIA put "k": S3: NoSuchBucket: The specified bucket does not exist\n'
        "  Hint: Create the bucket, or name another: `bucket_name` in wrangler.toml, or the path "
        "of FIRSTLIGHT_R2_URL."
    )


@pytest.mark.servers
def test_the_url_may_name_the_bucket(root: Path, url: str) -> None:
    run(root, f"{url}/other", MEDIA.put("named", "x"))
    assert s3(url).get_object(Bucket="other", Key="named")["Body"].read() == b"x"


@pytest.mark.servers
def test_a_conditional_write_that_is_overtaken_looks_again(
    root: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: R2Object = run(root, url, MEDIA.put("overtaken", "1"))
    holds = s3_r2.holds

    def overtaken(condition: dict[str, Any], about: Any) -> bool:
        result = holds(condition, about)
        s3(url).put_object(Bucket="contract-r2", Key="overtaken", Body=b"2")
        return result

    monkeypatch.setattr(s3_r2, "holds", overtaken)
    with pytest.raises(R2PreconditionError):
        run(root, url, MEDIA.put("overtaken", "3", only_if={"etag_matches": stored.etag}))
    assert s3(url).get_object(Bucket="contract-r2", Key="overtaken")["Body"].read() == b"2"


@pytest.mark.servers
def test_a_large_object_is_never_in_memory_whole(root: Path, url: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(MIB)

    async def up_and_down() -> int:
        await MEDIA.put("large", chunks())
        found = await MEDIA.get("large")
        assert found is not None
        return sum([len(chunk) async for chunk in found])

    run(root, url, MEDIA.head("warm"))
    tracemalloc.start()
    try:
        assert run(root, url, up_and_down()) == 64 * MIB
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * MIB


@pytest.mark.servers
def test_a_server_takes_the_store_of_its_environment(
    root: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(path: str) -> None:
        del path

    async def served() -> None:
        end = serve(root, root / "state", fetch)
        try:
            await MEDIA.put("served", "by s3")
        finally:
            await end()

    monkeypatch.setenv("FIRSTLIGHT_R2_URL", url)
    asyncio.run(served())
    assert s3(url).get_object(Bucket="contract-r2", Key="served")["Body"].read() == b"by s3"
    assert not (root / "state").exists()


@pytest.mark.parametrize(
    "headers",
    [
        HTTPMetadata(content_disposition='attachment; filename="é.txt"'),
        HTTPMetadata(cache_control=" no-store "),
        HTTPMetadata(content_type="binary/octet-stream"),
    ],
)
def test_headers_come_back_as_they_were(root: Path, url: str, headers: HTTPMetadata) -> None:
    async def check() -> None:
        await MEDIA.put("headers", b"", http_metadata=headers)
        obj = await MEDIA.head("headers")
        assert obj is not None
        assert obj.http_metadata == headers

    run(root, url, check())
