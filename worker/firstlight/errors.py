"""What can go wrong, and where in the site's own files it went wrong.

FirstlightError
  ConfigError          an option of pyproject.toml or wrangler.toml
  RouteError           a file name, a collision, a `prerender` line, static paths
  FrontmatterError     the Python or YAML between the --- lines
  TemplateError        a template that does not compile
  AdapterError         no adapter, or one that cannot do what the site needs
  ContextError         something the context cannot give here
  CookieError          a cookie that no browser would take
  RequestError         the visitor's mistake; `status` says which (400, 413, …)
  ResponseError        page, endpoint or middleware returned no usable answer
  BuildFailedError       several of the above, from one build

Pure: imports nothing of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Any

SAME_LINES = "1+1"  # of a module that is its file, as `page_line` reads it
FRONTMATTER = "_frontmatter"  # the function of a compiled page
MOST_SHOWN = 60  # characters of a value
NOT_AWAITED = "Write `await` before the call."
ANSWER = "Return a `Response`; an endpoint may return a dict, list or str, too."
# How to answer with what is no response, by its type.
ANSWERS = {
    "NoneType": "End with `return`; `Response(None, 204)` is an answer without a body.",
    "tuple": "Write `Response(body, status)`.",
    "bytes": "Write `Response(data)`.",
    "int": "Write `Response(str(value))`, or `Response(None, status)` for a status.",
    "dict": "Write `Response.json(data)`; the names that frontmatter binds are the template's.",
    "str": "Write `Response(text)`, or `Response.html(text)`.",
    "generator": "Write `Response(stream())`, where `stream` is an `async def` that yields bytes.",
    "async_generator": "Write `Response(stream())`, where `stream` yields bytes.",
    "coroutine": NOT_AWAITED,
}


class Location(NamedTuple):
    """A place in the site, as people and terminals read it.

    `file` is relative to the site's root with forward slashes; `line` is 1-based;
    None means that the place is not known that exactly.
    """

    file: str | None = None
    line: int | None = None
    route: str | None = None

    def __str__(self) -> str:
        text = self.file or ""
        if self.file and self.line:
            text += f":{self.line}"
        if self.route:
            text += f" (route {self.route})" if text else f"route {self.route}"
        return text


class FirstlightError(Exception):
    """The root of Firstlight's errors: where, what and why, and how to mend it.

    Attributes:
        message: What happened and why, in the user's words.
        hint: What to do about it; None when there is nothing to add.
        location: Where; None while it is not known.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, location: Location | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.location = location

    def __str__(self) -> str:
        where = str(self.location) if self.location else ""
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n  Hint: {self.hint}" if self.hint else text


class ConfigError(FirstlightError):
    """An option that is unknown or has a value it cannot have."""


class RouteError(FirstlightError):
    """A file under pages/ that cannot become a route."""


class FrontmatterError(FirstlightError):
    """Frontmatter that is not valid Python or YAML."""


class TemplateError(FirstlightError):
    """A template that does not compile or names a file that is not there."""


class AdapterError(FirstlightError):
    """The site needs an adapter, or another one."""


class ContextError(FirstlightError):
    """The context cannot give what was asked, such as a request at build time."""


class CookieError(FirstlightError):
    """A cookie name, value or attribute that no browser would accept."""


class RequestError(FirstlightError):
    """The visitor's request cannot be served.

    Attributes:
        status: The HTTP status of the answer, such as 400 or 413.
    """

    def __init__(self, message: str, *, status: int = 400, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ResponseError(FirstlightError):
    """Site code returned something that is no answer."""


class BuildFailedError(FirstlightError):
    """One or more errors of one build.

    Attributes:
        errors: Every error that the stages which could run have found.
    """

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__(f"The build failed with {len(errors)} error{'s'[: len(errors) != 1]}.")
        self.errors = errors


class Advice(NamedTuple):
    """An error as people read it; `hint` is None when there is nothing to add."""

    text: str
    hint: str | None


def plain_advice(error: BaseException) -> Advice:
    """Say what an exception says by itself; `advice.explain`, on the host, says more."""
    if isinstance(error, FirstlightError):
        return Advice(error.message, error.hint)
    text = str(error).partition("\n  Hint: ")[0]
    told = f"{type(error).__name__}: {text}".removesuffix(": ")
    return Advice(told, getattr(error, "hint", None))


def wrong_answer(told: str, value: object) -> ResponseError:
    """Make the error of site code that returned something else than a response.

    Args:
        told: The beginning of the sentence, up to the value.
        value: What it returned.
    """
    return ResponseError(
        f"{told} {shown(value)}, not a `Response`.",
        hint=ANSWERS.get(type(value).__name__, ANSWER),
    )


def shown(value: object) -> str:
    """Show a value in a sentence; one that has no text of its own by its type."""
    text = repr(value)
    if text.startswith("<"):
        return f"`{type(value).__name__}`"
    return f"`{text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + '…'}`"


class Frame(NamedTuple):
    """One step of a traceback inside the site's own files."""

    file: str
    line: int
    function: str


def site_frames(error: BaseException, files: Mapping[str, str]) -> list[Frame]:
    """List the frames of a traceback that lie in the site, outermost first.

    Args:
        error: An exception that was raised.
        files: Module name to file, for modules whose file has another name.
    """
    return [frame for step in _steps(error.__traceback__) if (frame := _site_frame(*step, files))]


def function_frame(function: Any, files: Mapping[str, str]) -> Frame | None:
    """Return where a function of the site begins; None for what is no function of its files.

    Args:
        function: Anything that was called.
        files: As for `site_frames`.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    module = function.__globals__
    line = code.co_firstlineno + (
        code.co_name == FRONTMATTER
    )  # that line is ours, the next its own
    return _site_frame(module, line, code.co_name, files)


def page_line(lines: str, line: int) -> int | None:
    """Translate a line of a compiled module to the page's own.

    Args:
        lines: Runs in rising order: `12+3` maps line 12 to 3, 13 to 4 and so on,
            `20=7` maps line 20 and those after it to 7.
        line: 1-based line of the compiled module.

    Returns:
        The page's 1-based line, or None for a line before the first run.
    """
    found = None
    for run in lines.split():
        linear = "+" in run
        start, target = map(int, run.split("+" if linear else "="))
        if start > line:
            break
        found = target + (line - start if linear else 0)
    return found


def _steps(
    traceback: TracebackType | None,
) -> Iterator[tuple[dict[str, Any], int, str]]:
    while traceback is not None:
        frame = traceback.tb_frame
        yield frame.f_globals, traceback.tb_lineno, frame.f_code.co_name
        traceback = traceback.tb_next


def _site_frame(
    module: dict[str, Any], line: int, function: str, files: Mapping[str, str]
) -> Frame | None:
    name = str(module.get("__name__", ""))
    page = module.get("__page__")
    if page is not None:
        mapped = page_line(module.get("__lines__", SAME_LINES), line)
        return None if mapped is None else Frame(page, mapped, function)
    if name != "pages" and not name.startswith("pages."):
        return None
    return Frame(files.get(name) or name.replace(".", "/") + ".py", line, function)
