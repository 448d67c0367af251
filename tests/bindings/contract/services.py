"""What assets, queues, rate limiters and the cache do everywhere.

`ONLY_CURRENT` runs on today's Pyodide alone, with miniflare's other services and with stand-ins
for those that run on Cloudflare only. The embedded backend has none of them, which
test_services.py shows; wrangler 3.92 has neither the services nor handlers beside `fetch`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare import (
    KV,
    AnalyticsEngine,
    BindingError,
    BindingUnsupported,
    Cache,
    DurableObjects,
    Fetcher,
    Queue,
    QueueError,
    RateLimiter,
    ServiceError,
    UnknownBinding,
    Vectorize,
    VectorMatch,
    WorkersAI,
    raw,
)
from contract.suite import Site, contract, raises

if TYPE_CHECKING:
    from bindings.cloudflare import QueueBatch, ScheduledEvent
    from contract.suite import Check

ONLY_CURRENT: dict[str, Check] = {}
ASSETS = Fetcher("ASSETS")
JOBS = Queue("JOBS")
URL = "https://contract.example"


class Kept:
    """An answer to keep in the cache."""

    def __init__(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self._body = body

    async def bytes(self) -> bytes:
        return self._body


def current(function: Check) -> Check:
    ONLY_CURRENT[function.__name__] = function
    return function


@contract
async def assets_are_fetched_by_path(_site: Site) -> None:
    answer = await ASSETS.fetch("/hello.txt")
    assert (answer.status, answer.ok) == (200, True)
    assert (answer.headers.get("content-type") or "").startswith("text/plain")
    assert await answer.text() == "Grüße"


@contract
async def assets_are_fetched_by_url(_site: Site) -> None:
    answer = await ASSETS.fetch(f"{URL}/page")
    assert (answer.headers.get("content-type") or "").startswith("text/html")
    assert [chunk async for chunk in answer] == [b"<p>page</p>"]


@contract
async def assets_are_read_once(_site: Site) -> None:
    answer = await ASSETS.fetch("/hello.txt")
    await answer.bytes()
    with raises(BindingError):
        await answer.text()


@contract
async def asset_that_is_missing_is_404(_site: Site) -> None:
    answer = await ASSETS.fetch("/none.txt")
    assert (answer.status, answer.ok) == (404, False)


@contract
async def asset_takes_no_post(_site: Site) -> None:
    assert (await ASSETS.fetch("/hello.txt", method="POST", body="x")).status == 405


@contract
async def assets_are_imported_by_name(_site: Site) -> None:
    with raises(UnknownBinding):
        await KV("ASSETS").get("x")
    with raises(UnknownBinding):
        await Queue("ASSETS").send("x")
    with raises(UnknownBinding):
        await Fetcher("CACHE").fetch("/")


@contract
async def queue_takes_messages(_site: Site) -> None:
    await JOBS.send({"text": "Grüße", "list": [1, None, True]})
    await JOBS.send("later", delay=60)
    await JOBS.send_batch(["a", b"\x00\xff", 5, None])
    await JOBS.send_batch([])


@contract
async def queue_refuses_large_messages(_site: Site) -> None:
    with raises(QueueError):
        await JOBS.send("x" * 200_000)
    with raises(UnknownBinding):
        await Queue("NOPE").send("x")


@contract
async def rate_limiter_counts_by_key(_site: Site) -> None:
    limiter = RateLimiter("LIMIT")
    calls = [await limiter.limit("a") for _ in range(3)]
    assert calls == [True, True, False]
    assert await limiter.limit("b")


@contract
async def cache_keeps_an_answer(_site: Site) -> None:
    cache, url = Cache(), f"{URL}/kept"
    assert await cache.match(url) is None
    await cache.put(url, Kept(b"\x00\xff", 203, cache_control="max-age=60", x_a="b"))
    found = await cache.match(url)
    assert found is not None
    assert (found.status, found.headers.get("x-a")) == (203, "b")
    assert await found.bytes() == b"\x00\xff"
    assert await cache.delete(url)
    assert not await cache.delete(url)
    assert await cache.match(url) is None


@contract
async def cache_forgets_what_may_not_be_kept(_site: Site) -> None:
    kept = [
        Kept(b"x", cache_control="no-store"),
        Kept(b"x", cache_control="private, max-age=60"),
        Kept(b"x", 201, cache_control="max-age=60"),
    ]
    for number, answer in enumerate(kept):
        await Cache().put(f"{URL}/{number}", answer)
        assert await Cache().match(f"{URL}/{number}") is None


@contract
async def caches_have_names(_site: Site) -> None:
    await Cache("mine").put(f"{URL}/named", Kept(b"x", cache_control="max-age=60"))
    assert await Cache().match(f"{URL}/named") is None
    found = await Cache("mine").match(f"{URL}/named")
    assert found is not None
    assert await found.text() == "x"


@current
async def other_worker_answers(_site: Site) -> None:
    other = Fetcher("OTHER")
    headers = [("a", "1"), ("x", "ü".encode().decode("latin-1"))]
    answer = await other.fetch("/echo?q=1", method="PUT", headers=headers, body="Grüße")
    assert answer.status == 201
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]
    told = await answer.json()
    assert (told["method"], told["path"], told["a"]) == ("PUT", "/echo?q=1", "1")
    assert told["body"] == list("Grüße".encode())
    told = await (await other.fetch("/echo", method="POST", body=b"\x00\xff")).json()
    assert told["body"] == [0, 255]
    manual = await other.fetch("/redirect", redirect="manual")
    assert (manual.status, manual.headers.get("location")) == (302, "/echo")


@current
async def other_worker_that_fails_raises(_site: Site) -> None:
    with raises(BindingError) as raised:
        await Fetcher("OTHER").fetch("/throw")
    assert "thrown" in str(raised.error)


@current
async def queue_is_consumed_as_it_was_sent(_site: Site) -> None:
    await Queue("SENT").send({"text": "Grüße", "list": [1, None, True]})
    await Queue("SENT").send_batch(["a", b"\x00\xff", 5])
    expected = [{"text": "Grüße", "list": [1, None, True]}, "a", {"bytes": [0, 255]}, 5]
    for _ in range(100):
        received = await (await Fetcher("OTHER").fetch("/received")).json()
        if len(received) == len(expected):
            break
        await asyncio.sleep(0.1)
    assert received == expected  # pyright: ignore[reportPossiblyUnboundVariable]


@current
async def durable_object_is_called(_site: Site) -> None:
    rooms = DurableObjects("ROOMS")
    room = rooms.get_by_name("lobby")
    answer = await room.fetch("/path", method="POST", body="x")
    assert await answer.text() == "POST /path x"
    assert await room.call("add", {"n": 2}, 3) == {"sum": 5, "none": None}
    assert await room.call("nothing") is None
    fresh = rooms.new_unique_id()
    assert len(fresh) == 64
    assert await (await rooms.get(fresh).fetch("/id")).text() == fresh
    with raises(ServiceError):
        await room.call("fail")  # miniflare's proxy hides the message


@current
async def analytics_are_written(_site: Site) -> None:
    AnalyticsEngine("POINTS").write(index="i", blobs=["a"], doubles=[1, 2.5])


@current
async def model_gives_data_bytes_and_streams(_site: Site) -> None:
    ai = WorkersAI("AI")
    told = await ai.run("@cf/echo", {"prompt": "Grüße", "image": b"\x00\xff"}, {"gateway": None})
    assert told == {
        "model": "@cf/echo",
        "inputs": {"prompt": "Grüße", "image": [0, 255]},
        "options": {"gateway": None},
    }
    assert await ai.run("@cf/bytes", {}) == b"\x01\x02"
    assert await ai.run("@cf/text", {}) == "text"
    assert await ai.run("@cf/null", {}) is None
    stream = await ai.run("@cf/stream", {"stream": True})
    assert b"".join([chunk async for chunk in stream]) == b"data: 1\n\ndata: 2\n\n"
    with raises(ServiceError) as raised:
        await ai.run("@cf/fail", {})
    assert str(raised.error) == 'AI run "@cf/fail": 5007: No such model'


@current
async def vectors_are_found(_site: Site) -> None:
    index = Vectorize("INDEX")
    found = await index.query([0.5, 1], top_k=3, namespace="n", filter={"a": 1}, metadata="all")
    options = {
        "topK": 3,
        "returnValues": False,
        "returnMetadata": "all",
        "namespace": "n",
        "filter": {"a": 1},
    }
    told = {"vector": [0.5, 1], "options": options}
    assert found == [VectorMatch("a", 0.9, None, None, told)]
    assert (
        await index.upsert([{"id": "a", "values": (1.0, 2.0)}])
        == 'upsert [{"id":"a","values":[1,2]}]'
    )
    assert await index.insert([]) == "insert []"
    assert await index.delete("a", "b") == 'deleteByIds ["a","b"]'
    assert await index.get("a") == [{"id": "a", "values": [1, 2]}]
    assert await index.describe() == {"dimensions": 2}


@current
async def raw_is_the_object_itself(_site: Site) -> None:
    assert raw("AI").marker == "the object itself"
    assert raw("OTHER").constructor.name == "Fetcher"
    with raises(BindingError) as raised:
        raw("NOPE")
    assert str(raised.error) == "NOPE raw: no binding of this name is declared."
    assert not isinstance(raised.error, BindingUnsupported)


async def consume(batch: QueueBatch) -> None:
    """Handle the stand-in batch of services_current.mjs."""
    assert batch.queue == "jobs"
    assert [message.body for message in batch] == [{"a": [1, None]}, b"\x00\xff", "text", None]
    first = batch.messages[0]
    assert (first.id, first.attempts) == ("m0", 1)
    assert first.timestamp == datetime(2026, 1, 1, tzinfo=UTC)
    first.ack()
    batch.messages[1].retry(30)
    batch.messages[2].retry()
    raise RuntimeError("the last one comes again")


def tick(event: ScheduledEvent) -> None:
    """Handle the stand-in controller of services_current.mjs."""
    assert (event.cron, event.scheduled_time) == ("0 * * * *", datetime(2026, 1, 1, tzinfo=UTC))
    event.no_retry()


@current
async def handlers_get_batches_and_events(_site: Site) -> None:
    from bindings.cloudflare import _js  # noqa: PLC0415 - there is none on the host

    worker: Any = raw("WORKER")
    try:
        await _js.run_queue(consume, worker.batch, worker.env)
    except RuntimeError as error:
        assert str(error) == "the last one comes again"  # noqa: PT017 - no pytest here
    await _js.run_scheduled(tick, worker.controller, worker.env)
    assert list(worker.log) == ["ack m0", 'retry m1 {"delaySeconds":30}', "retry m2 {}", "noRetry"]
