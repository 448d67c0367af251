"""The command line: `firstlight build`, `dev`, `preview`, `routes`, `types`."""

from __future__ import annotations

import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from firstlight import __version__
from firstlight.errors import BuildFailedError, FirstlightError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

HOST = "127.0.0.1"
PORT = click.IntRange(1, 65535)
# Where nobody looks, in a pipe or a log, no line is broken to fit a window.
PLAIN_WIDTH = 1000


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="firstlight")
def main() -> None:
    """Build web sites in Python for Cloudflare Workers."""


@main.command()
@click.option(
    "--traceback",
    "show_traceback",
    is_flag=True,
    help="Show the whole traceback of errors in site code.",
)
@click.option("--profile", "is_profiled", is_flag=True, help="Tell where the time goes.")
def build(*, show_traceback: bool, is_profiled: bool) -> None:
    """Prerender pages/ and bundle the Worker into dist/."""
    from firstlight.build.pipeline import build as run  # noqa: PLC0415 - keeps `--help` fast
    from firstlight.build.report import build_report  # noqa: PLC0415
    from firstlight.build.timing import Profile  # noqa: PLC0415

    with _told_errors(show_traceback=show_traceback), _progress() as progress:
        profile = Profile(progress)
        result = run(Path.cwd(), profile)
    console = _console()
    console.print(build_report(result))
    if is_profiled:
        console.print(profile.report(result))


@main.command()
@click.option("--port", type=PORT, default=4321, show_default=True, help="Port to listen on.")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
@click.option("--quiet", "is_quiet", is_flag=True, help="Tell of errors only.")
def dev(*, port: int, host: str, is_quiet: bool) -> None:
    """Serve the site from its sources; open pages follow what changes."""
    from firstlight.dev.server import serve_dev  # noqa: PLC0415

    with _told_errors():
        serve_dev(Path.cwd(), host, port, quiet=is_quiet)


@main.command()
@click.option("--port", type=PORT, default=4322, show_default=True, help="Port to listen on.")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
def preview(*, port: int, host: str) -> None:
    """Serve dist/ as Cloudflare would: assets first, then the Worker's code."""
    from firstlight.dev.preview import serve_preview  # noqa: PLC0415

    with _told_errors():
        serve_preview(Path.cwd(), host, port)


@main.command()
def routes() -> None:
    """List every route with how it is served and why."""
    from firstlight.build.config import load_config  # noqa: PLC0415
    from firstlight.build.report import routes_table  # noqa: PLC0415
    from firstlight.build.scan import scan  # noqa: PLC0415

    with _told_errors():
        root = Path.cwd()
        site = scan(root, load_config(root))
        _console().print(routes_table(site))
        if site.errors:
            raise BuildFailedError(site.errors)


@main.command()
def types() -> None:
    """Write stubs that tell type checkers bindings, variables and route parameters."""
    from firstlight.build.type_stub import summary, write_types  # noqa: PLC0415

    with _told_errors():
        written = write_types(Path.cwd())
    console = _console()
    console.print(f"{'Wrote' if written.changed else 'Up to date:'} {written.file}")
    console.print(f"  bindings  {summary(written.bindings.items())}", markup=False)
    console.print(f"  env       {summary(written.variables.items())}", markup=False)
    if written.params:
        console.print(f"  params    {summary(written.params.items())}", markup=False)
    if written.note:
        console.print(written.note, markup=False)


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


@contextmanager
def _told_errors(*, show_traceback: bool = False) -> Generator[None, None, None]:
    """Print the user's mistakes to stderr and exit 1; our own keep their traceback."""
    from firstlight.build.report import print_error  # noqa: PLC0415

    try:
        yield
    except FirstlightError as error:
        console = _console(stderr=True)
        errors = error.errors if isinstance(error, BuildFailedError) else [error]
        for each in errors:
            print_error(console, each, Path.cwd())
            inner = getattr(each, "error", None)
            if show_traceback and inner is not None:
                console.print("".join(traceback.format_exception(inner)), markup=False)
        if isinstance(error, BuildFailedError):
            console.print(f"[bold red]{error.message}[/] dist/ is as it was.")
        sys.exit(1)


@contextmanager
def _progress() -> Generator[Callable[[str, int, int], None], None, None]:
    """Show a bar for each stage, on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for task in bars.tasks:  # what came before is done
                    bars.update(task.id, completed=task.total)
                tasks[stage] = bars.add_task(stage)
            bars.update(tasks[stage], completed=done, total=total)

        yield update
