"""The shared conformance cases.

Every one through `firstlight preview`, a third on wrangler, and what every adapter answers alike
on ASGI servers.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from netlify_host import netlify_host, node_modules

if TYPE_CHECKING:
    from collections.abc import Generator

FOLDER = Path(__file__).parent.parent.parent / "shared" / "conformance"
IN_CI = os.environ.get("CI") == "true"
JOBS = 2
# miniflare 3 lists files below a dot folder, but its disk service refuses to read them: 500. The
# Worker never sees the request; Cloudflare itself serves them.
REFUSED_BY_MINIFLARE = ("/.well-known/",)
# A case that runs on wrangler costs seconds, so every third one has to do.
STEP = 3
# What every adapter answers alike: the files of the cases, and the servers.
ANSWERS = ("cookies", "endpoints", "error_pages", "output_modes", "redirects_and_slashes")
ASGI_SERVERS = ("uvicorn", "granian")
ASGI_FIRSTLIGHT = Path(__file__).parent / "server" / "asgi_firstlight.py"
VERCEL_FIRSTLIGHT = Path(__file__).parent / "server" / "vercel_firstlight.py"
NETLIFY_FIRSTLIGHT = Path(__file__).parent / "server" / "netlify_firstlight.py"


def load_runner() -> Any:
    """Import run.py, which is no package."""
    spec = importlib.util.spec_from_file_location("conformance_run", FOLDER / "run.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(FOLDER)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


RUNNER = load_runner() if FOLDER.is_dir() else None
CASES: list[dict[str, Any]] = RUNNER.load_cases(sorted(FOLDER.glob("*.json"))) if RUNNER else []


def cases_for(target: str) -> list[dict[str, Any]]:
    cases = [case for case in CASES if target in case.get("targets", ["preview", "wrangler"])]
    return cases if target == "preview" else [{**case, **_possible(case)} for case in cases]


def _possible(case: dict[str, Any]) -> dict[str, Any]:
    """Leave out the requests that wrangler 3.92 cannot answer."""
    requests = case.get("requests", [])
    return {"requests": [r for r in requests if not r["path"].startswith(REFUSED_BY_MINIFLARE)]}


def adapter_cases(adapter: str) -> list[dict[str, Any]]:
    """Give the cases the adapter; what its build writes is another matter."""
    files = [FOLDER / f"{name}.json" for name in ANSWERS]
    cases: list[dict[str, Any]] = RUNNER.load_cases(files) if RUNNER else []
    return [
        {**case, "build": {}, "config": {**case["config"], "adapter": adapter}}
        for case in cases
        if case.get("config", {}).get("adapter") and case.get("requests")
    ]


def run_case(case: dict[str, Any], options: argparse.Namespace) -> tuple[list[Any], str]:
    """Run a case; once more when wrangler's own start has failed it.

    Two wranglers may pick the same port for their inspector, and one was seen to hold the first
    request back until the next one came, before it had loaded any Python.
    """
    checks, log = RUNNER.run_case(case, options)  # pyright: ignore[reportOptionalMemberAccess]
    told = "".join(check.line("") for check in checks if not check.ok)
    is_held_back = options.target == "wrangler" and "TimeoutError" in told
    if is_held_back or "Address already in use" in log:
        return RUNNER.run_case(case, options)  # pyright: ignore[reportOptionalMemberAccess]
    return checks, log


class Pool:
    """Runs the selected cases side by side, each once, ahead of the tests that ask for them."""

    def __init__(self, target: str, cases: list[dict[str, Any]], *more: str) -> None:
        arguments = ["--target", target, *more]
        options: argparse.Namespace = RUNNER.parse(arguments) if RUNNER else None  # pyright: ignore[reportAssignmentType]
        self.executor = concurrent.futures.ThreadPoolExecutor(JOBS)
        self.futures = {
            case["name"]: self.executor.submit(run_case, case, options) for case in cases
        }

    def failures(self, name: str) -> str:
        """Describe what failed in a case; empty when nothing did."""
        checks, log = self.futures[name].result()
        lines = [check.line(name) for check in checks if not check.ok]
        return "\n".join([*lines, log]) if lines or not checks else ""

    def close(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)
        for process in list(RUNNER.running):  # pyright: ignore[reportOptionalMemberAccess]
            RUNNER.stop(process)  # pyright: ignore[reportOptionalMemberAccess]


def selected(request: pytest.FixtureRequest, test: str) -> list[dict[str, Any]]:
    """List the cases of the tests that this run has selected, in their order."""
    items: list[Any] = [*request.session.items]
    return [
        item.callspec.params["case"] for item in items if getattr(item, "originalname", "") == test
    ]


@pytest.fixture(scope="module")
def preview(request: pytest.FixtureRequest) -> Generator[Pool, None, None]:
    pool = Pool("preview", selected(request, "test_conformance_on_preview"))
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def wrangler(request: pytest.FixtureRequest) -> Generator[Pool, None, None]:
    pool = Pool("wrangler", selected(request, "test_conformance_on_wrangler"))
    yield pool
    pool.close()


def test_the_shared_folder_is_here() -> None:
    if not CASES and not IN_CI:
        pytest.skip("../shared/conformance is no part of a clone: its cases were not run")
    assert len(CASES) > 100


@pytest.mark.parametrize("case", cases_for("preview"), ids=lambda case: case["name"])
def test_conformance_on_preview(case: dict[str, Any], preview: Pool) -> None:
    assert preview.failures(case["name"]) == ""


@pytest.mark.workerd
@pytest.mark.parametrize("case", cases_for("wrangler")[::STEP], ids=lambda case: case["name"])
def test_conformance_on_wrangler(case: dict[str, Any], wrangler: Pool) -> None:
    assert wrangler.failures(case["name"]) == ""


@pytest.fixture(scope="module", params=ASGI_SERVERS)
def asgi(request: pytest.FixtureRequest) -> Generator[Pool, None, None]:
    cases = selected(request, "test_conformance_on_asgi")
    command = f"python {ASGI_FIRSTLIGHT} {request.param}"
    pool = Pool("preview", cases, "--firstlight", command)
    yield pool
    pool.close()


@pytest.mark.servers
@pytest.mark.parametrize("case", adapter_cases("asgi"), ids=lambda case: case["name"])
def test_conformance_on_asgi(case: dict[str, Any], asgi: Pool) -> None:
    assert asgi.failures(case["name"]) == ""


@pytest.fixture(scope="module")
def vercel(request: pytest.FixtureRequest) -> Generator[Pool, None, None]:
    cases = selected(request, "test_conformance_on_vercel")
    pool = Pool("preview", cases, "--firstlight", f"python {VERCEL_FIRSTLIGHT}")
    yield pool
    pool.close()


@pytest.mark.servers
@pytest.mark.parametrize("case", adapter_cases("vercel"), ids=lambda case: case["name"])
def test_conformance_on_vercel(case: dict[str, Any], vercel: Pool) -> None:
    assert vercel.failures(case["name"]) == ""


@pytest.fixture(scope="module")
def netlify(request: pytest.FixtureRequest) -> Generator[Pool, None, None]:
    cases = selected(request, "test_conformance_on_netlify")
    with netlify_host() as host:
        command = f"python {NETLIFY_FIRSTLIGHT} {node_modules()} {host}"
        pool = Pool("preview", cases, "--firstlight", command)
        yield pool
        pool.close()


@pytest.mark.current
@pytest.mark.parametrize("case", adapter_cases("netlify"), ids=lambda case: case["name"])
def test_conformance_on_netlify(case: dict[str, Any], netlify: Pool) -> None:
    assert netlify.failures(case["name"]) == ""
