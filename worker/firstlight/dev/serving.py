"""Runs an ASGI application on a port."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn
from rich.console import Console

from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType
    from typing import Any

    from firstlight.server.asgi import ASGIApp

# The status line is parsed as it was sent: other parsers refuse or rewrite odd paths.
HTTP = "h11"
PORTS = 50  # how many are tried
LAST_PORT = 65535
ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - recognised, not chosen
INTERRUPTED = 130  # the exit code of what SIGINT ends


def serve(
    name: str,
    app: ASGIApp,
    host: str,
    port: int,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    closing: Callable[[], None] | None = None,
) -> None:
    """Serve until interrupted, on the next free port when the wanted one is in use.

    Args:
        name: What is served, for the line that tells the address.
        app: Answers the requests.
        host: Address to listen on.
        port: The wanted port.
        beside: A task to run as long as the server does.
        closing: Called when the server is told to stop; ends what would never end by itself.

    Raises:
        FirstlightError: No port can be had.
    """
    listener = listen(host, port)
    _announce(name, host, port, listener.getsockname()[1])
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
        asyncio.run(_run(_Server(config, closing), listener, beside))
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """Stops at the first signal as soon as its answers are out, at the second one at once."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:  # site code may hold the loop for ever
            os._exit(INTERRUPTED)
        super().handle_exit(sig, frame)
        # What is cut off from now on is no error.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        if self._closing is not None:
            asyncio.get_running_loop().call_soon_threadsafe(self._closing)


async def _run(
    server: uvicorn.Server,
    listener: socket.socket,
    beside: Callable[[], Coroutine[Any, Any, None]] | None,
) -> None:
    task = asyncio.ensure_future(beside() if beside else asyncio.sleep(0))
    task.add_done_callback(lambda done: _stop_failed(server, done))
    try:
        await server.serve(sockets=[listener])
    finally:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _stop_failed(server: uvicorn.Server, task: asyncio.Future[None]) -> None:
    """Stop a server that would go on without what runs beside it."""
    if not task.cancelled() and task.exception() is not None:
        server.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Listen on a port, or on the next one that is free.

    Raises:
        FirstlightError: The address cannot be had, or every port that was tried is in use.
    """
    last = min(port + PORTS - 1, LAST_PORT)
    for candidate in range(port, last + 1):
        try:
            return _listener(host, candidate)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            raise FirstlightError(
                f"Cannot listen on {host}:{candidate}: {error.strerror}.",
                hint="Choose another port with `--port`, or another address with `--host`.",
            ) from error
    raise FirstlightError(
        f"Cannot listen on {host}: the ports from {port} to {last} are in use.",
        hint="Stop what uses them, or choose another with `--port`.",
    )


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":  # elsewhere it would share the port with who has it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own
    return listener


def _announce(name: str, host: str, wanted: int, port: int) -> None:
    """Say where the server listens."""
    console = Console()
    if port != wanted:
        console.print(f"[yellow]Port {wanted} is in use; this one is on {port}.[/]")
    shown = "localhost" if host in ANY_HOST else f"[{host}]" if ":" in host else host
    console.print(
        f"[bold]Firstlight {name}[/] on [cyan]http://{shown}:{port}/[/] (Ctrl+C stops it)",
        soft_wrap=True,
    )
