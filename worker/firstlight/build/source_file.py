"""The site's own files: which there are, and what they hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from firstlight.errors import FirstlightError, Location

if TYPE_CHECKING:
    from pathlib import Path

PAGES = "pages"


def find_files(root: Path) -> tuple[list[str], list[str]]:
    """Find every file below pages/, links to files and folders of the site followed.

    Returns:
        POSIX paths below pages/, sorted, and those of links that lead nowhere, out of the
        site or in a circle, `pages/` included.
    """
    pages = root / PAGES
    places = (root.resolve(), pages.resolve())
    found: list[str] = []
    left_out: list[str] = []
    for folder, folders, files in os.walk(pages, followlinks=True):
        parent = pages.__class__(folder)
        closed = [name for name in folders if not _may_follow(parent / name, places)]
        folders[:] = [name for name in folders if name not in ("__pycache__", *closed)]
        for name in (*files, *closed):
            path = parent / name
            relative = path.relative_to(pages).as_posix()
            if path.is_file() and _is_inside(path, places):
                found.append(relative)
            elif path.is_symlink():
                left_out.append(f"{PAGES}/{relative}")
    return sorted(found), sorted(left_out)


def _may_follow(folder: Path, places: tuple[Path, ...]) -> bool:
    """Tell whether a folder is a real one, or a link into the site that is no circle."""
    if not folder.is_symlink():
        return True
    above = (parent.resolve() for parent in folder.parents)
    return _is_inside(folder, places) and folder.resolve() not in above


def _is_inside(path: Path, places: tuple[Path, ...]) -> bool:
    target = path.resolve()
    return any(target.is_relative_to(place) for place in places)


def read_text(path: Path, file: str) -> str:
    """Read a source file as UTF-8, without a byte order mark.

    Raises:
        FirstlightError: It is not UTF-8, or cannot be read.
    """
    try:
        text = read_bytes(path, file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FirstlightError(
            f"The file is not UTF-8 (byte {error.start}).",
            hint="Save it as UTF-8.",
            location=Location(file),
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_bytes(path: Path, file: str) -> bytes:
    """Read a file.

    Raises:
        FirstlightError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise FirstlightError(
            f"The file cannot be read: {error.strerror}.", location=Location(file)
        ) from error
