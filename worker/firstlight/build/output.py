"""Writes `dist/` whole or not at all."""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock

from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

STATE = ".firstlight"
DIST = "dist"
FOLDERS = ("client", "server")


@contextmanager
def build_lock(root: Path) -> Generator[None, None, None]:
    """Hold back a second build of the same site until this one is done.

    Raises:
        FirstlightError: `.firstlight/` cannot be made.
    """
    with _told(STATE):
        (root / STATE).mkdir(exist_ok=True)
    with FileLock(root / STATE / "build.lock"):
        _clear_up(root)
        yield


def _clear_up(root: Path) -> None:
    """Remove what a killed build has left, and put back what it had moved away."""
    for stale in (root / STATE).glob("build-*"):
        for name in FOLDERS:
            backup = stale / f"old-{name}"
            if backup.exists() and not (root / DIST / name).exists():
                backup.rename(root / DIST / name)
        shutil.rmtree(stale, ignore_errors=True)


@contextmanager
def _told(name: str) -> Generator[None, None, None]:
    """Say which of the build's folders the disk refuses, and why."""
    try:
        yield
    except OSError as error:
        raise FirstlightError(f"`{name}/` cannot be written: {error.strerror}.") from error


@contextmanager
def staging(root: Path) -> Generator[Path, None, None]:
    """Give an empty folder beside dist/; what is left in it goes at the end."""
    folder = tempfile.mkdtemp(prefix="build-", dir=root / STATE)
    path = root.__class__(folder)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def write_file(folder: Path, name: str, content: bytes) -> None:
    """Write a file below a folder.

    Raises:
        FirstlightError: The name leads outside the folder, or is none the disk takes.
    """
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise FirstlightError(f"`{name}` leads outside of the output folder.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise FirstlightError(f"`{name}` cannot be written: {error.strerror}.") from error


def swap_in(staged: Path, root: Path) -> bool:
    """Put the staged client/ and server/ in place of those of dist/.

    Returns:
        Whether anything changed: the same output leaves the files and their times alone.

    Raises:
        FirstlightError: The disk refuses; dist/ is as it was.
    """
    with _told(DIST):
        (root / DIST).mkdir(exist_ok=True)
        changed = [name for name in FOLDERS if not _same_tree(staged / name, root / DIST / name)]
        for name in changed:
            _exchange(staged / name, root / DIST / name, staged / f"old-{name}")
    return bool(changed)


def _exchange(new: Path, old: Path, backup: Path) -> None:
    if old.exists():
        old.rename(backup)
    try:
        if new.exists():
            new.rename(old)
    except OSError:
        if backup.exists():
            backup.rename(old)
        raise


def _same_tree(first: Path, second: Path) -> bool:
    if first.exists() != second.exists():
        return False
    names = _files(first)
    if names != _files(second):
        return False
    return all(filecmp.cmp(first / name, second / name, shallow=False) for name in names)


def _files(folder: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(parent, name), folder)  # noqa: PTH118 - many files
        for parent, _, names in os.walk(folder)
        for name in names
    }
