"""One thing that `firstlight check` has found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from firstlight.errors import FirstlightError, Location

if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and how to mend it.

    Attributes:
        check: Which check has found it, such as `dead-link`.
        severity: `error` or `warning`.
        file: Relative to the site's root; None when it is about the site as a whole.
        line: 1-based line of the file; None when it is not known.
        routes: The routes or paths that it was seen on.
        built_line: 1-based line of the built page, when the file's own is not known.
    """

    check: str
    severity: str
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    routes: tuple[str, ...] = ()
    built_line: int | None = None

    @property
    def location(self) -> Location:
        """Where it is, as people read it: `pages/a.html:3 (route /a and 2 more)`."""
        route = self.routes[0] if self.routes else None
        if len(self.routes) > 1:
            route = f"{route} and {len(self.routes) - 1} more"
        return Location(self.file, self.line, route)

    @property
    def text(self) -> str:
        """What is wrong, and that the line is the built page's if it is."""
        if self.line or not self.built_line:
            return self.message
        return f"{self.message} (in the built page, line {self.built_line})"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "check": self.check,
            "severity": self.severity,
            "file": self.file,
            "line": self.line,
            "routes": list(self.routes),
            "message": self.message,
            "hint": self.hint,
            "built_line": None if self.line else self.built_line,
        }


class Problem(NamedTuple):
    """What is wrong in a page, before the author's line is known.

    Attributes:
        line: 1-based line of the page.
        value: What the author's line holds, such as a URL or an id.
        attribute: Where the value stands.
        tag: Which element the author's line opens, when there is no value.
    """

    check: str
    severity: str
    message: str
    hint: str | None = None
    line: int | None = None
    value: str = ""
    attribute: str = ""
    tag: str = ""


def finding_of(error: Exception) -> Finding:
    """Make a finding of an error of the build."""
    if not isinstance(error, FirstlightError):
        return Finding("build", ERROR, f"{type(error).__name__}: {error}")
    file, line, route = error.location or Location()
    routes = (route,) if route else ()
    return Finding("build", ERROR, error.message, error.hint, file, line, routes)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Tell once what was seen on several routes; errors first, then in the order of the files."""
    found: dict[tuple[object, ...], Finding] = {}
    for each in findings:
        key = (each.check, each.message, each.file, each.line, each.line or each.built_line)
        earlier = found.get(key)
        if earlier is not None:
            routes = tuple(dict.fromkeys((*earlier.routes, *each.routes)))
            found[key] = replace(earlier, routes=routes)
        else:
            found[key] = each
    return sorted(
        found.values(),
        key=lambda f: (f.severity, f.file or "", f.line or 0, f.built_line or 0),
    )
