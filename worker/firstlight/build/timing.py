"""Where time goes: `firstlight build --profile`, and `Server-Timing` in development."""

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


class Stopwatch:
    """Keeps time by stage: what passes until the next one begins is a stage's own.

    Args:
        stage: The one that begins at once.

    Attributes:
        seconds: Stage to seconds, in the order in which they began.
    """

    def __init__(self, stage: str) -> None:
        self.seconds: dict[str, float] = {stage: 0.0}
        self._stage = stage
        self._since = time.perf_counter()

    def begin(self, stage: str) -> None:
        """End the current stage and begin another, or go on with an earlier one."""
        now = time.perf_counter()
        self.seconds[self._stage] += now - self._since
        self.seconds.setdefault(stage, 0.0)
        self._stage, self._since = stage, now


class Profile:
    """A build's progress that keeps time."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._watch = Stopwatch(START)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note of a step and pass it on."""
        self._watch.begin(stage)
        self._progress(stage, done, total)

    def report(self, result: BuildResult) -> RenderableType:
        """Tell how long each stage took, and which paths took longest to render."""
        self._watch.begin(START)
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for stage, seconds in self._watch.seconds.items():
            table.add_row(Text(stage, "bold"), _milliseconds(seconds))
        slowest = sorted(result.render_seconds.items(), key=lambda item: item[1], reverse=True)
        for path, seconds in slowest[:SLOWEST]:
            table.add_row(Text(f"  {path}", "dim"), _milliseconds(seconds))
        return Group(Text("Where the time went:"), table)


def _milliseconds(seconds: float) -> Text:
    return Text(f"{seconds * 1000:,.0f} ms", justify="right")
