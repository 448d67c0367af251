"""The page that shows errors while developing; open pages show it above themselves."""

from __future__ import annotations

from html import escape
from itertools import groupby
from pathlib import Path

from firstlight.build.prerender import SiteCodeError
from firstlight.build.report import code_frame
from firstlight.errors import FirstlightError
from firstlight.response import HTML, TEXT, Response

# Tells our own script that it has got this page.
ERROR_HEADER = "x-firstlight-error"
STYLE = Path(__file__).with_name("error.css")
MARK = "  >"  # begins the line of a code frame that has the error


class ErrorPage(Response):
    """Errors with place, message, code frame and hint; status 500.

    Args:
        errors: What is wrong.
        root: The site's root, for code frames.
    """

    def __init__(self, errors: list[Exception], root: Path) -> None:
        headers = {"content-type": HTML, "cache-control": "no-store", ERROR_HEADER: "1"}
        super().__init__(_page(errors, root), 500, headers)
        self._text = "\n\n".join(_text(error, root) for error in errors)

    def as_text(self) -> Response:
        """Return the same for terminals and scripts."""
        headers = {"content-type": TEXT, "cache-control": "no-store"}
        return Response(f"{self._text}\n", self.status, headers)


def _page(errors: list[Exception], root: Path) -> str:
    articles = "".join(_article(error, root) for error in errors)
    count = f"{len(errors)} error{'s' if len(errors) > 1 else ''}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{count}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE.read_text("utf-8")}'
        f"</style></head><body><main><h1>{count}</h1>{articles}"
        "<footer>This goes by itself when you save what mends it.</footer></main></body></html>\n"
    )


def _article(error: Exception, root: Path) -> str:
    if not isinstance(error, FirstlightError):
        return f"<article><h2>{escape(f'{type(error).__name__}: {error}')}</h2></article>"
    where = escape(str(error.location)) if error.location else ""
    return "".join(
        (
            "<article>",
            f"<p><code>{where}</code></p>" if where else "",
            f"<h2>{_with_code(error.message)}</h2>",
            _frame(code_frame(error, root)),
            f'<p class="hint"><b>Hint:</b> {_with_code(error.hint)}</p>' if error.hint else "",
            _steps(error),
            "</article>",
        )
    )


def _frame(frame: str) -> str:
    lines = [
        f"<mark>{escape(line)}</mark>" if line.startswith(MARK) else escape(line)
        for line in frame.split("\n")
    ]
    # A frame that is wider than the page is scrolled, also by keyboard.
    return f'<pre tabindex="0">{chr(10).join(lines)}</pre>' if frame else ""


def _with_code(text: str) -> str:
    """Show what stands between backticks as code."""
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:  # one of them is no quotation mark
        return escape(text)
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(pieces))


def _steps(error: FirstlightError) -> str:
    """List the way to the error through the site's files, innermost first."""
    frames = error.frames[:-1] if isinstance(error, SiteCodeError) else []
    steps = [step for step, _ in groupby(reversed(frames))]
    told = (f"<li><code>{escape(f'{step.file}:{step.line}')}</code>" for step in steps)
    return f"<p>Called from</p><ol>{''.join(told)}</ol>" if steps else ""


def _text(error: Exception, root: Path) -> str:
    if not isinstance(error, FirstlightError):
        return f"{type(error).__name__}: {error}"
    frame = code_frame(error, root)
    return f"{error}\n{frame}" if frame else str(error)
