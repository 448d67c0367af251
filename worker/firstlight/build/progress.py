"""Shows how far long work has come, on a terminal."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from rich.console import RenderableType
    from rich.progress import Task

PATIENCE = 0.4  # seconds until a bar appears: short work shows none


class _Count(ProgressColumn):
    """Tells how many of how many are done; nothing of a single step."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.completed:,.0f}/{task.total:,.0f}")


class _LateProgress(Progress):
    """Shows nothing of work that is soon done."""

    def __init__(self, console: Console) -> None:
        self._begin = time.monotonic()
        columns = (
            TextColumn("{task.description:>10}"),
            BarColumn(bar_width=32),
            _Count(),
            TimeElapsedColumn(),
        )
        super().__init__(*columns, console=console, transient=True)

    def get_renderables(self) -> Iterable[RenderableType]:
        if time.monotonic() - self._begin >= PATIENCE:
            yield from super().get_renderables()


@contextmanager
def progress_bar(
    *, is_shown: bool = True
) -> Generator[Callable[[str, int, int], None], None, None]:
    """Show one bar for the stage that work is in; it is gone when the work is done.

    Args:
        is_shown: Whether to show it at all. It never is where nobody looks: in a pipe, a log
            or a dumb terminal.
    """
    console = Console(stderr=True)
    if not is_shown or not sys.stderr.isatty() or console.is_dumb_terminal:
        yield lambda _stage, _done, _total: None
        return
    with _LateProgress(console) as bars:
        current = ""

        def update(stage: str, done: int, total: int) -> None:
            nonlocal current
            if stage != current:
                current = stage
                for task in bars.tasks:
                    bars.remove_task(task.id)
                # A single step has no middle: its bar only shows that something happens.
                bars.add_task(stage, total=total if total > 1 else None)
            bars.update(bars.tasks[0].id, completed=done)

        yield update
