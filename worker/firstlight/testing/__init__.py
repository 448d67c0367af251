"""Tests of a site: what the pytest fixtures `site` and `wrangler` give.

The fixtures come with the package: pytest finds them by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from firstlight.testing.client import Answer as Answer
    from firstlight.testing.client import Client as Client
    from firstlight.testing.local import Site as Site
    from firstlight.testing.wrangler import Wrangler as Wrangler

HOMES = {"Answer": "client", "Client": "client", "Site": "local", "Wrangler": "wrangler"}


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: pytest loads this package in every project."""
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
