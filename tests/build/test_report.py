"""What the build tells, on a terminal, in a log and to machines."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from firstlight.build.config import load_config
from firstlight.build.pipeline import BuildResult, build
from firstlight.build.report import (
    FREE_LIMIT,
    Packages,
    build_report,
    counted,
    kilobytes,
    routes_report,
    share,
)
from firstlight.build.scan import scan
from firstlight.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rich.console import RenderableType

    WriteSite = Callable[[Mapping[str, str]], Path]

HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
PATHS = (
    "---\ndef get_static_paths():\n    return [{'params': {'n': str(n)}} for n in range(%d)]\n---\n"
)
SITE = {
    "pyproject.toml": HYBRID,
    "pages/index.html": "Hello",
    "pages/404.html": "No",
    "pages/about.html": "A" * 2048,
    "pages/docs/api/kv.md": "---\nlayout: _l.html\n---\n",
    "pages/_l.html": "K",
    "pages/post/[n].html": PATHS % 6 + "{{ ctx.params.n }}",
    "pages/api/hello.py": "def GET(ctx): return ''\n",
    "pages/logo.svg": "<svg/>",
}


def printed(report: RenderableType, *, is_terminal: bool = True, width: int = 80) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=width, no_color=True)
    console.print(report, highlight=False)
    text = out.getvalue().replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
    return [line.rstrip() for line in text.splitlines()]


def sent(body: bytes) -> int:
    """Count what is sent of a page; it depends on the version of zlib."""
    return len(gzip.compress(body, mtime=0))


def built(root: Path) -> BuildResult:
    result = build(root)
    result.sizes = {"firstlight": 40_000, "pages": 500}
    result.seconds = 1.234
    return result


def test_report_on_a_terminal_is_a_tree(write_site: WriteSite) -> None:
    report = build_report(built(write_site(SITE)))
    assert printed(report) == [
        "                           size  gzip",
        "●  /                        5 B  25 B",
        f"●  ├─ about              2.0 KB  {sent(b'A' * 2048)} B",
        "ƒ  ├─ api/hello                        an endpoint under pages/api/",
        "●  ├─ docs/api/kv           1 B  21 B",
        "●  ├─ post/[n]              6 B",
        "   │  ├─ /post/0            1 B  21 B",
        "   │  ├─ /post/1            1 B  21 B",
        "   │  ├─ /post/2            1 B  21 B",
        "   │  └─ … 3 more paths     3 B",
        "●  └─ 404                   2 B  22 B",
        "",
        "●  static     10 pages 2.0 KB, 1 file 6 B",
        "ƒ  on demand  1 route",
        "   Worker     39.6 KB gzipped, 1 % of the free plan's 3 MB (paid: 10 MB)",
        "              firstlight 39.1 KB, pages 500 B",
        "",
        "Built dist/ in 1.23 s",
    ]
    assert max(map(len, printed(report))) <= 80


def test_report_in_a_log_has_whole_paths_and_no_signs(write_site: WriteSite) -> None:
    report = build_report(built(write_site(SITE)), is_plain=True)
    lines = printed(report, is_terminal=False)
    assert lines == [
        '/404          static           2 B     22 B  output = "hybrid"',
        f'/about        static           2.0 KB  {sent(b"A" * 2048)} B  output = "hybrid"',
        "/api/hello    on demand                      an endpoint under pages/api/",
        '/docs/api/kv  static           1 B     21 B  output = "hybrid"',
        '/post/[n]     static, 6 paths  6 B           output = "hybrid"',
        '/             static           5 B     25 B  output = "hybrid"',
        "",
        "static     10 pages 2.0 KB, 1 file 6 B",
        "on demand  1 route",
        "Worker     39.6 KB gzipped, 1 % of the free plan's 3 MB (paid: 10 MB)",
        "           firstlight 39.1 KB, pages 500 B",
        "",
        "Built dist/ in 1.23 s",
    ]
    assert all(line.isascii() for line in lines)


def test_many_static_pages_are_folded_and_on_demand_ones_never(write_site: WriteSite) -> None:
    pages = {f"pages/s{n:02}.html": "x" for n in range(20)}
    demand = {f"pages/z{n:02}.html": "---\nprerender = False\n---\n" for n in range(12)}
    lines = printed(build_report(built(write_site({"pyproject.toml": HYBRID, **pages, **demand}))))
    assert sum(line.startswith("●  ├─ s") for line in lines) == 8
    assert [line.split() for line in lines if "more" in line] == [
        ["├─", "…", "12", "more", "static", "12", "B"]
    ]
    assert sum(line.startswith("ƒ") and "─ z" in line for line in lines) == 12


def test_folding_one_line_would_save_nothing(write_site: WriteSite) -> None:
    site = {f"pages/s{n}.html": "x" for n in range(9)} | {"pages/[n].html": PATHS % 4}
    lines = printed(build_report(built(write_site(site))))
    assert not any("more" in line for line in lines)


def test_warnings_and_the_free_plan(write_site: WriteSite) -> None:
    result = built(write_site(SITE))
    result.sizes = {"pages": FREE_LIMIT + 1}
    result.warnings, result.changed = ["Something looks wrong."], False
    assert printed(build_report(result))[-4:] == [
        "Warning: Something looks wrong.",
        "Warning: The Worker is over the limit of the free plan, 3 MB gzipped.",
        "",
        "Built dist/ in 1.23 s, nothing changed",
    ]


def test_routes_on_a_terminal_and_in_a_log(write_site: WriteSite) -> None:
    root = write_site({**SITE, "pyproject.toml": HYBRID})
    site = scan(root, load_config(root))
    assert printed(routes_report(site, is_plain=False), width=200)[2:5] == [
        "ƒ  /api/hello    pages/api/hello.py    an endpoint under pages/api/",
        '●  /docs/api/kv  pages/docs/api/kv.md  output = "hybrid"',
        '●  /post/[n]     pages/post/[n].html   output = "hybrid"',
    ]
    assert printed(routes_report(site, is_plain=True), width=200)[2] == (
        "/api/hello    on demand  pages/api/hello.py    an endpoint under pages/api/"
    )


def test_packages_are_not_broken_apart() -> None:
    packages = Packages({"firstlight": 40_000, "pages": 500, "entry.py": 400})
    assert printed(packages, width=31) == ["firstlight 39.1 KB,", "pages 500 B, entry.py 400 B"]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (3 * 1024**2, "3.0 MB")]
)
def test_sizes_are_written_as_people_read_them(size: int, text: str) -> None:
    assert kilobytes(size) == text


def test_numbers_are_written_as_people_read_them() -> None:
    assert [counted(n, "page") for n in (0, 1, 1200)] == ["0 pages", "1 page", "1,200 pages"]
    assert [share(n, 1000) for n in (0, 9, 10, 999)] == ["0 %", "under 1 %", "1 %", "100 %"]


def run(*arguments: str, code: int = 0, environment: dict[str, str] | None = None) -> str:
    colours = {"FORCE_COLOR": None, "NO_COLOR": None, **(environment or {})}
    result = CliRunner(env=colours).invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_build_as_json(write_site: WriteSite) -> None:
    write_site(SITE)
    told: dict[str, Any] = json.loads(run("build", "--json"))
    about = next(page for page in told["pages"] if page["path"] == "/about")
    assert about["file"] == "about/index.html"
    assert (about["route"], about["bytes"], about["gzip"]) == ("/about", 2048, sent(b"A" * 2048))
    assert next(route for route in told["routes"] if route["route"] == "/api/hello") == {
        "route": "/api/hello",
        "file": "pages/api/hello.py",
        "kind": "endpoint",
        "mode": "on demand",
        "why": "an endpoint under pages/api/",
        "handlers": ["GET"],
    }
    assert told["ok"] is told["changed"] is True
    assert told["assets"] == {"files": 1, "bytes": 6}
    assert told["worker"]["gzip"] == sum(told["worker"]["packages"].values()) > 0
    assert told["warnings"] == []


@pytest.mark.parametrize("command", ["build", "routes"])
def test_errors_as_json(write_site: WriteSite, command: str) -> None:
    write_site({"pages/a.html": "---\nprerender = 1\n---\n"})
    told = json.loads(run(command, "--json", code=1))
    (error,) = told["errors"]
    assert told["ok"] is False
    assert (error["file"], error["line"], error["route"]) == ("pages/a.html", 2, None)
    assert error["message"].startswith("`prerender` is `1`")
    assert error["hint"].startswith("Write `prerender = True`")


def test_site_code_errors_as_json(write_site: WriteSite) -> None:
    write_site({"pages/a.html": "---\nx = 1 / 0\n---\n"})
    (error,) = json.loads(run("build", "--json", code=1))["errors"]
    assert (error["file"], error["line"], error["route"]) == ("pages/a.html", 2, "/a")
    assert error["message"] == "ZeroDivisionError: division by zero"


def test_quiet_build_tells_warnings_only(write_site: WriteSite) -> None:
    toml = '[assets]\nhtml_handling = "none"\n'
    root = write_site(SITE)
    assert run("build", "--quiet") == ""
    (root / "wrangler.toml").write_text(toml)
    assert run("build", "--quiet").startswith("Warning: wrangler.toml serves pages by")


@pytest.mark.parametrize(
    ("environment", "is_coloured", "is_tree"),
    [
        ({}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, True),
    ],
)
def test_colours_follow_the_environment(
    write_site: WriteSite, environment: dict[str, str], *, is_coloured: bool, is_tree: bool
) -> None:
    write_site({"pages/index.html": "Hi", "pages/about.html": "Hi"})
    text = run("build", environment=environment)
    assert ("\x1b[32m" in text) == is_coloured
    assert ("└─ about" in text) == is_tree
