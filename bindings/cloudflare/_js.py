"""The border to JavaScript: the only file here that touches it.

Results cross in one piece, as JSON, because each property of a JavaScript object
would cost a crossing of its own. Runs on Pyodide 0.26, 0.28 and 314.
"""

from __future__ import annotations

import importlib
import json
from asyncio import gather
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

import js
from pyodide.ffi import JsException, JsProxy, to_js

from bindings.cloudflare._sql import cast_integers
from bindings.cloudflare.backend import PlatformError, PlatformUnsupportedError, current
from bindings.cloudflare.errors import UnknownBinding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import TracebackType

    from pyodide.ffi import JsBuffer

    from bindings.cloudflare.shapes import (
        AnalyticsBackend,
        CacheBackend,
        D1Parameter,
        D1ResultData,
        DurableObjectsBackend,
        FetcherBackend,
        Handler,
        KVPageData,
        QueueBackend,
        R2ObjectData,
        R2PageData,
        RateLimiterBackend,
        RemoteBackend,
        Statement,
    )

try:
    from pyodide.ffi import jsnull
except ImportError:  # Pyodide 0.26 gives None for null.
    jsnull = None


# https://developers.cloudflare.com/kv/api/read-key-value-pairs/#multiple-keys
BULK = 100  # keys in one call
BULK_TOO_LARGE = "failed: 413"

# A method that only this kind of binding has.
TELLING_METHODS = {
    "kv": "getWithMetadata",
    "d1": "prepare",
    "r2": "head",
    "fetcher": "fetch",
    "queue": "sendBatch",
    "ratelimiter": "limit",
    "analyticsengine": "writeDataPoint",
    "durableobjects": "idFromName",
    "workersai": "run",
    "vectorize": "queryById",
}

# Options of R2 that are dates, which JSON does not know.
R2_DATES = {"httpMetadata": ("cacheExpiry",), "onlyIf": ("uploadedBefore", "uploadedAfter")}


def enter(env: object) -> None:
    """Answer bindings from a Worker's `env` for the rest of this task.

    Every request runs in a task of its own, so that requests which overlap in one
    isolate never see each other's `env`.

    Args:
        env: The `env` of the handler: raw, or wrapped by the `workers` SDK.
    """
    current.set(JSBackend(env))


async def run_queue(handler: Handler, batch: object, env: object) -> None:
    """Let a consumer handle a batch, and tell the platform what it decided.

    Args:
        handler: `queue` of pages/_worker.py.
        batch: The platform's batch: raw, or wrapped by the `workers` SDK.
        env: The `env` of the handler.
    """
    enter(env)
    await _services().run_queue(handler, _unwrapped(batch))


async def run_scheduled(handler: Handler, controller: object, env: object) -> None:
    """Let `scheduled` of pages/_worker.py handle a cron trigger."""
    enter(env)
    await _services().run_scheduled(handler, _unwrapped(controller))


def _services() -> Any:
    # Imported when first asked for: most Workers need none of them.
    return importlib.import_module("bindings.cloudflare._js_services")


