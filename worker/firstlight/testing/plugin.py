"""The pytest plugin: fixtures for tests of a site, and `async def` tests."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence
    from pathlib import Path
    from typing import Any

    from firstlight.testing.local import Site, Sources
    from firstlight.testing.wrangler import Wrangler

# The modules of the fixtures are imported by those alone who use them: pytest loads this
# plugin in every project that has Firstlight installed.

_runner = pytest.StashKey[asyncio.Runner]()


@pytest.fixture(scope="session")
def site_root(pytestconfig: pytest.Config) -> Path:
    """The root of the site: the nearest folder with pages/. Override it for another."""
    for start in (pytestconfig.invocation_params.dir, pytestconfig.rootpath):
        for folder in (start, *start.parents):
            if (folder / "pages").is_dir():
                return folder
    pytest.fail(
        f"No folder with pages/ at or above {pytestconfig.invocation_params.dir}. "
        "Start pytest in the site's folder, or override the fixture `site_root`.",
        pytrace=False,
    )


@pytest.fixture(scope="session")
def site_sources(
    site_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Sources, None, None]:
    """The site, read once a session."""
    from firstlight.errors import FirstlightError  # noqa: PLC0415
    from firstlight.testing.local import sources_of  # noqa: PLC0415

    try:
        with sources_of(site_root, tmp_path_factory.mktemp("bindings")) as sources:
            yield sources
    except FirstlightError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture
def site(
    site_sources: Sources,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[Site, None, None]:
    """The site in this process, with empty bindings, their migrations applied, and no cookies."""
    from firstlight.testing.local import Site, bindings_of  # noqa: PLC0415

    monkeypatch.chdir(site_sources.root)  # where handles look for the wrangler configuration
    state = tmp_path_factory.mktemp("bindings")
    with bindings_of(site_sources.root, state) as env:
        yield Site(site_sources, env)


@pytest.fixture(scope="session")
def wrangler_command() -> Sequence[str]:
    """What runs wrangler. Override it for another release, such as your own."""
    from firstlight.testing.wrangler import COMMAND  # noqa: PLC0415

    return COMMAND


@pytest.fixture(scope="session")
def wrangler_origin(
    site_root: Path, wrangler_command: Sequence[str], tmp_path_factory: pytest.TempPathFactory
) -> Generator[str, None, None]:
    """The origin of the real runtime, started once a session."""
    from firstlight.errors import FirstlightError  # noqa: PLC0415
    from firstlight.testing.wrangler import wrangler_dev  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("wrangler")
    try:
        with wrangler_dev(site_root, folder, wrangler_command) as origin:
            yield origin
    except FirstlightError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture
def wrangler(wrangler_origin: str) -> Wrangler:
    """The site in the real runtime, whose state all tests share; no cookies at first."""
    from firstlight.testing.wrangler import Wrangler  # noqa: PLC0415

    return Wrangler(wrangler_origin)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test that no other plugin has taken on."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    _runner_of(pyfuncitem).run(pyfuncitem.obj(**arguments))
    return True


# Innermost, so that fixtures of another plugin's are plain functions by now.
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Run an `async def` fixture that no other plugin has taken on."""
    function: Callable[..., Any] = fixturedef.func
    plain = _plain(function, request)
    if plain is None:
        return (yield)
    fixturedef.func = plain  # pyright: ignore[reportAttributeAccessIssue] - as other plugins do
    try:
        return (yield)
    finally:
        fixturedef.func = function  # pyright: ignore[reportAttributeAccessIssue]


def _plain(
    function: Callable[..., Any], request: pytest.FixtureRequest
) -> Callable[..., Any] | None:
    """Make a plain fixture of an asynchronous one; None for one that is plain."""
    if inspect.isasyncgenfunction(function):

        def generate(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
            runner = _runner_of(_item(request))
            steps: AsyncGenerator[Any, None] = function(*args, **kwargs)
            yield runner.run(_next(steps))
            if not runner.run(_is_done(steps)):
                pytest.fail(f"Fixture `{request.fixturename}` yields more than once.")

        return generate
    if inspect.iscoroutinefunction(function):

        def call(*args: Any, **kwargs: Any) -> Any:
            runner = _runner_of(_item(request))
            return runner.run(function(*args, **kwargs))

        return call
    return None


def _item(request: pytest.FixtureRequest) -> pytest.Item:
    node: Any = request.node
    if not isinstance(node, pytest.Item):
        pytest.fail(
            f"Fixture `{request.fixturename}` is asynchronous, so it cannot have the scope "
            f"`{request.scope}`: every test has an event loop of its own. Leave `scope` out, or "
            "install pytest-asyncio.",
            pytrace=False,
        )
    return node


def _runner_of(item: pytest.Item) -> asyncio.Runner:
    """Return the event loop of a test and its fixtures."""
    runner = item.stash.get(_runner, None)
    if runner is None:
        runner = item.stash[_runner] = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        item.addfinalizer(runner.close)
    return runner


async def _next(steps: AsyncGenerator[Any, None]) -> Any:
    return await anext(steps)


async def _is_done(steps: AsyncGenerator[Any, None]) -> bool:
    try:
        await anext(steps)
    except StopAsyncIteration:
        return True
    return False
