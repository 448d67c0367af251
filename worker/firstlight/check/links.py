"""Finds links of a site that lead nowhere in it."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from firstlight.build.config import option_location
from firstlight.build.prerender import LOCALHOST
from firstlight.build.scan import shape
from firstlight.check.finding import ERROR, WARNING, Finding, Problem
from firstlight.routing import is_dynamic
from firstlight.url import percent_decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from firstlight.build.adapter import SiteBuild
    from firstlight.check.page_parts import Link, PageParts
    from firstlight.check.targets import Target, Targets

CHECK = "dead-link"
SCHEME = re.compile(r"(?!https?:)[A-Za-z][A-Za-z0-9+.-]*:")
PLATFORM = "/cdn-cgi/"  # https://developers.cloudflare.com/fundamentals/reference/cdn-cgi-endpoint/
# Fragments that browsers or scripts understand without an element of that name.
FREE_FRAGMENTS = re.compile(r"$|top$|:~:|[/!]", re.IGNORECASE)


class LinkCheck:
    """Checks the links of pages.

    Args:
        build: The site.
        targets: What its URLs lead to.
        pages: The parts of each built page, by its path below dist/client/.
    """

    def __init__(self, build: SiteBuild, targets: Targets, pages: Mapping[str, PageParts]) -> None:
        self._site = build.site
        self._targets = targets
        self._pages = pages
        self._origin = build.site.config.site or LOCALHOST

    def problem(self, link: Link, page: str | None, base: str | None = None) -> Problem | None:
        """Say what is wrong with a link; None when nothing is, or nobody can know.

        Args:
            link: As it was found.
            page: The URL path of the page it stands on, percent-encoded; None when that is
                not known, as for a template of routes with parameters.
            base: Of its `<base href>`.
        """
        if SCHEME.match(link.value) or (page is None and not link.value.startswith("/")):
            return None
        found = self._problem(link, page, base)
        place = {"line": link.line, "value": link.value, "attribute": link.attribute}
        return found._replace(**place, tag=link.tag) if found else None

    def _problem(self, link: Link, page: str | None, base: str | None) -> Problem | None:
        value = link.value
        if not value and link.attribute in ("src", "href", "data") and link.tag not in ("a", "use"):
            return Problem(CHECK, ERROR, f"`<{link.tag}>` has an empty `{link.attribute}`.")
        if value.startswith(LOCALHOST) and self._site.config.site is None:
            return Problem(
                "no-site",
                WARNING,
                f"`{value}` names this machine.",
                'Set `site = "https://…"` in [tool.firstlight] of pyproject.toml.',
            )
        try:
            here = urljoin(f"{self._origin}{page or '/'}", base or "")
            parts = urlsplit(urljoin(here, value))
            path = unicodedata.normalize("NFC", percent_decode(parts.path))
        except ValueError:
            return Problem(CHECK, ERROR, f"`{value}` is no URL that a server understands.")
        if f"{parts.scheme}://{parts.netloc}" != self._origin:
            return None
        return self._of_path(link, path or "/", parts.fragment)

    def redirects(self) -> Iterator[Finding]:
        """Find configured redirects that lead to nothing."""
        shapes = {shape(route.pattern) for route in self._site.routes}
        for redirect in self._site.config.redirects:
            path = re.split(r"[?#]", redirect.destination)[0]
            is_route = shape(path.rstrip("/")) in shapes
            if not path.startswith("/") or path.startswith("//") or is_route:
                continue
            if self._targets.find(re.sub(r"\[[^]]*\]", "-", path)) is None:
                file, line, _ = option_location(self._site.root, redirect.pattern)
                message = (
                    f"The redirect `{redirect.pattern}` leads to `{path}`, which is not there."
                )
                hint = None if is_dynamic(path) else _suggestion(self._targets.nearest(path))
                yield Finding(CHECK, ERROR, message, hint, file, line)

    def _of_path(self, link: Link, path: str, fragment: str) -> Problem | None:
        target = self._targets.find(path)
        if target is None:
            return None if path.startswith(PLATFORM) else self._dead(link, path)
        if target.file is not None and link.method == "POST":
            return Problem(
                "form",
                ERROR,
                f"This form posts to `{link.value or path}`, a static page: "
                "the platform answers 405.",
                "Set `prerender = False` in that page, or post to an endpoint.",
            )
        if problem := _wrong_method(link, target):
            return problem
        parts = self._pages.get(target.file or "")
        fragment = _decoded(fragment)
        if parts is None or FREE_FRAGMENTS.match(fragment) or fragment in parts.anchors:
            return None
        return Problem(
            "dead-fragment",
            WARNING,  # a script may make the element
            f"`{link.value}` leads to `#{fragment}`, but that page has no such `id`.",
            _nearest_anchor(fragment, parts),
        )

    def _dead(self, link: Link, path: str) -> Problem | None:
        outside = self._targets.below_base(path) is None
        near = self._targets.nearest(path)
        if outside and near is None:
            return None  # another application may live there
        message = f"`{link.value or path}` leads nowhere: no page, file or route answers `{path}`."
        if outside:
            message = f"`{link.value}` lies outside of `base`, which is `{self._site.config.base}`."
        return Problem(CHECK, ERROR, message, _suggestion(near))


def _wrong_method(link: Link, target: Target) -> Problem | None:
    handlers = target.route.handlers if target.route else ()
    methods = {"GET": {"GET", "ALL"}, "POST": {"POST", "ALL"}}[link.method]
    if target.route is None or not handlers or methods & set(handlers):
        return None
    return Problem(
        "method",
        ERROR,
        f"`{link.value}` is asked for with {link.method}, but {target.route.file} defines "
        f"{', '.join(handlers)} only: the answer is 405.",
        f"Define `{link.method}` there, or link to another URL.",
    )


def _nearest_anchor(fragment: str, parts: PageParts) -> str | None:
    import difflib  # noqa: PLC0415 - for mistakes only

    found = difflib.get_close_matches(fragment, parts.anchors, 1)
    return f"Did you mean `#{found[0]}`?" if found else "Give an element of that page this `id`."


def _suggestion(near: str | None) -> str:
    return f"Did you mean `{near}`?" if near else "Mend the link, or make the page."


def _decoded(fragment: str) -> str:
    try:
        return percent_decode(fragment)
    except ValueError:
        return fragment