class JSBackend:
    """Answers bindings from the `env` of one request."""

    def __init__(self, env: object) -> None:
        # Taken apart when a binding is first asked for: a request may use none.
        self._given = env
        # Finding a binding takes several crossings; a request may use it often.
        self._found: dict[tuple[str, str], object] = {}

    @cached_property
    def _env(self) -> object:
        # The SDK's wrapper would convert values on its own.
        return _unwrapped(self._given, "_env")

    def kv(self, binding: str) -> JSKV:
        """Find a KV namespace, or raise UnknownBinding."""
        return JSKV(cast("js.KVNamespace", self._find("kv", binding)))

    def d1(self, binding: str) -> JSD1:
        """Find a D1 database, or raise UnknownBinding."""
        return JSD1(cast("js.D1Database", self._find("d1", binding)))

    def r2(self, binding: str) -> JSR2:
        """Find an R2 bucket, or raise UnknownBinding."""
        return JSR2(cast("js.R2Bucket", self._find("r2", binding)))

    def fetcher(self, binding: str) -> FetcherBackend:
        """Find assets or a Worker, or raise UnknownBinding."""
        return _services().JSFetcher(self._find("fetcher", binding))

    def queue(self, binding: str) -> QueueBackend:
        """Find a queue, or raise UnknownBinding."""
        return _services().JSQueue(self._find("queue", binding))

    def rate_limiter(self, binding: str) -> RateLimiterBackend:
        """Find a rate limiter, or raise UnknownBinding."""
        return _services().JSRateLimiter(self._find("ratelimiter", binding))

    def analytics(self, binding: str) -> AnalyticsBackend:
        """Find a dataset, or raise UnknownBinding."""
        return _services().JSAnalytics(self._find("analyticsengine", binding))

    def durable_objects(self, binding: str) -> DurableObjectsBackend:
        """Find a namespace, or raise UnknownBinding."""
        return _services().JSDurableObjects(self._find("durableobjects", binding))

    def remote(self, kind: str, binding: str) -> RemoteBackend:
        """Find what is called by JavaScript's names, or raise UnknownBinding."""
        return _services().JSObject(self._find(kind, binding))

    def cache(self, name: str | None) -> CacheBackend:
        """Open a cache; None opens the default one."""
        return _services().JSCache(js.caches, name)

    def raw(self, binding: str) -> object:
        """Return the platform's own object, or raise KeyError."""
        found = _absent_to_none(js.Reflect.get(self._env, binding))
        if found is None:
            raise KeyError(binding)
        return _unwrapped(found)

    def variable(self, name: str) -> object:
        """Return a variable, or raise KeyError."""
        value = _absent_to_none(js.Reflect.get(self._env, name))
        if not isinstance(value, JsProxy) and value is not None:
            return value
        if value is None or value.constructor.name not in {"Object", "Array"}:
            raise KeyError(name)  # missing, or a binding
        return _from_json(value)

    def _find(self, kind: str, binding: str) -> object:
        found = self._found.get((kind, binding))
        if found is None:
            found = _unwrapped(js.Reflect.get(self._env, binding))
            if not _is_kind(kind, found):
                raise UnknownBinding(kind, binding, self._declared(kind))
            self._found[kind, binding] = found
        return found

    def _declared(self, kind: str) -> list[str]:
        names = js.Object.keys(self._env)
        return [name for name in names if _is_kind(kind, js.Reflect.get(self._env, name))]


def _unwrapped(found: object, attribute: str = "_binding") -> object:
    """Return the platform's own object, which the `workers` SDK may have wrapped."""
    # A Fetcher takes any attribute for a remote method, the SDK's wrapper has none of its own.
    return found if isinstance(found, JsProxy) else getattr(found, attribute, found)


def _is_kind(kind: str, found: object) -> bool:
    if kind != "fetcher" and isinstance(found, JsProxy) and found.constructor.name == "Fetcher":
        return False  # it seems to have every method
    return hasattr(found, TELLING_METHODS[kind])


