"""Fifty rows, made once, so that a page of them shows what rendering alone costs."""

from __future__ import annotations

rows = [{"id": n, "name": f"Name {n}", "message": f"<b>{n}</b> & more"} for n in range(50)]
