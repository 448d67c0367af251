"""One site's bindings: its configuration, and a database for each of them."""

from __future__ import annotations

import os
import threading
from collections import deque
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote

from bindings.cloudflare._local.config import (
    CONFIG_NAMES,
    ENVIRONMENT,
    Config,
    dev_vars_names,
    load_config,
)
from bindings.cloudflare._local.d1 import EmbeddedD1
from bindings.cloudflare._local.d1_limits import limit
from bindings.cloudflare._local.database import Database
from bindings.cloudflare._local.kv import EmbeddedKV
from bindings.cloudflare._local.objects import EmbeddedObjects, Objects
from bindings.cloudflare._local.queues import Queues
from bindings.cloudflare._local.r2 import EmbeddedR2
from bindings.cloudflare._local.redis_kv import RedisKV, connect
from bindings.cloudflare._local.s3_client import S3Client
from bindings.cloudflare._local.s3_r2 import S3R2
from bindings.cloudflare._local.services import (
    KEPT_POINTS,
    EmbeddedAnalytics,
    EmbeddedCache,
    EmbeddedFetcher,
    EmbeddedQueue,
    EmbeddedRateLimiter,
)
from bindings.cloudflare.backend import PlatformError, PlatformUnsupportedError
from bindings.cloudflare.errors import UnknownBinding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bindings.cloudflare._local.config import Consumer
    from bindings.cloudflare._local.services import Answers, Counts

T = TypeVar("T")

SERVICES = {"workersai": "Workers AI", "vectorize": "Vectorize"}

Signature = tuple[str | tuple[int, int] | None, ...]
"""The environment, and modification time and size of each file; None for a missing one."""


