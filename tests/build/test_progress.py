"""The bar of long work: on a terminal only, and gone at the end."""

from __future__ import annotations

import io

import pytest

from firstlight.build import progress
from firstlight.build.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *, is_shown: bool = True) -> str:
    """Return what work of two stages writes to stderr."""
    monkeypatch.setattr("sys.stderr", stream)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    with progress_bar(is_shown=is_shown) as update:
        update("scan", 0, 1)
        for done in range(3):
            update("prerender", done, 1200)
    return stream.getvalue()


def test_terminal_shows_the_stage_and_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setenv("TERM", "xterm")
    told = shown(monkeypatch, Terminal())
    assert "prerender" in told
    assert "2/1,200" in told
    assert told.endswith("\x1b[1A\x1b[2K")  # the line of the bar is empty again


def test_short_work_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 60)
    monkeypatch.setenv("TERM", "xterm")
    assert "prerender" not in shown(monkeypatch, Terminal())


@pytest.mark.parametrize(
    ("stream", "term", "is_shown"),
    [(io.StringIO(), "xterm", True), (Terminal(), "dumb", True), (Terminal(), "xterm", False)],
)
def test_nothing_is_written_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, term: str, *, is_shown: bool
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setenv("TERM", term)
    assert shown(monkeypatch, stream, is_shown=is_shown) == ""
