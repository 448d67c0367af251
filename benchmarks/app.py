"""`App.handle` per call on CPython, and of that what the site's own code takes.

`python benchmarks/app.py` builds benchmarks/worker/site and runs what would be uploaded. The
ratio is to the endpoint's function, or to the page's template, called alone.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

SITE = Path(__file__).parent / "worker" / "site"
HEADERS = [("accept", "*/*"), ("host", "localhost"), ("user-agent", "benchmark")]
ROUNDS = 9
CALLS = 500


def main() -> None:
    """Print microseconds a call."""
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=SITE, check=True)
    sys.path.insert(0, str(SITE / "dist/server"))
    asyncio.run(compare())


async def compare() -> None:
    """Measure both by turns."""
    from manifest import MANIFEST  # noqa: PLC0415

    from firstlight.app import App  # noqa: PLC0415 - the built one, after the path is set
    from firstlight.context import APIContext  # noqa: PLC0415
    from firstlight.handlers import handle_endpoint, handle_page  # noqa: PLC0415
    from firstlight.headers import Headers  # noqa: PLC0415
    from firstlight.request import Request  # noqa: PLC0415
    from firstlight.url import URL  # noqa: PLC0415

    app = App(MANIFEST)

    def request(path: str) -> Request:
        return Request("GET", f"http://localhost{path}", Headers.of_trusted(HEADERS))

    async def alone(path: str) -> object:
        route, _ = app.match(path)[0]
        asked = request(path)
        ctx = APIContext(asked, URL(asked.url), platform=None)
        module: Any = sys.modules.get(route.module) or __import__(route.module, fromlist=["x"])
        if route.is_endpoint:
            return await handle_endpoint(module, ctx, "GET")
        return await handle_page(module, ctx, app.templates)

    paths = {"JSON endpoint": "/api/hello", "page of 50 rows": "/rows", "rows ready": "/ready"}
    for name, path in paths.items():
        whole: list[float] = []
        part: list[float] = []
        for _ in range(ROUNDS):
            whole.append(await cost(lambda path=path: app.handle(request(path))))
            part.append(await cost(lambda path=path: alone(path)))
        middle, own = statistics.median(whole), statistics.median(part)
        spread = f"[{min(whole):.1f}-{max(whole):.1f}]"
        print(f"{name:16} {middle:7.1f} µs {spread:15} {middle / own:.2f}x its handler")


async def cost(call: Callable[[], Awaitable[object]]) -> float:
    """Return microseconds a call."""
    started = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - started) / CALLS * 1e6


if __name__ == "__main__":
    main()