class EmbeddedBackend:
    """Answers the bindings that the configuration in `root` declares.

    A change of the configuration is seen at the next call. May be shared by
    threads, event loops and processes.

    Args:
        root: The folder of the configuration.
        state: The folder for the databases; made when it is first needed.
        environ: Variables that win over the declared ones.
        kv_url: Of a Redis that has the KV namespaces; None keeps them in `state`.
        r2_url: Of an S3-compatible store that has the R2 buckets; None keeps them in `state`.

    Attributes:
        queues: Messages that were sent and not handled yet, in memory.
        data_points: What was written to each dataset, by binding, oldest first.
        variables: What stands before the declared variables: the process's own, or a test's.
    """

    def __init__(
        self,
        root: Path,
        state: Path,
        environ: Mapping[str, str] | None = None,
        *,
        kv_url: str | None = None,
        r2_url: str | None = None,
    ) -> None:
        self._root = root
        self._environ: Mapping[str, str] = environ or {}
        self._redis: Any = connect(kv_url) if kv_url else None
        self._s3 = S3Client(r2_url) if r2_url else None
        self._state = state
        self._config = Config()
        self._signature: Signature | None = None
        self._databases: dict[Path, Database] = {}
        self._lock = threading.Lock()
        self._counts: dict[str, Counts] = {}
        self._caches: dict[str | None, Answers] = {}
        self._objects = Objects(state / "objects")
        self.queues = Queues(self._consumer)
        self.data_points: dict[str, deque[dict[str, Any]]] = {}
        self.variables: dict[str, object] = dict(environ or {})

    def config(self) -> Config:
        """Return what is declared at this moment."""
        signature = self._read_signature()
        with self._lock:
            if signature != self._signature:
                self._config = load_config(self._root)
                self._signature = signature
            return self._config

    def kv(self, binding: str) -> EmbeddedKV | RedisKV:
        """Open a KV namespace, or raise UnknownBinding."""
        local_id = _declared("kv", binding, self.config().kv)
        if self._redis is not None:
            return RedisKV(self._redis, local_id)
        return EmbeddedKV(self._database("kv", local_id))

    def d1(self, binding: str) -> EmbeddedD1:
        """Open a D1 database, or raise UnknownBinding."""
        config = _declared("d1", binding, self.config().d1)
        database = self._database("d1", config.id)
        return EmbeddedD1(binding, database, self._root / config.migrations)

    def r2(self, binding: str) -> EmbeddedR2 | S3R2:
        """Open an R2 bucket, or raise UnknownBinding."""
        buckets = self.config().r2
        local_id = _declared("r2", binding, buckets)
        if self._s3 is not None:
            return S3R2(self._s3, _bucket(self._s3, local_id, buckets))
        return EmbeddedR2(self._database("r2", local_id))

    def fetcher(self, binding: str) -> EmbeddedFetcher:
        """Open the site's assets, or raise UnknownBinding."""
        config = self.config()
        if binding == config.assets:
            return EmbeddedFetcher(self._root, config.assets_folder)
        self._named("fetcher", binding)
        raise PlatformUnsupportedError("another Worker is reached in a Worker only.")

    def queue(self, binding: str) -> EmbeddedQueue:
        """Open a queue, or raise UnknownBinding."""
        return EmbeddedQueue(self.queues, _declared("queue", binding, self.config().queues))

    def rate_limiter(self, binding: str) -> EmbeddedRateLimiter:
        """Open a rate limiter, or raise UnknownBinding."""
        config = _declared("ratelimiter", binding, self.config().rate_limits)
        return EmbeddedRateLimiter(config, self._counts.setdefault(binding, {}))

    def analytics(self, binding: str) -> EmbeddedAnalytics:
        """Open a dataset, or raise UnknownBinding."""
        self._named("analyticsengine", binding)
        points = deque[dict[str, Any]](maxlen=KEPT_POINTS)
        return EmbeddedAnalytics(self.data_points.setdefault(binding, points))

    def durable_objects(self, binding: str) -> EmbeddedObjects:
        """Open a namespace, or raise UnknownBinding."""
        self._named("durableobjects", binding)
        if (kind := self.config().objects.get(binding)) is None:
            raise PlatformUnsupportedError(
                "the Durable Objects of another Worker are reached in a Worker only."
            )
        return EmbeddedObjects(self._objects, kind)

    def remote(self, kind: str, binding: str) -> NoReturn:
        """Say that there is none here, or raise UnknownBinding."""
        self._named(kind, binding)
        raise PlatformUnsupportedError(f"{SERVICES[kind]} runs on Cloudflare only.")

    def cache(self, name: str | None) -> EmbeddedCache:
        """Open a cache."""
        return EmbeddedCache(self._caches.setdefault(name, {}))

    def raw(self, binding: str) -> NoReturn:
        """Say that there are no JavaScript objects here."""
        raise PlatformUnsupportedError(f"`{binding}` is an object of a Worker only.")

    def variable(self, name: str) -> object:
        """Return a variable, or raise KeyError."""
        if name in self.variables:
            return deepcopy(self.variables[name])  # what one request changes is its own
        return deepcopy(self.config().variables[name])

    async def end(self) -> None:
        """Hand out the messages that wait in queues, and let go of everything."""
        await self.queues.deliver_all()
        if self._redis is not None:
            await self._redis.aclose()
        if self._s3 is not None:
            self._s3.close()
        self.close()

    def close(self) -> None:
        """Close every database; a later call opens what it needs again."""
        self._objects.close()
        with self._lock:
            while self._databases:
                self._databases.popitem()[1].close()

    def _consumer(self, queue: str) -> Consumer | None:
        return self.config().consumers.get(queue)

    def _named(self, kind: str, binding: str) -> None:
        _declared(kind, binding, {n: k for n, k in self.config().named.items() if k == kind})

    def _database(self, kind: str, local_id: str) -> Database:
        path = self._state / kind / f"{quote(local_id, safe='')}.sqlite"
        with self._lock:
            if path not in self._databases:
                self._databases[path] = Database(path, limit if kind == "d1" else None)
            return self._databases[path]

    def _read_signature(self) -> Signature:
        environment = os.environ.get(ENVIRONMENT)
        names = (*CONFIG_NAMES, *dev_vars_names(environment))
        return environment, *(_file_signature(self._root / name) for name in names)


def _declared(kind: str, binding: str, table: Mapping[str, T]) -> T:
    if binding not in table:
        raise UnknownBinding(kind, binding, list(table))
    return table[binding]


def _bucket(store: S3Client, local_id: str, buckets: Mapping[str, str]) -> str:
    if store.bucket is not None and len(set(buckets.values())) > 1:
        names = ", ".join(f"`{name}`" for name in sorted(set(buckets.values())))
        raise PlatformError(
            f"FIRSTLIGHT_R2_URL names one bucket, `{store.bucket}`, for several: {names}.",
            "Leave the bucket out of FIRSTLIGHT_R2_URL: each is then looked for by its name.",
        )
    return store.bucket or local_id


def _file_signature(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size
