"""Rate limiters, Analytics Engine, Durable Objects, Workers AI and Vectorize: thin and typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from bindings.cloudflare.backend import Call, FetchRequest
from bindings.cloudflare.errors import BindingError, FetcherError, ServiceError
from bindings.cloudflare.fetcher import FetchResponse, to_request, url_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NotRequired

    from bindings.cloudflare.fetcher import HeadersInit
    from bindings.cloudflare.shapes import DurableObjectBackend, RequestLike

# https://developers.cloudflare.com/analytics/analytics-engine/limits/
MAX_BLOBS = 20
MAX_BLOBS_SIZE = 16 * 1024  # bytes
MAX_DOUBLES = 20
MAX_INDEX = 96  # bytes
# https://developers.cloudflare.com/vectorize/platform/limits/
MAX_MATCHES = 100


def raw(name: str) -> Any:
    """Return the platform's own object, for what has no handle here.

    What it takes and gives is JavaScript: Any. In a Worker only.

    Raises:
        BindingError: wrangler.toml does not declare the name.
        BindingUnsupported: This is no Worker.
    """
    with Call(BindingError, name, "raw") as call:
        try:
            return call.backend.raw(name)
        except KeyError:
            raise call.error("no binding of this name is declared.") from None


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """A rate limiter, by the name under `[[ratelimits]]`.

    It counts per data centre and is not exact. The embedded backend counts in memory,
    in fixed windows of the period.

    Source:
        https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/
    """

    name: str

    async def limit(self, key: str) -> bool:
        """Count a call, and tell whether it is within the limit.

        Args:
            key: Whose calls are counted together, such as a user's id.
        """
        with Call(ServiceError, self.name, "limit", key=key) as call:
            return await call.backend.rate_limiter(self.name).limit(key)


@dataclass(frozen=True, slots=True)
class AnalyticsEngine:
    """A dataset of the Analytics Engine, which is read by its own SQL API.

    Source:
        https://developers.cloudflare.com/analytics/analytics-engine/
    """

    name: str

    def write(
        self,
        *,
        index: str | None = None,
        blobs: Sequence[str] = (),
        doubles: Sequence[float] = (),
    ) -> None:
        """Record a data point; it is written after the response, and never awaited.

        Args:
            index: What is sampled together, at most 96 bytes of UTF-8.
            blobs: Up to 20 texts, of 16 KiB in all.
            doubles: Up to 20 numbers.

        Raises:
            ServiceError: There are more, they are longer, or a text is no UTF-8.
        """
        call = Call(ServiceError, self.name, "write")
        _check(call, len(blobs), MAX_BLOBS, "blobs")
        size = sum(call.utf8_size(blob, "a blob") for blob in blobs)
        _check(call, size, MAX_BLOBS_SIZE, "bytes of blobs")
        _check(call, len(doubles), MAX_DOUBLES, "doubles")
        _check(call, call.utf8_size(index or "", "the index"), MAX_INDEX, "bytes of index")
        indexes = [] if index is None else [index]
        point = {"indexes": indexes, "blobs": list(blobs), "doubles": list(doubles)}
        with call:
            call.backend.analytics(self.name).write(point)


@dataclass(frozen=True, slots=True)
class DurableObjectStub:
    """One durable object: the stub of a name or an id."""

    namespace: str
    name: str | None = None
    id: str | None = None

    async def fetch(
        self,
        target: str | RequestLike,
        *,
        method: str = "GET",
        headers: HeadersInit = None,
        body: str | bytes | None = None,
    ) -> FetchResponse:
        """Send a request to the object; arguments as in `Fetcher.fetch()`."""
        call = Call(FetcherError, self.namespace, "fetch", key=url_of(target))
        options = FetchRequest("", method, (), body, "manual")
        request = await to_request(call, target, options, headers)
        with call:
            return FetchResponse(await self._stub(call).fetch(request), call)

    async def call(self, method: str, *args: Any) -> Any:
        """Call a method of the object (RPC) with plain data or bytes, and get the same.

        Raises:
            ServiceError: The method raised or there is none.
        """
        with Call(ServiceError, self.namespace, method, key=self.name or self.id) as call:
            return await self._stub(call).call(method, *args)

    def _stub(self, call: Call) -> DurableObjectBackend:
        namespace = call.backend.durable_objects(self.namespace)
        return namespace.stub(self.name, self.id)


@dataclass(frozen=True, slots=True)
class DurableObjects:
    """A namespace of durable objects, whose class another Worker may define.

    The embedded backend has those of pages/_worker.py, in this process.

    Source:
        https://developers.cloudflare.com/durable-objects/api/namespace/
    """

    name: str

    def get_by_name(self, name: str) -> DurableObjectStub:
        """Return the object that has this name; it is made when it is first called."""
        return DurableObjectStub(self.name, name=name)

    def get(self, object_id: str) -> DurableObjectStub:
        """Return the object of an id, 64 hexadecimal digits, from `new_unique_id()`."""
        return DurableObjectStub(self.name, id=object_id)

    def new_unique_id(self) -> str:
        """Make the id of an object that does not exist yet."""
        with Call(ServiceError, self.name, "new_unique_id") as call:
            return call.backend.durable_objects(self.name).new_id()


@dataclass(frozen=True, slots=True)
class WorkersAI:
    """Workers AI; it runs on Cloudflare only, and costs there in development, too.

    Source:
        https://developers.cloudflare.com/workers-ai/configuration/bindings/
    """

    name: str

    async def run(
        self, model: str, inputs: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a model.

        Args:
            model: Such as `@cf/meta/llama-3.1-8b-instruct`.
            inputs: What the model's page says; bytes may be a value.
            options: Such as `{"gateway": {"id": "…"}}`.

        Returns:
            What the model's page says, as dict, list, str or bytes; with
            `"stream": True`, or for binary output, an async iterator of bytes.
        """
        call = Call(ServiceError, self.name, "run", key=model)
        with call:
            found = await call.backend.remote("workersai", self.name).call(
                "run", model, dict(inputs), dict(options or {})
            )
        return call.in_context(found.chunks()) if hasattr(found, "chunks") else found