class JSKV:
    """One KV namespace."""

    has_bulk: ClassVar[bool | None] = None
    """Whether this runtime reads many keys in one call. None before it was tried."""

    def __init__(self, namespace: js.KVNamespace) -> None:
        self._namespace = namespace

    async def get(self, key: str, cache_ttl: int | None) -> str | None:
        """Return the value as text."""
        with _platform_errors():
            if cache_ttl is None:
                value = await self._namespace.get(key)
            else:
                value = await self._namespace.get(key, _get_options("text", cache_ttl))
        return _to_text(value)

    async def get_bytes(self, key: str, cache_ttl: int | None) -> bytes | None:
        """Return the value as bytes."""
        options = _get_options("arrayBuffer", cache_ttl)
        with _platform_errors():
            return _to_bytes(await self._namespace.get(key, options))

    async def get_stream(self, key: str, cache_ttl: int | None) -> tuple[JSStream | None, Any]:
        """Return the value as a stream, and the metadata."""
        options = _get_options("stream", cache_ttl)
        with _platform_errors():
            found = await self._namespace.getWithMetadata(key, options)
            stream = _absent_to_none(found.value)
            metadata = _from_json(found.metadata)
        return None if stream is None else JSStream(cast("js.ReadableStream", stream)), metadata

    async def get_with_metadata(self, key: str, cache_ttl: int | None) -> tuple[bytes | None, Any]:
        """Return the value as bytes, and the metadata."""
        options = _get_options("arrayBuffer", cache_ttl)
        with _platform_errors():
            found = await self._namespace.getWithMetadata(key, options)
            return _to_bytes(found.value), _from_json(found.metadata)

    async def get_many(self, keys: Sequence[str], cache_ttl: int | None) -> dict[str, str | None]:
        """Return the values as text, by key in the order given."""
        texts: dict[str, str | None] = {}
        if JSKV.has_bulk is None:
            # A runtime without bulk takes an array of one key for that key.
            options = _get_options("text", cache_ttl)
            with _platform_errors():
                found = await self._namespace.get(to_js(keys[:1]), options)
            JSKV.has_bulk = isinstance(found, JsProxy)
            texts = _pairs(found) if JSKV.has_bulk else {keys[0]: _to_text(found)}
        rest = keys[len(texts) :]
        read = self._get_bulk if JSKV.has_bulk else self._get_each
        chunks = [rest[start : start + BULK] for start in range(0, len(rest), BULK)]
        for found in await gather(*(read(chunk, cache_ttl) for chunk in chunks)):
            texts |= found
        return {key: texts[key] for key in keys}

    async def get_many_bytes(
        self, keys: Sequence[str], cache_ttl: int | None
    ) -> dict[str, bytes | None]:
        """Return the values as bytes, by key in the order given."""
        values = await gather(*(self.get_bytes(key, cache_ttl) for key in keys))
        return dict(zip(keys, values, strict=True))

    async def put(self, key: str, value: str | bytes, options: dict[str, Any]) -> None:
        """Write with `expiration`, `expirationTtl` and `metadata`."""
        body = value if isinstance(value, str) else to_js(value)
        with _platform_errors():
            await self._namespace.put(key, body, _to_json(options))

    async def delete(self, key: str) -> None:
        """Delete, whether the key exists or not."""
        with _platform_errors():
            await self._namespace.delete(key)

    async def list(self, options: dict[str, Any]) -> KVPageData:
        """List with `prefix`, `limit` and `cursor`."""
        with _platform_errors():
            return _from_json(await self._namespace.list(_to_json(options)))

    async def _get_bulk(self, keys: Sequence[str], cache_ttl: int | None) -> dict[str, str | None]:
        try:
            found = await self._namespace.get(to_js(keys), _get_options("text", cache_ttl))
        except JsException as error:
            if BULK_TOO_LARGE not in error.message:
                raise PlatformError(error.message) from error
            return await self._get_each(keys, cache_ttl)
        return _pairs(found)

    async def _get_each(self, keys: Sequence[str], cache_ttl: int | None) -> dict[str, str | None]:
        texts = await gather(*(self.get(key, cache_ttl) for key in keys))
        return dict(zip(keys, texts, strict=True))


class JSStream:
    """A JavaScript stream, read piece by piece as it arrives."""

    def __init__(self, stream: js.ReadableStream) -> None:
        self.used = False
        self.js_body = stream

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        reader = self.js_body.getReader()
        done = False
        try:
            while not done:
                with _platform_errors():
                    result = await reader.read()
                done = result.done
                if not done:
                    yield result.value.to_bytes()
        finally:
            if not done:
                # Not awaited: a generator that is dropped half-way cannot wait.
                reader.cancel()


class JSD1:
    """One D1 database."""

    def __init__(self, database: js.D1Database) -> None:
        self._database = database

    async def run(self, statement: Statement) -> D1ResultData:
        """Run one statement."""
        with _platform_errors():
            return _from_json(await self._prepare(statement).all())

    async def raw(self, statement: Statement) -> tuple[list[str], list[list[Any]]]:
        """Run one statement; return the names of the columns and the rows."""
        with _platform_errors():
            found = await self._prepare(statement).raw(_to_json({"columnNames": True}))
            table: list[list[Any]] = _from_json(found)
        return table[0], table[1:]

    async def batch(self, statements: Sequence[Statement]) -> list[D1ResultData]:
        """Run statements in one transaction: all of them or none."""
        with _platform_errors():
            prepared = to_js([self._prepare(statement) for statement in statements])
            return _from_json(await self._database.batch(prepared))

    def with_session(self, start: str | None) -> JSSession:
        """Start a session from a constraint or bookmark."""
        if not hasattr(self._database, "withSession"):
            raise PlatformUnsupportedError(
                "this runtime's D1 has no sessions; query the database itself."
            )
        with _platform_errors():
            return JSSession(self._database.withSession(*([] if start is None else [start])))

    def _prepare(self, statement: Statement) -> js.D1PreparedStatement:
        sql, params = statement
        integers = frozenset(
            number for number, value in enumerate(params, 1) if isinstance(value, int)
        )
        prepared = self._database.prepare(cast_integers(sql, integers))
        if not params:
            return prepared
        bound = js.Reflect.apply(prepared.bind, prepared, _to_arguments(params))
        return cast("js.D1PreparedStatement", bound)


