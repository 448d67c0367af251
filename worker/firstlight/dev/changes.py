"""What changed since the server started, for open pages to follow."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from typing import TYPE_CHECKING

from watchfiles import Change, DefaultFilter

from firstlight.build.output import DIST
from firstlight.build.source_file import PAGES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

# What tools write beside pages/; a change there is none of the site. Nor is one in a hidden file
# or folder, or in a log, which may well be our own.
IGNORED = (DIST, "python_modules")
HIDDEN_SOURCES = (".dev.vars", ".env")
LOG = ".log"
KEEP_ALIVE = 15  # seconds between comments that keep the connection open
RETRY = 500  # milliseconds until a page asks again for a server that went away


class SourceFilter(DefaultFilter):
    """Passes over what builds write, and folders such as node_modules, below the root only."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._prefix = f"{root}{os.sep}"

    def __call__(self, change: Change, path: str) -> bool:
        """Tell whether a changed path is one of the site's sources."""
        relative = path.removeprefix(self._prefix)
        return not _is_of_tools(relative) and super().__call__(change, relative)


def _is_of_tools(path: str) -> bool:
    top = path.partition(os.sep)[0]
    is_hidden = top.startswith(".") and not top.startswith(HIDDEN_SOURCES)
    return is_hidden or top in IGNORED or path.endswith(LOG)


def changed_files(root: Path, changes: Iterable[tuple[Change, str]]) -> set[str]:
    """Return the changed files relative to the root, with forward slashes.

    What an editor has made and taken away meanwhile is none of them.
    """
    added = {path for change, path in changes if change == Change.added}
    paths = {path for _, path in changes if path not in added or os.path.lexists(path)}
    return {os.path.relpath(path, root).replace(os.sep, "/") for path in paths}


class Changes:
    """Counts changes, and tells open pages of each.

    A page tells which version it shows, so that it gets what it has missed while it was
    loading, hidden or without a connection.
    """

    def __init__(self) -> None:
        self._start = secrets.token_hex(4)
        self._paths: list[set[str]] = []
        self._failures: dict[str, bytes] = {}
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    @property
    def version(self) -> str:
        """Names what the sources are at this moment."""
        return f"{self._start}-{len(self._paths)}"

    def add(self, files: Iterable[str], base: str) -> None:
        """Tell open pages that files changed.

        Args:
            files: Relative to the site's root.
            base: The site's sub-path, `/` for none.
        """
        self._paths.append({_path(file, base) for file in files})
        self._failures.clear()
        self._send(_message("change", self._since(len(self._paths) - 1)))

    def fail(self, page: str, html: str) -> None:
        """Tell a page of an error in what its own code asked for.

        Args:
            page: Its address. One that does not follow changes yet is told when it does.
            html: The errors' own page.
        """
        self._failures[page] = _message("failure", {"page": page, "html": html})
        self._send(self._failures[page])

    def forgive(self, page: str) -> None:
        """Forget the error of a page that is loaded anew."""
        self._failures.pop(page, None)

    def close(self) -> None:
        """End every stream of events."""
        self._send(None)

    def _send(self, message: bytes | None) -> None:
        for listener in self._listeners:
            listener.put_nowait(message)

    async def events(self, version: str) -> AsyncIterator[bytes]:
        """Yield events until `close`, beginning with what a page has missed.

        Args:
            version: What the page shows. One that this server never had reloads it.

        Source:
            https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield f"retry: {RETRY}\n\n".encode()
            if version != self.version:
                yield _message("change", self._missed(version))
            for message in list(self._failures.values()):
                yield message
            while (message := await _next(queue)) is not None:
                yield message
        finally:
            self._listeners.discard(queue)

    def _missed(self, version: str) -> object:
        start, _, count = version.partition("-")
        is_known = start == self._start and count.isdecimal() and int(count) <= len(self._paths)
        return self._since(int(count)) if is_known else {"version": self.version, "paths": None}

    def _since(self, count: int) -> object:
        paths: set[str] = set()
        return {"version": self.version, "paths": sorted(paths.union(*self._paths[count:]))}


def _path(file: str, base: str) -> str:
    """Return the path at which a file would be served as it is; `` for one beside pages/."""
    prefix = f"{PAGES}/"
    return f"{base.rstrip('/')}/{file.removeprefix(prefix)}" if file.startswith(prefix) else ""


def _message(event: str, data: object) -> bytes:
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()


async def _next(queue: asyncio.Queue[bytes | None]) -> bytes | None:
    try:
        return await asyncio.wait_for(queue.get(), KEEP_ALIVE)
    except TimeoutError:
        return b": still here\n\n"
