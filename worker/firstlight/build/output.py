"""Writes `dist/` whole or not at all."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

STATE = ".firstlight"
DIST = "dist"
FOLDERS = {"client": f"{DIST}/client", "server": f"{DIST}/server"}
# In a build's folder while its folders are exchanged with those of the site: which of them take
# whose place, and which had nothing there.
EXCHANGE = "exchange"


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
    """Remove what a killed build has left, and take back an exchange it had begun."""
    for stale in (root / STATE).glob("build-*"):
        _discard(stale, root)


def _discard(staged: Path, root: Path) -> None:
    with _told(DIST):
        if (staged / EXCHANGE).exists():
            _take_back(staged, root)
    shutil.rmtree(staged, ignore_errors=True)


def _take_back(staged: Path, root: Path) -> None:
    """Make the site's folders what they were before an exchange, from any of its steps."""
    try:
        exchange: dict[str, Any] = json.loads((staged / EXCHANGE).read_text("utf-8"))
    except ValueError:  # it was being written, so nothing has been moved
        return
    fresh = exchange["fresh"]
    for name, folder in exchange["folders"].items():
        backup, current = staged / f"old-{name}", root / folder
        if (backup.exists() or name in fresh) and current.exists():
            current.rename(staged / name)
        if backup.exists():
            current.parent.mkdir(parents=True, exist_ok=True)
            backup.rename(current)


@contextmanager
def _told(name: str) -> Generator[None, None, None]:
    """Say which of the build's folders the disk refuses, and why."""
    try:
        yield
    except OSError as error:
        raise FirstlightError(f"`{name}/` cannot be written: {error.strerror}.") from error


@contextmanager
def staging(root: Path) -> Generator[Path, None, None]:
    """Give an empty folder beside dist/; what is left in it goes at the end.

    Raises:
        FirstlightError: An exchange failed and cannot be taken back; the next build tries again.
    """
    folder = tempfile.mkdtemp(prefix="build-", dir=root / STATE)
    path = root.__class__(folder)
    try:
        yield path
    finally:
        _discard(path, root)


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


def swap_in(staged: Path, root: Path, folders: Mapping[str, str] = FOLDERS) -> bool:
    """Put staged folders in place of the site's.

    Args:
        staged: Where they lie.
        root: The site's root.
        folders: Name of each below `staged` to the one it replaces, relative to the root.

    Returns:
        Whether anything changed: the same output leaves the files and their times alone.

    Raises:
        FirstlightError: The disk refuses; all will be as it was when `staging` ends.
    """
    with _told(DIST):
        changed = {
            name: folder
            for name, folder in folders.items()
            if not _same_tree(staged / name, root / folder)
        }
        fresh = [name for name, folder in changed.items() if not (root / folder).exists()]
        exchange = {"folders": changed, "fresh": fresh}
        (staged / EXCHANGE).write_text(json.dumps(exchange), "utf-8")
    for name, folder in changed.items():
        with _told(folder.partition("/")[0]):
            (root / folder).parent.mkdir(parents=True, exist_ok=True)
            _exchange(staged / name, root / folder, staged / f"old-{name}")
    with _told(DIST):
        (staged / EXCHANGE).unlink()
    return bool(changed)


def _exchange(new: Path, old: Path, backup: Path) -> None:
    if old.exists():
        old.rename(backup)
    if new.exists():
        new.rename(old)


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
