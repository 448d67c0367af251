"""The handles beside the raw bindings, in one run: `python benchmarks/bindings/run.py`.

Needs npx. On wrangler 3.92's workerd (Pyodide 0.26) and on Pyodide 0.28 and 314 with miniflare
4, the same work is timed in turns, so that a noisy moment hits all of it. A KV get through the
handle is to cost less than 15 % more than the raw call in the same Worker.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import bindings

HERE = Path(__file__).parent
PACKAGE = Path(bindings.__file__).parent
ROUNDS = 150
TIMES = {"kv_raw": 10, "kv_handle": 10, "d1_raw": 1, "d1_handle": 1, "d1_fields": 1}
WRANGLER = ("npx", "--yes", "wrangler@3.92.0", "dev", "--ip", "127.0.0.1")
NPX = ("npx", "--yes", "-p", "node@22", "-p", "miniflare@4.20260730.0")
START_TIMEOUT = 120  # seconds
CONFIG = """
name = "benchmark"
main = "work.py"
compatibility_date = "2024-11-01"
compatibility_flags = ["python_workers"]
kv_namespaces = [{ binding = "CACHE", id = "benchmark-kv" }]
d1_databases = [{ binding = "DB", database_name = "benchmark", database_id = "benchmark-d1" }]
"""


def main() -> None:
    """Print microseconds a call, and what the handle adds to it."""
    print("runtime          kv raw   handle  added    rows raw   handle  each field")
    show("wrangler 3.92", on_workerd())
    for version in ("0.28.3", "314.0.7"):
        show(f"Pyodide {version}", on_pyodide(version))


def show(runtime: str, samples: dict[str, list[float]]) -> None:
    """Print one runtime's costs, from milliseconds of whole rounds.

    The fastest tenth of the rounds: what other programs take away only adds.
    """
    cost = {name: fastest(each) * 1000 / TIMES[name] for name, each in samples.items()}
    added = cost["kv_handle"] / cost["kv_raw"] - 1
    print(
        f"{runtime:15}{cost['kv_raw']:>6.0f} µs{cost['kv_handle']:>6.0f} µs{added:>7.1%}"
        f"{cost['d1_raw']:>9.0f} µs{cost['d1_handle']:>6.0f} µs{cost['d1_fields']:>9.0f} µs",
        flush=True,
    )


def fastest(samples: list[float]) -> float:
    """Return the mean of the fastest tenth."""
    return statistics.mean(sorted(samples)[: len(samples) // 10])


def on_pyodide(version: str) -> dict[str, list[float]]:
    """Time the work on Node."""
    command = (*NPX, "-p", f"pyodide@{version}", "node", HERE / "current.mjs")
    arguments = (PACKAGE, HERE / "work.py", str(ROUNDS), json.dumps(TIMES))
    done = subprocess.run((*command, *arguments), capture_output=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def on_workerd() -> dict[str, list[float]]:
    """Time the work from outside: a Worker's own clock stands still while it computes."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as state:
        folder = Path(name)
        unneeded = shutil.ignore_patterns("_local", "typings", "__pycache__")
        shutil.copytree(PACKAGE, folder / "bindings", ignore=unneeded)
        shutil.copy(HERE / "work.py", folder)
        (folder / "wrangler.toml").write_text(CONFIG, encoding="utf-8")
        port = free_port()
        options = (
            f"--port={port}",
            f"--inspector-port={free_port()}",
            f"--persist-to={state}",  # elsewhere, or each write would reload the Worker
            "--show-interactive-dev-session=false",
        )
        process = subprocess.Popen(
            (*WRANGLER, *options),
            cwd=folder,
            env={**os.environ, "WRANGLER_SEND_METRICS": "false"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return rounds_over_http(f"http://127.0.0.1:{port}")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def rounds_over_http(url: str) -> dict[str, list[float]]:
    """Wait for the Worker, then time whole requests."""
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            timed_get(f"{url}/set_up/1")
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            break
    samples: dict[str, list[float]] = {name: [] for name in TIMES}
    for number in range(ROUNDS + 1):
        for name, times in TIMES.items():
            milliseconds = timed_get(f"{url}/{name}/{times}")
            if number > 0:  # the first round imports and fills caches
                samples[name].append(milliseconds)
    return samples


def timed_get(url: str) -> float:
    """Return the milliseconds of a request."""
    start = time.perf_counter()
    with urllib.request.urlopen(url, timeout=START_TIMEOUT) as answer:  # noqa: S310 - our own server
        answer.read()
    return (time.perf_counter() - start) * 1000


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


if __name__ == "__main__":
    main()
