"""Say what went wrong with a binding, where, and how to mend it.

BindingError
├── NoRequestError           a binding was used outside a request
├── UnknownBinding           wrangler.toml declares no such binding
├── UnknownVariable          no such variable or secret; an AttributeError too
├── BindingUnsupported       this runtime's binding cannot do that
├── KVError
├── D1Error
│   └── D1ConstraintError    a UNIQUE, NOT NULL, CHECK or FOREIGN KEY failed
├── R2Error
│   ├── R2LimitError         a key, value, its metadata or a page is beyond a limit
│   ├── R2RangeError         the range is malformed, or begins beyond the end
│   ├── R2ChecksumError      the body does not have the checksum that was given
│   ├── R2PreconditionError  `only_if` does not hold; with the `object` that is there
│   └── R2UploadError        no such upload or part, or a part of the wrong size
├── FetcherError             static assets, another Worker
├── QueueError
├── CacheError
└── ServiceError             rate limiter, analytics, Durable Objects, AI, Vectorize
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bindings.cloudflare.r2 import R2Object

SQL_SHOWN = 200  # characters of a statement or key that an error shows

NOUNS = {
    "kv": "KV namespace",
    "d1": "D1 database",
    "r2": "R2 bucket",
    "fetcher": "Worker or assets",
    "queue": "queue",
    "ratelimiter": "rate limiter",
    "analyticsengine": "Analytics Engine dataset",
    "durableobjects": "Durable Objects namespace",
    "workersai": "Workers AI binding",
    "vectorize": "Vectorize index",
}
DECLARATIONS = {
    "kv": '[[kv_namespaces]] binding = "{name}", id = "…"',
    "d1": '[[d1_databases]] binding = "{name}", database_name = "…", database_id = "…"',
    "r2": '[[r2_buckets]] binding = "{name}", bucket_name = "…"',
    "fetcher": '[[services]] binding = "{name}", service = "…"',
    "queue": '[[queues.producers]] binding = "{name}", queue = "…"',
    "ratelimiter": '[[ratelimits]] name = "{name}", namespace_id = "…", '
    "simple = {{ limit = 100, period = 60 }}",
    "analyticsengine": '[[analytics_engine_datasets]] binding = "{name}", dataset = "…"',
    "durableobjects": '[[durable_objects.bindings]] name = "{name}", class_name = "…"',
    "workersai": '[ai] binding = "{name}"',
    "vectorize": '[[vectorize]] binding = "{name}", index_name = "…"',
}


class BindingError(Exception):
    """Failure of one call of a binding; the root of every error here.

    Args:
        message: What happened and why, in one sentence.
        binding: The name in wrangler.toml, such as `CACHE`.
        operation: The method that was called, such as `put`.
        key: The KV or R2 key of the call. None when it has none.
        sql: The D1 statement of the call. None when it has none.
        hint: How to mend it, as an imperative. None when the message says it.
    """

    service: ClassVar[str] = ""
    code: str = "failed"
    """The kind of failure, for programs, such as `key_too_long`."""

    def __init__(
        self,
        message: str,
        *,
        binding: str,
        operation: str,
        key: str | None = None,
        sql: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.binding = binding
        self.operation = operation
        self.key = key
        self.sql = sql
        self.hint = hint

    def __str__(self) -> str:
        text = self.key if self.sql is None else self.sql
        subject = None if text is None else _one_line(text)
        quoted = "" if subject is None else f'"{subject}"'
        words = (self.service, self.binding, self.operation, quoted)
        text = f"{' '.join(filter(None, words))}: {self.message}"
        return text if self.hint is None else f"{text}\n  Hint: {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments would otherwise keep an error from crossing
        # the border between two processes.
        return _restore, (type(self), self.args, self.__dict__)


class NoRequestError(BindingError):
    """A binding was used while no request was being handled."""

    code = "no_request"

    def __init__(self, *, binding: str, operation: str) -> None:
        super().__init__(
            "no request is being handled.",
            binding=binding,
            operation=operation,
            hint="Call bindings in a page, an endpoint or middleware, never while "
            "a module is imported; outside a Worker, run below a folder that has "
            "a wrangler.toml.",
        )


class UnknownBinding(BindingError):  # noqa: N818 - reads as the sentence it says
    """The configuration declares no binding of this name and kind.

    Args:
        kind: A key of `NOUNS`, such as `kv` or `queue`.
        binding: The name that was asked for.
        declared: The names of that kind that are declared.
    """

    code = "unknown_binding"

    def __init__(self, kind: str, binding: str, declared: Sequence[str]) -> None:
        known = ", ".join(f"`{name}`" for name in sorted(declared)) or "none"
        super().__init__(
            f"no {NOUNS[kind]} of this name is declared. Declared: {known}.",
            binding=binding,
            operation="",
            hint=_nearest(binding, declared)
            or f"Add to wrangler.toml: {DECLARATIONS[kind].format(name=binding)}",
        )


class UnknownVariable(BindingError, AttributeError):  # noqa: N818 - as above
    """No variable or secret has this name."""

    code = "unknown_variable"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no variable or secret is called `{name}`.",
            binding="env",
            operation=name,
            hint=f"Set `{name}` under [vars] in wrangler.toml ([env.NAME.vars] in an "
            f"environment), or in .dev.vars on your machine; for a secret of the deployed "
            f"Worker, run `wrangler secret put {name}`.",
        )


class BindingUnsupported(BindingError):  # noqa: N818 - as above
    """The binding of this runtime cannot do what was asked."""

    code = "unsupported"


class KVError(BindingError):
    """A KV call failed or was given a value that KV does not take."""

    service = "KV"


class D1Error(BindingError):
    """A D1 call failed or was given a value that D1 does not take."""

    service = "D1"


class D1ConstraintError(D1Error):
    """A UNIQUE, NOT NULL, CHECK or FOREIGN KEY constraint failed."""


class R2Error(BindingError):
    """An R2 call failed or was given a value that R2 does not take."""

    service = "R2"


class R2LimitError(R2Error):
    """A key, a value, its metadata or a page is beyond a limit of R2."""


class R2RangeError(R2Error):
    """A range is malformed, or begins beyond the end of the object."""

    code = "bad_range"


class R2ChecksumError(R2Error):
    """A checksum is malformed, or not the one of the body; nothing was stored."""


class R2PreconditionError(R2Error):
    """The condition `only_if` does not hold; nothing was read or stored.

    Attributes:
        object: What the key holds, after `get()`. None after `put()`, where R2 does
            not say.
    """

    code = "precondition_failed"
    object: R2Object | None = None


class R2UploadError(R2Error):
    """A multipart upload or one of its parts is missing, too small or uneven."""


class FetcherError(BindingError):
    """A request to assets or to another Worker could not be made."""


class QueueError(BindingError):
    """A message was not sent, or is none that a queue takes."""

    service = "Queue"


class CacheError(BindingError):
    """An answer cannot be kept, or the cache failed."""

    service = "Cache"


class ServiceError(BindingError):
    """A call of another service failed or was given what it does not take."""


def _nearest(name: str, known: Sequence[str]) -> str | None:
    import difflib  # noqa: PLC0415 - no error, no cost

    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean `{near[0]}`?" if near else None


def _one_line(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= SQL_SHOWN else f"{line[: SQL_SHOWN - 1]}…"


def _restore(
    kind: type[BindingError], args: tuple[str, ...], state: dict[str, object]
) -> BindingError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
