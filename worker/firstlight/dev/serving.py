"""Runs an ASGI application on a port."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import uvicorn
from rich.console import Console

from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from firstlight.server.asgi import ASGIApp

# The status line is parsed as it was sent: other parsers refuse or rewrite odd paths.
HTTP = "h11"


def serve(
    name: str,
    app: ASGIApp,
    host: str,
    port: int,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Serve until interrupted, with another task beside the server if given.

    Raises:
        FirstlightError: The port is taken.
    """
    listener = _listen(host, port)
    _announce(name, host, port)
    config = uvicorn.Config(
        app,
        http=HTTP,
        ws="none",
        lifespan="off",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    try:
        asyncio.run(_run(uvicorn.Server(config), listener, beside))
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()


def _announce(name: str, host: str, port: int) -> None:
    """Say where the server listens."""
    Console().print(
        f"[bold]Firstlight {name}[/] on [cyan]http://{host}:{port}/[/] (Ctrl+C stops it)"
    )


async def _run(
    server: uvicorn.Server,
    listener: socket.socket,
    beside: Callable[[], Coroutine[Any, Any, None]] | None,
) -> None:
    task = asyncio.ensure_future(beside()) if beside else None
    try:
        await server.serve(sockets=[listener])
    finally:
        if task is not None:
            task.cancel()


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise FirstlightError(
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            hint=f"Stop what uses the port, or choose another with `--port {port + 1}`.",
        ) from error
    listener.listen(128)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own
    return listener
