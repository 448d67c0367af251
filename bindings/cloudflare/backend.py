"""The seam between the typed handles and whatever answers them.

A backend speaks the platform's own vocabulary, as plain Python data: what `shapes`
describes, and what the JavaScript objects give after `JSON.stringify`. The handles
validate before the call and build values after it.
"""

from __future__ import annotations

import importlib
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple, cast

from bindings.cloudflare.errors import (
    BindingError,
    BindingUnsupported,
    NoRequestError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType
    from typing import NoReturn, Self

    from bindings.cloudflare.shapes import Backend, Embedded


NOT_UTF8_HINT = "Replace it: text.encode('utf-8', 'replace').decode()."


class FetchRequest(NamedTuple):
    """A request to a Fetcher; `redirect` is `follow` or `manual`."""

    url: str
    method: str
    headers: tuple[tuple[str, str], ...]
    body: str | bytes | None
    redirect: str


class PlatformError(Exception):
    """What a backend raises: the platform's message, without context.

    Args:
        message: What the platform said.
        hint: How to mend it. None when the message says it, or the handle knows.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class PlatformUnsupportedError(PlatformError):
    """The platform's object lacks what was asked of it."""


current: ContextVar[Backend | None] = ContextVar("bindings.cloudflare", default=None)
"""The backend of the request that this task handles."""


class Call:
    """One call of a handle, which puts the platform's errors in context."""

    __slots__ = ("binding", "error_type", "key", "operation", "sql")

    def __init__(
        self,
        error_type: type[BindingError],
        binding: str,
        operation: str,
        *,
        key: str | None = None,
        sql: str | None = None,
    ) -> None:
        self.error_type = error_type
        self.binding = binding
        self.operation = operation
        self.key = key
        self.sql = sql

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, PlatformUnsupportedError):
            raise self.error(str(error), error_type=BindingUnsupported) from error
        if isinstance(error, PlatformError):
            refusal = self.refusal(str(error))
            refusal.hint = refusal.hint or error.hint
            raise refusal from error

    @property
    def backend(self) -> Backend:
        """The backend of this request, or else of the site around this folder.

        Raises:
            NoRequestError: No request is being handled, and outside a Worker no
                wrangler configuration lies at or above the current folder.
        """
        backend = current.get() or _embedded_backend()
        if backend is None:
            raise NoRequestError(binding=self.binding, operation=self.operation)
        return backend

    def error(
        self,
        message: str,
        hint: str | None = None,
        *,
        code: str | None = None,
        error_type: type[BindingError] | None = None,
    ) -> BindingError:
        """Make an error that knows which call it belongs to."""
        error = (error_type or self.error_type)(
            message,
            binding=self.binding,
            operation=self.operation,
            key=self.key,
            sql=self.sql,
            hint=hint,
        )
        error.code = code or error.code
        return error

    def refusal(self, message: str) -> BindingError:
        """Make an error of what the platform said."""
        return self.error(message)

    def fail(self, message: str, hint: str | None = None, *, code: str | None = None) -> NoReturn:
        """Refuse the call before it reaches the platform."""
        raise self.error(message, hint, code=code)

    async def in_context(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the pieces of a body; what goes wrong on the way knows its call."""
        with self:
            async for chunk in chunks:
                yield chunk

    def utf8_size(self, text: str, what: str) -> int:
        """Return the bytes that a text takes, or refuse half a surrogate pair.

        Args:
            text: What is to be stored or sent.
            what: How the error calls it, such as `the key`.
        """
        if text.isascii():
            return len(text)
        try:
            return len(text.encode())
        except UnicodeEncodeError as error:
            shown = text[error.start].encode("unicode_escape").decode()
            message = f"{what} holds `{shown}` at {error.start}, half of a character."
            raise self.error(message, NOT_UTF8_HINT, code="not_utf8") from error


def embedded() -> Embedded | None:
    """Load the embedded backend's package. None in a Worker.

    By name, so that whoever traces imports to build a Worker leaves it out.
    """
    if sys.platform == "emscripten":
        return None
    return cast("Embedded", importlib.import_module("bindings.cloudflare._local"))


def _embedded_backend() -> Backend | None:
    module = embedded()
    return None if module is None else module.default_backend()
