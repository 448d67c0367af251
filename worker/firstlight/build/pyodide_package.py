"""Pyodide from npm: the files that run it, and a snapshot of its memory that starts it fast."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstlight.errors import AdapterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.build.adapter import File

PACKAGE = "pyodide"
VERSION = "0.28.3"  # Python 3.13
FILES = (
    "package.json",
    "pyodide-lock.json",
    "pyodide.asm.js",
    "pyodide.asm.wasm",
    "pyodide.mjs",
    "python_stdlib.zip",
)
SCRIPT = Path(__file__).with_name("pyodide_snapshot.mjs")
INSTALL = f"Run `npm install --save-exact {PACKAGE}@{VERSION}`."


def find_pyodide(root: Path) -> Path:
    """Return the folder of the installed package, where Node would find it.

    Args:
        root: The site's root; folders above it are looked at, too.

    Raises:
        AdapterError: It is not installed, or in another version.
    """
    root = root.resolve()
    for folder in (root, *root.parents):
        package = folder / "node_modules" / PACKAGE
        if (package / "package.json").is_file():
            return _checked(package)
    raise AdapterError(
        f"What runs on demand needs `{PACKAGE}` {VERSION} from npm, which is not installed.",
        hint=INSTALL,
    )


def pyodide_files(package: Path) -> Iterator[File]:
    """Yield the files that Node needs, `snapshot.bin` among them when there is a Node to make it.

    Raises:
        AdapterError: A file cannot be read, or the snapshot not be made.
    """
    try:
        for name in FILES:
            yield name, (package / name).read_bytes()
        if has_snapshot(package):
            yield "snapshot.bin", _made(package, _snapshot(package)).read_bytes()
    except OSError as error:
        raise AdapterError(
            f"`{error.filename}` cannot be used: {error.strerror}.", hint=INSTALL
        ) from error


def has_snapshot(package: Path) -> bool:
    """Tell whether there is a snapshot, or a Node to make it."""
    return _snapshot(package).exists() or shutil.which("node") is not None


def _checked(package: Path) -> Path:
    about: dict[str, Any] = json.loads((package / "package.json").read_text("utf-8"))
    if about["version"] != VERSION:
        raise AdapterError(
            f"What runs on demand needs `{PACKAGE}` {VERSION} from npm; {about['version']} is "
            "installed.",
            hint=INSTALL,
        )
    return package


def _snapshot(package: Path) -> Path:
    # The place where tools of Node keep such things, and hosts keep it between builds.
    return package.parent / ".cache" / "firstlight" / f"{PACKAGE}-{VERSION}.snapshot"


def _made(package: Path, file: Path) -> Path:
    """Make the snapshot unless it is there; whole or not at all, as builds may overlap."""
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        fresh = Path(folder) / "snapshot"
        done = subprocess.run(  # noqa: S603 - the one on PATH
            ["node", SCRIPT, package, fresh],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AdapterError(
                f"Node could not make a snapshot of Pyodide:\n{done.stderr.strip()}",
                hint="Install Node 18 or newer.",
            )
        os.replace(fresh, file)  # noqa: PTH105 - one step
    return file
