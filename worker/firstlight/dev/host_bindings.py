"""Connects the embedded bindings to the development servers.

Found by name: the bindings are a package of their own, which the framework works without.
"""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from firstlight.errors import FirstlightError
from firstlight.response import Response
from firstlight.url import URL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from firstlight.request import Request

# wrangler's own path: https://developers.cloudflare.com/workers/configuration/cron-triggers/
SCHEDULED_PATH = "/cdn-cgi/handler/scheduled"


def serve_assets(root: Path, fetch: Callable[[str], Awaitable[Response | None]] | None) -> None:
    """Let the ASSETS binding of a site answer from a server; None ends that."""
    _local("services").serve_assets(root, fetch)


def fill_database(binding: str, statements: Iterable[str]) -> None:
    """Run statements on a local D1 database, all of them or none; its migrations come first.

    Raises:
        FirstlightError: A migration fails.
        ValueError: What the database says; the statement is the last one that was taken.
    """
    backend: Any = importlib.import_module("bindings.cloudflare._local").default_backend()
    try:
        backend.d1(binding).fill(statements)
    except importlib.import_module("bindings.cloudflare.backend").PlatformError as error:
        raise ValueError(str(error)) from error
    except importlib.import_module("bindings.cloudflare.errors").BindingError as error:
        raise FirstlightError(f"`{binding}`: {error.message}", hint=error.hint) from error


def split_statements(script: str) -> list[str]:
    """Split a script of SQL into its statements."""
    return importlib.import_module("bindings.cloudflare._sql").split_statements(script)


async def scheduled_response(request: Request) -> Response | None:
    """Run `scheduled` of pages/_worker.py; None for a request with another path.

    `?cron=` and `?time=` (Unix milliseconds) say for what and when.
    """
    url = URL(request.url)
    if url.pathname != SCHEDULED_PATH:
        return None
    time = url.search_params.get("time")
    moment = datetime.fromtimestamp(int(time) / 1000, UTC) if time else datetime.now(UTC)
    event = _local("queues").ScheduledEvent(url.search_params.get("cron") or "", moment)
    if await _local("queues").run_scheduled(event):
        return Response("ok")
    return Response("pages/_worker.py defines no `scheduled`.", 404)


def _local(name: str) -> Any:
    return importlib.import_module(f"bindings.cloudflare._local.{name}")
