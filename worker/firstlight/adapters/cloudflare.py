"""Cloudflare Workers: the JavaScript request in, a JavaScript response out.

The only file of the package that touches JavaScript. It makes no JavaScript object while it is
imported: what is alive then would end up in the memory snapshot that Cloudflare takes.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import js
from pyodide.ffi import JsProxy, create_proxy, to_js

from firstlight.app import App
from firstlight.headers import Headers
from firstlight.request import Request
from firstlight.response import NULL_BODY_STATUSES, Response, encoded
from firstlight.streaming import close

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
    from typing import Any, TypeVar

    from pyodide.ffi import JsNull

    from firstlight.manifest import Manifest

    T = TypeVar("T")

# https://fetch.spec.whatwg.org/#dom-request: these have no body.
BODILESS = ("GET", "HEAD")
# From here on bytes cross over faster: Pyodide hands text over one character at a time.
LONG_TEXT = 1400  # characters
MOST_INITS = 64  # pairs of status and headers that are kept in JavaScript's form
ASSETS_ORIGIN = "https://assets.local"  # the host of an ASSETS request does not matter


class Adapter:
    """Runs a site's App for the requests of a Worker.

    Args:
        manifest: The site.
        enter: Called with `env` at the start of each request, such as `bindings.enter`.
    """

    def __init__(self, manifest: Manifest, enter: Callable[[object], object] | None = None) -> None:
        self._app = App(manifest, log=_log)
        self._enter = enter
        self._new_response: Callable[[object, object], js.Response] | None = None
        self._with_resolvers: Callable[[], js.PromiseResolvers] | None = None
        self._set_timeout: Callable[[object, int, object], object]
        self._inits: dict[tuple[int, tuple[tuple[str, str], ...]], object] = {}

    def begin(
        self, request: js.Request, env: object, ctx: js.ExecutionContext
    ) -> Awaitable[js.Response]:
        """Begin to answer a request; returns a promise, or a task where something has to wait.

        For a runtime that calls a plain function: of a coroutine it makes a task and a promise,
        and comes back to both, which costs as much as all the rest of a small answer. An answer
        that is there at once is still given in a later turn: else workerd goes on with the
        connection that it has just answered for as long as that has requests, while others wait.
        """
        loop = asyncio.get_running_loop()
        answer = self.fetch(request, env, ctx)
        task: asyncio.Task[js.Response] = asyncio.Task(answer, loop=loop, eager_start=True)  # pyright: ignore[reportCallIssue, reportUnknownVariableType] - Python 3.12, which a Worker has
        if not task.done():
            return task
        if self._with_resolvers is None:  # looked up at run time: a snapshot must not hold them
            self._with_resolvers, self._set_timeout = js.Promise.withResolvers, js.setTimeout
        later = self._with_resolvers()
        self._set_timeout(later.resolve, 0, task.result())
        return later.promise

    async def fetch(
        self, request: js.Request, env: object, ctx: js.ExecutionContext
    ) -> js.Response:
        """Answer a request.

        Args:
            request: JavaScript's own, without the SDK's wrapper.
            env: The bindings.
            ctx: Has `waitUntil`.
        """
        if self._enter is not None:
            self._enter(env)
        platform = _Platform(request, env, ctx)
        method = request.method
        body = None if method in BODILESS else _body_of(request)
        response = await self._app.handle(_Request(request, method, body), platform)
        if body is not None and not _reads_on(response):
            await body.discard()
        return self._js_response(response, platform, body)

    def _js_response(
        self, response: Response, platform: _Platform, unread: _Body | None
    ) -> js.Response:
        """Make a JavaScript response of ours.

        Args:
            response: Ours.
            platform: Keeps the Worker alive while a stream goes out.
            unread: The request's body, which a streamed response may read as it goes.
        """
        if self._new_response is None:  # looked up at run time: a snapshot must not hold it
            self._new_response = js.Response.new
        new, init = self._new_response, self._init_of(response)
        body = response.body
        if body is None or response.status in NULL_BODY_STATUSES:
            return new(None, init)
        if isinstance(body, str):
            # workerd sends lone surrogates as they are.
            is_plain = len(body) < LONG_TEXT and body.isascii()
            return new(body if is_plain else to_js(encoded(body)), init)
        if isinstance(body, bytes):
            return new(to_js(body), init)
        if response.is_streamed:
            return new(_stream_of(body, platform, unread), init)
        return new(body.js_body, init)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType] - see is_streamed

    def _init_of(self, response: Response) -> object:
        """Return status and headers as JavaScript takes them, made once for a common pair."""
        key = (response.status, response.headers.fields)
        init = self._inits.get(key)
        if init is None:
            options: dict[str, object] = {"status": key[0], "headers": key[1]}
            if "content-encoding" in response.headers:
                options["encodeBody"] = "manual"  # it is encoded; workerd would do it again
                init = js.JSON.parse(json.dumps(options))
            else:  # a response gives its status and headers to another for less than an object does
                init = js.Response.new(None, js.JSON.parse(json.dumps(options)))
            if "set-cookie" not in response.headers:  # a visitor's own, and seldom seen again
                if len(self._inits) == MOST_INITS:
                    del self._inits[next(iter(self._inits))]
                self._inits[key] = init
        return init


class _Platform:
    """What Cloudflare offers beside the request."""

    def __init__(self, request: js.Request, env: object, ctx: js.ExecutionContext) -> None:
        self._request = request
        self._env = env
        self._ctx = ctx

    @property
    def client_address(self) -> str | None:
        return _value(self._request.headers.get("cf-connecting-ip"))

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        """Hand the runtime a promise: a bare coroutine or task would be cancelled."""
        task = asyncio.ensure_future(awaitable)
        proxy = create_proxy(task)
        task.add_done_callback(lambda _: proxy.destroy())
        self._ctx.waitUntil(proxy)

    async def fetch_asset(self, path: str) -> Response | None:
        assets: Any = getattr(self._env, "ASSETS", None)
        if assets is None:
            return None
        # A Fetcher takes any attribute for a remote method, so the SDK's wrapper is told by type.
        fetcher: js.Fetcher = assets if isinstance(assets, JsProxy) else assets._binding  # pyright: ignore[reportAssignmentType]  # noqa: SLF001
        answer = await fetcher.fetch(f"{ASSETS_ORIGIN}{path}")
        if answer.status != 200:  # noqa: PLR2004 - anything else is no page
            return None
        headers = [pair for pair in _pairs(answer.headers) if pair[0] != "content-length"]
        return Response(JSStream(answer.body), 200, headers)


class JSStream:
    """A JavaScript stream as a response's body; it goes out without passing through Python."""

    def __init__(self, stream: js.ReadableStream) -> None:
        self.js_body = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in _chunks(self.js_body):
            yield chunk


