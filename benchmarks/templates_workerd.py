"""The page of templates.py in a Python Worker: `python benchmarks/templates_workerd.py`.

Runs wrangler 3.92.0 (Pyodide 0.26 in workerd). Clocks stand still inside a request there, so a
request renders many times and is timed from outside, less the time of one that renders nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import templates

ROUNDS = 9
RENDERS = {"_rows.html": 60, "_cards.html": 60, "_small.html": 1500}  # in one request
LIMIT = 180  # seconds to start in
TOML = """\
name = "templates"
main = "entry.py"
compatibility_date = "2024-11-01"
compatibility_flags = ["python_workers"]
"""
ENTRY = """\
import templates
from js import Response

templates.MODULES = {modules}
compared = {{}}


async def on_fetch(request, env, ctx):
    _, which, template, kind, count = request.url.split("?")[0].rsplit("/", 4)
    if not compared:
        compared["ours"], compared["jinja"] = templates.renderers()
    names = templates.rows({{"dict": dict, "row": templates.Row}}[kind])
    text = ""
    for _ in range(int(count)):
        text = compared[which](template, names)
    return Response.new(text)
"""


def main() -> None:
    """Print microseconds a render and the ratio, per template and kind of row."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "worker")
        folder.mkdir()
        templates.export(folder, alone=True)
        modules = (folder / "modules.json").read_text()
        (folder / "entry.py").write_text(ENTRY.format(modules=modules))
        (folder / "wrangler.toml").write_text(TOML)
        port = free_port()
        command = [
            "npx",
            "--yes",
            "wrangler@3.92.0",
            "dev",
            "--ip",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        command.append("--show-interactive-dev-session=false")
        with Path(temporary, "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True, env=os.environ | {"WRANGLER_SEND_METRICS": "false"},
            )  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=LIMIT) as client:
                wait_for(client)
                compare(client)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def compare(client: httpx.Client) -> None:
    """Ask for every template, both ways, in turns."""
    print(f"workerd of wrangler 3.92.0, {ROUNDS} rounds")
    for template, count in RENDERS.items():
        for kind in ("dict", "row"):
            paths = [f"/{which}/{template}/{kind}" for which in ("ours", "jinja")]
            if len({client.get(f"{path}/1").text for path in paths}) != 1:
                raise AssertionError(template)
            rounds = [[cost(client, path, count) for path in paths] for _ in range(ROUNDS)]
            ours, jinjas = (statistics.median(times) for times in zip(*rounds, strict=True))
            ratios = sorted(theirs / own for own, theirs in rounds)
            cells = f"{template:12}{kind:6}{ours:>10.0f} µs{jinjas:>10.0f} µs{jinjas / ours:>8.2f}"
            print(f"{cells}{ratios[1]:>8.2f}-{ratios[-2]:.2f}")


def cost(client: httpx.Client, path: str, count: int) -> float:
    """Return microseconds for one render."""
    return (timed(client, f"{path}/{count}") - timed(client, f"{path}/0")) / count


def timed(client: httpx.Client, path: str) -> float:
    """Return the microseconds of a request."""
    started = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - started) * 1e6


def wait_for(client: httpx.Client) -> None:
    """Wait for the Worker's first answer."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            client.get("/ours/_small.html/dict/1").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.5)
        else:
            return
    sys.exit("The Worker did not start.")


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
