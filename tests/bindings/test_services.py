"""Assets, queues, rate limiter, analytics and cache on the embedded backend."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bindings.cloudflare import (
    AnalyticsEngine,
    BindingError,
    BindingUnsupported,
    Cache,
    CacheError,
    DurableObjects,
    Fetcher,
    FetcherError,
    Queue,
    QueueBatch,
    QueueError,
    QueueMessage,
    RateLimiter,
    ScheduledEvent,
    ServiceError,
    UnknownBinding,
    Vectorize,
    WorkersAI,
    raw,
)
from bindings.cloudflare._local import queues, services, use
from bindings.cloudflare._local.services import lifetime
from firstlight import Response
from firstlight.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from conftest import Run

    from bindings.cloudflare._local.embedded import EmbeddedBackend

TOML = """
ai = { binding = "AI" }
services = [{ binding = "OTHER", service = "other" }]
durable_objects.bindings = [{ name = "ROOMS", class_name = "Room" }]
vectorize = [{ binding = "INDEX", index_name = "index" }]
analytics_engine_datasets = [{ binding = "POINTS" }]
ratelimits = [{ name = "LIMIT", namespace_id = "1", simple = { limit = 2, period = 60 } }]
assets = { directory = "built", binding = "ASSETS" }
[[queues.producers]]
binding = "JOBS"
queue = "jobs"
[[queues.producers]]
binding = "ELSEWHERE"
queue = "elsewhere"
[[queues.consumers]]
queue = "jobs"
max_batch_size = 2
max_retries = 1
dead_letter_queue = "dead"
[[unsafe.bindings]]
name = "OLD_LIMIT"
type = "ratelimit"
simple = { limit = 1, period = 10 }
"""
HALF = "half of a character.\n  Hint: Replace it: text.encode('utf-8', 'replace').decode()."
JOBS = Queue("JOBS")
ASSETS = Fetcher("ASSETS")


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[EmbeddedBackend]:
    (tmp_path / "wrangler.toml").write_text(TOML, encoding="utf-8")
    for name in ("built/a.txt", "built/page.html", "built/blog/index.html", "built/index.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    with use(tmp_path) as backend:
        yield backend


# Assets and other Workers


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("/a.txt", "built/a.txt", "text/plain; charset=utf-8"),
        ("/page", "built/page.html", "text/html; charset=utf-8"),
        ("/page?x=1", "built/page.html", "text/html; charset=utf-8"),
        ("https://any.example/blog/", "built/blog/index.html", "text/html; charset=utf-8"),
        ("/", "built/index.html", "text/html; charset=utf-8"),
    ],
)
@pytest.mark.usefixtures("backend")
def test_assets_are_those_that_were_built(run: Run, path: str, text: str, kind: str) -> None:
    async def check() -> None:
        answer = await ASSETS.fetch(path)
        assert (answer.status, answer.ok) == (200, True)
        assert answer.headers.get("Content-Type") == kind
        assert await answer.text() == text

    run(check())


@pytest.mark.parametrize("path", ["/none", "/../secret.txt", "/%2e%2e/secret.txt"])
@pytest.mark.usefixtures("backend")
def test_assets_that_are_missing_or_outside_are_404(run: Run, path: str) -> None:
    answer = run(ASSETS.fetch(path))
    assert (answer.status, answer.ok, answer.headers.get("x", "y")) == (404, False, "y")


@pytest.mark.usefixtures("backend")
def test_assets_take_get_and_head_only(run: Run) -> None:
    answer = run(ASSETS.fetch("/a.txt", method="POST", body=b"x"))
    assert (answer.status, answer.headers) == (405, [("allow", "GET, HEAD")])


@pytest.mark.usefixtures("backend")
def test_assets_of_a_development_server_come_first(run: Run, tmp_path: Path) -> None:
    async def fetch(path: str) -> Response | None:
        return None if path == "/none" else Response.json({"path": path}, 201)

    services.serve_assets(tmp_path, fetch)
    services.serve_assets(tmp_path / "other", None)
    try:
        answer = run(ASSETS.fetch("/a.txt"))
        assert (answer.status, run(answer.json())) == (201, {"path": "/a.txt"})
        assert run(ASSETS.fetch("/none")).status == 404
    finally:
        services.serve_assets(tmp_path, None)


@pytest.mark.usefixtures("backend")
def test_request_is_passed_on_with_its_method_and_body(run: Run) -> None:
    get = run(ASSETS.fetch(Request("GET", "https://x.example/a.txt", {"a": "b"})))
    assert get.status == 200
    assert run(ASSETS.fetch(Request("POST", "https://x.example/a.txt", body=b"x"))).status == 405


@pytest.mark.usefixtures("backend")
def test_answer_is_handed_on_as_a_response(run: Run) -> None:
    async def check() -> None:
        answer = await ASSETS.fetch("/a.txt")
        response = Response(answer, answer.status, answer.headers)
        assert response.headers.items() == [("content-type", "text/plain; charset=utf-8")]
        assert await response.bytes() == b"built/a.txt"
        with pytest.raises(FetcherError) as raised:
            await answer.bytes()
        assert str(raised.value) == (
            'ASSETS fetch "/a.txt": the body was already read.\n'
            "  Hint: Keep what the first read gave."
        )
        with pytest.raises(FetcherError, match=r"the answer is not JSON: Expecting value"):
            await (await ASSETS.fetch("/a.txt")).json()
        with pytest.raises(AttributeError):
            _ = (await ASSETS.fetch("/a.txt")).js_body

    run(check())


@pytest.mark.usefixtures("backend")
def test_target_is_a_path_or_a_url(run: Run) -> None:
    with pytest.raises(FetcherError) as raised:
        run(ASSETS.fetch("a.txt"))
    assert str(raised.value) == (
        'ASSETS fetch "a.txt": this is neither a path that begins with `/` nor a URL.'
    )


@pytest.mark.usefixtures("backend")
def test_what_only_a_worker_has_is_unsupported(run: Run) -> None:
    calls = {
        "OTHER fetch": Fetcher("OTHER").fetch("/"),
        "AI run": WorkersAI("AI").run("@cf/x", {}),
        "INDEX query": Vectorize("INDEX").query([1.0]),
        "INDEX insert": Vectorize("INDEX").insert([{"id": "a", "values": [1.0]}]),
    }
    for where, call in calls.items():
        with pytest.raises(BindingUnsupported, match=f"^{where}"):
            run(call)
    with pytest.raises(BindingUnsupported, match="`IMAGES` is an object of a Worker only"):
        raw("IMAGES")


@pytest.mark.usefixtures("backend")
def test_undeclared_service_is_unknown(run: Run) -> None:
    with pytest.raises(UnknownBinding) as raised:
        run(Fetcher("NOPE").fetch("/"))
    assert str(raised.value) == (
        "NOPE: no Worker or assets of this name is declared. Declared: `ASSETS`, `OTHER`.\n"
        '  Hint: Add to wrangler.toml: [[services]] binding = "NOPE", service = "…"'
    )
    with pytest.raises(UnknownBinding, match=r"no queue of this name.*Declared: `ELSEWHERE`, `JO"):
        run(Queue("NOPE").send(1))
    with pytest.raises(UnknownBinding, match="no Workers AI binding of this name"):
        run(WorkersAI("INDEX").run("x", {}))
    with pytest.raises(UnknownBinding, match=r"simple = \{ limit = 100, period = 60 \}"):
        run(RateLimiter("NOPE").limit("x"))
    with pytest.raises(UnknownBinding, match="no Durable Objects namespace"):
        DurableObjects("AI").new_unique_id()
    with pytest.raises(UnknownBinding, match="no Analytics Engine dataset"):
        AnalyticsEngine("AI").write()


# Queues


class Worker:
    """A pages/_worker.py that records what it gets."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[Any, int]]] = []
        self.decide: Any = None

    async def queue(self, batch: QueueBatch) -> None:
        assert batch.queue == "jobs"
        self.batches.append([(message.body, message.attempts) for message in batch])
        if self.decide is not None:
            self.decide(batch)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    worker = Worker()

    def load(name: str) -> ModuleType | Worker:
        assert name == "pages._worker"
        return worker

    monkeypatch.setattr(queues.importlib, "import_module", load)
    monkeypatch.setattr(queues, "PAUSE", 0.005)
    return worker


