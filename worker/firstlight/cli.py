"""The command line: what `firstlight --help` lists."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from firstlight import __version__
from firstlight.build.progress import progress_bar
from firstlight.errors import BuildFailedError, FirstlightError
from firstlight.scaffold import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.console import RenderableType

HOST = "127.0.0.1"
PORT = click.IntRange(1, 65535)
# Where nobody looks, in a pipe or a log, no line is broken to fit a window.
PLAIN_WIDTH = 1000
QUIET = click.option("--quiet", "is_quiet", is_flag=True, help="Tell what is wrong only.")
JSON = click.option("--json", "is_json", is_flag=True, help="Print the result as JSON.")
TRACEBACK = click.option(
    "--traceback",
    "show_traceback",
    is_flag=True,
    help="Show the whole traceback of errors in site code.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="firstlight")
def main() -> None:
    """Build web sites in Python for Cloudflare Workers."""


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--template", type=click.Choice([*TEMPLATES]), help="What to begin with.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing, take the defaults.")
def new(*, folder: Path, template: str | None, yes: bool) -> None:
    """Write a new site into DIR, which is not there yet or empty."""
    from firstlight.scaffold.new import ask, check_is_free, create_site, next_steps  # noqa: PLC0415

    with _told_errors():
        check_is_free(folder)
        answers = ask(folder, template, is_interactive=can_ask() and not yes)
        site = create_site(folder, answers.template, answers.name, git=answers.git)
    what = f"{site.files} files{' and a git repository' if site.has_git else ''}"
    console = _console()
    console.print(f"Wrote `{answers.name}` ({answers.template}): {what}. Next:\n", markup=False)
    console.print(next_steps(folder), markup=False)


@main.command()
@TRACEBACK
@click.option("--profile", "is_profiled", is_flag=True, help="Tell where the time goes.")
@QUIET
@JSON
def build(*, show_traceback: bool, is_profiled: bool, is_quiet: bool, is_json: bool) -> None:
    """Prerender pages/ and bundle the Worker into dist/."""
    from firstlight.build.pipeline import build as run  # noqa: PLC0415 - keeps `--help` fast
    from firstlight.build.report import build_json, build_report, warnings_report  # noqa: PLC0415
    from firstlight.build.timing import Profile  # noqa: PLC0415

    is_shown = not is_quiet and not is_json
    with (
        _told_errors(show_traceback=show_traceback, is_json=is_json),
        progress_bar(is_shown=is_shown) as progress,
    ):
        profile = Profile(progress)
        result = run(Path.cwd(), profile)
    console = _console()
    if is_json:
        _print_json(build_json(result))
    elif is_quiet:
        _console(stderr=True).print(warnings_report(result.warnings), end="")
    else:
        console.print(build_report(result, is_plain=_is_plain(console)))
    if is_profiled and is_shown:
        console.print(profile.report(result))


@main.command()
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings, too.")
@TRACEBACK
@QUIET
@JSON
def check(*, strict: bool, show_traceback: bool, is_quiet: bool, is_json: bool) -> None:
    """Look for dead links, unused bindings and what else builds but does not work."""
    from firstlight.check.checking import check_site  # noqa: PLC0415
    from firstlight.check.report import check_json, check_report  # noqa: PLC0415

    with (
        _told_errors(show_traceback=show_traceback, is_json=is_json),
        progress_bar(is_shown=not is_quiet and not is_json) as progress,
    ):
        result = check_site(Path.cwd(), progress)
    if is_json:
        _print_json(check_json(result))
    else:
        _console().print(check_report(result, is_quiet=is_quiet), soft_wrap=True)
    if result.errors or (strict and result.warnings):
        sys.exit(1)


@main.command()
@click.option("--port", type=PORT, default=4321, show_default=True, help="Port to listen on.")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--seed", "seeds", multiple=True, metavar="[DB=]FILE", help="Run SQL on a local D1 database."
)
@click.option("--reset", "is_reset", is_flag=True, help="Delete the local data first.")
@click.option("--yes", "is_sure", is_flag=True, help="Delete without a question.")
@click.option("--quiet", "is_quiet", is_flag=True, help="Tell of errors only.")
def dev(
    *, port: int, host: str, seeds: tuple[str, ...], is_reset: bool, is_sure: bool, is_quiet: bool
) -> None:
    """Serve the site from its sources; open pages follow what changes."""
    from firstlight.dev.server import serve_dev  # noqa: PLC0415
    from firstlight.dev.state import has_data, reset  # noqa: PLC0415

    root = Path.cwd()
    with _told_errors():
        if is_reset and has_data(root):
            if not is_sure:
                if not can_ask():
                    raise FirstlightError("Nobody can be asked here.", hint="Add `--yes`.")
                click.confirm("Delete the local data in .firstlight/state/?", abort=True)
            reset(root)
        serve_dev(root, host, port, seeds=seeds, quiet=is_quiet)


@main.command()
@click.option("--port", type=PORT, default=4322, show_default=True, help="Port to listen on.")
@click.option("--host", default=HOST, show_default=True, help="Address to listen on.")
@click.option("--quiet", "is_quiet", is_flag=True, help="Print no line for each request.")
def preview(*, port: int, host: str, is_quiet: bool) -> None:
    """Serve dist/ as Cloudflare would: assets first, then the Worker's code."""
    from firstlight.dev.preview import serve_preview  # noqa: PLC0415

    with _told_errors():
        serve_preview(Path.cwd(), host, port, quiet=is_quiet)