class _Body:
    """The body of a JavaScript request."""

    def __init__(self, request: js.Request, stream: js.ReadableStream) -> None:
        self._request = request
        self._stream = stream
        self._reader: js.StreamReader | None = None
        self._is_read = False

    async def read(self) -> bytes:
        self._is_read = True
        return (await self._request.arrayBuffer()).to_bytes()

    async def stream(self) -> AsyncIterator[bytes]:
        self._reader = self._stream.getReader()
        while not (step := await self._reader.read()).done:
            yield step.value.to_bytes()
        self._is_read = True

    async def discard(self) -> None:
        """Read what the site left: on workerd 2024-11 it hangs the connection's next request.

        It must be done before the response has ended; cancelling breaks the connection.
        """
        if self._is_read:
            return
        if self._reader is None:
            await self._stream.pipeTo(js.WritableStream.new())
        else:
            while not (await self._reader.read()).done:
                pass


class _Request(Request):
    """A JavaScript request as ours; what is not asked for does not cross over."""

    def __init__(self, request: js.Request, method: str, body: _Body | None) -> None:
        super().__init__(method, request.url, None, body)
        self._js_request = request

    def _read_headers(self) -> Headers:
        return Headers.of_trusted(_pairs(self._js_request.headers))

    def _read_cf(self) -> dict[str, Any]:
        cf = _value(getattr(self._js_request, "cf", None))
        return {} if cf is None else json.loads(js.JSON.stringify(cf))


def _body_of(request: js.Request) -> _Body | None:
    stream = _value(request.body)
    return None if stream is None else _Body(request, stream)


def _reads_on(response: Response) -> bool:
    """Tell whether a response is made while it is sent, and so may read the request meanwhile."""
    return response.is_streamed and response.status not in NULL_BODY_STATUSES


def _stream_of(
    body: AsyncIterable[bytes | str], platform: _Platform, unread: _Body | None
) -> js.ReadableStream:
    """Pump an async iterable into a JavaScript stream while the response goes out."""
    pipe = js.TransformStream.new()
    writer = pipe.writable.getWriter()

    async def pump() -> None:
        try:
            async for chunk in body:
                await writer.write(to_js(encoded(chunk)))
            if unread is not None:
                await unread.discard()
            await writer.close()
        except Exception as error:  # noqa: BLE001 - App has reported it, or the visitor is gone
            await writer.abort(str(error))  # the visitor sees a broken body, not a short one
        finally:
            await close(body)

    platform.wait_until(pump())
    return pipe.readable


async def _chunks(stream: js.ReadableStream) -> AsyncIterator[bytes]:
    reader = stream.getReader()
    try:
        while not (step := await reader.read()).done:
            yield step.value.to_bytes()
    finally:
        reader.releaseLock()


def _log(text: str) -> None:
    js.console.error(text.rstrip("\n"))


def _pairs(headers: js.Headers) -> list[tuple[str, str]]:
    """Read all headers in one crossing."""
    pairs: list[list[str]] = json.loads(js.JSON.stringify(js.Array.from_(headers)))
    return [(name, value) for name, value in pairs]


def _value(value: T | JsNull | None) -> T | None:
    """Turn JavaScript's null into None: Pyodide 0.28 and newer have an object for it."""
    return None if type(value).__name__ == "JsNull" else value  # pyright: ignore[reportReturnType] - told by name
