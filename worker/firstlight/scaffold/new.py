"""Writes a new site from a template."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from firstlight.build.output import write_file
from firstlight.build.type_stub import write_types
from firstlight.errors import FirstlightError
from firstlight.scaffold import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = "shared"
# Under their own names they would mean something to the repository that holds the templates.
DOTFILES = {"gitignore": ".gitignore", "dev.vars": ".dev.vars"}
PASSED_OVER = ("__pycache__",)
ALLOWED = (".git",)  # in a folder that counts as empty
DEFAULT_NAME = "my-site"
DEFAULT_TEMPLATE = "minimal"
# https://developers.cloudflare.com/workers/configuration/routing/workers-dev/#limitations
LONGEST_NAME = 63


class NewSite(NamedTuple):
    """What was written.

    Attributes:
        files: How many files.
        has_git: Whether `git init` made a repository.
    """

    files: int
    has_git: bool


def worker_name(text: str) -> str:
    """Turn any text into a valid name of a Worker: `Café No. 1` into `cafe-no-1`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    return "-".join(words)[:LONGEST_NAME].rstrip("-") or DEFAULT_NAME


class Answers(NamedTuple):
    """What a new site is to be; see `create_site`."""

    name: str
    template: str
    git: bool


def ask(root: Path, template: str | None, *, is_interactive: bool) -> Answers:
    """Ask what was not said, or take the defaults where nobody can answer."""
    name, git = worker_name(root.resolve().name), can_init_git(root)
    if not is_interactive:
        return Answers(name, template or DEFAULT_TEMPLATE, git)
    name = worker_name(click.prompt("Name", default=name))
    if template is None:
        for each, what in TEMPLATES.items():
            click.echo(f"  {each:10}{what}")
        choice = click.Choice([*TEMPLATES])
        template = click.prompt("Template", type=choice, default=DEFAULT_TEMPLATE)
    git = git and click.confirm("Make a git repository?", default=True)
    return Answers(name, template or DEFAULT_TEMPLATE, git)


def next_steps(root: Path) -> str:
    """Return the commands that come next."""
    return (
        f"  cd {shlex.quote(str(root))}\n"
        "  firstlight dev            # http://localhost:4321\n"
        "  pip install -e '.[test]'  # pytest and pyright\n"
        "  pytest\n"
        "  firstlight deploy"
    )


def check_is_free(root: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        FirstlightError: It is no folder, or not empty.
    """
    if root.exists() and not root.is_dir():
        raise FirstlightError(f"`{root}` is a file.", hint="Choose another name.")
    found = sorted(p.name for p in root.iterdir() if p.name not in ALLOWED) if root.exists() else []
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise FirstlightError(
            f"`{root}` is not empty: it holds `{found[0]}`{more}.",
            hint="Choose a folder that is not there yet, or an empty one.",
        )


def create_site(root: Path, template: str, name: str, *, git: bool = False) -> NewSite:
    """Write a site that builds, tests and deploys.

    Args:
        root: A folder that is empty or not there.
        template: A key of `TEMPLATES`.
        name: Of the Worker, as `worker_name` makes it.
        git: Whether to make a repository.

    Raises:
        FirstlightError: The folder is not empty, or cannot be written.
    """
    check_is_free(root)
    title = name.replace("-", " ").capitalize()
    files = dict([*_files(SHARED), *_files(template)])
    for target, source in files.items():
        text = source.read_text("utf-8").replace("@@name@@", name).replace("@@title@@", title)
        write_file(root, target, text.encode())
    write_types(root)
    return NewSite(len(files), git and _init_git(root))


def can_init_git(root: Path) -> bool:
    """Tell whether git is there, and no repository that the folder belongs to."""
    above = (root.absolute(), *root.absolute().parents)
    return shutil.which("git") is not None and not any((each / ".git").exists() for each in above)


def _files(template: str) -> Iterator[tuple[str, Path]]:
    folder = Path(__file__).parent / template
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not set(path.parts) & set(PASSED_OVER):
            yield DOTFILES.get(name, name), path


def _init_git(root: Path) -> bool:
    done = subprocess.run(
        ["git", "init", "--quiet"],  # noqa: S607 - the user's own git
        cwd=root,
        check=False,
        capture_output=True,
    )
    return done.returncode == 0
