"""Route matching over 10, 1,000 and 10,000 routes, side by side: `python benchmarks/routing.py`.

Each kind of table is asked for paths it has and paths it has not; the ratio to the smallest
table is what counts. A match over 10,000 routes is to cost no more than ten times one over 10.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from firstlight.routing import Router, route_key

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (10, 1_000, 10_000)
ROUNDS = 7
KINDS: dict[str, tuple[Callable[[int], str], Callable[[int], str]]] = {
    "static": (lambda n: f"/docs/page-{n}", lambda n: f"/docs/page-{n}"),
    "parameter": (lambda n: f"/shop-{n}/[id]", lambda n: f"/shop-{n}/7"),
    "prefix": (lambda n: f"/game-{n}-[title]", lambda n: f"/game-{n}-chess"),
    "suffix": (lambda n: f"/[title]-{n}.html", lambda n: f"/chess-{n}.html"),
    "rest": (lambda n: f"/area-{n}/[...path]", lambda n: f"/area-{n}/a/b"),
    "rest suffix": (lambda n: f"/files/[...path].x{n}", lambda n: f"/files/a/b.x{n}"),
}


def main() -> None:
    """Print microseconds a match and the ratio to the smallest table."""
    print(f"{'kind':12}" + "".join(f"{size:>20,}" for size in SIZES))
    for kind, (pattern, path) in KINDS.items():
        routers = [build(pattern, size) for size in SIZES]
        samples = [[] for _ in SIZES]
        for _ in range(ROUNDS):  # interleaved, so that a noisy moment hits all of them
            for router, size, times in zip(routers, SIZES, samples, strict=True):
                times.append(cost(router, path, size))
        medians = [statistics.median(times) for times in samples]
        cells = "".join(f"{m:>11.2f} µs {m / medians[0]:>5.1f}x" for m in medians)
        print(f"{kind:12}{cells}")


def build(pattern: Callable[[int], str], size: int) -> Router[str]:
    """Make a router of one kind of pattern."""
    patterns = sorted(map(pattern, range(size)), key=lambda p: route_key(p, is_endpoint=False))
    return Router([(p, p) for p in patterns])


def cost(router: Router[str], path: Callable[[int], str], size: int) -> float:
    """Return microseconds for one match, of hits all over the table and as many misses."""
    step = max(1, size // 100)
    hits = [path(number) for number in range(0, size, step)]
    misses = [hit + "-no" for hit in hits]
    for each in hits:
        if not router.matches(each):
            raise AssertionError(each)
    started = time.perf_counter()
    for each in (*hits, *misses):
        router.matches(each)
    return (time.perf_counter() - started) / (2 * len(hits)) * 1e6


if __name__ == "__main__":
    main()
