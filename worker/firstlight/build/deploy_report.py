"""What `firstlight deploy` tells before it deploys."""

from __future__ import annotations

import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from firstlight.build.report import FREE_LIMIT, Packages, counted, kilobytes, share, warnings_report
from firstlight.check.finding import ERROR
from firstlight.check.report import findings_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from firstlight.build.deploy import Deployment
    from firstlight.build.upload import Upload
    from firstlight.build.wrangler import Target


def deployment_report(deployment: Deployment) -> RenderableType:
    """Tell what is deployed where, and by which command; or what keeps it from being deployed."""
    if deployment.check.errors:
        errors = [f for f in deployment.check.findings if f.severity == ERROR]
        told = f"Not deployed: {counted(len(errors), 'error')}."
        return Group(*findings_report(errors), Text(told, "bold red"))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    for what, told in [
        *_target(deployment.target),
        *_upload(deployment.upload),
        ("command", _command(deployment.command)),
    ]:
        table.add_row(Text(what, "bold"), Text(told) if isinstance(told, str) else told)
    parts: list[RenderableType] = [table]
    warnings = [*deployment.warnings]
    if noted := deployment.check.warnings:
        warnings.append(f"`firstlight check` has {counted(noted, 'warning')}.")
    if warnings:
        parts += [Text(""), warnings_report(warnings)]
    return Group(*parts)


def _target(target: Target) -> Iterator[tuple[str, str]]:
    yield "Worker", target.worker or "(no name)"
    declared = f"{target.file}, env.{target.environment}" if target.environment else target.file
    yield "environment", f"{target.environment or 'the top level'} ({declared})"
    if target.account:
        yield "account", target.account
    yield "routes", ", ".join(target.routes) or "none; it is at its workers.dev address"


def _upload(upload: Upload) -> Iterator[tuple[str, str | Packages]]:
    if upload.packages:
        used = f"{share(upload.worker, FREE_LIMIT)} of the free plan's 3 MB (paid: 10 MB)"
        yield "code", f"{kilobytes(upload.worker)} gzipped, {used}"
        yield "", Packages(upload.packages)
    else:
        yield "code", "none: every page is a file"
    name, size = upload.largest
    largest = f"; the largest is {name}, {kilobytes(size)}" if name else ""
    yield "assets", f"{counted(upload.files, 'file')}, {kilobytes(upload.size)}{largest}"


def _command(command: list[str]) -> str:
    """Write a command as it would be typed."""
    return shlex.join([PurePath(command[0]).stem, *command[1:]])
