"""Queues in memory, delivered to the site's own pages/_worker.py."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare.queues import QueueBatch, QueueMessage, ScheduledEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from bindings.cloudflare._local.config import Consumer

WORKER = "pages._worker"
PAUSE = 0.05  # seconds in which messages gather to a batch

_log = logging.getLogger("bindings.cloudflare")


@dataclass(slots=True)
class _Waiting:
    """A message and when it is due; `attempts` that were made."""

    body: Any
    due: float
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempts: int = 0


class Queues:
    """Every queue of a site.

    Messages are handed to `queue(batch)` of pages/_worker.py a moment after they were
    sent, in the event loop that sent them; without such a handler they stay. They do not
    outlive the process.

    Args:
        consumer: Finds how the site consumes a queue; None when it does not.
    """

    def __init__(self, consumer: Callable[[str], Consumer | None]) -> None:
        self._consumer = consumer
        self._waiting: dict[str, list[_Waiting]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def send(self, queue: str, body: Any, delay: float = 0) -> None:
        """Add a message, due after so many seconds."""
        self._waiting.setdefault(queue, []).append(
            _Waiting(_copied(body), time.monotonic() + delay)
        )
        task = self._tasks.get(queue)
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            self._tasks[queue] = asyncio.ensure_future(self._deliver_later(queue))

    def waiting(self, queue: str) -> list[Any]:
        """List the bodies of what was not handled yet."""
        return [message.body for message in self._waiting.get(queue, [])]

    async def deliver_all(self) -> None:
        """Hand out everything that is due in every queue."""
        for queue in list(self._waiting):
            await self.deliver(queue)

    async def deliver(self, queue: str) -> None:
        """Hand out everything that is due, until nothing is."""
        while (consumer := self._consumer(queue)) and (handler := _handler()):
            now = time.monotonic()
            due = [message for message in self._waiting.get(queue, []) if message.due <= now]
            if not due:
                return
            await self._hand_out(queue, due[: consumer.batch_size], consumer, handler)

    async def _deliver_later(self, queue: str) -> None:
        try:
            await self._deliver_until_empty(queue)
        except Exception:  # noqa: BLE001 - nobody awaits this
            _log.exception("the messages of `%s` stay: pages/_worker.py does not load", queue)

    async def _deliver_until_empty(self, queue: str) -> None:
        await asyncio.sleep(PAUSE)
        await self.deliver(queue)
        while self._consumer(queue) and _handler() and (waiting := self._waiting.get(queue)):
            due = min(message.due for message in waiting)
            await asyncio.sleep(max(PAUSE, due - time.monotonic()))
            await self.deliver(queue)

    async def _hand_out(
        self, queue: str, due: list[_Waiting], consumer: Consumer, handler: Callable[[Any], Any]
    ) -> None:
        for message in due:
            self._waiting[queue].remove(message)
            message.attempts += 1
        messages = [QueueMessage(_copied(m.body), m.id, m.timestamp, m.attempts) for m in due]
        has_failed = False
        try:
            result = handler(QueueBatch(queue, messages))
            if hasattr(result, "__await__"):
                await result
        except Exception:  # noqa: BLE001 - any error of the site's code is a retry
            _log.exception("`queue` of pages/_worker.py failed on the queue `%s`", queue)
            has_failed = True
        for source, message in zip(due, messages, strict=True):
            if message.outcome == "retry" or (has_failed and message.outcome is None):
                self._retry(queue, source, message.delay, consumer)

    def _retry(
        self, queue: str, message: _Waiting, delay: float | None, consumer: Consumer
    ) -> None:
        if message.attempts <= consumer.retries:
            seconds = consumer.retry_delay if delay is None else delay
            message.due = time.monotonic() + seconds
            self._waiting[queue].append(message)
        elif consumer.dead_letter_queue is not None:
            self.send(consumer.dead_letter_queue, message.body)
        else:
            _log.warning("a message of `%s` failed %d times: dropped", queue, message.attempts)


def _copied(body: Any) -> Any:
    """Return a body as it arrives: bytes as they are, everything else through JSON."""
    return body if isinstance(body, bytes) else json.loads(json.dumps(body))


async def run_scheduled(event: ScheduledEvent) -> bool:
    """Let `scheduled` of pages/_worker.py handle an event; False when there is none."""
    handler = _handler("scheduled")
    if handler is None:
        return False
    result = handler(event)
    if hasattr(result, "__await__"):
        await result
    return True


def _handler(name: str = "queue") -> Callable[[Any], Any] | None:
    """Find a function of the site's pages/_worker.py; None when there is none."""
    try:
        return getattr(importlib.import_module(WORKER), name, None)
    except ModuleNotFoundError as error:
        if error.name not in {WORKER, "pages"}:
            raise
        return None