class JSSession(JSD1):
    """A session of a D1 database."""

    def __init__(self, session: js.D1Session) -> None:
        super().__init__(session)
        self._session = session

    @property
    def bookmark(self) -> str | None:
        """How new the database is that the session has seen."""
        with _platform_errors():
            return _to_text(self._session.getBookmark())


class JSBody:
    """The body of an R2 object or an answer, still in JavaScript."""

    def __init__(self, found: js.R2Object) -> None:
        self.used = False
        self._found = found

    @property
    def js_body(self) -> object:
        """The ReadableStream."""
        return self._found.body

    async def read(self) -> bytes:
        """Return the whole body."""
        with _platform_errors():
            return (await self._found.arrayBuffer()).to_bytes()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body piece by piece, as they arrive."""
        reader = self._found.body.getReader()
        done = False
        try:
            while True:
                with _platform_errors():
                    result = await reader.read()
                done = result.done
                if done:
                    return
                yield result.value.to_bytes()
        finally:
            if not done:
                # Not awaited: a generator that is dropped half-way cannot wait.
                reader.cancel()


class JSR2:
    """One R2 bucket."""

    def __init__(self, bucket: js.R2Bucket) -> None:
        self._bucket = bucket

    async def put(self, key: str, value: bytes, options: dict[str, Any]) -> R2ObjectData | None:
        """Write with R2PutOptions of the platform. None when `onlyIf` does not hold."""
        with _platform_errors():
            found = await self._bucket.put(key, to_js(value), _to_r2_options(options))
            return _from_json(found)

    async def get(
        self, key: str, options: dict[str, Any]
    ) -> tuple[R2ObjectData, JSBody | None] | None:
        """Read, with `range` (`offset` and `length`, or `suffix`) and `onlyIf`.

        No body when `onlyIf` does not hold.
        """
        with _platform_errors():
            found = _absent_to_none(await self._bucket.get(key, _to_r2_options(options)))
            if found is None:
                return None
            # Not by `body`: on Node, miniflare would take the stream for used.
            has_body = js.Reflect.has(found, "arrayBuffer")
            body = JSBody(cast("js.R2Object", found)) if has_body else None
            return _from_json(found), body

    async def head(self, key: str) -> R2ObjectData | None:
        """Read everything but the body."""
        with _platform_errors():
            return _from_json(await self._bucket.head(key))

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete the keys that exist."""
        with _platform_errors():
            await self._bucket.delete(_to_json(list(keys)))

    async def list(self, options: dict[str, Any]) -> R2PageData:
        """List in the order of the keys' UTF-8 bytes."""
        with _platform_errors():
            return _from_json(await self._bucket.list(_to_json(options)))

    async def create_upload(self, key: str, options: dict[str, Any]) -> str:
        """Begin a multipart upload and return its id."""
        with _platform_errors():
            upload = await self._bucket.createMultipartUpload(key, _to_r2_options(options))
            return upload.uploadId

    async def upload_part(self, key: str, upload_id: str, number: int, value: bytes) -> str:
        """Store a part and return its ETag."""
        with _platform_errors():
            upload = self._bucket.resumeMultipartUpload(key, upload_id)
            return (await upload.uploadPart(number, to_js(value))).etag

    async def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]
    ) -> R2ObjectData:
        """Make an object of parts, each a number and an ETag."""
        named = [{"partNumber": number, "etag": etag} for number, etag in parts]
        with _platform_errors():
            upload = self._bucket.resumeMultipartUpload(key, upload_id)
            return _from_json(await upload.complete(_to_json(named)))

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Delete the parts of an upload."""
        with _platform_errors():
            await self._bucket.resumeMultipartUpload(key, upload_id).abort()


class _PlatformErrors:
    """Turns what JavaScript throws into what a backend raises."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, JsException):
            raise PlatformError(error.message.removeprefix("D1_ERROR: ")) from error
        if isinstance(error, AttributeError):
            raise PlatformUnsupportedError(
                f"the runtime's binding lacks a method: {error}."
            ) from error


