"""The page that shows errors while developing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from firstlight.build.report import code_frame
from firstlight.errors import FirstlightError
from firstlight.response import Response

if TYPE_CHECKING:
    from pathlib import Path

STYLE = """
:root { color-scheme: light dark; --edge: #d33; --soft: #8883; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 2rem; }
main { max-width: 60rem; margin: auto; }
article { border-left: .3rem solid var(--edge); padding: .1rem 1.2rem; margin: 1.5rem 0; }
h1 { font-size: 1.1rem; color: var(--edge); } h2 { font-size: 1.15rem; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: .9rem; }
pre { background: var(--soft); padding: 1rem; border-radius: .4rem; overflow-x: auto; }
.hint { white-space: pre-wrap; }
"""


def error_page(errors: list[Exception], root: Path) -> Response:
    """Show errors with place, message, code frame and hint; status 500."""
    articles = "".join(_article(error, root) for error in errors)
    count = f"{len(errors)} error{'s' if len(errors) > 1 else ''}"
    return Response.html(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{count}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><main><h1>{count}</h1>{articles}"
        "<p>This page reloads when you save a change.</p></main></body></html>\n",
        500,
    )


def _article(error: Exception, root: Path) -> str:
    if not isinstance(error, FirstlightError):
        return f"<article><h2>{escape(f'{type(error).__name__}: {error}')}</h2></article>"
    where = escape(str(error.location)) if error.location else ""
    frame = code_frame(error, root)
    return "".join(
        (
            f"<article><p><code>{where}</code></p>" if where else "<article>",
            f"<h2>{escape(error.message)}</h2>",
            f"<pre>{escape(frame)}</pre>" if frame else "",
            f'<p class="hint"><strong>Hint:</strong> {escape(error.hint)}</p>'
            if error.hint
            else "",
            "</article>",
        )
    )
