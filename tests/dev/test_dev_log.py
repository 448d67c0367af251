"""What the development servers print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from firstlight.dev.log import DevLog
from firstlight.errors import FirstlightError, Location
from firstlight.server.asgi import Answered

if TYPE_CHECKING:
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]

REQUEST = Answered("GET", "/a%20b/?x=[1]", 200, 0.0123, "on demand")
TIME = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)


def test_request_is_one_plain_line_where_nobody_looks(tmp_path: Path, capsys: Capture) -> None:
    log = DevLog(tmp_path)
    log.answered(REQUEST)
    log.answered(REQUEST._replace(path="/" + "x" * 2000, served="", method="DELETE", status=404))
    log.answered(REQUEST._replace(path="/_firstlight/events?since=1"))
    assert TIME.sub("", capsys.readouterr().out).splitlines() == [
        "200 GET /a%20b/?x=[1] on demand 12 ms",
        f"404 DELETE /{'x' * 2000} 12 ms",
    ]


def test_request_is_coloured_on_a_terminal(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    DevLog(tmp_path).answered(REQUEST)
    assert "\x1b[32m200\x1b[0m" in capsys.readouterr().out


def test_changed_files_are_named_or_counted(tmp_path: Path, capsys: Capture) -> None:
    log = DevLog(tmp_path)
    log.changed({"b", "a"})
    log.changed({"a", "b", "c", "d", "e"})
    assert TIME.sub("", capsys.readouterr().out).splitlines() == [
        "changed a, b",
        "changed a, b, c and 2 more",
    ]


def test_error_is_told_once_until_something_changes(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.html").write_text("[1]\n")
    log = DevLog(tmp_path, quiet=True)
    error = FirstlightError("Wrong.", hint="Mend it.", location=Location("a.html", 1))
    log.error(error)
    log.error(error)
    shown = "a.html:1: Wrong.\n  > 1 | [1]\n  Hint: Mend it.\n"
    assert capsys.readouterr().err == shown
    log.changed({"a.html"})
    log.error(error)
    assert capsys.readouterr() == ("", shown)


def test_quiet_log_tells_of_no_request(tmp_path: Path, capsys: Capture) -> None:
    log = DevLog(tmp_path, quiet=True)
    log.answered(REQUEST)
    log.note("Something.")
    assert capsys.readouterr() == ("", "Something.\n")