class Vector(TypedDict):
    """A vector to store; ids have at most 64 bytes, metadata 10 KiB."""

    id: str
    values: Sequence[float]
    namespace: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class VectorMatch:
    """A vector that was found; what was not asked for is None."""

    id: str
    score: float
    values: list[float] | None
    namespace: str | None
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Vectorize:
    """A Vectorize index; it is on Cloudflare only, and changes show after seconds.

    Source:
        https://developers.cloudflare.com/vectorize/reference/client-api/
    """

    name: str

    async def query(
        self,
        vector: Sequence[float],
        *,
        top_k: int = 5,
        namespace: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - Vectorize's word
        values: bool = False,
        metadata: Literal["none", "indexed", "all"] = "none",
    ) -> list[VectorMatch]:
        """Find the vectors nearest to one, nearest first.

        Args:
            vector: As many numbers as the index has dimensions.
            top_k: How many, at most 100; 20 with values or all metadata.
            namespace: None searches all.
            filter: Conditions on indexed metadata, such as `{"lang": "en"}`.
            values: Whether the numbers come along.
            metadata: Which metadata come along.
        """
        call = Call(ServiceError, self.name, "query")
        _check(call, top_k, MAX_MATCHES, "matches")
        options = {"topK": top_k, "returnValues": values, "returnMetadata": metadata}
        options |= {"namespace": namespace} if namespace is not None else {}
        options |= {"filter": dict(filter)} if filter is not None else {}
        with call:
            found = await self._index(call).call("query", list(vector), options)
        return [_to_match(match) for match in found["matches"]]

    async def insert(self, vectors: Sequence[Vector]) -> str:
        """Add vectors whose ids are new, up to 1,000; return the change's id."""
        return await self._change("insert", [_plain(vector) for vector in vectors])

    async def upsert(self, vectors: Sequence[Vector]) -> str:
        """Add or replace vectors, up to 1,000; return the change's id."""
        return await self._change("upsert", [_plain(vector) for vector in vectors])

    async def delete(self, *ids: str) -> str:
        """Delete vectors by their ids; return the change's id."""
        return await self._change("deleteByIds", list(ids))

    async def get(self, *ids: str) -> list[dict[str, Any]]:
        """Read vectors by their ids: `id`, `values`, `namespace`, `metadata`."""
        call = Call(ServiceError, self.name, "get")
        with call:
            return await self._index(call).call("getByIds", list(ids))

    async def describe(self) -> dict[str, Any]:
        """Tell about the index: `dimensions`, `vectorCount`, `processedUpToMutation`, …."""
        call = Call(ServiceError, self.name, "describe")
        with call:
            return await self._index(call).call("describe")

    async def _change(self, method: str, argument: list[Any]) -> str:
        call = Call(ServiceError, self.name, method)
        with call:
            return (await self._index(call).call(method, argument))["mutationId"]

    def _index(self, call: Call) -> Any:
        return call.backend.remote("vectorize", self.name)


def _plain(vector: Vector) -> dict[str, Any]:
    return {**vector, "values": list(vector["values"])}


def _to_match(data: dict[str, Any]) -> VectorMatch:
    values, namespace, metadata = (data.get(key) for key in ("values", "namespace", "metadata"))
    return VectorMatch(data["id"], data["score"], values, namespace, metadata)


def _check(call: Call, number: int, limit: int, what: str) -> None:
    if number > limit:
        call.fail(f"{number} {what} are given; {limit} are taken.")
