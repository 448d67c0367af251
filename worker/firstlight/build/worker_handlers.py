"""The Worker's handlers beside `fetch`: `queue` and `scheduled` of pages/_worker.py."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from firstlight.build.source_file import read_text
from firstlight.build.syntax import module_names
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firstlight.build.scan import Site
    from firstlight.build.wrangler import Wrangler

WORKER = "pages._worker"
HANDLERS = ("queue", "scheduled")


def worker_handlers(site: Site) -> list[str]:
    """List which of `queue` and `scheduled` pages/_worker.py defines or imports."""
    return defined_names(site, HANDLERS)


def uncalled_handlers(site: Site, host: str) -> list[str]:
    """Warn of handlers that a host never calls.

    Args:
        site: The site.
        host: Its name, as the warning has it.
    """
    handlers = ", ".join(f"`{name}()`" for name in worker_handlers(site))
    file = f"{WORKER.replace('.', '/')}.py"
    return [f"{file} defines {handlers}, which {host} never calls."] if handlers else []


def defined_names(site: Site, names: Iterable[str]) -> list[str]:
    """List which names pages/_worker.py defines or imports; all, when it does not parse."""
    if site.modules.get(WORKER) is None:
        return []
    tree = worker_tree(site)
    found = {*names} if tree is None else module_names(tree)
    return [name for name in names if name in found]


def worker_tree(site: Site) -> ast.Module | None:
    """Read pages/_worker.py; None when there is none, or it does not parse."""
    file = site.modules.get(WORKER)
    try:
        return None if file is None else ast.parse(read_text(site.root / file, file))
    except (SyntaxError, FirstlightError):
        return None  # reported where it is bundled


def missing_handlers(site: Site, wrangler: Wrangler) -> list[str]:
    """Warn of queues and crons that no handler of pages/_worker.py takes."""
    defined = worker_handlers(site)
    warnings: list[str] = []
    if wrangler.consumed and "queue" not in defined:
        warnings.append(
            f"{wrangler.file} consumes {', '.join(wrangler.consumed)}, but nothing handles the "
            "messages. Define `async def queue(batch)` in pages/_worker.py."
        )
    if wrangler.has_crons and "scheduled" not in defined:
        warnings.append(
            f"{wrangler.file} has cron triggers, but nothing handles them. "
            "Define `async def scheduled(event)` in pages/_worker.py."
        )
    return warnings
