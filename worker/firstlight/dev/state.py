"""The site's local data in `.firstlight/state`: filled from SQL, begun anew, held in use."""

from __future__ import annotations

import difflib
import re
import shutil
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from firstlight.build.output import STATE
from firstlight.build.source_file import read_text
from firstlight.build.wrangler import load_wrangler
from firstlight.dev.host_bindings import fill_database, split_statements
from firstlight.errors import FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

DATA = Path(STATE, "state")
COMMENTS = re.compile(r"(?:\s|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
LOCK = "server-{}.lock"  # in .firstlight/, one for each server that runs


def has_data(root: Path) -> bool:
    """Tell whether there is anything to begin anew."""
    return (root / DATA).exists()


def reset(root: Path) -> None:
    """Delete the local data: databases, namespaces and buckets.

    Raises:
        FirstlightError: A server uses it.
    """
    for path in (root / STATE).glob(LOCK.format("*")):
        lock = FileLock(path)
        if not _take(lock):
            raise FirstlightError(
                f"Another server uses the data in `{DATA.as_posix()}/`.",
                hint="Stop it, then reset.",
            )
        lock.release()
    shutil.rmtree(root / DATA, ignore_errors=True)


@contextmanager
def data_in_use(root: Path) -> Generator[None, None, None]:
    """Keep others from deleting the local data; any number of servers may share it."""
    (root / STATE).mkdir(exist_ok=True)
    lock = next(filter(_take, (FileLock(root / STATE / LOCK.format(n)) for n in count())))
    try:
        yield
    finally:
        lock.release()


def _take(lock: FileLock) -> bool:
    """Take a lock; tell whether that could be done."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def seed(root: Path, text: str) -> str:
    """Run a file of SQL on a local D1 database; all of it happens, or nothing.

    Args:
        root: The site's root.
        text: `FILE.sql`, or `DB=FILE.sql` where the site has several databases.

    Returns:
        What was done, in a sentence.

    Raises:
        FirstlightError: The file cannot be read, a statement fails, or the database is not told.
    """
    named, is_named, rest = text.partition("=")
    name, file = (named, rest) if is_named else (None, text)
    binding = _database(root, name, file)
    lines = [1]
    statements = list(_statements(read_text(root / file, file)))

    def taken() -> Iterator[str]:
        for statement, line in statements:
            lines.append(line)
            yield statement

    try:
        fill_database(binding, taken())
    except ValueError as error:
        raise FirstlightError(
            f"This statement fails on `{binding}`: {error}.",
            hint="Mend it; nothing of the file was run. `--reset` begins with empty databases.",
            location=Location(file, lines[-1]),
        ) from error
    return f"Ran {len(statements)} statement{'s'[: len(statements) != 1]} of {file} on {binding}."


def _database(root: Path, name: str | None, file: str) -> str:
    wrangler = load_wrangler(root)
    declared = sorted(wrangler.migrations)
    if not declared:
        raise FirstlightError(
            f"There is no D1 database to run {file} on.",
            hint=f"Declare one in {wrangler.file or 'wrangler.toml'}.",
        )
    if name is None and len(declared) == 1:
        return declared[0]
    if name in declared:
        return name
    listed = ", ".join(f"`{each}`" for each in declared)
    if name is None:
        raise FirstlightError(
            f"There are several D1 databases: {listed}.",
            hint=f"Name one, as in `--seed {declared[0]}={file}`.",
        )
    near = difflib.get_close_matches(name, declared, 1)
    raise FirstlightError(
        f"There is no D1 database `{name}`; {wrangler.file} declares {listed}.",
        hint=f"Did you mean `{near[0]}`?" if near else "Name one that is declared.",
    )


def _statements(script: str) -> Iterator[tuple[str, int]]:
    """Yield each statement with the 1-based line on which it begins."""
    position = 0
    for statement in split_statements(script):
        position = script.index(statement, position)
        comments = COMMENTS.match(statement)
        begin = position + (comments.end() if comments else 0)
        yield statement, script.count("\n", 0, begin) + 1
        position += len(statement)
