"""The embedded R2: what it keeps, for how long, and what a crash leaves."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import signal
import sqlite3
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bindings.cloudflare import R2, R2Error, R2PreconditionError, R2UploadError
from bindings.cloudflare._local import use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from conftest import Run

    from bindings.cloudflare._local.embedded import EmbeddedBackend

MEDIA = R2("MEDIA")
MIB = 1024**2
SPAWN = multiprocessing.get_context("spawn")


async def mebibytes(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * MIB


def rows(site: Path, table: str) -> int:
    with closing(sqlite3.connect(site / ".firstlight/state/r2/media.sqlite")) as connection:
        return connection.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608


@pytest.mark.usefixtures("backend")
def test_large_bodies_are_never_in_memory_whole(run: Run) -> None:
    async def copy() -> int:
        await MEDIA.put("large", mebibytes(64))
        found = await MEDIA.get("large")
        assert found is not None
        return (await MEDIA.put("copy", found)).size

    tracemalloc.start()
    try:
        assert run(copy()) == 64 * MIB
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * MIB


@pytest.mark.usefixtures("backend")
def test_body_is_read_on_when_its_object_is_gone(run: Run) -> None:
    async def read() -> bytes:
        await MEDIA.put("key", b"a" * 200_000)
        found = await MEDIA.get("key")
        assert found is not None
        chunks = aiter(found)
        content = await anext(chunks)
        await MEDIA.put("key", "other")
        await MEDIA.delete("key")
        return content + b"".join([chunk async for chunk in chunks])

    assert run(read()) == b"a" * 200_000


def test_old_bodies_are_swept(
    run: Run, site: Path, backend: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def replace() -> None:
        await MEDIA.put("key", b"a" * 200_000)
        found = await MEDIA.get("key")
        assert found is not None
        await MEDIA.put("key", "b")
        with pytest.raises(R2Error, match="the object was replaced or deleted long ago"):
            await found.bytes()

    monkeypatch.setattr("bindings.cloudflare._local.r2_content.KEPT", -1)
    run(replace())
    assert (rows(site, "r2_bytes"), rows(site, "r2_pieces"), rows(site, "r2_garbage")) == (1, 1, 0)
    run(MEDIA.delete("key"))
    assert rows(site, "r2_bytes") == 0
    backend.close()


@pytest.mark.usefixtures("backend")
def test_upload_ends_after_seven_days(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = run(MEDIA.create_multipart_upload("key"))
    run(upload.upload_part(1, "x"))
    run(MEDIA.create_multipart_upload("other"))
    assert rows(site, "r2_uploads") == 2
    monkeypatch.setattr("bindings.cloudflare._local.r2.UPLOAD_LIFETIME", -1)
    run(MEDIA.create_multipart_upload("other"))
    assert (rows(site, "r2_uploads"), rows(site, "r2_parts")) == (1, 0)
    with pytest.raises(R2UploadError):
        run(upload.upload_part(1, "x"))


@pytest.mark.usefixtures("backend")
def test_upload_leaves_no_part_that_was_not_named(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bindings.cloudflare._local.r2_content.KEPT", -1)
    upload = run(MEDIA.create_multipart_upload("key"))
    run(upload.upload_part(1, "dropped"))
    run(upload.upload_part(2, "replaced"))
    part = run(upload.upload_part(2, "kept"))
    run(upload.complete([part]))
    assert (rows(site, "r2_bytes"), rows(site, "r2_parts")) == (1, 0)
    aborted = run(MEDIA.create_multipart_upload("key"))
    run(aborted.upload_part(1, "x"))
    run(aborted.abort())
    assert (rows(site, "r2_bytes"), rows(site, "r2_parts")) == (1, 0)


@pytest.mark.usefixtures("backend")
def test_storage_class_is_kept(run: Run) -> None:
    run(MEDIA.put("cold", "x", storage_class="InfrequentAccess"))
    upload = run(MEDIA.create_multipart_upload("parts", storage_class="InfrequentAccess"))
    run(upload.complete([run(upload.upload_part(1, "x"))]))
    for key in ("cold", "parts"):
        head = run(MEDIA.head(key))
        assert head is not None
        assert head.storage_class == "InfrequentAccess"


@pytest.mark.usefixtures("backend")
def test_unknown_upload_has_its_code_everywhere(run: Run) -> None:
    upload = MEDIA.resume_multipart_upload("key", "nope")
    for call in (upload.complete([]), upload.abort()):
        with pytest.raises(R2UploadError, match=r"does not exist. \(10024\)"):
            run(call)


def write_until_killed(site: Path, ready: Connection) -> None:
    async def write() -> None:
        for number in range(1_000_000):
            await MEDIA.put("key", bytes([number % 256]) * 300_000)
            await MEDIA.put("parts", mebibytes(9))
            ready.send(number)

    with use(site):
        asyncio.run(write())


def test_crash_leaves_whole_objects(run: Run, site: Path) -> None:
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=write_until_killed, args=(site, theirs))
    process.start()
    ours.recv()
    process.join(0.1)  # somewhere in the next turn
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with use(site):
        found = run(MEDIA.get("key"))
        assert found is not None
        content = run(found.bytes())
        assert len(content) == 300_000
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == found.etag
        parts = run(MEDIA.get("parts"))
        assert parts is not None
        assert len(run(parts.bytes())) == 9 * MIB
        run(MEDIA.put("parts", "new"))


def count_up(site: Path) -> int:
    """Add 20 to the number in an object, as others do, and return how often it changed."""

    async def add() -> int:
        failed = 0
        for _ in range(20):
            while True:
                found = await MEDIA.get("count")
                assert found is not None
                number = int(await found.text())
                try:
                    condition = {"etag_matches": found.etag}
                    await MEDIA.put("count", str(number + 1), only_if=condition)
                    break
                except R2PreconditionError:
                    failed += 1
        return failed

    with use(site):
        return asyncio.run(add())


def test_conditions_hold_between_processes(run: Run, site: Path) -> None:
    with use(site):
        run(MEDIA.put("count", "0"))
    with ProcessPoolExecutor(3, mp_context=SPAWN) as pool:
        list(pool.map(count_up, [site] * 3))
    with use(site):
        found = run(MEDIA.get("count"))
        assert found is not None
        assert run(found.text()) == "60"
