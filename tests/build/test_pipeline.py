"""One build: all errors of all stages, `dist/` whole or as it was."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from firstlight.build.pipeline import build
from firstlight.build.report import print_error
from firstlight.errors import BuildFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import BuildSite, Failures, WriteSite

HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
LIVE = "---\nprerender = False\n---\n"
HINT = 'Set `adapter = "cloudflare"` in [tool.firstlight] of pyproject.toml'


@pytest.mark.parametrize(
    ("option", "files", "expected"),
    [
        ("", ["a.html"], "pyproject.toml: No adapter is configured, but these run on demand:"),
        ('output = "hybrid"\n', [], 'pyproject.toml:2: `output = "hybrid"` needs an adapter.'),
        (
            'output = "hybrid"\n',
            ["a.html", "api/b.py"],
            'pyproject.toml:2: `output = "hybrid"` needs an adapter, but these run on demand:',
        ),
        (
            'output = "server"\n',
            ["a.html", "b.html"],
            'pyproject.toml:2: `output = "server"` needs an adapter, but these run on demand:',
        ),
    ],
)
def test_build_without_an_adapter_names_the_files_on_demand(
    failures: Failures, option: str, files: list[str], expected: str
) -> None:
    endpoint = "def GET(ctx):\n    return ''\n"
    site = {f"pages/{f}": endpoint if f.endswith(".py") else LIVE for f in files}
    (error,) = failures({"pages/c.txt": "", **site}, f"[tool.firstlight]\n{option}")
    message, _, hint = error.partition("\n  Hint: ")
    named = [line.strip().partition(" ")[0] for line in message.split("\n")[1:]]
    assert message.split("\n")[0] == expected
    assert sorted(named) == [f"pages/{file}" for file in files]
    assert hint == f"{HINT}, or prerender them." if files else f"{HINT}."


def test_build_lists_the_errors_of_every_stage(failures: Failures) -> None:
    texts = failures(
        {
            "pages/syntax.html": "{% if %}",
            "pages/prerender.html": "---\nprerender = 1\n---\n",
            "pages/render.html": "\n{{ 1 / 0 }}",
            "pages/live.html": f"{LIVE[:-4]}import missing_xyz\n---\n",
            "pages/_lib/bad.py": b"\xff",
            "pages/[x].html": "",
        },
        HYBRID,
    )
    assert sorted(text.partition(" ")[0].rstrip(":") for text in texts) == [
        "pages/[x].html",
        "pages/_lib/bad.py",
        "pages/live.html:3",
        "pages/prerender.html:2",
        "pages/render.html:2",
        "pages/syntax.html:1",
    ]


def test_build_tells_a_broken_layout_once(failures: Failures) -> None:
    texts = failures(
        {
            "pages/_layouts/base.html": "{% block %}",
            "pages/_layouts/doc.html": "{% extends '_layouts/base.html' %}",
            "pages/a.html": "{% extends '_layouts/base.html' %}",
            "pages/b.md": "---\nlayout: _layouts/doc.html\n---\n",
            "pages/c.html": "{{ nope }}",
        }
    )
    assert [text.partition(": ")[0] for text in texts] == [
        "pages/_layouts/base.html:1",
        "pages/c.html:1 (route /c)",
    ]


def test_failed_build_leaves_the_last_good_output(build_site: BuildSite) -> None:
    root = build_site({"pages/a.html": "good", "pages/b.html": LIVE}, HYBRID)
    before = contents(root / "dist")
    for text in ("{{ nope }}", "{% if %}", "---\nx = (\n---\n", "---\nprerender = 1\n---\n"):
        (root / "pages/a.html").write_text(text)
        with pytest.raises(BuildFailedError):
            build(root)
    (root / "pyproject.toml").write_text("[tool.firstlight]\noutptu = 1\n")
    with pytest.raises(BuildFailedError):
        build(root)
    assert contents(root / "dist") == before
    assert [path.name for path in (root / ".firstlight").iterdir()] == ["build.lock"]


def test_builds_at_the_same_time_wait_for_each_other(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": HYBRID, "pages/a.html": "a", "pages/b.html": LIVE})
    lock = threading.Lock()
    running: list[int] = []

    def progress(stage: str, done: int, total: int) -> None:
        del done, total
        if stage == "compile":
            assert lock.acquire(blocking=False)
        if stage == "write":
            lock.release()
            running.append(1)

    threads = [threading.Thread(target=build, args=(root, progress)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running == [1, 1, 1]
    assert (root / "dist/client/a/index.html").read_text() == "a"


KILLED = """
import os, sys
from pathlib import Path
from firstlight.build.pipeline import build

rename = Path.rename

def kill_before(path, target):
    if len(steps := [*steps_done, 1]) > int(sys.argv[1]):
        os._exit(9)
    steps_done[:] = steps
    return rename(path, target)

