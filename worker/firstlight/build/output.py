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


@contextmanager
def build_lock(root: Path) -> Generator[None, None, None]:
    """Hold back a second build of the same site until this one is done."""
    (root / STATE).mkdir(exist_ok=True)
    with FileLock(root / STATE / "build.lock"):
        yield


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
    """
    dist = root / DIST
    dist.mkdir(exist_ok=True)
    changed = False
    for name in ("client", "server"):
        new, old = staged / name, dist / name
        if _same_tree(new, old):
            continue
        changed = True
        if old.exists():
            old.rename(staged / f"old-{name}")
        if new.exists():
            new.rename(old)
    return changed


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
