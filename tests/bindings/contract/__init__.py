"""What every backend of the bindings does, as functions that any runtime calls.

Only the standard library: inside workerd there is no pytest. Each function uses
keys and tables of its own, so that their order does not matter.
"""

from __future__ import annotations

from contract import d1, env, kv, objects, r2, r2_serving, services
from contract.suite import ASSETS, CONTRACT, DIFFERENCES, WRANGLER_TOML, Site, set_up

__all__ = [
    "ASSETS",
    "CONTRACT",
    "DIFFERENCES",
    "WRANGLER_TOML",
    "Site",
    "d1",
    "env",
    "kv",
    "objects",
    "r2",
    "r2_serving",
    "services",
    "set_up",
]
