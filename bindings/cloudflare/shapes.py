"""The shapes of what crosses the seam of `backend`, for type checkers alone.

Imported under TYPE_CHECKING only, so that a Worker neither carries nor builds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypeAlias, TypedDict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from bindings.cloudflare.backend import FetchRequest

D1Parameter: TypeAlias = str | int | float | bytes | None
"""What a statement binds. A boolean arrives here as 0 or 1."""


Statement: TypeAlias = tuple[str, tuple[D1Parameter, ...]]
"""One SQL statement and the values of its placeholders."""


class KVKeyData(TypedDict):
    """A key of a KV listing; `expiration` in Unix seconds."""

    name: str
    expiration: NotRequired[int]
    metadata: NotRequired[Any]


class KVPageData(TypedDict):
    """A page of a KV listing."""

    keys: list[KVKeyData]
    list_complete: bool
    cursor: NotRequired[str]


class D1ResultData(TypedDict):
    """A result of D1; a BLOB may come as a list of its byte values."""

    results: list[dict[str, Any]]
    meta: dict[str, Any]


class R2ObjectData(TypedDict):
    """An R2 object without its body; dates in ISO 8601."""

    key: str
    version: str
    size: int
    etag: str
    httpEtag: str
    uploaded: str
    httpMetadata: NotRequired[dict[str, str]]
    customMetadata: NotRequired[dict[str, str]]
    checksums: NotRequired[dict[str, str]]
    storageClass: NotRequired[str]


class R2PageData(TypedDict):
    """A page of an R2 listing."""

    objects: list[R2ObjectData]
    truncated: bool
    cursor: NotRequired[str]
    delimitedPrefixes: list[str]


class KVBody(Protocol):
    """A value of KV, to be read once, piece by piece."""

    used: bool

    @property
    def js_body(self) -> object:
        """The JavaScript stream; AttributeError where there is none."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the value piece by piece."""
        ...


class Body(KVBody, Protocol):
    """The body of an R2 object or an answer, to be read once."""

    async def read(self) -> bytes:
        """Return the whole body."""
        ...


class KVBackend(Protocol):
    """One KV namespace."""

    async def get(self, key: str, cache_ttl: int | None) -> str | None:
        """Return the value as text."""
        ...

    async def get_bytes(self, key: str, cache_ttl: int | None) -> bytes | None:
        """Return the value as bytes."""
        ...

    async def get_stream(self, key: str, cache_ttl: int | None) -> tuple[KVBody | None, Any]:
        """Return the value as a stream, and the metadata."""
        ...

    async def get_with_metadata(self, key: str, cache_ttl: int | None) -> tuple[bytes | None, Any]:
        """Return the value as bytes, and the metadata."""
        ...

    async def get_many(self, keys: Sequence[str], cache_ttl: int | None) -> dict[str, str | None]:
        """Return the values as text, by key in the order given."""
        ...

    async def get_many_bytes(
        self, keys: Sequence[str], cache_ttl: int | None
    ) -> dict[str, bytes | None]:
        """Return the values as bytes, by key in the order given."""
        ...

    async def put(self, key: str, value: str | bytes, options: dict[str, Any]) -> None:
        """Write with `expiration`, `expirationTtl` and `metadata`."""
        ...

    async def delete(self, key: str) -> None:
        """Delete, whether the key exists or not."""
        ...

    async def list(self, options: dict[str, Any]) -> KVPageData:
        """List with `prefix`, `limit` and `cursor`."""
        ...


class D1Backend(Protocol):
    """One D1 database."""

    async def run(self, statement: Statement) -> D1ResultData:
        """Run one statement."""
        ...

    async def raw(self, statement: Statement) -> tuple[list[str], list[list[Any]]]:
        """Run one statement; return the names of the columns and the rows."""
        ...

    async def batch(self, statements: Sequence[Statement]) -> list[D1ResultData]:
        """Run statements in one transaction: all of them or none."""
        ...

    def with_session(self, start: str | None) -> D1SessionBackend:
        """Start a session from a constraint or bookmark."""
        ...


