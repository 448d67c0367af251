"""Checks a site that the test itself writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.check.checking import check_site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Files = Mapping[str, str]
    WriteSite = Callable[[Files], Path]
    Check = Callable[..., list[str]]

CLOUDFLARE = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
BASE = (
    '<!doctype html>\n<html lang="en">\n<head><title>T</title>\n'
    '<meta name="viewport" content="width=device-width"></head>\n'
    "<body>{% block main %}{% endblock %}</body></html>\n"
)


def page(body: str, frontmatter: str = "") -> str:
    """Write a page in the layout: its body begins on line 2, or 4 after one line of Python."""
    head = f"---\n{frontmatter}\n---\n" if frontmatter else ""
    return f'{head}{{% extends "_layouts/base.html" %}}{{% block main %}}\n{body}\n{{% endblock %}}'


@pytest.fixture
def check(write_site: WriteSite) -> Check:
    """List what is found in a site: severity, place, message and hint, as they are printed."""

    def run(files: Files, config: str = "") -> list[str]:
        root = write_site({"pyproject.toml": config, "pages/_layouts/base.html": BASE, **files})
        return [
            f"{found.severity} {found.location}: {found.text}"
            + (f" Hint: {found.hint}" if found.hint else "")
            for found in check_site(root).findings
        ]

    return run
