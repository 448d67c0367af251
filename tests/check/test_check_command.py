"""`firstlight check` on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from check_site import BASE, page
from click.testing import CliRunner

from firstlight.cli import main

if TYPE_CHECKING:
    from check_site import WriteSite

CLEAN = {"pages/_layouts/base.html": BASE, "pages/index.html": page("Hi")}
WARNS = {**CLEAN, "pages/index.html": page('<img src="/">')}
FAILS = {**WARNS, "pages/about.html": page('<a href="/nope">x</a>')}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"FORCE_COLOR": None}).invoke(main, ["check", *arguments])
    return result.exit_code, result.output


def test_clean_site(write_site: WriteSite) -> None:
    root = write_site(CLEAN)
    assert run() == (0, "Nothing to mend in 1 page and 0 links.\n")
    assert run("--strict")[0] == 0
    assert not (root / "dist").exists()


def test_findings_tell_where_what_and_what_to_do(write_site: WriteSite) -> None:
    write_site(FAILS)
    assert run() == (
        1,
        "error: pages/about.html:2 (route /about): `/nope` leads nowhere: no page, file or route "
        "answers `/nope`.\n  Hint: Mend the link, or make the page.\n\n"
        'warning: pages/index.html:2 (route /): `<img src="/">` has no `alt`.\n'
        '  Hint: Describe it: `alt="…"`; or `alt=""` when it only decorates.\n\n'
        "1 error, 1 warning in 2 pages and 2 links.\n",
    )


def test_a_site_that_does_not_build_says_what_is_left_to_check(write_site: WriteSite) -> None:
    write_site({**FAILS, "pages/broken.html": page("{{ nope }}")})
    told = run()[1]
    assert told.endswith("More may show once the site builds.\n")


@pytest.mark.parametrize(
    ("files", "arguments", "code"),
    [
        (WARNS, [], 0),
        (WARNS, ["--strict"], 1),
        (WARNS, ["--json"], 0),
        (WARNS, ["--json", "--strict"], 1),
        (FAILS, ["--quiet"], 1),
        (FAILS, ["--json"], 1),
    ],
)
def test_exit_code(
    write_site: WriteSite, files: dict[str, str], arguments: list[str], code: int
) -> None:
    write_site(files)
    assert run(*arguments)[0] == code


def test_quiet_tells_errors_only(write_site: WriteSite) -> None:
    write_site(FAILS)
    told = run("--quiet")[1]
    assert "error: pages/about.html:2" in told
    assert "warning" not in told


def test_json_is_for_machines(write_site: WriteSite) -> None:
    write_site(FAILS)
    told = json.loads(run("--json")[1])
    assert (told["ok"], told["errors"], told["warnings"]) == (False, 1, 1)
    assert told["findings"][0] == {
        "check": "dead-link",
        "severity": "error",
        "file": "pages/about.html",
        "line": 2,
        "routes": ["/about"],
        "message": "`/nope` leads nowhere: no page, file or route answers `/nope`.",
        "hint": "Mend the link, or make the page.",
        "built_line": None,
    }


def test_outside_of_a_site(write_site: WriteSite) -> None:
    write_site({"README.md": ""})
    assert run()[1].startswith("error: This folder has no `pages/`.\n  Hint: Run the command in a")


def test_build_errors_are_findings(write_site: WriteSite) -> None:
    write_site({"pages/a.html": "---\nx = 1 / 0\n---\n"})
    code, told = run()
    assert code == 1
    assert "error: pages/a.html:2 (route /a): ZeroDivisionError: division by zero\n" in told
