"""What the build tells the person who ran it."""

from __future__ import annotations

import gzip
import linecache
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from firstlight.build.prerender import SiteCodeError
from firstlight.build.route_tree import tree_rows
from firstlight.build.source_file import PAGES
from firstlight.errors import BuildFailedError, FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console, ConsoleOptions, RenderableType

    from firstlight.build.adapter import SiteBuild
    from firstlight.build.pipeline import BuildResult
    from firstlight.build.prerender import Rendered
    from firstlight.build.scan import Site, SiteRoute

KILOBYTE = 1024
FREE_LIMIT = (
    3 * 1024 * 1024
)  # bytes gzipped, https://developers.cloudflare.com/workers/platform/limits/
PAID_LIMIT = 10 * 1024 * 1024
STATIC, ON_DEMAND = "●", "ƒ"
FRAME_LINES = 2  # before and after the line itself


def routes_report(site: Site, *, is_plain: bool) -> RenderableType:
    """List every route with how it is served and why; a plain one has words for signs."""
    if is_plain:
        return _columns([(r.pattern, _mode(r), r.file, r.why) for r in site.routes])
    rows = _columns([(r.pattern, r.file, r.why) for r in site.routes]).split("\n")
    lines = (_mark(route) + Text("  ") + row for route, row in zip(site.routes, rows, strict=True))
    legend = Text.assemble((STATIC, "green"), " static   ", (ON_DEMAND, "cyan"), " on demand")
    return Group(*lines, Text(""), legend)


def routes_json(site: Site) -> dict[str, Any]:
    """Return the routes as JSON has them, in the order in which they are tried."""
    return {"ok": not site.errors, "routes": [_route_json(route) for route in site.routes]}


def build_report(result: BuildResult, *, is_plain: bool = False) -> RenderableType:
    """Sum up a build: routes, sizes against the platform's limits, warnings, time.

    Args:
        result: Of the build.
        is_plain: Whether it is read in a log: one line for each route with its whole path,
            words for signs.
    """
    build = result.output.build
    pages: dict[str, list[Rendered]] = {}
    for page in build.rendered:
        pages.setdefault(page.path.route.file, []).append(page)
    routes = _flat(build.site, pages) if is_plain else _tree(build.site, pages)
    parts = [routes, Text(""), _sums(result, is_plain=is_plain), Text("")]
    if sum(result.sizes.values()) > FREE_LIMIT:
        result.warnings.append("The Worker is over the limit of the free plan, 3 MB gzipped.")
    if result.warnings:
        parts += [warnings_report(result.warnings), Text("")]
    changed = "" if result.changed else ", nothing changed"
    parts.append(
        Text.assemble(("Built dist/ ", "bold green"), f"in {result.seconds:.2f} s{changed}")
    )
    return Group(*parts)


def warnings_report(warnings: Sequence[str]) -> RenderableType:
    """Tell what works but looks wrong."""
    return Group(*(Text(f"Warning: {warning}", "yellow") for warning in warnings))


def build_json(result: BuildResult) -> dict[str, Any]:
    """Return a build as JSON has it; sizes are bytes."""
    build = result.output.build
    return {
        "ok": True,
        "seconds": round(result.seconds, 3),
        "changed": result.changed,
        "routes": [_route_json(route) for route in build.site.routes],
        "pages": [
            {
                "path": page.path.path,
                "file": page.path.output,
                "route": page.path.route.pattern,
                "bytes": len(page.body),
                "gzip": _gzipped(page.body),
                "seconds": round(page.seconds, 4),
            }
            for page in build.rendered
            if page.body is not None
        ],
        "assets": {"files": len(build.site.assets), "bytes": asset_bytes(build)},
        "worker": {"gzip": sum(result.sizes.values()), "packages": result.sizes},
        "warnings": result.warnings,
    }


def failure_json(error: FirstlightError) -> dict[str, Any]:
    """Return what went wrong as JSON has it."""
    errors = error.errors if isinstance(error, BuildFailedError) else [error]
    return {"ok": False, "errors": [_error_json(each) for each in errors]}


def asset_bytes(build: SiteBuild) -> int:
    """Add up the files below pages/ that are served as they are."""
    root = build.site.root / PAGES
    return sum((root / asset).stat().st_size for asset in build.site.assets)


def _error_json(error: Exception) -> dict[str, Any]:
    known = isinstance(error, FirstlightError)
    file, line, route = (known and error.location) or Location()
    return {
        "file": file,
        "line": line,
        "route": route,
        "message": error.message if known else f"{type(error).__name__}: {error}",
        "hint": error.hint if known else None,
    }


def _route_json(route: SiteRoute) -> dict[str, Any]:
    return {
        "route": route.pattern,
        "file": route.file,
        "kind": route.kind,
        "mode": "static" if route.is_prerendered else "on demand",
        "why": route.why,
        "handlers": list(route.handlers),
    }