class D1SessionBackend(D1Backend, Protocol):
    """A session of a D1 database."""

    @property
    def bookmark(self) -> str | None:
        """How new the database is that the session has seen."""
        ...


class R2Backend(Protocol):
    """One R2 bucket; dates among the options are in ISO 8601."""

    async def put(self, key: str, value: bytes, options: dict[str, Any]) -> R2ObjectData | None:
        """Write with R2PutOptions of the platform. None when `onlyIf` does not hold."""
        ...

    async def get(
        self, key: str, options: dict[str, Any]
    ) -> tuple[R2ObjectData, Body | None] | None:
        """Read, with `range` (`offset` and `length`, or `suffix`) and `onlyIf`.

        No body when `onlyIf` does not hold.
        """
        ...

    async def head(self, key: str) -> R2ObjectData | None:
        """Read everything but the body."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete the keys that exist."""
        ...

    async def list(self, options: dict[str, Any]) -> R2PageData:
        """List in the order of the keys' UTF-8 bytes."""
        ...

    async def create_upload(self, key: str, options: dict[str, Any]) -> str:
        """Begin a multipart upload and return its id."""
        ...

    async def upload_part(self, key: str, upload_id: str, number: int, value: bytes) -> str:
        """Store a part and return its ETag."""
        ...

    async def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[tuple[int, str]]
    ) -> R2ObjectData:
        """Make an object of parts, each a number and an ETag."""
        ...

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Delete the parts of an upload."""
        ...


FetchData: TypeAlias = "tuple[int, Iterable[tuple[str, str]], Body]"
"""Status, headers and body of an answer."""


class FetcherBackend(Protocol):
    """Static assets or another Worker."""

    async def fetch(self, request: FetchRequest) -> FetchData:
        """Send a request."""
        ...


class QueueBackend(Protocol):
    """The sending end of a queue; a body is bytes or plain data."""

    async def send(self, body: Any, options: dict[str, Any]) -> None:
        """Send with `delaySeconds`."""
        ...

    async def send_batch(self, messages: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        """Send several, each with its options."""
        ...


class RateLimiterBackend(Protocol):
    """One rate limiter."""

    async def limit(self, key: str) -> bool:
        """Count a call, and tell whether it is within the limit."""
        ...


class AnalyticsBackend(Protocol):
    """One dataset of the Analytics Engine."""

    def write(self, point: dict[str, Any]) -> None:
        """Record `indexes`, `blobs` and `doubles`."""
        ...


class CacheBackend(Protocol):
    """One cache."""

    async def match(self, url: str) -> FetchData | None:
        """Find an answer that is fresh."""
        ...

    async def put(
        self, url: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
    ) -> None:
        """Keep an answer for as long as its headers say."""
        ...

    async def delete(self, url: str) -> bool:
        """Forget an answer, and tell whether there was one."""
        ...


class RemoteBackend(Protocol):
    """An object whose methods are called by their JavaScript names."""

    async def call(self, method: str, *args: Any) -> Any:
        """Call with plain data; bytes may be an argument or a member of one.

        Returns:
            Plain data, bytes, or a Body for a stream.
        """
        ...


class DurableObjectBackend(RemoteBackend, FetcherBackend, Protocol):
    """The stub of one durable object."""


class DurableObjectsBackend(Protocol):
    """A namespace of durable objects."""

    def new_id(self) -> str:
        """Make an id that no other object has."""
        ...

    def stub(self, name: str | None, object_id: str | None) -> DurableObjectBackend:
        """Find an object by its name or else by its id."""
        ...


class StorageBackend(Protocol):
    """What one durable object keeps; times in Unix milliseconds."""

    async def get(self, keys: list[str]) -> dict[str, Any]:
        """Read the values that there are."""
        ...

    async def put(self, entries: dict[str, Any]) -> None:
        """Keep values, all of them or none."""
        ...

    async def delete(self, keys: list[str]) -> int:
        """Delete keys, and count those that there were."""
        ...

    async def list(self, options: dict[str, Any]) -> dict[str, Any]:
        """Read values in the order of their keys."""
        ...

    async def delete_all(self) -> None:
        """Delete every key and table."""
        ...

    def sql(self, statement: str, params: Sequence[Any]) -> tuple[list[str], list[list[Any]]]:
        """Run SQL; return the names of the columns and the rows."""
        ...

    async def get_alarm(self) -> float | None:
        """Return when the alarm is due."""
        ...

    async def set_alarm(self, due: float) -> None:
        """Set the alarm."""
        ...

    async def delete_alarm(self) -> None:
        """Forget the alarm."""
        ...


class ObjectState(Protocol):
    """What a durable object is made with."""

    @property
    def id(self) -> Any:
        """Its id."""
        ...

    @property
    def storage(self) -> Any:
        """Its storage."""
        ...


class Handler(Protocol):
    """A function of pages/_worker.py, sync or async."""

    def __call__(self, event: Any, /) -> object:
        """Handle a batch or an event."""
        ...


class Backend(Protocol):
    """Everything that a Worker's `env` holds."""

    def kv(self, binding: str) -> KVBackend:
        """Find a KV namespace, or raise UnknownBinding."""
        ...

    def d1(self, binding: str) -> D1Backend:
        """Find a D1 database, or raise UnknownBinding."""
        ...

    def r2(self, binding: str) -> R2Backend:
        """Find an R2 bucket, or raise UnknownBinding."""
        ...

    def fetcher(self, binding: str) -> FetcherBackend:
        """Find assets or a Worker, or raise UnknownBinding."""
        ...

    def queue(self, binding: str) -> QueueBackend:
        """Find a queue, or raise UnknownBinding."""
        ...

    def rate_limiter(self, binding: str) -> RateLimiterBackend:
        """Find a rate limiter, or raise UnknownBinding."""
        ...

    def analytics(self, binding: str) -> AnalyticsBackend:
        """Find a dataset, or raise UnknownBinding."""
        ...

    def durable_objects(self, binding: str) -> DurableObjectsBackend:
        """Find a namespace, or raise UnknownBinding."""
        ...

    def remote(self, kind: str, binding: str) -> RemoteBackend:
        """Find what is called by JavaScript's names, or raise UnknownBinding."""
        ...

    def cache(self, name: str | None) -> CacheBackend:
        """Open a cache; None opens the default one."""
        ...

    def raw(self, binding: str) -> object:
        """Return the platform's own object, or raise KeyError."""
        ...

    def variable(self, name: str) -> object:
        """Return a variable or secret, or raise KeyError."""
        ...


