"""`firstlight new`: sites that build, pass their own tests and type checks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from firstlight.check.checking import check_site
from firstlight.cli import main
from firstlight.errors import FirstlightError
from firstlight.scaffold import TEMPLATES
from firstlight.scaffold.new import create_site, worker_name
from firstlight.testing.wrangler import Wrangler, environment, wrangler_dev

if TYPE_CHECKING:
    from click.testing import Result

PNG = b"\x89PNG\r\n\x1a\n picture"


@pytest.fixture(autouse=True)
def _in_a_fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(main, ["new", *arguments], input=answers)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Café No. 1", "cafe-no-1"),
        ("--my__site--", "my-site"),
        ("日本", "my-site"),
        ("", "my-site"),
        ("<b>&\"'{{ x }}", "b-x"),
        ("x" * 62 + "-yz", "x" * 62),
    ],
)
def test_name_becomes_one_that_a_worker_can_have(text: str, name: str) -> None:
    assert worker_name(text) == name


def test_new_writes_a_site_and_says_what_comes_next(tmp_path: Path) -> None:
    result = invoke("Our Blog", "--template", "blog", "--yes")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("Wrote `our-blog` (blog): 24 files")
    assert lines[2:4] == [
        "  cd 'Our Blog'",
        "  firstlight dev            # http://localhost:4321",
    ]
    site = tmp_path / "Our Blog"
    assert 'name = "our-blog"' in (site / "wrangler.toml").read_text("utf-8")
    page = (site / "pages/[...page].html").read_text("utf-8")
    assert "<h1>Our blog</h1>" in page
    assert "{{ listed(page.data) }}" in page  # Jinja2's own braces are left alone
    assert (site / ".gitignore").read_text("utf-8").startswith("__pycache__/\n")


def test_new_without_a_terminal_takes_the_defaults(tmp_path: Path) -> None:
    result = invoke("site", answers="no answer\n")
    assert result.output.startswith("Wrote `site` (minimal): ")
    assert (tmp_path / "site/pages/index.html").exists()


def test_new_asks_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firstlight.cli.can_ask", lambda: True)
    (tmp_path / ".git").mkdir()  # so it asks for no repository
    result = invoke("site", answers="My Notes\nnothing\napi\n")
    assert "Name [site]: My Notes\n" in result.output
    assert f"  api       {TEMPLATES['api']}\n" in result.output
    assert "'nothing' is not one of" in result.output
    assert "git" not in result.output
    assert "Wrote `my-notes` (api): " in result.output


def _yes(_: Path) -> bool:
    return True


@pytest.mark.parametrize(("answer", "made"), [("y", True), ("n", False)])
def test_new_makes_a_git_repository_if_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, *, made: bool
) -> None:
    monkeypatch.setattr("firstlight.cli.can_ask", lambda: True)
    monkeypatch.setattr("firstlight.scaffold.new.can_init_git", _yes)
    result = invoke("site", "--template", "minimal", answers=f"\n{answer}\n")
    assert "Make a git repository? [Y/n]" in result.output
    assert (tmp_path / "site/.git").is_dir() is made
    assert ("and a git repository" in result.output) is made


def test_new_leaves_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.txt").write_text("mine", "utf-8")
    (tmp_path / "full/b.txt").touch()
    result = invoke("full", "--yes")
    assert result.exit_code == 1
    assert result.stderr == (
        "`full` is not empty: it holds `a.txt` and 1 more.\n"
        "  Hint: Choose a folder that is not there yet, or an empty one.\n"
    )
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["a.txt", "b.txt"]
    assert invoke("full/a.txt").stderr.startswith("`full/a.txt` is a file.\n")


def test_new_takes_a_folder_that_holds_a_repository_alone(tmp_path: Path) -> None:
    (tmp_path / "site/.git").mkdir(parents=True)
    assert invoke("site", "--yes").exit_code == 0


def test_new_tells_when_it_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(FirstlightError, match="cannot be written: Permission denied"):
        create_site(tmp_path / "site", "minimal", "site")


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_leaves_nothing_to_mend(tmp_path: Path, template: str) -> None:
    root = tmp_path / template
    create_site(root, template, f"a-{template}-site")
    checked = check_site(root)
    assert checked.findings == []
    assert checked.links > 0
    for path in root.rglob("*"):
        text = path.read_bytes().decode() if path.is_file() else ""
        assert "@@" not in text
        if path.suffix == ".html":  # nothing is asked of other sites
            assert "http://" not in text
            assert "https://" not in text


# What follows takes longer than the unit tier may.


@pytest.mark.workerd
@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_passes_its_own_tests(tmp_path: Path, template: str) -> None:
    create_site(tmp_path / "site", template, f"a-{template}-site")
    options = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-W", "error")
    done = run("pytest", *options, site=tmp_path / "site")
    assert done.returncode == 0, done.stdout


@pytest.mark.workerd
@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_is_clean_for_pyright_strict(tmp_path: Path, template: str) -> None:
    create_site(tmp_path / "site", template, f"a-{template}-site")
    done = run("pyright", "--pythonpath", sys.executable, site=tmp_path / "site")
    assert done.stdout == "0 errors, 0 warnings, 0 informations\n"


@pytest.mark.workerd
async def test_fullstack_site_runs_in_the_real_runtime(tmp_path: Path) -> None:
    create_site(tmp_path / "site", "fullstack", "a-fullstack-site")
    with wrangler_dev(tmp_path / "site", tmp_path / "copy") as origin:
        visitor = Wrangler(origin)
        assert "it costs no Python" in (await visitor.get("/")).text
        assert (await visitor.get("/notes")).headers["location"] == "/login"
        signed_in = await visitor.post("/login", form={"password": "sunrise"}, follow=True)
        assert "Nothing here yet." in signed_in.text
        files = {"picture": ("a.png", PNG, "image/png")}
        page = await visitor.post("/notes", form={"text": "<b>"}, files=files, follow=True)
        assert "<p>&lt;b&gt;</p>" in page.text
        found = re.search(r'<img src="([^"]+)"', page.text)
        assert found
        picture = await visitor.get(found[1])
        assert (picture.body, picture.headers["content-type"]) == (PNG, "image/png")
        assert (await visitor.post("/logout")).headers["location"] == "/"
        assert (await visitor.get("/notes")).headers["location"] == "/login"


@pytest.mark.workerd
async def test_api_site_runs_in_the_real_runtime(tmp_path: Path) -> None:
    create_site(tmp_path / "site", "api", "an-api-site")
    with wrangler_dev(tmp_path / "site", tmp_path / "copy") as origin:
        client = Wrangler(origin)
        added = await client.post("/api/todos", json={"text": "milk"})
        assert (added.status, added.headers["location"]) == (201, "/api/todos/1")
        changed = await client.patch("/api/todos/1", json={"done": True})
        assert changed.json() == {**added.json(), "done": True}
        assert (await client.get("/api/todos?done=false")).json() == {"todos": []}
        assert (await client.delete("/api/todos/1")).status == 204
        assert (await client.get("/api/todos/1")).status == 404


@pytest.mark.current
@pytest.mark.parametrize("template", TEMPLATES)
def test_wrangler_of_today_accepts_each_template(tmp_path: Path, template: str) -> None:
    create_site(tmp_path / "site", template, f"a-{template}-site")
    command = ("npx", "--yes", "-p", "node@22", "-p", "wrangler@4", "wrangler", "deploy")
    done = subprocess.run(
        [*command, "--dry-run"],
        cwd=tmp_path / "site",
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--dry-run: exiting now." in done.stdout


def run(module: str, *options: str, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