steps_done = []
Path.rename = kill_before
build(Path.cwd())
"""


@pytest.mark.parametrize("steps", range(4))
def test_build_puts_back_what_a_killed_one_had_exchanged(build_site: BuildSite, steps: int) -> None:
    root = build_site({"pages/a.html": "good", "pages/b.html": f"{LIVE}good"}, HYBRID)
    before = contents(root / "dist")
    (root / "pages/a.html").write_text("new")
    (root / "pages/b.html").write_text(f"{LIVE}new")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(steps)], cwd=root, check=False)
    assert killed.returncode == 9
    (root / "pages/a.html").write_text("{{ nope }}")
    with pytest.raises(BuildFailedError):
        build(root)
    assert contents(root / "dist") == before
    assert [path.name for path in (root / ".firstlight").glob("build-*")] == []


def test_killed_first_build_leaves_nothing(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": HYBRID, "pages/a.html": "a", "pages/b.html": LIVE})
    killed = subprocess.run([sys.executable, "-c", KILLED, "1"], cwd=root, check=False)
    assert killed.returncode == 9
    (root / "pages/a.html").write_text("{{ nope }}")
    with pytest.raises(BuildFailedError):
        build(root)
    assert contents(root / "dist") == {}


@pytest.mark.parametrize(
    ("name", "problem"), [("dist", "File exists"), (".firstlight", "File exists")]
)
def test_build_without_room_for_its_folders_says_so(
    failures: Failures, name: str, problem: str
) -> None:
    files = {"pages/a.html": "", name: "a file"}
    assert failures(files) == [f"`{name}/` cannot be written: {problem}."]


@pytest.mark.parametrize("name", ["client", "server"])
def test_swap_that_fails_leaves_the_last_good_output(
    build_site: BuildSite, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = build_site({"pages/a.html": "good", "pages/b.html": f"{LIVE}good"}, HYBRID)
    before = contents(root / "dist")
    rename = type(root).rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == name and path.parent.name.startswith("build-"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(type(root), "rename", refuse)
    (root / "pages/a.html").write_text("new")
    (root / "pages/b.html").write_text(f"{LIVE}new")
    with pytest.raises(BuildFailedError) as caught:
        build(root)
    assert str(caught.value.errors[0]) == "`dist/` cannot be written: No space left on device."
    assert contents(root / "dist") == before
    assert [path.name for path in (root / ".firstlight").glob("build-*")] == []


def test_exchange_that_cannot_be_taken_back_waits_for_the_next_build(
    build_site: BuildSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build_site({"pages/a.html": "good"})
    before = contents(root / "dist")
    rename = type(root).rename

    def refuse(path: Path, target: Path) -> Path:
        if path.parent.name.startswith("build-"):
            raise OSError(30, "Read-only file system")
        return rename(path, target)

    (root / "pages/a.html").write_text("new")
    monkeypatch.setattr(type(root), "rename", refuse)
    with pytest.raises(BuildFailedError) as caught:
        build(root)
    monkeypatch.undo()
    assert str(caught.value.errors[0]) == "`dist/` cannot be written: Read-only file system."
    (root / "pages/a.html").write_text("{{ nope }}")
    with pytest.raises(BuildFailedError):
        build(root)
    assert contents(root / "dist") == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_build_warns_of_pages_that_a_redirect_hides(write_site: WriteSite) -> None:
    config = f'{HYBRID}[tool.firstlight.redirects]\n"/b/[x]" = "/y"\n"/c/[...x]" = "/y"\n'
    root = write_site(
        {"pyproject.toml": config, "pages/b/one.html": "", "pages/b/two.html": LIVE,
         "pages/y.html": "", "pages/c/index.html": "", "pages/b/three/index.md": "",
         "pages/b/[z]/deep.html": LIVE}
    )  # fmt: skip
    assert build(root).warnings == [
        "The redirect `/b/[x]` answers URLs of pages/b/one.html, pages/b/three/index.md, "
        "pages/b/two.html in their place.",
        "The redirect `/c/[...x]` answers URLs of pages/c/index.html in their place.",
    ]


@pytest.mark.parametrize(
    ("name", "warnings"),
    [
        ("ASSETS", []),
        (
            "STATIC",
            [
                "wrangler.toml calls the assets `STATIC`, where the Worker looks for no "
                "prerendered 404 page and no target of a rewrite. "
                'Write `binding = "ASSETS"` under [assets].'
            ],
        ),
    ],
)
def test_build_warns_of_assets_under_another_name(
    write_site: WriteSite, name: str, warnings: list[str]
) -> None:
    toml = f'[assets]\ndirectory = "dist/client"\nbinding = "{name}"\n'
    root = write_site({"pyproject.toml": HYBRID, "wrangler.toml": toml, "pages/a.html": "a"})
    assert build(root).warnings == warnings


def test_report_sums_up_frames_that_repeat(write_site: WriteSite) -> None:
    page = "---\ndef f():\n    return f()\n\nf()\n---\n"
    root = write_site({"pages/a.html": page})
    with pytest.raises(BuildFailedError) as caught:
        build(root)
    out = io.StringIO()
    print_error(Console(file=out, width=200), caught.value.errors[0], root)
    called = [line for line in out.getvalue().split("\n") if "called from" in line]
    assert called[0] == "  called from pages/a.html:5 in _frontmatter"
    assert called[1].startswith("  called from pages/a.html:3 in f (")
    assert called[1].endswith(" times)")
    assert len(called) == 2
