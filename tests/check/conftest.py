"""The fixture of the tests beside this file."""

from __future__ import annotations

from check_site import check

__all__ = ["check"]
