"""Tells an error of a site in the site's own files and lines."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from firstlight.errors import SAME_LINES, page_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

OURS = str(Path(__file__).parents[1])


def in_site_terms(error: BaseException, root: Path) -> BaseException:
    """Let a traceback begin in the site's code, leave ours out, and show pages as written.

    An error that never came to the site's code keeps none of its traceback.
    """
    chain: TracebackType | None = None
    for step in reversed([*_from_site(error.__traceback__)]):
        frame, last, line = _shown(step, root)
        chain = TracebackType(chain, frame, last, line)
    return error.with_traceback(chain)


def _from_site(step: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the site's own steps, and those of the packages that it calls."""
    has_begun = False
    while step is not None:
        is_site_code = "__page__" in step.tb_frame.f_globals
        has_begun = has_begun or is_site_code
        is_ours = step.tb_frame.f_code.co_filename.startswith(OURS)
        if is_site_code or (has_begun and not is_ours):
            yield step
        step = step.tb_next


def _shown(step: TracebackType, root: Path) -> tuple[FrameType, int, int]:
    """Return frame, instruction and line of a step; a page's are those of its file."""
    module = step.tb_frame.f_globals
    line = page_line(module.get("__lines__", ""), step.tb_lineno)
    if "__lines__" not in module or module["__lines__"] == SAME_LINES or line is None:
        return step.tb_frame, step.tb_lasti, step.tb_lineno
    return _stand_in(str(root / module["__page__"]), line, step.tb_frame.f_code.co_name)


def _stand_in(file: str, line: int, function: str) -> tuple[FrameType, int, int]:
    """Make a frame that stands at a line of a file which is not Python."""
    code = compile("\n" * (line - 1) + "raise LookupError", file, "exec")
    try:
        exec(code.replace(co_name=function), {})  # noqa: S102 - to have a frame of it
    except LookupError as error:
        step = error.__traceback__ and error.__traceback__.tb_next
        if step is not None:
            return step.tb_frame, step.tb_lasti, line
    raise AssertionError(file)
