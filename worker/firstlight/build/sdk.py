"""The `workers` package for runtimes that no longer ship it, written to `python_modules/`."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from firstlight.build.wrangler import EXTERNAL_SDK_DATE

if TYPE_CHECKING:
    from firstlight.build.wrangler import Wrangler

DISTRIBUTION = "workers-runtime-sdk"
FOLDER = "python_modules"


def write_sdk(root: Path, wrangler: Wrangler) -> list[str]:
    """Copy the SDK beside wrangler.toml, if the compatibility date needs it.

    What `pywrangler sync` has put there stays.

    Returns:
        A warning when the SDK is needed but not installed.

    Source:
        https://developers.cloudflare.com/workers/configuration/compatibility-flags/
    """
    if wrangler.compatibility_date < EXTERNAL_SDK_DATE or (root / FOLDER / "workers").exists():
        return []
    try:
        files = importlib.metadata.files(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return [
            f"compatibility_date {wrangler.compatibility_date} needs the `workers` package in "
            f"{FOLDER}/. Run `pip install 'firstlight[cloudflare]'` (Python 3.12 or newer) and "
            f"build again, or set a date before {EXTERNAL_SDK_DATE}."
        ]
    for file in files:
        if ".." in file.parts or file.parts[0].endswith(".dist-info") or file.suffix == ".pyc":
            continue
        target = root / FOLDER / Path(*file.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), target)
    return []
