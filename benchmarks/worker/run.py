"""Firstlight against a bare Python Worker, plain Jinja2 and Starlette, in one workerd.

`python benchmarks/worker/run.py` needs npm and wrk. Everything runs on the workerd that
wrangler 3.92.0 brings, served directly, on 127.0.0.1; each round asks every contender in turn.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from contenders import contenders

if TYPE_CHECKING:
    from collections.abc import Generator

WORKERD = "workerd@1.20241106.2"  # of wrangler 3.92.0: Pyodide 0.26 is part of it
STARLETTE = "starlette"
HOST = "127.0.0.1"
PATHS = {"json": "/api/hello", "page": "/rows", "ready": "/ready"}
START_LIMIT = 60  # seconds
CONFIG = """\
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "{host}:{port}", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
{modules}
  ],
  compatibilityDate = "2024-11-01",
  compatibilityFlags = ["python_workers"],
);
"""


@dataclass
class Samples:
    """What was measured of one contender, one number a round.

    Attributes:
        cold: Seconds from the start of the process to the first answer.
        memory: Peak resident memory so far, bytes, by path: the paths follow each other.
        rate: Requests a second, by path.
        cpu: Microseconds that workerd computes for one request, by path; what else runs on the
            machine changes that less than the rate.
        latency: Milliseconds at (50 %, 99 %), by path.
    """

    cold: list[float] = field(default_factory=list[float])
    memory: dict[str, list[int]] = field(default_factory=dict[str, "list[int]"])
    rate: dict[str, list[float]] = field(default_factory=dict[str, "list[float]"])
    cpu: dict[str, list[float]] = field(default_factory=dict[str, "list[float]"])
    latency: dict[str, list[tuple[float, float]]] = field(
        default_factory=dict[str, "list[tuple[float, float]]"]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of load for each path and round")
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workerd = install(folder)
        workers = contenders(folder / "packages")
        samples = {each: Samples() for each in workers}
        for each, modules in workers.items():
            write_worker(folder / each, modules)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for each in workers:
                measure(workerd, folder / each, samples[each], options)
        sizes = {each: upload_size(modules) for each, modules in workers.items()}
    print(table(samples, sizes))


def install(folder: Path) -> Path:
    """Fetch workerd and Starlette; return workerd's program."""
    npm = ["npm", "install", "--silent", "--no-save", "--prefix", str(folder), WORKERD]
    subprocess.run(npm, check=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder / "packages")]
    subprocess.run([*pip, STARLETTE], check=True)
    (program,) = folder.glob("node_modules/@cloudflare/workerd-*/bin/workerd")
    return program


def write_worker(folder: Path, modules: dict[str, str]) -> None:
    """Write a Worker's modules, the entry first in the configuration."""
    for name, text in modules.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    names = ["entry.py", *(name for name in modules if name != "entry.py")]
    lines = [f'    (name = "{name}", pythonModule = embed "{name}"),' for name in names]
    (folder / "modules").write_text("\n".join(lines))


@contextmanager
def serving(workerd: Path, folder: Path) -> Generator[tuple[int, int, float], None, None]:
    """Start a Worker; give its port, process id and seconds to the first answer."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    modules = (folder / "modules").read_text()
    config = folder / "config.capnp"
    config.write_text(CONFIG.format(host=HOST, port=port, modules=modules))
    command = [str(workerd), "serve", "--experimental", str(config)]
    with (folder / "log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(f"http://{HOST}:{port}{PATHS['page']}", process, folder / "log")
            yield port, process.pid, time.perf_counter() - started
        finally:
            process.terminate()
            process.wait(10)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the first 200."""
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=START_LIMIT):  # noqa: S310 - our own server
                return
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f"{url} did not answer:\n{log.read_text()}")


