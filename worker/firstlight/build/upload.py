"""What a deployment uploads, held against the platform's limits."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any, NamedTuple

from firstlight.build.output import DIST
from firstlight.build.report import FREE_LIMIT, PAID_LIMIT, counted, kilobytes
from firstlight.build.sdk import FOLDER
from firstlight.errors import FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# https://developers.cloudflare.com/workers/platform/limits/#static-assets
FREE_FILES = 20_000
PAID_FILES = 100_000
FILE_LIMIT = 25 * 1024 * 1024  # bytes
NOT_UPLOADED = ("_headers", "_redirects", ".assetsignore")  # wrangler reads them itself


class Upload(NamedTuple):
    """What is uploaded.

    Attributes:
        packages: Gzipped bytes of the Worker by package; empty without a Worker.
        files: How many static assets there are.
        size: Their bytes.
        largest: Path below dist/client/ and bytes of the largest; an empty path without any.
    """

    packages: Mapping[str, int]
    files: int
    size: int
    largest: tuple[str, int]

    @property
    def worker(self) -> int:
        """The Worker's gzipped bytes."""
        return sum(self.packages.values())

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it; sizes are bytes."""
        return {
            "worker": {"gzip": self.worker, "packages": dict(self.packages)},
            "assets": {"files": self.files, "bytes": self.size, "largest": self.largest[0]},
        }


def upload_of(root: Path, packages: Mapping[str, int]) -> Upload:
    """Look at what was built.

    Args:
        root: The site's root, built.
        packages: Gzipped bytes of the Worker's own packages, by name.
    """
    sizes: dict[str, int] = {}
    client = root / DIST / "client"
    for path in client.rglob("*"):
        if path.is_file() and path.name not in NOT_UPLOADED:
            sizes[path.relative_to(client).as_posix()] = path.stat().st_size
    largest = max(sizes.items(), key=lambda item: item[1], default=("", 0))
    modules = _modules(root) if packages else {}
    return Upload({**packages, **modules}, len(sizes), sum(sizes.values()), largest)


def upload_errors(upload: Upload) -> list[Exception]:
    """List the limits that no plan lets pass."""
    errors: list[Exception] = []
    if upload.worker > PAID_LIMIT:
        errors.append(
            FirstlightError(
                f"The Worker is {kilobytes(upload.worker)} gzipped; the limit is 10 MB.",
                hint="Import less in what runs on demand: the largest package is "
                f"`{max(upload.packages, key=lambda name: upload.packages[name])}`.",
            )
        )
    name, size = upload.largest
    if size > FILE_LIMIT:
        errors.append(
            FirstlightError(
                f"The file is {kilobytes(size)}; an asset has at most 25 MB.",
                hint="Put it into R2, and serve it with `R2.respond()`.",
                location=Location(f"{DIST}/client/{name}"),
            )
        )
    if upload.files > PAID_FILES:
        errors.append(
            FirstlightError(f"There are {upload.files:,} assets; the limit is {PAID_FILES:,}.")
        )
    return errors


def upload_warnings(upload: Upload) -> list[str]:
    """List the limits of the free plan that it does not keep."""
    warnings: list[str] = []
    if upload.worker > FREE_LIMIT:
        warnings.append("The Worker is over the limit of the free plan, 3 MB gzipped.")
    if upload.files > FREE_FILES:
        warnings.append(
            f"{counted(upload.files, 'asset')} are more than the free plan's {FREE_FILES:,}."
        )
    return warnings


def _modules(root: Path) -> dict[str, int]:
    """Add up python_modules/, which wrangler uploads beside the Worker."""
    files = [path for path in (root / FOLDER).rglob("*") if path.is_file()]
    size = sum(len(gzip.compress(path.read_bytes())) for path in files if path.suffix != ".pyc")
    return {f"{FOLDER}/": size} if size else {}
