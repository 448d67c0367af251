"""KV, D1, R2, other services and variables of a Cloudflare Worker, as typed Python."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from bindings.cloudflare.backend import embedded
from bindings.cloudflare.env import Env, env
from bindings.cloudflare.errors import (
    BindingError,
    BindingUnsupported,
    CacheError,
    D1ConstraintError,
    D1Error,
    FetcherError,
    KVError,
    NoRequestError,
    QueueError,
    R2ChecksumError,
    R2Error,
    R2LimitError,
    R2PreconditionError,
    R2RangeError,
    R2UploadError,
    ServiceError,
    UnknownBinding,
    UnknownVariable,
)

if TYPE_CHECKING:
    from bindings.cloudflare.cache import Cache
    from bindings.cloudflare.d1 import D1, D1Meta, D1Result, D1Session, D1Statement, Row
    from bindings.cloudflare.fetcher import Fetcher, FetchHeaders, FetchResponse
    from bindings.cloudflare.kv import KV, KVEntry, KVKey, KVPage, KVStream
    from bindings.cloudflare.objects import DurableObject, Storage
    from bindings.cloudflare.queues import Queue, QueueBatch, QueueMessage, ScheduledEvent
    from bindings.cloudflare.r2 import (
        R2,
        HTTPMetadata,
        R2Conditional,
        R2MultipartUpload,
        R2Object,
        R2ObjectBody,
        R2Page,
        R2Response,
        R2UploadedPart,
    )
    from bindings.cloudflare.services import (
        AnalyticsEngine,
        DurableObjects,
        DurableObjectStub,
        RateLimiter,
        Vector,
        Vectorize,
        VectorMatch,
        WorkersAI,
        raw,
    )

__all__ = [
    "D1",
    "KV",
    "R2",
    "AnalyticsEngine",
    "BindingError",
    "BindingUnsupported",
    "Cache",
    "CacheError",
    "D1ConstraintError",
    "D1Error",
    "D1Meta",
    "D1Result",
    "D1Session",
    "D1Statement",
    "DurableObject",
    "DurableObjectStub",
    "DurableObjects",
    "Env",
    "FetchHeaders",
    "FetchResponse",
    "Fetcher",
    "FetcherError",
    "HTTPMetadata",
    "KVEntry",
    "KVError",
    "KVKey",
    "KVPage",
    "KVStream",
    "NoRequestError",
    "Queue",
    "QueueBatch",
    "QueueError",
    "QueueMessage",
    "R2ChecksumError",
    "R2Conditional",
    "R2Error",
    "R2LimitError",
    "R2MultipartUpload",
    "R2Object",
    "R2ObjectBody",
    "R2Page",
    "R2PreconditionError",
    "R2RangeError",
    "R2Response",
    "R2UploadError",
    "R2UploadedPart",
    "RateLimiter",
    "Row",
    "ScheduledEvent",
    "ServiceError",
    "Storage",
    "UnknownBinding",
    "UnknownVariable",
    "Vector",
    "VectorMatch",
    "Vectorize",
    "WorkersAI",
    "env",
    "raw",
]

HANDLES = {
    "kv": "KV",
    "d1": "D1",
    "r2": "R2",
    "fetcher": "Fetcher",
    "queue": "Queue",
    "ratelimiter": "RateLimiter",
    "analyticsengine": "AnalyticsEngine",
    "durableobjects": "DurableObjects",
    "workersai": "WorkersAI",
    "vectorize": "Vectorize",
}

# Imported when first asked for: every import is paid at the Worker's cold start.
MODULES = {
    **dict.fromkeys(("KV", "KVEntry", "KVKey", "KVPage", "KVStream"), "kv"),
    **dict.fromkeys(("D1", "D1Meta", "D1Result", "D1Session", "D1Statement", "Row"), "d1"),
    **dict.fromkeys(
        (
            "R2",
            "HTTPMetadata",
            "R2Conditional",
            "R2MultipartUpload",
            "R2Object",
            "R2ObjectBody",
            "R2Page",
            "R2Response",
            "R2UploadedPart",
        ),
        "r2",
    ),
    "Cache": "cache",
    **dict.fromkeys(("Fetcher", "FetchHeaders", "FetchResponse"), "fetcher"),
    **dict.fromkeys(("Queue", "QueueBatch", "QueueMessage", "ScheduledEvent"), "queues"),
    **dict.fromkeys(("WorkersAI", "AnalyticsEngine", "RateLimiter", "raw"), "services"),
    **dict.fromkeys(("DurableObjectStub", "DurableObjects"), "services"),
    **dict.fromkeys(("DurableObject", "Storage"), "objects"),
    **dict.fromkeys(("Vector", "Vectorize", "VectorMatch"), "services"),
}


def __getattr__(name: str) -> Any:
    """Import an exported name, or make a handle for a declared binding.

    Any, because the kind of a declared name is not known before the
    configuration is read; `firstlight types` writes a stub that knows it.

    Raises:
        ImportError: The name is neither exported nor declared.
    """
    if name.startswith("_"):
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return _import(name) if name in MODULES else _make_handle(name)


def _import(name: str) -> Any:
    module = importlib.import_module(f"{__name__}.{MODULES[name]}")
    globals()[name] = getattr(module, name)
    return globals()[name]


def _make_handle(name: str) -> Any:
    declared = {n: k for n, k in _declared_bindings().items() if k in HANDLES}
    if name not in declared:
        known = ", ".join(f"`{each}`" for each in sorted(declared)) or "none"
        raise ImportError(
            f"cannot import `{name}` from `{__name__}`: wrangler.toml declares no "
            f"binding of this name. Declared: {known}.",
            name=__name__,
        )
    return _import(HANDLES[declared[name]])(name)


def _declared_bindings() -> dict[str, str]:
    # A built Worker's manifest knows the bindings, without a file to read.
    built: dict[str, str] | None = getattr(sys.modules.get("manifest"), "BINDINGS", None)
    if built is not None:
        return built
    module = embedded()
    return {} if module is None else module.declared_bindings()
