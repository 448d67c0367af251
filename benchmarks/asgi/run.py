"""The ASGI adapter against Starlette with Jinja2, under the same uvicorn.

`python benchmarks/asgi/run.py` needs wrk, and Starlette, httptools and uvloop beside uvicorn. The
site is that of `benchmarks/worker/`; each round asks every contender in turn.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "worker"))

from contenders import READY_ROWS, ROWS, SITE, templates
from run import HOST, PATHS, compared, computed, load, wait_for

if TYPE_CHECKING:
    from collections.abc import Generator

FLOOR = """\
async def app(scope, receive, send):
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello, World!"})
"""
STARLETTE = """\
from jinja2 import DictLoader, Environment
from ready import rows as ready_rows
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates
from templates import TEMPLATES

templates = Jinja2Templates(env=Environment(loader=DictLoader(TEMPLATES), autoescape=True))

async def endpoint(request):
    return JSONResponse({"path": request.url.path, "message": "Hello, World!"})

async def page(request):
    ROWS
    return templates.TemplateResponse(request, "rows.html", {"title": "Rows", "rows": rows})

async def ready(request):
    return templates.TemplateResponse(request, "rows.html", {"title": "Rows", "rows": ready_rows})

app = Starlette(
    routes=[Route("/api/hello", endpoint), Route("/rows", page), Route("/ready", ready)]
)
""".replace("ROWS\n", ROWS)
SERVER = "--no-proxy-headers --log-level warning --loop uvloop --http httptools --ws none"
Samples = dict[str, dict[str, list[float]]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of load for each path and round")
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folders = write_contenders(Path(name))
        samples: dict[str, Samples] = {each: {} for each in folders}
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for each, folder in folders.items():
                measure(folder, samples[each], options)
    print(table(samples))


def write_contenders(folder: Path) -> dict[str, Path]:
    """Write what is served; return the folder of each `app.py`."""
    site = shutil.copytree(SITE, folder / "site", ignore=shutil.ignore_patterns("dist", ".*"))
    config = (site / "pyproject.toml").read_text().replace("cloudflare", "asgi")
    (site / "pyproject.toml").write_text(config)
    command = [sys.executable, "-m", "firstlight", "build"]
    subprocess.run(command, cwd=site, check=True, stdout=subprocess.DEVNULL)
    texts = {
        "bare": {"app.py": FLOOR},
        "starlette": {"app.py": STARLETTE, "ready.py": READY_ROWS, "templates.py": templates()},
    }
    for name, files in texts.items():
        (folder / name).mkdir()
        for file, text in files.items():
            (folder / name / file).write_text(text)
    return {
        "bare": folder / "bare",
        "firstlight": site / "dist/server",
        "starlette": folder / "starlette",
    }


@contextmanager
def serving(folder: Path) -> Generator[tuple[int, int], None, None]:
    """Start a server; give its port and process id."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    command = f"-m uvicorn --app-dir {folder} app:app --host {HOST} --port {port} {SERVER}"
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, *command.split()], stdout=output, stderr=output)
        try:
            wait_for(f"http://{HOST}:{port}{PATHS['page']}", process, log)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(10)


def measure(folder: Path, samples: Samples, options: argparse.Namespace) -> None:
    """Take one round of one contender."""
    with serving(folder) as (port, pid):
        for name, path in PATHS.items():
            url = f"http://{HOST}:{port}{path}"
            load(url, 1, options.connections)  # warm
            before = computed(pid)
            count, rate, half, most = load(url, options.seconds, options.connections)
            numbers = {
                "rate": rate,
                "cpu": (computed(pid) - before) / count * 1e6,
                "half": half,
                "most": most,
            }
            for kind, number in numbers.items():
                samples.setdefault(name, {}).setdefault(kind, []).append(number)


def table(samples: dict[str, Samples]) -> str:
    """Write medians and their ratio to Starlette, the range of the rounds in brackets."""
    other = samples["starlette"]
    heads = [f"{path} req/s | cpu µs | p50/p99 ms" for path in PATHS]
    lines = [f"{os.cpu_count()} cores", " | ".join(["", *heads])]
    for name, each in samples.items():
        cells = [f"{name:10}"]
        for path in PATHS:
            mine, theirs = each[path], other[path]
            cells.append(compared(mine["rate"], theirs["rate"]))
            cells.append(compared(mine["cpu"], theirs["cpu"], is_cost=True))
            half, most = statistics.median(mine["half"]), statistics.median(mine["most"])
            cells.append(f"{half:.1f}/{most:.1f}")
        lines.append(" | ".join(cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
