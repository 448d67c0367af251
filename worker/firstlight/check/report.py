"""What `firstlight check` tells the person who ran it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from firstlight.build.report import counted
from firstlight.check.finding import ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from firstlight.check.checking import CheckResult
    from firstlight.check.finding import Finding


def check_report(result: CheckResult, *, is_quiet: bool = False) -> RenderableType:
    """Tell every finding, then the sum; a quiet one tells the errors only."""
    findings = [f for f in result.findings if f.severity == ERROR or not is_quiet]
    parts: list[RenderableType] = [*findings_report(findings)]
    if not is_quiet:
        parts.append(_sum(result))
    return Group(*parts)


def findings_report(findings: Iterable[Finding]) -> list[RenderableType]:
    """Tell findings: where, what, and what to do about it."""
    parts: list[RenderableType] = []
    for finding in findings:
        style = "red" if finding.severity == ERROR else "yellow"
        where = str(finding.location)
        parts.append(
            Text.assemble(
                (f"{finding.severity}: ", f"bold {style}"),
                (where, "bold"),
                ": " if where else "",
                finding.text,
            )
        )
        if finding.hint:
            parts.append(Text(f"  Hint: {finding.hint}", "cyan"))
        parts.append(Text(""))
    return parts


def check_json(result: CheckResult) -> dict[str, Any]:
    """Return the result as JSON has it."""
    return {
        "ok": not result.errors,
        "errors": result.errors,
        "warnings": result.warnings,
        "pages": result.pages,
        "links": result.links,
        "findings": [finding.as_json() for finding in result.findings],
    }


def _sum(result: CheckResult) -> Text:
    read = f"{counted(result.pages, 'page')} and {counted(result.links, 'link')}"
    if not result.findings:
        return Text.assemble(("Nothing to mend ", "bold green"), f"in {read}.")
    errors, warnings = counted(result.errors, "error"), counted(result.warnings, "warning")
    style = "bold red" if result.errors else "bold yellow"
    later = "" if result.is_whole else " More may show once the site builds."
    return Text.assemble((f"{errors}, {warnings} ", style), f"in {read}.{later}")
