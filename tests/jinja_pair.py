"""One template rendered twice: by Firstlight's compiled modules and by Jinja2 itself."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined

from firstlight.build.compile import compile_site, template_modules
from firstlight.build.config import load_config
from firstlight.build.loader import SiteLoader, loaded
from firstlight.build.scan import scan
from firstlight.errors import site_frames
from firstlight.streamed_templates import StreamedTemplates
from firstlight.templating import Templates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Names = Callable[[], dict[str, Any]]

# A page that streams, and may render any template.
ANY = "---\nstream = True\n---\n{% include ctx.title %}"
CTX = SimpleNamespace(title="<ctx>")
# The modules that the same classes live in; messages name them.
OURS_AND_JINJAS = (
    "firstlight.templating.",
    "firstlight.rendering.blocks.",
    "firstlight.rendering.loops.",
    "firstlight.rendering.macros.",
    "pages._jinja2.",
    "jinja2.environment.",
    "jinja2.runtime.",
    "jinja2.utils.",
)


class Outcome(NamedTuple):
    """What a template came to: its text, or the error it failed with.

    Attributes:
        error: Name of the exception's class.
        place: `file:line` of the innermost frame inside a template.
    """

    text: str | None
    error: str | None = None
    message: str | None = None
    place: str | None = None


class Pair:
    """Templates compiled as a site, and the same in an Environment of Jinja2.

    Args:
        root: An empty folder for the site.
        files: Template name to text.
    """

    def __init__(self, root: Path, files: Mapping[str, str]) -> None:
        self.files = dict(files)
        self.templates, self.streamed = compiled(root, self.files)

    def ours(self, name: str, names: Mapping[str, Any]) -> Outcome:
        """Render with the compiled modules."""
        return _outcome(lambda: self.templates.get_template(name).render(names, CTX))

    def streams(self, name: str, names: Mapping[str, Any]) -> Outcome:
        """Render as a page with `stream = True` does."""

        async def render() -> str:
            template: Any = self.streamed.get_template(name)
            return "".join([piece async for piece in template.stream(names, CTX)])

        return _outcome(lambda: asyncio.run(render()))

    def jinjas(self, name: str, names: Mapping[str, Any]) -> Outcome:
        """Render with Jinja2, in an Environment of its own: its caches begin empty."""
        environment = environment_of(self.files)
        random.seed(1)
        try:
            return Outcome(environment.get_template(name).render(dict(names)))
        except Exception as error:  # noqa: BLE001
            return _failure(error, _innermost(error))

    def assert_equal(self, name: str, names: Names) -> Outcome:
        """Hold one to the other; each gets names of its own, which templates may change."""
        expected = self.jinjas(name, names())
        assert self.ours(name, names()) == expected
        assert self.streams(name, names()) == expected
        return expected


def environment_of(files: Mapping[str, str]) -> Environment:
    """Make an Environment as design.md 4 describes it, whose errors name `pages/…`."""

    def source(name: str) -> tuple[str, str, None] | None:
        return (files[name], f"pages/{name}", None) if name in files else None

    environment = Environment(
        loader=FunctionLoader(source), autoescape=True, undefined=StrictUndefined
    )
    environment.globals["ctx"] = CTX  # pyright: ignore[reportArgumentType]
    return environment


def compiled(root: Path, files: Mapping[str, str]) -> tuple[Templates, StreamedTemplates]:
    """Compile templates as a site would, also for streaming, and load them from memory."""
    (root / "pyproject.toml").write_text("")
    for name, text in {**files, "any.html": ANY}.items():
        path = root / "pages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    site = scan(root, load_config(root))
    modules, errors = compile_site(site)
    assert [str(error) for error in errors] == []

    loader = SiteLoader(site, modules)
    names = template_modules(site)
    templates, streamed = Templates(names, loader.load), StreamedTemplates(names, loader.load)
    with loaded(loader):
        for name in files:
            templates.get_template(name)
            streamed.get_template(name)
    return templates, streamed


def _outcome(render: Callable[[], str]) -> Outcome:
    random.seed(1)
    try:
        return Outcome(render())
    except Exception as error:  # noqa: BLE001 - the outcome is what is compared
        frames = site_frames(error, {})
        place = f"{frames[-1].file}:{frames[-1].line}" if frames else None
        return _failure(error, place)


def _failure(error: Exception, place: str | None) -> Outcome:
    message = str(error)
    for module in OURS_AND_JINJAS:
        message = message.replace(module, "")
    return Outcome(None, type(error).__name__, message, place)


def _innermost(error: BaseException) -> str | None:
    """Return the innermost of the frames that Jinja2 has rewritten to a template's lines."""
    place, step = None, error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if file.startswith("pages/"):
            place = f"{file}:{step.tb_lineno}"
        step = step.tb_next
    return place