_PLATFORM_ERRORS = _PlatformErrors()


def _platform_errors() -> _PlatformErrors:
    return _PLATFORM_ERRORS


def _get_options(kind: str, cache_ttl: int | None) -> object:
    ttl = {} if cache_ttl is None else {"cacheTtl": cache_ttl}
    return _to_json({"type": kind, **ttl})


def _to_json(value: object) -> Any:
    """Make a JavaScript value out of plain data, `null` included."""
    return js.JSON.parse(json.dumps(value))


def _from_json(value: object) -> Any:
    """Make plain data out of a JavaScript value; None out of null, undefined."""
    value = _absent_to_none(value)
    return None if value is None else json.loads(js.JSON.stringify(value))


def _absent_to_none(value: object) -> object:
    return None if value is jsnull else value


def _to_text(value: object) -> str | None:
    return cast("str | None", _absent_to_none(value))


def _pairs(found: object) -> dict[str, str | None]:
    """Make a dict of a JavaScript Map."""
    return dict(_from_json(js.Array.from_(found)))


def _to_bytes(value: object) -> bytes | None:
    buffer = _absent_to_none(value)
    return None if buffer is None else cast("JsBuffer", buffer).to_bytes()


def _to_arguments(params: tuple[D1Parameter, ...]) -> Any:
    """Make the array of a statement's values.

    Integers travel as digits, for `cast_integers()`; None becomes null, which
    Pyodide 0.26 can make in no other way than by JSON; bytes are put in after.
    """
    plain = [
        str(value) if isinstance(value, int) else None if isinstance(value, bytes) else value
        for value in params
    ]
    arguments = _to_json(plain)
    for index, value in enumerate(params):
        if isinstance(value, bytes):
            arguments[index] = to_js(value)
    return arguments


def _to_r2_options(options: dict[str, Any]) -> object:
    made = _to_json(options)
    for group, names in R2_DATES.items():
        for name in names:
            moment = options.get(group, {}).get(name)
            if moment is not None:
                milliseconds = datetime.fromisoformat(moment).timestamp() * 1000
                date = js.Date.new(milliseconds)
                js.Reflect.set(getattr(made, group), name, date)
    return made


# For _js_services, which touches JavaScript through these alone.
absent_to_none = _absent_to_none
from_json = _from_json
unwrapped = _unwrapped
platform_errors = _platform_errors
to_json = _to_json


def to_bytes(value: object) -> Any:
    """Make bytes of an ArrayBuffer or a view."""
    return _to_bytes(value)


def to_buffer(value: bytes) -> object:
    """Make a Uint8Array, a copy."""
    return to_js(value)


def header_pairs(headers: object) -> list[tuple[str, str]]:
    """Read all headers in one crossing."""
    pairs: list[list[str]] = json.loads(js.JSON.stringify(js.Array.from_(headers)))
    return [(name, value) for name, value in pairs]


def call_method(target: Any, name: str, *args: object) -> Any:
    """Call a method of what may be on the other side of an RPC.

    Pyodide 0.26 calls `method.apply`, which over RPC is a method of that name, too.
    """
    return js.Reflect.apply(getattr(target, name), target, js.Array.of(*args))


def make_response(body: bytes, init: object) -> js.Response:
    """Make a JavaScript `Response`."""
    return js.Response.new(to_js(body) if body else None, init)


def kind_of(value: object) -> str:
    """Name the JavaScript class of an object; `""` for what Python has as a value of its own."""
    return value.constructor.name if isinstance(value, JsProxy) else ""
