"""`firstlight add`: what choosing an adapter changes in pyproject.toml and the host's own file."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, replace
from importlib.metadata import entry_points, metadata
from typing import TYPE_CHECKING, Any

from rich.text import Text

from firstlight.advice import did_you_mean
from firstlight.build.adapter import BUILT_IN, GROUP, adapter_names, load_adapter
from firstlight.build.config import FILE, load_config
from firstlight.build.output import DIST
from firstlight.build.platform_files import worker_redirects
from firstlight.build.pyodide_package import PACKAGE, VERSION
from firstlight.build.replacing import Change
from firstlight.build.requirements_edit import add_requirement
from firstlight.build.scan import scan
from firstlight.build.settings_edit import add_settings, replace_setting
from firstlight.build.source_file import read_bytes, read_text
from firstlight.build.worker_handlers import worker_handlers
from firstlight.build.wrangler import ASSETS, FILES, HTML_HANDLING
from firstlight.errors import AdapterError
from firstlight.scaffold.new import worker_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from firstlight.build.scan import Site

DISTRIBUTION = "firstlight"
COMPATIBILITY_DATE = "2026-04-20"  # runs on wrangler 3.92 and on today's
BUILD = "firstlight build"
CLIENT = f"{DIST}/client"
PYTHON = "3.13"  # where Netlify builds
HOST_FILES = {"cloudflare": FILES, "vercel": ("vercel.json",), "netlify": ("netlify.toml",)}
COLOURS = {"+": "green", "-": "red", "@": "cyan"}
STARTS = {
    "cloudflare": "Next: `firstlight dev`, then `firstlight deploy`.",
    "asgi": "Next: `firstlight build`, then "
    "`uvicorn --app-dir dist/server app:app --no-proxy-headers`.",
    "vercel": "Next: `firstlight build`, then `vercel deploy --prebuilt`.",
    "netlify": "Next: push to a branch that Netlify builds, or `netlify deploy --build`.",
}


@dataclass(slots=True)
class HostFile:
    """The host's own configuration.

    Attributes:
        name: Relative to the site's root.
        settings: What it should say.
        needed: Settings that may have no other value, by dotted path, to the reason.
    """

    name: str
    settings: dict[str, Any]
    needed: Mapping[str, str]


@dataclass(slots=True)
class Addition:
    """What `firstlight add` does.

    Attributes:
        changes: The files that change; none when all is there.
        notes: What is left as it was or left to do, a sentence each.
        replaced: The adapter that the site had; None when it had none, or this one.
    """

    changes: list[Change]
    notes: list[str]
    replaced: str | None = None

    @property
    def question(self) -> str:
        """What the user is asked."""
        if self.replaced:
            return f"Replace the adapter `{self.replaced}`, and write this?"
        return "Write this?"


def plan_addition(root: Path, name: str) -> Addition:
    """Find out what choosing an adapter changes; writes nothing.

    A site without pyproject.toml gets one that says nothing else. Another adapter is replaced;
    its host's own file and its options stay.

    Args:
        root: The site's root.
        name: The adapter's.

    Raises:
        AdapterError: There is no such adapter, or its package cannot be imported.
        ConfigError: A file does not parse, or says something that contradicts the adapter.
        FirstlightError: A file cannot be read, or the folder holds no site.

    Source:
        https://docs.astro.build/en/reference/cli-reference/#astro-add
    """
    if name not in (known := adapter_names()):
        raise AdapterError(
            f"`{name}` is no adapter.",
            hint=did_you_mean(name, known)
            or f"Use one of {', '.join(known)}, or install the package of another.",
        )
    load_adapter(name)
    again = f"firstlight add {name}"
    config = load_config(root)
    replaced = config.adapter if config.adapter != name else None
    site = scan(root, replace(config, adapter=name))
    changes = [_pyproject(root, name, replaced, again)]
    for host in _host_files(site, name):
        text = _text(root, host.name)
        changes.append(
            _change(
                root, host.name, add_settings(host.name, text, host.settings, host.needed, again)
            )
        )
    changes = [change for change in changes if change.before != change.after]
    return Addition(changes, [*_left(root, replaced), *_notes(name)], replaced)


def diff(changes: list[Change]) -> Text:
    """Show changes as a coloured unified diff."""
    text = Text()
    for change in changes:
        before = (change.before or b"").decode().splitlines()
        after = change.after.decode().splitlines()
        old = change.file if change.before is not None else "nothing"
        for line in difflib.unified_diff(before, after, old, change.file, lineterm=""):
            is_head = line.startswith(("--- ", "+++ "))
            text.append(f"{line}\n", "bold" if is_head else COLOURS.get(line[:1], ""))
    return text


def _left(root: Path, replaced: str | None) -> list[str]:
    files = [file for file in HOST_FILES.get(replaced or "", ()) if (root / file).exists()]
    return [f"`{file}`, which `{replaced}` used, is left as it is." for file in files]


def _notes(name: str) -> list[str]:
    requirement = _requirement(name)
    notes = [f"Install `{requirement}` where the site is built."] if requirement else []
    return [*notes, *filter(None, [STARTS.get(name)])]


def _text(root: Path, file: str) -> str:
    """Read a file with its own line ends; empty when it is not there."""
    path = root / file
    if not path.exists():
        return ""
    read_text(path, file)  # tells what is not UTF-8
    return read_bytes(path, file).decode("utf-8")


def _change(root: Path, file: str, text: str) -> Change:
    before = read_bytes(root / file, file) if (root / file).exists() else None
    return Change(file, before, text.encode())


def _pyproject(root: Path, name: str, replaced: str | None, again: str) -> Change:
    text = _text(root, FILE)
    if replaced:
        text = replace_setting(FILE, text, ("tool", "firstlight", "adapter"), name, again)
    else:
        wanted = {"tool": {"firstlight": {"adapter": name}}}
        text = add_settings(FILE, text, wanted, {}, again)
    if requirement := _requirement(name):
        text = add_requirement(FILE, text, requirement, again)
    return _change(root, FILE, text)


def _requirement(name: str) -> str | None:
    """Return what a site installs for an adapter: our extra, or the package it comes from."""
    if name in BUILT_IN:
        extras = metadata(DISTRIBUTION).get_all("Provides-Extra") or []
        return f"{DISTRIBUTION}[{name}]" if name in extras else None
    (point, *_) = entry_points(group=GROUP, name=name)
    return point.dist.name if point.dist else None


def _host_files(site: Site, name: str) -> list[HostFile]:
    if name == "cloudflare":
        return [_wrangler_file(site)]
    if name == "vercel":
        settings = {"framework": None, "buildCommand": BUILD}
        return [HostFile(HOST_FILES["vercel"][0], settings, {})]
    return _netlify_files(site) if name == "netlify" else []


def _netlify_files(site: Site) -> list[HostFile]:
    """Choose Netlify's settings; it installs Python and the packages of package.json.

    Source:
        https://docs.netlify.com/build/configure-builds/file-based-configuration/
        https://docs.netlify.com/build/configure-builds/manage-dependencies/
    """
    build = {
        "command": f"pip install {DISTRIBUTION} && {BUILD}",
        "publish": CLIENT,
        "environment": {"PYTHON_VERSION": PYTHON},
    }
    files = [HostFile("netlify.toml", {"build": build}, {"build.publish": "the build writes"})]
    if site.config.output != "static" or site.on_demand or worker_redirects(site):
        settings: dict[str, Any] = {"dependencies": {PACKAGE: VERSION}}
        if not (site.root / "package.json").exists():
            settings = {"private": True, **settings}
        needed = {f"dependencies.{PACKAGE}": "the function runs on"}
        files.append(HostFile("package.json", settings, needed))
    return files


def _wrangler_file(site: Site) -> HostFile:
    """Choose wrangler's settings; a site of files names no Worker, and needs none.

    Source:
        https://developers.cloudflare.com/workers/wrangler/configuration/
    """
    root, config = site.root, site.config
    file = next((name for name in FILES if (root / name).exists()), FILES[-1])
    assets: dict[str, Any] = {"directory": CLIENT}
    settings: dict[str, Any] = {"name": worker_name(_project_name(root))}
    needed = {"assets.directory": "the build writes"}
    if _needs_worker(site):
        settings["main"] = f"{DIST}/server/entry.py"
        assets["binding"] = ASSETS
        needed |= {"main": "the build writes", "assets.binding": "the Worker looks for"}
    settings["compatibility_date"] = COMPATIBILITY_DATE
    if "main" in settings:
        settings["compatibility_flags"] = ["python_workers"]
    else:
        assets["not_found_handling"] = "404-page"
    if config.trailing_slash != "ignore":
        assets["html_handling"] = HTML_HANDLING[config.trailing_slash]
    settings |= {"build": {"command": BUILD, "watch_dir": ["pages"]}, "assets": assets}
    return HostFile(file, settings, needed)


def _needs_worker(site: Site) -> bool:
    return bool(
        site.config.output != "static"
        or site.on_demand
        or worker_handlers(site)
        or worker_redirects(site)
    )


def _project_name(root: Path) -> str:
    text = read_text(root / FILE, FILE) if (root / FILE).exists() else ""
    project: Any = tomllib.loads(text).get("project")
    name = project.get("name") if isinstance(project, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return str(name or root.resolve().name)  # pyright: ignore[reportUnknownArgumentType]