def _tree(site: Site, pages: Mapping[str, Sequence[Rendered]]) -> RenderableType:
    table = _grid()
    table.add_column()
    table.add_column(overflow="ellipsis", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True)
    table.add_row("", "", Text("size", "dim"), Text("gzip", "dim"), "")
    for label, route, some in tree_rows(site.routes, pages):
        size, sent = _page_sizes(some)
        # What the mode of the whole site decides is told once, below.
        why = route.why if route and route.why != _default(site) else ""
        table.add_row(
            _mark(route) if route else "",
            Text(label, "" if route else "dim"),
            size,
            Text(sent, "dim"),
            Text(why, "dim"),
        )
    return table


def _flat(site: Site, pages: Mapping[str, Sequence[Rendered]]) -> RenderableType:
    rows: list[tuple[str, ...]] = []
    for route in site.routes:
        some = pages.get(route.file, ())
        count = f", {len(some)} paths" if len(some) > 1 else ""
        rows.append((route.pattern, _mode(route) + count, *_page_sizes(some), route.why))
    return _columns(rows)


def _columns(rows: Sequence[Sequence[str]]) -> Text:
    """Align columns, without a space at the end of a line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return Text("\n".join(lines))


def _grid() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)


def _mode(route: SiteRoute) -> str:
    return "static" if route.is_prerendered else "on demand"


def _mark(route: SiteRoute) -> Text:
    return Text(STATIC, "green") if route.is_prerendered else Text(ON_DEMAND, "cyan")


def _default(site: Site) -> str:
    return f'output = "{site.config.output}"'


def _page_sizes(pages: Sequence[Rendered]) -> tuple[str, str]:
    """Tell the size of pages, and of a single one what is sent of it."""
    bodies = [page.body for page in pages if page.body is not None]
    if not bodies:
        return "", ""
    sent = kilobytes(_gzipped(bodies[0])) if len(bodies) == 1 else ""
    return kilobytes(sum(map(len, bodies))), sent


def _sums(result: BuildResult, *, is_plain: bool) -> RenderableType:
    """Tell what is static and what runs on demand, and how much of the limits that takes."""
    build = result.output.build
    site = build.site
    bodies = [page.body for page in build.rendered if page.body is not None]
    pages = f"{counted(len(bodies), 'page')} {kilobytes(sum(map(len, bodies)))}"
    files = f"{counted(len(site.assets), 'file')} {kilobytes(asset_bytes(build))}"
    on_demand = counted(len(site.on_demand), "route")
    rows: list[tuple[Text, str, str | Packages]] = [
        (Text(STATIC, "green"), "static", f"{pages}, {files}"),
        (Text(ON_DEMAND, "cyan"), "on demand", on_demand),
    ]
    total = sum(result.sizes.values())
    if total:
        used = f"{share(total, FREE_LIMIT)} of the free plan's 3 MB (paid: 10 MB)"
        rows += [
            (Text(""), "Worker", f"{kilobytes(total)} gzipped, {used}"),
            (Text(""), "", Packages(result.sizes)),
        ]
    if is_plain:
        return _columns([(what, str(told)) for _, what, told in rows])
    table = _grid()
    for mark, what, told in rows:
        table.add_row(mark, what, told)
    return table


@dataclass(frozen=True, slots=True)
class Packages:
    """Sizes by package, which breaks its lines between them only."""

    sizes: Mapping[str, int]

    def __str__(self) -> str:
        return ", ".join(self._items())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield as many packages a line as there is room for."""
        del console
        line = ""
        for item in self._items():
            if line and len(f"{line}, {item}") >= options.max_width:
                yield Text(f"{line},", "dim")
                line = ""
            line = f"{line}, {item}" if line else item
        yield Text(line, "dim")

    def _items(self) -> list[str]:
        return [f"{name} {kilobytes(size)}" for name, size in self.sizes.items()]


def share(part: int, whole: int) -> str:
    """Write a part as a percentage; 0 % is nothing at all."""
    percent = part * 100 / whole
    return f"{percent:.0f} %" if percent >= 1 or not part else "under 1 %"


def kilobytes(size: int) -> str:
    """Write a number of bytes as people read it."""
    if size < KILOBYTE:
        return f"{size} B"
    if size < KILOBYTE**2:
        return f"{size / KILOBYTE:,.1f} KB"
    return f"{size / KILOBYTE**2:,.1f} MB"


def counted(number: int, thing: str) -> str:
    """Write a number of things: `1 page`, `2 pages`."""
    return f"{number:,} {thing}{'s' if number != 1 else ''}"


def _gzipped(body: bytes) -> int:
    return len(gzip.compress(body, mtime=0))


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
