"""The services' JavaScript objects, touched through the helpers of `_js` alone.

Apart from `_js`, so that a Worker which uses none of them does not load this.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from bindings.cloudflare._js import (
    JSBody,
    absent_to_none,
    call_method,
    from_json,
    header_pairs,
    kind_of,
    make_response,
    platform_errors,
    to_buffer,
    to_bytes,
    to_json,
)
from bindings.cloudflare.queues import QueueBatch, QueueMessage, ScheduledEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindings.cloudflare.backend import FetchRequest
    from bindings.cloudflare.shapes import Body, DurableObjectBackend, FetchData, Handler

BUFFERS = {"ArrayBuffer", "Uint8Array"}


class JSFetcher:
    """Static assets or another Worker."""

    def __init__(self, target: Any) -> None:
        self._target = target

    async def fetch(self, request: FetchRequest) -> FetchData:
        """Send a request."""
        headers = [list(pair) for pair in request.headers]
        options = {"method": request.method, "headers": headers, "redirect": request.redirect}
        init = to_json(options)
        if request.body is not None:
            init.body = to_js_body(request.body)
        with platform_errors():
            return to_fetch_data(await self._target.fetch(request.url, init))


class JSQueue:
    """The sending end of a queue."""

    def __init__(self, target: Any) -> None:
        self._target = target

    async def send(self, body: Any, options: dict[str, Any]) -> None:
        """Send a message; bytes arrive as bytes, everything else by JSON."""
        with platform_errors():
            if isinstance(body, bytes):
                init = to_json({**options, "contentType": "bytes"})
                await self._target.send(to_buffer(body), init)
            else:
                await self._target.send(to_json(body), to_json({**options, "contentType": "json"}))

    async def send_batch(self, messages: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        """Send several in one call."""
        made = to_json([_to_send_request(body, options) for body, options in messages])
        for index, (body, _) in enumerate(messages):
            if isinstance(body, bytes):
                made[index].body = to_buffer(body)
        with platform_errors():
            await self._target.sendBatch(made)


class JSRateLimiter:
    """One rate limiter."""

    def __init__(self, target: Any) -> None:
        self._target = target

    async def limit(self, key: str) -> bool:
        """Count a call."""
        with platform_errors():
            return bool((await self._target.limit(to_json({"key": key}))).success)


class JSAnalytics:
    """One dataset of the Analytics Engine."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def write(self, point: dict[str, Any]) -> None:
        """Record a data point."""
        with platform_errors():
            self._target.writeDataPoint(to_json(point))


class JSCache:
    """One cache; a named one is opened at each call."""

    def __init__(self, caches: Any, name: str | None) -> None:
        self._caches = caches
        self._name = name

    async def match(self, url: str) -> FetchData | None:
        """Find an answer."""
        with platform_errors():
            found = absent_to_none(await (await self._open()).match(url))
            return None if found is None else to_fetch_data(found)

    async def put(
        self, url: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
    ) -> None:
        """Keep an answer."""
        init = to_json({"status": status, "headers": [list(pair) for pair in headers]})
        with platform_errors():
            await (await self._open()).put(url, make_response(body, init))

    async def delete(self, url: str) -> bool:
        """Forget an answer."""
        with platform_errors():
            return bool(await (await self._open()).delete(url))

    async def _open(self) -> Any:
        return self._caches.default if self._name is None else await self._caches.open(self._name)


class JSObject:
    """An object whose methods are called by their JavaScript names."""

    def __init__(self, target: Any) -> None:
        self._target = target

    async def call(self, method: str, *args: Any) -> Any:
        """Call with plain data or bytes."""
        with platform_errors():
            return await _to_python(await call_method(self._target, method, *map(_to_js, args)))


class JSDurableObject(JSObject, JSFetcher):
    """The stub of one durable object."""


class JSDurableObjects:
    """A namespace of durable objects."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def new_id(self) -> str:
        """Make an id."""
        with platform_errors():
            return str(self._target.newUniqueId().toString())

    def stub(self, name: str | None, object_id: str | None) -> DurableObjectBackend:
        """Find an object."""
        with platform_errors():
            find = self._target.idFromString if name is None else self._target.idFromName
            return JSDurableObject(self._target.get(find(object_id if name is None else name)))


async def run_queue(handler: Handler, batch: Any) -> None:
    """Let a handler see a batch; what it decided holds even when it raises."""
    sources = list(batch.messages)
    messages = [_to_message(source) for source in sources]
    try:
        await _finish(handler(QueueBatch(batch.queue, messages)))
    finally:
        for message, source in zip(messages, sources, strict=True):
            if message.outcome == "ack":
                source.ack()
            elif message.outcome == "retry":
                delay = {} if message.delay is None else {"delaySeconds": message.delay}
                source.retry(to_json(delay))


async def run_scheduled(handler: Handler, controller: Any) -> None:
    """Let a handler see a cron trigger."""
    event = ScheduledEvent(controller.cron, _to_datetime(controller.scheduledTime))
    try:
        await _finish(handler(event))
    finally:
        if event.is_final:
            controller.noRetry()


async def _finish(result: Any) -> None:
    if hasattr(result, "__await__"):
        await result


def to_fetch_data(answer: Any) -> FetchData:
    """Take a JavaScript response apart; its body stays where it is."""
    body: Body = JSBody(answer)
    return answer.status, header_pairs(answer.headers), body


def to_js_body(body: str | bytes) -> object:
    """Make what `fetch` takes for a body."""
    return body if isinstance(body, str) else to_buffer(body)


def _to_send_request(body: Any, options: dict[str, Any]) -> dict[str, Any]:
    is_bytes = isinstance(body, bytes)
    kind = "bytes" if is_bytes else "json"
    return {**options, "body": None if is_bytes else body, "contentType": kind}


def _to_message(source: Any) -> QueueMessage:
    body = source.body
    kind = kind_of(body)
    return QueueMessage(
        to_bytes(body) if kind in BUFFERS else from_json(body) if kind else absent_to_none(body),
        source.id,
        _to_datetime(source.timestamp.getTime()),
        source.attempts,
    )


def _to_datetime(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _to_js(value: Any) -> Any:
    """Make a JavaScript value; bytes may be the value, or a member of a dict."""
    if isinstance(value, bytes):
        return to_buffer(value)
    if not isinstance(value, dict):
        return to_json(value)
    members = cast("dict[str, Any]", value)
    made = to_json({k: None if isinstance(v, bytes) else v for k, v in members.items()})
    for key, member in members.items():
        if isinstance(member, bytes):
            setattr(made, key, to_buffer(member))
    return made


async def _to_python(value: Any) -> Any:
    kind = kind_of(value)
    if not kind:
        return absent_to_none(value)
    if kind in BUFFERS:
        return to_bytes(value)
    if kind == "ReadableStream":
        return JSBody(cast("Any", _Stream(value)))
    return from_json(value)


class _Stream:
    """A bare stream, as the body of an answer; it is read piece by piece."""

    def __init__(self, body: Any) -> None:
        self.body = body
