"""What the build tells the person who ran it."""

from __future__ import annotations

import linecache
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from firstlight.build.prerender import SiteCodeError
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

    from firstlight.build.pipeline import BuildResult
    from firstlight.build.scan import Site

FREE_LIMIT = (
    3 * 1024 * 1024
)  # bytes gzipped, https://developers.cloudflare.com/workers/platform/limits/
PAID_LIMIT = 10 * 1024 * 1024
STATIC, ON_DEMAND = "●", "ƒ"
FRAME_LINES = 2  # before and after the line itself


def routes_table(site: Site, paths: dict[str, int] | None = None) -> RenderableType:
    """List every route with how it is served and why."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for route in site.routes:
        mark = STATIC if route.is_prerendered else ON_DEMAND
        count = (paths or {}).get(route.file, 0)
        what = "static" if route.is_prerendered else "on demand"
        if count > 1:
            what += f", {count} paths"
        style = "green" if route.is_prerendered else "cyan"
        table.add_row(
            Text(mark, style),
            Text(route.pattern, "bold"),
            Text(what),
            Text(route.why, "dim"),
            Text(route.file, "dim"),
        )
    return table


def build_report(result: BuildResult) -> RenderableType:
    """Sum up a build: routes, sizes against the platform's limits, warnings, time."""
    parts: list[RenderableType] = [routes_table(result.site, result.paths), Text("")]
    if result.sizes:
        parts += [_sizes(result.sizes), Text("")]
    parts += [Text(f"Warning: {warning}", "yellow") for warning in result.warnings]
    pages, assets = sum(result.paths.values()), len(result.site.assets)
    on_demand = len(result.site.on_demand)
    parts.append(
        Text.assemble(
            ("Built ", "bold green"),
            f"{pages} prerendered {STATIC}, {on_demand} on demand {ON_DEMAND}, {assets} assets ",
            (f"in {result.seconds:.2f} s", "dim"),
            "" if result.changed else " (nothing changed)",
        )
    )
    return Group(*parts)


def _sizes(sizes: dict[str, int]) -> RenderableType:
    total = sum(sizes.values())
    text = Text("Worker, gzipped: ", "bold")
    text.append(f"{_kilobytes(total)}")
    text.append(
        f" of {FREE_LIMIT // 1024 // 1024} MB free, {PAID_LIMIT // 1024 // 1024} MB paid\n",
        "dim",
    )
    text.append(
        "  " + ", ".join(f"{name} {_kilobytes(size)}" for name, size in sizes.items()),
        "dim",
    )
    if total > FREE_LIMIT:
        text.append("\nThis is over the limit of the free plan.", "bold yellow")
    return text


def _kilobytes(size: int) -> str:
    return f"{size / 1024:.1f} KB"


def print_error(console: Console, error: Exception, root: Path) -> None:
    """Print one error: where, what and why, hint, and a code frame for site code."""
    if not isinstance(error, FirstlightError):
        console.print(Text(f"{type(error).__name__}: {error}", "red"))
        return
    where = f"{error.location}: " if error.location and str(error.location) else ""
    console.print(Text.assemble((where, "bold"), (error.message, "red")), soft_wrap=True)
    frame = code_frame(error, root)
    if frame:
        console.print(Text(frame, "dim"), soft_wrap=True)
    if error.hint:
        console.print(Text(f"  Hint: {error.hint}", "cyan"), soft_wrap=True)
    if isinstance(error, SiteCodeError):
        for step, repeated in groupby(error.frames[:-1]):
            times = len(list(repeated))
            told = f"  called from {step.file}:{step.line} in {step.function}"
            console.print(Text(told + (f" ({times} times)" if times > 1 else ""), "dim"))


def code_frame(error: FirstlightError, root: Path) -> str:
    """Quote the lines around an error's place; empty when the place is not known."""
    location = error.location
    if location is None or location.file is None or not location.line:
        return ""
    path = str(root / location.file)
    linecache.checkcache(path)
    first, last = max(1, location.line - FRAME_LINES), location.line + FRAME_LINES
    lines = [(n, linecache.getline(path, n).rstrip("\n")) for n in range(first, last + 1)]
    while lines and lines[-1][0] > location.line and not lines[-1][1].strip():
        lines.pop()
    width = len(str(last))
    return "\n".join(
        f"  {'>' if n == location.line else ' '} {n:>{width}} | {text}"
        for n, text in lines
        if text or n <= location.line
    )