@main.command()
@JSON
def routes(*, is_json: bool) -> None:
    """List every route with how it is served and why."""
    from firstlight.build.config import load_config  # noqa: PLC0415
    from firstlight.build.report import routes_json, routes_report  # noqa: PLC0415
    from firstlight.build.scan import scan  # noqa: PLC0415

    with _told_errors(is_json=is_json):
        root = Path.cwd()
        site = scan(root, load_config(root))
        if site.errors and is_json:
            raise BuildFailedError(site.errors)
        if is_json:
            _print_json(routes_json(site))
            return
        console = _console()
        console.print(routes_report(site, is_plain=_is_plain(console)), soft_wrap=True)
        if site.errors:
            raise BuildFailedError(site.errors)


@main.command()
@JSON
def info(*, is_json: bool) -> None:
    """Tell versions, options and bindings: what a report of a mistake should name."""
    from firstlight.build.about import about, about_report  # noqa: PLC0415

    with _told_errors(is_json=is_json):
        told = about(Path.cwd())
    if is_json:
        _print_json(told)
    else:
        _show(about_report(told))


@main.command()
@click.option("--env", "environment", help="The [env.NAME] of wrangler.toml to deploy.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Do everything but upload.")
@click.option("--yes", "is_yes", is_flag=True, help="Do not ask.")
@TRACEBACK
@QUIET
@JSON
def deploy(
    *,
    environment: str | None,
    is_dry_run: bool,
    is_yes: bool,
    show_traceback: bool,
    is_quiet: bool,
    is_json: bool,
) -> None:
    """Build, check, tell what goes where, and run `wrangler deploy`."""
    from firstlight.build.deploy import (  # noqa: PLC0415
        chosen_environment,
        deployment_json,
        prepare,
        run_wrangler,
    )
    from firstlight.build.deploy_report import deployment_report  # noqa: PLC0415

    asks = not is_yes and not is_dry_run
    with chosen_environment(environment):
        with (
            _told_errors(show_traceback=show_traceback, is_json=is_json),
            progress_bar(is_shown=not is_quiet and not is_json) as progress,
        ):
            if asks and (is_json or not can_ask()):
                raise FirstlightError(
                    "Nobody can be asked here.", hint="Add `--yes` or `--dry-run`."
                )
            deployment = prepare(Path.cwd(), is_dry_run=is_dry_run, progress=progress)
        if not is_json and (not is_quiet or deployment.check.errors):
            _show(deployment_report(deployment))
        code = 1 if deployment.check.errors else None
        if code is None:
            if asks:
                click.confirm("Deploy?", abort=True)
            code = run_wrangler(deployment, is_json=is_json)
    if is_json:
        _print_json(deployment_json(deployment, code))
    sys.exit(code)


@main.command()
@click.argument("name", metavar="ADAPTER")
@click.option("-y", "--yes", "is_yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show the change only.")
def add(*, name: str, is_yes: bool, is_dry_run: bool) -> None:
    """Choose an adapter: change pyproject.toml and the host's own file."""
    from firstlight.build.addition import diff, plan_addition  # noqa: PLC0415
    from firstlight.build.replacing import replace_files  # noqa: PLC0415

    root = Path.cwd()
    with _told_errors():
        addition = plan_addition(root, name)
        if not addition.changes:
            click.echo(f"Nothing to do: the site is set up for `{name}`.")
            return
        _console().print(diff(addition.changes), end="", soft_wrap=True)
        if is_dry_run:
            return
        if not is_yes:
            if not can_ask():
                raise FirstlightError(
                    "Nobody can be asked here.", hint="Add `--yes` or `--dry-run`."
                )
            click.confirm(addition.question, abort=True)
        replace_files(root, addition.changes)
    click.echo("\n".join(["Done.", *addition.notes]))


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


def can_ask() -> bool:
    """Tell whether somebody is there to answer."""
    return sys.stdin.isatty()


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.file.isatty():
        console.width = PLAIN_WIDTH
    return console


def _show(report: RenderableType, *, soft_wrap: bool = False) -> None:
    """Print a report; in a log without spaces at the ends of lines."""
    console = _console()
    if not _is_plain(console):
        console.print(report, soft_wrap=soft_wrap)
        return
    with console.capture() as capture:
        console.print(report, soft_wrap=soft_wrap)
    click.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _is_plain(console: Console) -> bool:
    """Tell whether signs and colours have no place: in a pipe, a log or a dumb terminal."""
    return (
        not console.is_terminal
        or console.is_dumb_terminal
        or not console.encoding.lower().startswith("utf")
    )


def _print_json(data: object) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


@contextmanager
def _told_errors(
    *, show_traceback: bool = False, is_json: bool = False
) -> Generator[None, None, None]:
    """Print the user's mistakes to stderr and exit 1; our own keep their traceback.

    As JSON they go where the result would have gone.
    """
    from firstlight.build.report import failure_json, print_error  # noqa: PLC0415

    try:
        yield
    except FirstlightError as error:
        if is_json:
            _print_json(failure_json(error))
            sys.exit(1)
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
