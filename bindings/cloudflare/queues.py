"""Queues: messages to send, and batches that a consumer gets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bindings.cloudflare.backend import Call
from bindings.cloudflare.errors import QueueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# https://developers.cloudflare.com/queues/platform/limits/
MAX_MESSAGE = 128_000  # bytes
MAX_BATCH = 100  # messages
MAX_BATCH_SIZE = 256_000  # bytes
MAX_DELAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Queue:
    """The sending end of a queue, by the name of its producer binding.

    Making one costs nothing: the queue is looked up at each call. A message is bytes,
    or anything that JSON can carry, and arrives as the same.

    Every method raises QueueError when a message is too large or the platform refuses
    it, UnknownBinding when wrangler.toml does not declare the name, and NoRequestError
    outside a request.

    Source:
        https://developers.cloudflare.com/queues/configuration/javascript-apis/
    """

    name: str

    async def send(self, body: Any, *, delay: int | None = None) -> None:
        """Send a message.

        Args:
            body: At most 128,000 bytes; text, numbers, lists and dicts as JSON.
            delay: Seconds until it is delivered, at most 86,400. None leaves it to
                the queue's own setting.
        """
        call = Call(QueueError, self.name, "send")
        _check_size(call, _size(call, body), MAX_MESSAGE, "the message")
        options = _options(call, delay)
        with call:
            await call.backend.queue(self.name).send(body, options)

    async def send_batch(self, bodies: Iterable[Any], *, delay: int | None = None) -> None:
        """Send up to 100 messages, of 256,000 bytes in all, in one call.

        Args:
            bodies: Messages as in `send()`; none is no call.
            delay: Seconds, as in `send()`.
        """
        call = Call(QueueError, self.name, "send_batch")
        options = _options(call, delay)
        messages = [(body, options) for body in bodies]
        if len(messages) > MAX_BATCH:
            call.fail(f"{len(messages)} messages are sent; a batch takes {MAX_BATCH}.")
        sizes = [_size(call, body) for body, _ in messages]
        _check_size(call, max(sizes, default=0), MAX_MESSAGE, "a message")
        _check_size(call, sum(sizes), MAX_BATCH_SIZE, "the batch")
        if messages:
            with call:
                await call.backend.queue(self.name).send_batch(messages)


@dataclass(slots=True)
class QueueMessage:
    """A message that a consumer gets.

    Without `ack()` or `retry()` it is done when the handler returns, and is delivered
    again when the handler raises.

    Attributes:
        body: As it was sent.
        id: Made by the platform.
        timestamp: When it was sent, in UTC.
        attempts: How often it was delivered, this time included.
        outcome: `ack`, `retry`, or None while nothing was decided.
        delay: Seconds until the retry. None leaves it to the queue's setting.
    """

    body: Any
    id: str = ""
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempts: int = 1
    outcome: str | None = None
    delay: int | None = None

    def ack(self) -> None:
        """Mark the message as done, even if the handler raises later."""
        self.outcome = self.outcome or "ack"  # the first decision holds

    def retry(self, delay: int | None = None) -> None:
        """Have the message delivered again.

        Args:
            delay: Seconds until then, at most 86,400. None leaves it to the queue's
                setting.

        Raises:
            QueueError: The delay is beyond that; nothing was decided.
        """
        # Found out later, it would keep the platform from hearing of the whole batch.
        _options(Call(QueueError, "", "retry"), delay)
        if self.outcome is None:
            self.outcome, self.delay = "retry", delay


@dataclass(frozen=True, slots=True)
class QueueBatch:
    """What `queue(batch)` in pages/_worker.py gets: the queue's name and 1 to 100 messages.

    Source:
        https://developers.cloudflare.com/queues/configuration/javascript-apis/#messagebatch
    """

    queue: str
    messages: list[QueueMessage]

    def __iter__(self) -> Iterator[QueueMessage]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    def ack_all(self) -> None:
        """Mark every message as done that was not decided alone."""
        for message in self.messages:
            message.ack()

    def retry_all(self, delay: int | None = None) -> None:
        """Have every message delivered again that was not decided alone."""
        for message in self.messages:
            message.retry(delay)


@dataclass(slots=True)
class ScheduledEvent:
    """What `scheduled(event)` in pages/_worker.py gets.

    Attributes:
        cron: The expression of wrangler.toml, such as `0 * * * *`.
        scheduled_time: When it was due, in UTC.
        is_final: Whether a failure is not tried again.

    Source:
        https://developers.cloudflare.com/workers/runtime-apis/handlers/scheduled/
    """

    cron: str
    scheduled_time: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_final: bool = False

    def no_retry(self) -> None:
        """Do not run again should the handler fail."""
        self.is_final = True


def _options(call: Call, delay: int | None) -> dict[str, Any]:
    if delay is None:
        return {}
    if not 0 <= delay <= MAX_DELAY:
        call.fail(f"`delay` is {delay} seconds; a queue takes 0 to {MAX_DELAY}.")
    return {"delaySeconds": delay}


def _size(call: Call, body: object) -> int:
    if isinstance(body, bytes):
        return len(body)
    try:
        # Without spaces, as JSON.stringify writes it.
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return len(text.encode())
    except (TypeError, ValueError) as error:
        raise call.error(f"the message cannot be JSON: {error}.") from error


def _check_size(call: Call, size: int, limit: int, what: str) -> None:
    if size > limit:
        call.fail(f"{what} is {size} bytes; a queue takes {limit}.", code="too_large")
