"""`firstlight build --profile`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from click.testing import CliRunner

from firstlight.build.timing import Stopwatch
from firstlight.cli import main

if TYPE_CHECKING:
    import pytest
    from conftest import WriteSite


def test_time_belongs_to_the_stage_that_began_last(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 3.0, 3.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    watch = Stopwatch("load")

    watch.begin("scan")
    watch.begin("load")
    watch.begin("write")

    assert watch.seconds == {"load": 1.5, "scan": 2.0, "write": 0.0}


def test_a_build_tells_its_stages_and_slowest_paths(write_site: WriteSite) -> None:
    slow = "---\nimport time\ntime.sleep(0.05)\n---\nx"
    config = '[tool.firstlight]\nadapter = "cloudflare"\n'
    write_site({"pyproject.toml": config, "pages/index.html": "x", "pages/slow.html": slow})

    output = CliRunner().invoke(main, ["build", "--profile"]).output

    told = output.partition("Where the time went:")[2]
    names = re.findall(r"(\S+) +[\d,]+ ms", told)
    stages = ["load", "scan", "compile", "prerender", "bundle", "write"]
    assert names == [*stages, "/slow", "/"]
    (slowest,) = re.findall(r"/slow +(\d+) ms", told)
    assert int(slowest) >= 50
    assert "Where the time went" not in CliRunner().invoke(main, ["build"]).output
