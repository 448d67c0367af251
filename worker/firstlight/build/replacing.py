"""Replaces several of the user's files, all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from firstlight.errors import FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Iterable


class Change(NamedTuple):
    """What becomes of a file.

    Attributes:
        file: Its path relative to the site's root.
        before: What it holds; None when it is not there.
        after: What it is to hold.
    """

    file: str
    before: bytes | None
    after: bytes


def replace_files(root: Path, changes: Iterable[Change]) -> None:
    """Write changed files; after an error or an interruption each is what it was.

    Every file is whole at any time. A process that is killed between two of them leaves the
    first done and the other as it was.

    Args:
        root: The site's root.
        changes: One for each file; links are followed.

    Raises:
        FirstlightError: The disk refuses, or a file is no longer what it was before.
    """
    with ExitStack() as temporary, ExitStack() as undo:
        try:
            staged = [(_stage(root, change, temporary), change) for change in changes]
            for path, change in staged:
                target = _target(root, change)
                undo.callback(_take_back, target, change, temporary)
                path.replace(target)
        except OSError as error:
            raise FirstlightError(
                f"`{error.filename}` cannot be written: {error.strerror}. Nothing is changed."
            ) from error
        undo.pop_all()


def _target(root: Path, change: Change) -> Path:
    return (root / change.file).resolve()


def _stage(root: Path, change: Change, temporary: ExitStack) -> Path:
    target = _target(root, change)
    if (target.read_bytes() if target.exists() else None) != change.before:
        raise FirstlightError(
            "The file has changed in the meantime. Nothing is changed.",
            hint="Run the command again.",
            location=Location(change.file),
        )
    return _write_beside(target, change.after, temporary)


def _write_beside(target: Path, content: bytes, temporary: ExitStack) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    path = Path(name)
    temporary.callback(path.unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if target.exists():
        shutil.copymode(target, path)
    else:
        path.chmod(0o666 & ~_umask())
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _take_back(target: Path, change: Change, temporary: ExitStack) -> None:
    if change.before is None:
        target.unlink(missing_ok=True)
    elif target.read_bytes() != change.before:
        _write_beside(target, change.before, temporary).replace(target)
