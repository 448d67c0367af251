"""`firstlight info`: what a report of a mistake should name, and nothing secret."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from firstlight import __version__
from firstlight.build.config import Config, load_config
from firstlight.build.wrangler import ENVIRONMENT, load_target, load_wrangler

if TYPE_CHECKING:
    from rich.console import RenderableType

PACKAGES = ("jinja2", "markdown-it-py", "uvicorn", "workers-runtime-sdk")
DEFAULTS = Config()
# Lists that may be long are counted.
COUNTED = ("redirects", "adapter_options")


def about(root: Path) -> dict[str, dict[str, Any]]:
    """Collect versions, options, bindings and the environment, by topic.

    Values of variables and ids of resources are left out. Nothing is fetched.

    Raises:
        FirstlightError: The configuration cannot be read.
    """
    return {"versions": versions(root), "options": _options(root), "wrangler": _wrangler(root)}


def about_report(told: dict[str, dict[str, Any]]) -> RenderableType:
    """Tell it in lines."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    for number, (topic, values) in enumerate(told.items()):
        if number:
            table.add_row()
        table.add_row(Text(topic, "bold"))
        for name, value in values.items():
            table.add_row(Text(f"  {name}"), Text(_told(value)))
    return table


def _told(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({kind})" for name, kind in value.items()) or "none"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"  # pyright: ignore[reportUnknownArgumentType]
    return "none" if value is None else str(value)


def versions(root: Path) -> dict[str, str | None]:
    """Return the versions of what takes part; None for what is not installed."""
    return {
        "firstlight": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": f"{platform.system()} {platform.machine()}",
        **{name: _package(name) for name in PACKAGES},
        "node": _node(),
        "wrangler": _installed_wrangler(root),
    }


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _node() -> str | None:
    node = shutil.which("node")
    if node is None:
        return None
    done = subprocess.run(  # noqa: S603 - the one on PATH
        [node, "--version"], capture_output=True, encoding="utf-8", check=False
    )
    return done.stdout.strip().removeprefix("v") or None


def _installed_wrangler(root: Path) -> str | None:
    """Read wrangler's version from its package: running it may ask the network for a newer one."""
    local = root / "node_modules" / ".bin"
    found = shutil.which("wrangler", path=str(local)) or shutil.which("wrangler")
    for folder in Path(found).resolve().parents if found else ():
        package = folder / "package.json"
        if package.is_file():
            told = json.loads(package.read_text("utf-8"))
            return str(told.get("version")) if told.get("name") == "wrangler" else None
    return None


def _options(root: Path) -> dict[str, Any]:
    config = load_config(root)
    values = {name: getattr(config, name) for name in Config.__dataclass_fields__}
    return {
        name: len(value) if name in COUNTED else value
        for name, value in values.items()
        if name in ("output", "adapter") or value != getattr(DEFAULTS, name)
    }


def _wrangler(root: Path) -> dict[str, Any]:
    wrangler, target = load_wrangler(root), load_target(root)
    return {
        "file": wrangler.file,
        "worker": target.worker or None,
        "environment": os.environ.get(ENVIRONMENT) or None,
        "environments": list(target.environments),
        "compatibility_date": wrangler.compatibility_date or None,
        "bindings": wrangler.bindings,
        "variables": list(wrangler.variables),
    }