class Embedded(Protocol):
    """What the uploaded code asks of `bindings.cloudflare._local`."""

    def default_backend(self) -> Backend | None:
        """Return the backend of the site around the current folder."""
        ...

    def declared_bindings(self) -> dict[str, str]:
        """Return the kinds, such as `kv` or `queue`, by declared name."""
        ...


class RequestLike(Protocol):
    """A request to pass on, such as `ctx.request`."""

    @property
    def method(self) -> str:
        """Such as `GET`."""
        ...

    @property
    def url(self) -> str:
        """Absolute."""
        ...

    @property
    def headers(self) -> HeadersLike:
        """Its headers."""
        ...

    async def bytes(self) -> bytes:
        """Read the body."""
        ...


class HeadersLike(Protocol):
    """Headers that can be listed."""

    def items(self) -> Iterable[tuple[str, str]]:
        """List (name, value), several of one name apart."""
        ...


class ResponseLike(Protocol):
    """An answer to keep: Firstlight's `Response`, or a FetchResponse."""

    @property
    def status(self) -> int:
        """200 to 599."""
        ...

    @property
    def headers(self) -> HeadersLike:
        """Its headers."""
        ...

    async def bytes(self) -> bytes:
        """Read the body."""
        ...


class RequestHeaders(Protocol):
    """Headers by name, letter case ignored; several of one name joined by commas."""

    def get(self, name: str, /) -> str | None:
        """Return the value. None when there is none."""
        ...


class Request(Protocol):
    """A request of any framework, as far as serving reads it."""

    @property
    def method(self) -> str:
        """In capitals."""
        ...

    @property
    def headers(self) -> RequestHeaders:
        """The headers."""
        ...
