"""What the development servers tell in the terminal: requests, changes, errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from firstlight.build.report import print_error

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from firstlight.server.asgi import Answered

# Where nobody looks, in a pipe or a file, no line is broken to fit a window.
PLAIN_WIDTH = 1000
# Of the hundreds of a status: https://www.rfc-editor.org/rfc/rfc9110#section-15
STATUS_STYLES = {2: "green", 3: "cyan", 4: "yellow", 5: "bold red"}
NAMED = 3  # changed files that are named, the others are counted
INTERNAL = "/_firstlight/"


class DevLog:
    """Writes to the terminal, in colour where that is one.

    Args:
        root: The site's root, for code frames.
        quiet: Whether to tell of errors only.
    """

    def __init__(self, root: Path, *, quiet: bool = False) -> None:
        self._root = root
        self._quiet = quiet
        self._console = _console()
        self._errors = _console(stderr=True)
        self._told: set[str] = set()

    def answered(self, request: Answered) -> None:
        """Tell of a request; those of the page's own reloading are none."""
        if self._quiet or request.path.startswith(INTERNAL):
            return
        style = STATUS_STYLES.get(request.status // 100, "")
        line = _line(
            (str(request.status), style),
            (f"{request.method:<4}", "bold"),
            (request.path, ""),
            (f"{request.served} " if request.served else "", "dim"),
            (f"{request.seconds * 1000:.0f} ms", "dim"),
        )
        self._console.print(line, soft_wrap=True)

    def changed(self, files: Iterable[str]) -> None:
        """Tell which files changed; what was told of errors may be told again."""
        self._told.clear()
        names = sorted(files)
        if self._quiet:
            return
        listed = ", ".join(names[:NAMED])
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        self._console.print(_line(("changed", "magenta"), (listed + more, "")), soft_wrap=True)

    def note(self, text: str) -> None:
        """Tell what the author should know."""
        self._errors.print(Text(text, "yellow"), soft_wrap=True)

    def error(self, error: Exception) -> None:
        """Tell of an error of the site, once until the next change."""
        if str(error) not in self._told:
            self._told.add(str(error))
            print_error(self._errors, error, self._root)


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def _line(*parts: tuple[str, str]) -> Text:
    now = Text(time.strftime("%H:%M:%S"), "dim")
    return Text(" ").join([now, *(Text(text.strip(), style) for text, style in parts if text)])
