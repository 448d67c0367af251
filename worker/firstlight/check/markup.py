"""Finds pages without a title, a language or a viewport, images without `alt`, repeated ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.check.finding import WARNING, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.check.page_parts import PageParts


def image_problems(parts: PageParts) -> Iterator[Problem]:
    """Find images that say nothing to those who do not see them.

    Source:
        https://www.w3.org/WAI/WCAG22/Understanding/non-text-content
    """
    for source, line in parts.images:
        named = f'`<img src="{source}">`' if source else "An image"
        hint = 'Describe it: `alt="…"`; or `alt=""` when it only decorates.'
        yield Problem("no-alt", WARNING, f"{named} has no `alt`.", hint, line, source, "src", "img")


def page_problems(parts: PageParts) -> Iterator[Problem]:
    """Find what a whole page lacks.

    Source:
        https://www.w3.org/WAI/WCAG22/Understanding/page-titled
        https://www.w3.org/WAI/WCAG22/Understanding/language-of-page
    """
    if parts.is_redirect:
        return
    if not (parts.title or "").strip():
        what = "has no `<title>`" if parts.title is None else "has an empty `<title>`"
        line, tag = (
            (parts.title_line, "title") if parts.title is not None else (parts.head_line, "head")
        )
        hint = "Write `<title>…</title>` in the page's `<head>`."
        yield Problem("no-title", WARNING, f"The page {what}.", hint, line, tag=tag)
    if not (parts.lang or "").strip():
        hint = 'Write `<html lang="en">`, or whichever language it is in.'
        message = "The page does not say its language."
        yield Problem("no-lang", WARNING, message, hint, parts.html_line, tag="html")
    if not parts.has_viewport:
        hint = 'Write `<meta name="viewport" content="width=device-width, initial-scale=1">`.'
        message = "The page has no `<meta name=viewport>`: phones show it shrunk."
        yield Problem("no-viewport", WARNING, message, hint, parts.head_line, tag="head")


def repeated_ids(parts: PageParts) -> Iterator[Problem]:
    """Find ids that several elements have, so that a link reaches the first of them only."""
    seen: set[str] = set()
    for name, line in parts.ids:
        if name in seen:
            message = f"The id `{name}` stands more than once in the page."
            hint = "Give each element an id of its own."
            yield Problem("repeated-id", WARNING, message, hint, line, name, "id")
        seen.add(name)
