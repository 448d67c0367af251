from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.errors import (
    AdapterError,
    BuildFailedError,
    ConfigError,
    ContextError,
    CookieError,
    FirstlightError,
    Frame,
    FrontmatterError,
    Location,
    RequestError,
    ResponseError,
    RouteError,
    TemplateError,
    page_line,
    site_frames,
)
from firstlight.exchange import RewriteLoopError

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = Location("pages/blog/[slug].html", 3, "/blog/[slug]")
PLAIN = (
    FirstlightError,
    ConfigError,
    RouteError,
    FrontmatterError,
    TemplateError,
    AdapterError,
    ContextError,
    CookieError,
    ResponseError,
    RewriteLoopError,
)


@pytest.mark.parametrize("kind", PLAIN)
def test_error_text_names_place_problem_and_remedy(kind: type[FirstlightError]) -> None:
    error = kind("`prerender = True` needs paths.", hint="Define them.", location=PLACE)

    assert str(error) == (
        "pages/blog/[slug].html:3 (route /blog/[slug]): `prerender = True` needs paths.\n"
        "  Hint: Define them."
    )


@pytest.mark.parametrize("kind", [*PLAIN, RequestError])
def test_error_without_place_or_hint_is_its_message(kind: type[FirstlightError]) -> None:
    assert str(kind("What happened.")) == "What happened."
    assert issubclass(kind, FirstlightError)


def test_request_error_is_a_400_unless_it_says_otherwise() -> None:
    error = RequestError("Too much.", status=413, hint="Send less.")

    assert RequestError("Bad.").status == 400
    assert error.status == 413
    assert str(error) == "Too much.\n  Hint: Send less."


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "The build failed with 0 errors."),
        (1, "The build failed with 1 error."),
        (2, "The build failed with 2 errors."),
    ],
)
def test_build_failed_error_counts_its_errors(count: int, text: str) -> None:
    errors: list[Exception] = [ValueError()] * count

    assert str(BuildFailedError(errors)) == text
    assert BuildFailedError(errors).errors == errors


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (Location(), ""),
        (Location("pages/a.html"), "pages/a.html"),
        (Location("pages/a.html", 3), "pages/a.html:3"),
        (Location("pages/a.html", 3, "/a"), "pages/a.html:3 (route /a)"),
        (Location("pages/a.html", None, "/a"), "pages/a.html (route /a)"),
        (Location(None, 3), ""),
        (Location(None, None, "/a"), "route /a"),
    ],
)
def test_location_reads_as_far_as_it_is_known(location: Location, text: str) -> None:
    assert str(location) == text


@pytest.mark.parametrize(
    ("line", "expected"),
    [(1, None), (4, None), (5, 2), (7, 4), (8, 9), (20, 9), (21, 30), (25, 34)],
)
def test_page_line_follows_linear_and_constant_runs(line: int, expected: int | None) -> None:
    assert page_line("5+2 8=9 21+30", line) == expected


def test_page_line_without_runs_is_unknown() -> None:
    assert page_line("", 3) is None


def test_site_frames_lists_the_steps_inside_the_site() -> None:
    inner = module("pages._lib.deep", "def fail():\n    return 1 // 0\n")
    outer = module("pages.api.user", "def GET(fail):\n    return fail()\n")
    files = {"pages.api.user": "pages/api/[user].py"}

    assert frames(lambda: outer.GET(inner.fail), files) == [
        Frame("pages/api/[user].py", 2, "GET"),
        Frame("pages/_lib/deep.py", 2, "fail"),
    ]


def test_site_frames_translates_lines_of_a_compiled_page() -> None:
    page = module(
        "pages.a_html",
        "__page__ = 'pages/a.html'\n__lines__ = '4+1 5=8'\ndef hidden(step): step()\n"
        "def shown(): 1 // 0\n",
    )

    assert frames(lambda: page.hidden(page.shown)) == [Frame("pages/a.html", 1, "shown")]


def test_site_frames_leaves_out_modules_that_only_sound_like_the_site() -> None:
    assert frames(module("pagesque", "def fail():\n    1 // 0\n").fail) == []
    assert frames(module("pages", "def fail():\n    1 // 0\n").fail) == [
        Frame("pages.py", 2, "fail")
    ]


def module(name: str, text: str) -> Any:
    made = ModuleType(name)
    exec(text, made.__dict__)  # noqa: S102 - the text stands in the test
    return made


def frames(call: Callable[[], Any], files: dict[str, str] | None = None) -> list[Frame]:
    with pytest.raises(ZeroDivisionError) as caught:
        call()
    return site_frames(caught.value, files or {})
