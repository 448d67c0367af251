"""Carries out the instructions of a Dockerfile in folders of this machine, as no user but ours.

Each stage is a folder that stands for the image's `/`, with a fresh environment in place of its
Python. What needs root (`useradd`, `chown`) does nothing; `USER`, `EXPOSE` are only remembered.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

ROOTS_ONLY = ("useradd", "chown")
ABSOLUTE = re.compile(r"(?<![\w./:-])/(?=\w)")  # a path of the image


@dataclass
class Image:
    """A stage.

    Attributes:
        root: The folder that stands for `/`.
        told: The last of each instruction that only says something, such as `USER`.
    """

    root: Path
    workdir: Path
    environment: dict[str, str]
    told: dict[str, str] = field(default_factory=dict[str, str])

    def path(self, name: str) -> Path:
        """Find what the Dockerfile names, absolute or below its `WORKDIR`."""
        return self.root / name.lstrip("/") if name.startswith("/") else self.workdir / name

    def words(self, instruction: str) -> list[str]:
        """Read the command of `CMD` or `HEALTHCHECK`, in either of its forms."""
        text = self.told[instruction].rpartition("CMD ")[2]
        return json.loads(text) if text.startswith("[") else shlex.split(text)


class Builder:
    """Builds the stages of a Dockerfile.

    Args:
        context: What `COPY` copies from, with its `.dockerignore`.
        scratch: An empty folder.
        wheel: Installed where the Dockerfile says `firstlight`.
    """

    def __init__(self, context: Path, scratch: Path, wheel: Path) -> None:
        self._context = context
        self._scratch = scratch
        self._wheel = wheel
        self._stages: dict[str, Image] = {}

    def build(self, text: str) -> Image:
        """Carry out the instructions in order; return the last stage."""
        for line in text.replace("\\\n", " ").splitlines():
            name, _, rest = line.strip().partition(" ")
            if name == "FROM":
                self._from(rest)
            elif name in ("WORKDIR", "RUN", "COPY", "ENV"):
                getattr(self, f"_{name.lower()}")(self._image, rest.strip())
            elif name and not name.startswith("#"):
                assert name in ("USER", "VOLUME", "EXPOSE", "CMD", "HEALTHCHECK"), name
                self._image.told[name] = rest.strip()
                # Docker would make the folder as root's.
                assert name != "VOLUME" or self._image.path(rest).is_dir(), line
        return self._image

    def _from(self, rest: str) -> None:
        base, _, name = rest.partition(" AS ")
        assert base.startswith("python:"), base
        root = self._scratch / (name or "last")
        subprocess.run([sys.executable, "-m", "venv", str(root / "venv")], check=True)
        for command in ROOTS_ONLY:
            (root / "venv/bin" / command).write_text("#!/bin/sh\n")
            (root / "venv/bin" / command).chmod(0o755)
        path = f"{root / 'venv/bin'}{os.pathsep}{os.environ['PATH']}"
        outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self._image = self._stages[name] = Image(root, root, outside | {"PATH": path})

    def _workdir(self, image: Image, rest: str) -> None:
        image.workdir = image.path(rest)
        image.workdir.mkdir(parents=True, exist_ok=True)

    def _env(self, image: Image, rest: str) -> None:
        pairs = (word.partition("=") for word in shlex.split(rest))
        image.environment |= {
            key: str(image.path(value)) if value.startswith("/") else value
            for key, _, value in pairs
        }

    def _run(self, image: Image, rest: str) -> None:
        for command in rest.split(" && "):
            text = ABSOLUTE.sub(lambda _: f"{image.root}/", command)
            if command.startswith("pip install"):
                here = rf"'firstlight\1 @ {self._wheel.as_uri()}'"
                text = re.sub(r"'?\bfirstlight\b(\[[\w,]+\])?'?", here, command)
            done = subprocess.run(  # noqa: S602 - the guide's own words
                text,
                shell=True,
                cwd=image.workdir,
                env=image.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def _copy(self, image: Image, rest: str) -> None:
        *options, source, target = rest.split()
        if options:
            (option,) = options
            stage = self._stages[option.removeprefix("--from=")]
            shutil.copytree(stage.path(source), image.path(target), dirs_exist_ok=True)
        elif (self._context / source).is_dir():
            ignore = self._ignored
            shutil.copytree(
                self._context / source, image.path(target), ignore=ignore, dirs_exist_ok=True
            )
        else:
            shutil.copy(self._context / source, image.path(target))

    def _ignored(self, folder: str, names: list[str]) -> list[str]:
        """Read `.dockerignore`: a pattern is of the whole path, `**/` of any folder.

        Source:
            https://docs.docker.com/build/concepts/context/#dockerignore-files
        """
        patterns = (self._context / ".dockerignore").read_text().split()
        above = Path(folder).relative_to(self._context).as_posix()
        paths = {name: f"{above}/{name}".removeprefix("./") for name in names}
        return [
            name
            for name, path in paths.items()
            if any(
                fnmatchcase(name if p.startswith("**/") else path, p.removeprefix("**/"))
                for p in patterns
            )
        ]
