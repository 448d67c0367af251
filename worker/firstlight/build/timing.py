"""Where a build's time goes: `firstlight build --profile`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from firstlight.build.pipeline import BuildResult, Progress

START = "load"  # imports and locks, before the first stage
SLOWEST = 5  # paths that the report names


class Profile:
    """A build's progress that keeps time: what passes until the next stage is a stage's own.

    Attributes:
        seconds: Stage to seconds, in the order in which they began.
    """

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._stage = START
        self._since = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note of a step and pass it on."""
        self._count()
        self._stage = stage
        self._progress(stage, done, total)

    def report(self, result: BuildResult) -> RenderableType:
        """Tell how long each stage took, and which paths took longest to render."""
        self._count()
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for stage, seconds in self.seconds.items():
            table.add_row(Text(stage, "bold"), _milliseconds(seconds))
        slowest = sorted(result.render_seconds.items(), key=lambda item: item[1], reverse=True)
        for path, seconds in slowest[:SLOWEST]:
            table.add_row(Text(f"  {path}", "dim"), _milliseconds(seconds))
        return Group(Text("Where the time went:"), table)

    def _count(self) -> None:
        now = time.perf_counter()
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
        self._since = now


def _milliseconds(seconds: float) -> Text:
    return Text(f"{seconds * 1000:,.0f} ms", justify="right")
