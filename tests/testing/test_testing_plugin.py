"""The plugin as pytest runs it in a site's own tests."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from small_site import write

from firstlight.errors import FirstlightError
from firstlight.testing.wrangler import wrangler_dev

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest_plugins = ["pytester"]

OPTIONS = ("-p", "no:cacheprovider", "-p", "no:anyio", "-p", "no:hypothesispytest")
SITE_TESTS = """\
from __future__ import annotations

import pytest
from bindings.cloudflare import DB

steps = []


@pytest.fixture
async def note(site):
    await DB.run("insert into notes (text) values ('before')")
    yield "before"
    steps.append(await DB.first("select count(*) as n from notes"))


@pytest.fixture
async def answer(site, note):
    return await site.get("/api/notes")


async def test_async_fixtures_share_the_bindings(answer, note):
    assert answer.json()["notes"] == [note]


def test_async_fixture_was_taken_down(site):
    assert steps == [{"n": 1}]


class TestMethods:
    @pytest.mark.parametrize("path", ["/"])
    async def test_method(self, site, path):
        assert (await site.get(path)).status == 200


async def test_failure(site):
    await site.get("/boom")


@pytest.fixture(scope="module")
async def wide():
    return 1


async def test_wide(wide):
    pass
"""


@pytest.fixture
def run_pytest(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run pytest in the small site, with a test file of its own."""

    def run(test_file: str, *, site: bool = True) -> pytest.RunResult:
        if site:
            write(pytester.path)
        pytester.makepyfile(test_file)
        return pytester.runpytest_inprocess(*OPTIONS)

    return run


def test_async_tests_and_fixtures_run_without_another_plugin(
    run_pytest: Callable[..., pytest.RunResult],
) -> None:
    result = run_pytest(SITE_TESTS)
    result.assert_outcomes(passed=3, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "Fixture `wide` is asynchronous, so it cannot have the scope `module`: *",
            ">       return it.nope",
            "pages/boom.html:6: AttributeError",
        ]
    )
    assert "testing/client.py" not in result.stdout.str()


def test_what_another_plugin_runs_is_left_alone(
    run_pytest: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(
        "import pytest\n\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_pyfunc_call(pyfuncitem):\n"
        "    coroutine = pyfuncitem.obj()\n"
        "    coroutine.close()\n"
        "    return True\n"
    )
    run_pytest("async def test_it():\n    raise AssertionError\n").assert_outcomes(passed=1)


def test_what_is_missing_is_told_without_a_traceback(
    run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    result = run_pytest("def test_a(site): ...\ndef test_b(wrangler): ...\n", site=False)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["No folder with pages/ at or above *, or override * `site_root`."])
    assert "Traceback" not in result.stdout.str()


def test_configuration_that_cannot_be_used_is_told_in_one_line(
    run_pytest: Callable[..., pytest.RunResult],
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    write(pytester.path)
    pytester.makepyprojecttoml('[tool.firstlight]\noutptu = "static"\n')
    result = run_pytest("def test_a(site): ...\ndef test_b(wrangler): ...\n", site=False)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["pyproject.toml:2: *`outptu`*", "`npx` is not there, *"])
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("sys.exit('bad SQL')", "The migrations of `DB` failed:\nbad SQL"),
        ("sys.exit('dev' in sys.argv and 'oh no')", "The server did not start:\noh no"),
    ],
)
def test_wrangler_that_fails_is_told_with_its_log(
    tmp_path: Path, program: str, expected: str
) -> None:
    write(tmp_path / "root")
    command = (sys.executable, "-c", f"import sys; {program}")
    with (
        pytest.raises(FirstlightError) as caught,
        wrangler_dev(tmp_path / "root", tmp_path, command),
    ):
        pass
    assert str(caught.value) == expected


def test_wrangler_without_node_cannot_run(tmp_path: Path) -> None:
    with (
        pytest.raises(FirstlightError) as caught,
        wrangler_dev(tmp_path, tmp_path, ["no-such-program"]),
    ):
        pass
    assert str(caught.value) == (
        "`no-such-program` is not there, so wrangler cannot run.\n"
        "  Hint: Install Node.js 18 or newer, or leave these tests out."
    )


def test_copy_for_wrangler_has_nothing_that_tools_make(tmp_path: Path) -> None:
    for name in ("dist/x", ".venv/pyvenv.cfg", "my-env/pyvenv.cfg", "pages/dist.html", "x/y"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with (
        pytest.raises(FirstlightError),
        wrangler_dev(tmp_path / "root", tmp_path, (sys.executable, "-c", "")),
    ):
        pass
    copied = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert sorted(path.name for path in copied) == ["dist.html", "server.log", "y"]


def test_plugin_imports_nothing_of_the_framework() -> None:
    program = "import firstlight.testing.plugin, sys; print('firstlight.app' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.workerd
def test_wrangler_answers_as_the_site_fixture_does(
    run_pytest: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    write(pytester.path)
    for name in ("broken", "late"):
        (pytester.path / f"pages/{name}.html").unlink()
    result = run_pytest(
        """\
        import pytest

        @pytest.fixture(params=["site", "wrangler"])
        def client(request):
            return request.getfixturevalue(request.param)

        async def test_form(client):
            answer = await client.post("/api/notes", form={"text": "ü"}, follow=True)
            assert answer.json() == {"notes": ["ü"], "title": "configured"}
            assert (answer.status, answer.url) == (200, client.origin + "/api/notes")

        async def test_files_and_cookies(client):
            files = {"upload": ("a.txt", b"hello", "text/plain")}
            upload = await client.post("/api/echo", files=files)
            assert upload.json()["file"] == ["a.txt", "text/plain", "hello"]
            assert upload.json()["origin"] == client.origin
            await client.post("/api/cookies")
            assert (await client.get("/api/cookies")).json() == ["ö 1"]

        async def test_cookies_are_fresh(client):
            assert client.cookies == {}
        """,
        site=False,
    )
    result.assert_outcomes(passed=6)
    assert not (pytester.path / "dist").exists()  # what it builds is a copy
