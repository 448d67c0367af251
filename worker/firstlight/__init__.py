"""Firstlight: web sites in Python for Cloudflare Workers.

What a site imports from here is small enough for a cold start: the command line, the build
and the development server live in `firstlight.cli`, `firstlight.build` and `firstlight.dev`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from firstlight.context import APIContext as APIContext
from firstlight.cookies import Cookies as Cookies
from firstlight.errors import FirstlightError as FirstlightError
from firstlight.form_data import FormData as FormData
from firstlight.headers import Headers as Headers
from firstlight.middleware import sequence as sequence
from firstlight.request import Request as Request
from firstlight.response import Response as Response
from firstlight.url import URL as URL

if TYPE_CHECKING:
    from typing import Any

    from firstlight.build.pagination import paginate as paginate

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what only a build needs when it is asked for, by name: the Worker has no copy."""
    if name == "paginate":
        return import_module("firstlight.build.pagination").paginate
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
