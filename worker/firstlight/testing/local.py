"""The `site` fixture's side: the site from its sources, with bindings of its own."""

from __future__ import annotations

import asyncio
import importlib
import sys
from contextlib import chdir, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from firstlight.advice import explain
from firstlight.app import App, NoPlatform
from firstlight.build.pipeline import importable
from firstlight.dev.dev_site import DevSite
from firstlight.dev.host_bindings import scheduled_response, serve_assets
from firstlight.errors import RequestError
from firstlight.headers import Headers
from firstlight.request import Request
from firstlight.testing.client import Client
from firstlight.testing.tracebacks import in_site_terms
from firstlight.url import URL, normalize_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator
    from pathlib import Path

    from firstlight.dev.dev_site import Generation
    from firstlight.response import Response
    from firstlight.testing.client import Sent

ORIGIN = "http://localhost"
ADDRESS = "127.0.0.1"
__tracebackhide__ = True  # by pytest: the test's error is not here

# What went wrong while the site answered this request.
_failures: ContextVar[list[BaseException] | None] = ContextVar("failures", default=None)


class Site(Client):
    """Calls the site in this process, without a server.

    An error of the site's own code is the test's error, with its traceback. Work that was
    handed to `ctx.wait_until()` is done when a request returns.

    Attributes:
        env: Variables and secrets of this test; they stand before the configured ones.
        raise_errors: False answers with the 500 page, as visitors would see it.
    """

    def __init__(self, sources: Sources, env: dict[str, Any]) -> None:
        super().__init__(ORIGIN)
        self.env = env
        self.raise_errors = True
        self._sources = sources

    async def send(
        self, method: str, url: str, headers: list[tuple[str, str]], body: bytes
    ) -> Sent:
        """Answer one request."""
        failures: list[BaseException] = []
        _failures.set(failures)
        platform = _Platform(self._sources)
        request = Request(method, url, Headers(headers), body or None)
        response = await self._sources.answer(request, platform)
        content = await response.bytes()
        await platform.settle()
        if failures and self.raise_errors:
            raise in_site_terms(failures[0], self._sources.root)
        return response.status, response.headers.items(), b"" if method == "HEAD" else content


class Sources:
    """A site that was read once, for all tests of a session.

    Args:
        root: The site's root.
        dev: The site as the development server has it.
        generation: What `dev` has loaded.
    """

    def __init__(self, root: Path, dev: DevSite, generation: Generation) -> None:
        self.root = root
        self._dev = dev
        self._generation = generation
        self._app = _App(generation.app.manifest, log=_log, explain=explain)

    async def answer(self, request: Request, platform: _Platform) -> Response:
        """Answer a request as the deployed site would.

        Raises:
            FirstlightError: The page, or the site, does not build.
        """
        if (scheduled := await scheduled_response(request)) is not None:
            return scheduled
        if wrong := self._errors_for(request):
            raise wrong[0] if len(wrong) == 1 else ExceptionGroup("The site does not build.", wrong)
        answer = await self._generation.assets.handle(request)
        if answer is None and self._generation.is_static:
            answer = await self._generation.assets.not_found(self._generation.site.config.base)
        return answer or await self._app.handle(request, platform)

    async def fetch(self, path: str) -> Response | None:
        """Answer from the prerendered pages."""
        return await self._dev.fetch(path)

    def _errors_for(self, request: Request) -> list[Exception]:
        """List what is wrong with the site as a whole, or with the page that would answer."""
        broken = self._generation.broken
        wrong = [error.with_traceback(None) for error in broken.get(None, [])]
        try:
            path = self._app.strip_base(normalize_path(URL(request.url).pathname))
        except RequestError:
            return wrong
        for route, _ in self._app.match(path, prerendered=True)[:1]:
            wrong += [error.with_traceback(None) for error in broken.get(route.file, [])]
        return wrong


@contextmanager
def sources_of(root: Path, state: Path) -> Generator[Sources, None, None]:
    """Read a site, whose own modules can be imported meanwhile.

    Args:
        root: The site's root.
        state: The folder for what `get_static_paths` finds in the bindings.
    """
    dev = DevSite(root)
    serve_assets(root, dev.fetch)
    with importable(root):
        try:
            # A loop of its own, which is never the current one: other plugins have theirs.
            with (
                chdir(root),
                bindings_of(root, state),
                asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
            ):
                generation = runner.run(dev.generation())
            yield Sources(root, dev, generation)
        finally:
            dev.reload()
            serve_assets(root, None)


@contextmanager
def bindings_of(root: Path, state: Path) -> Generator[dict[str, Any], None, None]:
    """Let the site's bindings answer from a folder of their own; gives the variables to add."""
    attached = importlib.import_module("bindings.cloudflare._local").attached
    with attached(root, state) as backend:
        yield backend.variables


class _App(App):
    """An App that remembers the errors it has logged."""

    def log_error(self, error: BaseException, route: str) -> None:
        failures = _failures.get()
        if failures is not None:
            failures.append(error)
        super().log_error(error, route)


class _Platform(NoPlatform):
    """What the test offers beside the request."""

    client_address: str | None = ADDRESS

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._pending: list[Awaitable[Any]] = []

    def wait_until(self, awaitable: Awaitable[Any]) -> None:
        self._pending.append(asyncio.ensure_future(awaitable))

    async def settle(self) -> None:
        """Wait for what outlives the response."""
        while self._pending:
            await self._pending.pop(0)

    async def fetch_asset(self, path: str) -> Response | None:
        return await self._sources.fetch(path)


def _log(text: str) -> None:
    sys.stderr.write(text)  # what pytest has put there for this test