async def until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_messages_are_delivered_in_batches(
    run: Run, backend: EmbeddedBackend, worker: Worker
) -> None:
    async def check() -> None:
        await JOBS.send({"a": [1, None]})
        await JOBS.send_batch(["text", b"\x00\xff"])
        await until(lambda: len(worker.batches) == 2)

    run(check())
    assert worker.batches == [[({"a": [1, None]}, 1), ("text", 1)], [(b"\x00\xff", 1)]]
    assert backend.queues.waiting("jobs") == []


def test_message_is_a_copy_at_each_delivery(
    run: Run, backend: EmbeddedBackend, worker: Worker
) -> None:
    def decide(batch: QueueBatch) -> None:
        batch.messages[0].body["seen"] = True
        batch.retry_all()

    worker.decide = decide
    message: dict[str, Any] = {"pair": (1, 2)}

    async def check() -> None:
        await JOBS.send(message)
        message["late"] = True
        await until(lambda: backend.queues.waiting("dead"))

    run(check())
    expected = {"pair": [1, 2]}
    assert [batch[0][0] for batch in worker.batches] == [{**expected, "seen": True}] * 2
    assert backend.queues.waiting("dead") == [expected]


def test_messages_of_a_failed_batch_come_again_and_end_in_the_dead_letter_queue(
    run: Run, backend: EmbeddedBackend, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    def decide(batch: QueueBatch) -> None:
        batch.messages[0].ack()
        raise RuntimeError("broken")

    worker.decide = decide

    async def check() -> None:
        await JOBS.send_batch(["acked", "failed"])
        await until(lambda: len(worker.batches) == 2)
        await until(lambda: not backend.queues.waiting("jobs"))

    run(check())
    assert worker.batches == [[("acked", 1), ("failed", 1)], [("failed", 2)]]
    assert "RuntimeError: broken" in caplog.text


def test_message_that_always_fails_ends_in_the_dead_letter_queue(
    run: Run, backend: EmbeddedBackend, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.decide = QueueBatch.retry_all

    async def check() -> None:
        await JOBS.send("poison")
        await until(lambda: backend.queues.waiting("dead") == ["poison"])

    run(check())
    assert worker.batches == [[("poison", 1)], [("poison", 2)]]
    assert caplog.text == ""


@pytest.mark.usefixtures("backend")
def test_message_without_a_dead_letter_queue_is_dropped_with_a_warning(
    run: Run, tmp_path: Path, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    config = "[[queues.producers]]\nbinding = 'JOBS'\nqueue = 'jobs'\n"
    config += "[[queues.consumers]]\nqueue = 'jobs'\nmax_retries = 0\n"
    path = tmp_path / "wrangler.toml"
    path.write_text(config, encoding="utf-8")
    os.utime(path, (1, 1))
    worker.decide = QueueBatch.retry_all

    async def check() -> None:
        await JOBS.send("poison")
        await until(lambda: "failed 1 times: dropped" in caplog.text)

    run(check())


@pytest.mark.usefixtures("worker")
def test_delayed_message_waits(run: Run, backend: EmbeddedBackend, worker: Worker) -> None:
    async def check() -> None:
        await JOBS.send("later", delay=1)
        await JOBS.send("now")
        await until(lambda: worker.batches)
        assert worker.batches == [[("now", 1)]]
        assert backend.queues.waiting("jobs") == ["later"]
        await until(lambda: len(worker.batches) == 2)

    run(check())


def test_messages_without_a_consumer_stay(
    run: Run, backend: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "PAUSE", 0)

    async def check() -> None:
        await Queue("ELSEWHERE").send(1)
        await JOBS.send(2)
        await asyncio.sleep(0.02)
        await backend.queues.deliver("jobs")

    run(check())  # there is no pages/_worker.py
    assert backend.queues.waiting("elsewhere") == [1]
    assert backend.queues.waiting("jobs") == [2]


@pytest.mark.usefixtures("backend")
def test_messages_that_no_queue_takes_are_refused(run: Run) -> None:
    cases: list[tuple[Any, str]] = [
        (JOBS.send("x" * 128_000), "the message is 128002 bytes; a queue takes 128000."),
        (JOBS.send(b"x" * 128_001), "the message is 128001 bytes; a queue takes 128000."),
        (JOBS.send(1, delay=86_401), "`delay` is 86401 seconds; a queue takes 0 to 86400."),
        (JOBS.send(float("nan")), "the message cannot be JSON: Out of range float values"),
        (JOBS.send({1}), "the message cannot be JSON: Object of type set is not JSON serializ"),
        (JOBS.send_batch([1] * 101), "101 messages are sent; a batch takes 100."),
        (JOBS.send_batch([b"x" * 128_001]), "a message is 128001 bytes; a queue takes 128000."),
        (JOBS.send_batch([b"x" * 90_000] * 3), "the batch is 270000 bytes; a queue takes 256000."),
    ]
    for call, message in cases:
        with pytest.raises(QueueError) as raised:
            run(call)
        assert message in str(raised.value)
    run(JOBS.send_batch([]))


def test_message_is_measured_as_the_platform_writes_it(run: Run, backend: EmbeddedBackend) -> None:
    message = {"list": [1] * 63_990}
    run(JOBS.send(message))
    assert backend.queues.waiting("jobs") == [message]


def test_first_decision_about_a_message_holds() -> None:
    batch = QueueBatch("jobs", [QueueMessage(body) for body in "abc"])
    batch.messages[0].ack()
    batch.messages[0].retry(5)
    batch.messages[1].retry(7)
    batch.messages[1].ack()
    batch.ack_all()
    batch.retry_all(9)
    assert [(m.outcome, m.delay) for m in batch] == [("ack", None), ("retry", 7), ("ack", None)]
    assert len(batch) == 3
    assert batch.messages[0].timestamp.tzinfo is UTC


def test_retry_checks_its_delay() -> None:
    batch = QueueBatch("jobs", [QueueMessage(body) for body in "ab"])
    batch.messages[0].ack()
    for delay in (-1, 86_401):
        with pytest.raises(QueueError) as raised:
            batch.retry_all(delay)
        assert str(raised.value) == (
            f"Queue retry: `delay` is {delay} seconds; a queue takes 0 to 86400."
        )
    assert [message.outcome for message in batch] == ["ack", None]


def test_cron_trigger_runs_the_scheduled_handler(
    run: Run, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = ScheduledEvent("0 * * * *", datetime(2026, 1, 1, tzinfo=UTC))
    assert not run(queues.run_scheduled(event))
    monkeypatch.setattr(worker, "scheduled", ScheduledEvent.no_retry, raising=False)
    assert run(queues.run_scheduled(event))
    assert event.is_final


def test_error_inside_the_worker_file_is_not_hidden(
    run: Run,
    backend: EmbeddedBackend,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def load(_name: str) -> None:
        raise ModuleNotFoundError("No module named 'missing'", name="missing")

    monkeypatch.setattr(queues.importlib, "import_module", load)
    monkeypatch.setattr(queues, "PAUSE", 0)
    with pytest.raises(ModuleNotFoundError, match="missing"):
        run(queues.run_scheduled(ScheduledEvent("")))

    async def check() -> None:
        await JOBS.send("kept")
        await until(lambda: "No module named 'missing'" in caplog.text)

    run(check())
    assert backend.queues.waiting("jobs") == ["kept"]


# Rate limiter, analytics, cache


@pytest.mark.usefixtures("backend")
def test_rate_limiter_counts_by_key_and_period(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.time, "time", lambda: 600.0)
    limiter = RateLimiter("LIMIT")
    assert [run(limiter.limit("a")) for _ in range(3)] == [True, True, False]
    assert run(limiter.limit("b"))
    assert [run(RateLimiter("OLD_LIMIT").limit("a")) for _ in range(2)] == [True, False]
    monkeypatch.setattr(services.time, "time", lambda: 660.0)
    assert run(limiter.limit("a"))


def test_analytics_are_recorded(backend: EmbeddedBackend) -> None:
    AnalyticsEngine("POINTS").write(index="user", blobs=["GET", "/"], doubles=[1, 2.5])
    AnalyticsEngine("POINTS").write()
    assert list(backend.data_points["POINTS"]) == [
        {"indexes": ["user"], "blobs": ["GET", "/"], "doubles": [1, 2.5]},
        {"indexes": [], "blobs": [], "doubles": []},
    ]


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"blobs": ["x"] * 21}, "21 blobs are given; 20 are taken."),
        ({"blobs": ["é" * 8193]}, "16386 bytes of blobs are given; 16384 are taken."),
        ({"doubles": [0.0] * 21}, "21 doubles are given; 20 are taken."),
        ({"index": "x" * 97}, "97 bytes of index are given; 96 are taken."),
        ({"blobs": ["a\ud800"]}, rf"a blob holds `\ud800` at 1, {HALF}"),
        ({"index": "\udfff"}, rf"the index holds `\udfff` at 0, {HALF}"),
    ],
)
@pytest.mark.usefixtures("backend")
def test_analytics_have_limits(point: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError) as raised:
        AnalyticsEngine("POINTS").write(**point)
    assert str(raised.value) == f"POINTS write: {message}"


@pytest.mark.usefixtures("backend")
def test_vectorize_checks_the_number_of_matches(run: Run) -> None:
    with pytest.raises(ServiceError, match="101 matches are given; 100 are taken"):
        run(Vectorize("INDEX").query([1.0], top_k=101))


@pytest.mark.usefixtures("backend")
def test_cache_keeps_answers_while_they_are_fresh(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        cache, url = Cache(), "https://x.example/a"
        assert await cache.match(url) is None
        response = Response("hi", 203, {"cache-control": "max-age=60"})
        await cache.put(url, response)
        found = await cache.match(url)
        assert found is not None
        assert (found.status, await found.text()) == (203, "hi")
        assert found.headers.get("cf-cache-status") == "HIT"
        assert await Cache("other").match(url) is None
        assert await response.text() == "hi"
        assert (await cache.delete(url), await cache.delete(url)) == (True, False)
        await cache.put(url, response)
        now = time.time()
        monkeypatch.setattr(services.time, "time", lambda: now + 61)
        assert await cache.match(url) is None

    run(check())


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 0),
        ({"cache-control": "max-age=5"}, 5),
        ({"Cache-Control": "public, max-age=5, S-MaxAge=7"}, 7),
        ({"cache-control": "no-store, max-age=5"}, 0),
        ({"cache-control": "private, max-age=5"}, 0),
        ({"cache-control": "max-age=5", "set-cookie": "a=1"}, 0),
        ({"expires": "nonsense"}, 0),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, -1),
    ],
)
def test_lifetime_of_an_answer(fields: dict[str, str], seconds: int) -> None:
    assert min(max(lifetime(fields.items()), -1), 60) == seconds


@pytest.mark.usefixtures("backend")
def test_cache_refuses_what_the_platform_refuses(run: Run) -> None:
    for response in (Response("x", 206), Response("x", 200, {"vary": "*"})):
        with pytest.raises(CacheError) as raised:
            run(Cache().put("https://x.example/", response))
        assert str(raised.value) == (
            'Cache default put "https://x.example/": an answer with status 206 or `Vary: *` '
            "cannot be kept."
        )
    with pytest.raises(CacheError) as raised:
        run(Cache("mine").match("/a"))
    assert str(raised.value) == (
        'Cache mine match "/a": this is no absolute URL.\n  Hint: Pass `str(ctx.url)`.'
    )


def test_raw_needs_a_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BindingError, match="no request is being handled"):
        raw("IMAGES")