def measure(workerd: Path, folder: Path, samples: Samples, options: argparse.Namespace) -> None:
    """Take one round of one contender."""
    with serving(workerd, folder) as (port, pid, cold):
        samples.cold.append(cold)
        for name, path in PATHS.items():
            url = f"http://{HOST}:{port}{path}"
            load(url, 1, options.connections)  # warm
            before = computed(pid)
            count, rate, half, most = load(url, options.seconds, options.connections)
            samples.cpu.setdefault(name, []).append((computed(pid) - before) / count * 1e6)
            samples.rate.setdefault(name, []).append(rate)
            samples.latency.setdefault(name, []).append((half, most))
            samples.memory.setdefault(name, []).append(peak_memory(pid))


def computed(pid: int) -> float:
    """Return the seconds of CPU time that a process has used.

    Source:
        https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime


def peak_memory(pid: int) -> int:
    """Return the most bytes of resident memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def load(url: str, seconds: int, connections: int) -> tuple[int, float, float, float]:
    """Run wrk; return requests, those a second, and milliseconds of latency at 50 % and 99 %."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(output)
    count = re.findall(r"(\d+) requests in", output)[0]
    rate = re.findall(r"Requests/sec:\s+([\d.]+)", output)[0]
    half, most = (re.findall(rf"{p}%\s+([\d.]+)(us|ms|s)", output)[0] for p in (50, 99))
    return int(count), float(rate), milliseconds(*half), milliseconds(*most)


def milliseconds(number: str, unit: str) -> float:
    """Convert what wrk prints."""
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def upload_size(modules: dict[str, str]) -> int:
    """Return the gzipped bytes of all modules, each compressed alone as in the build report."""
    return sum(len(gzip.compress(text.encode(), mtime=0)) for text in modules.values())


def table(samples: dict[str, Samples], sizes: dict[str, int]) -> str:
    """Write medians and their ratio to the bare Worker, the spread in brackets."""
    bare = samples["bare"]
    head = [""]
    for path in PATHS:
        head += [f"{path} req/s", "cpu µs", "p50/p99 ms", "peak MB"]
    head += ["cold s", "gz KB"]
    lines = [f"{os.cpu_count()} cores, {len(bare.cold)} rounds", " | ".join(head)]
    for name, each in samples.items():
        cells = [f"{name:10}"]
        for path in PATHS:
            cells.append(compared(each.rate[path], bare.rate[path]))
            cells.append(compared(each.cpu[path], bare.cpu[path], is_cost=True))
            halves, mosts = zip(*each.latency[path], strict=True)
            cells.append(f"{statistics.median(halves):.1f}/{statistics.median(mosts):.1f}")
            floor = statistics.median(bare.memory[path])
            cells.append(difference(each.memory[path], floor, 1e6, 1))
        cells.append(difference(each.cold, statistics.median(bare.cold), 1, 2))
        cells.append(f"{sizes[name] / 1000:.1f}")
        lines.append(" | ".join(cells))
    return "\n".join(lines)


def compared(numbers: list[float], bare: list[float], *, is_cost: bool = False) -> str:
    """Write a median with its speed as a ratio to the bare Worker's, and the range of the rounds.

    Args:
        numbers: Of the contender.
        bare: Of the bare Worker.
        is_cost: Whether less is faster.
    """
    middle = statistics.median(numbers)
    ratio = middle / statistics.median(bare)
    if is_cost:
        ratio = 1 / ratio
    return f"{middle:.0f} = {ratio:.2f}x [{min(numbers):.0f}-{max(numbers):.0f}]"


def difference(numbers: list[float] | list[int], floor: float, unit: float, digits: int) -> str:
    """Write a median with its distance to the floor and the range of the rounds."""
    middle = statistics.median(numbers)
    low, high = min(numbers) / unit, max(numbers) / unit
    return (
        f"{middle / unit:.{digits}f} ({(middle - floor) / unit:+.{digits}f}) "
        f"[{low:.{digits}f}-{high:.{digits}f}]"
    )


if __name__ == "__main__":
    main()
