"""What the build tells the Worker about the site. Pure data; `dist/server/manifest.py` is one."""

from __future__ import annotations

from typing import NamedTuple

from firstlight.request import DEFAULT_MAX_BODY


class Route(NamedTuple):
    """A page or an endpoint.

    Attributes:
        pattern: Such as `/blog/[slug]`.
        file: Relative to the site's root, such as `pages/blog/[slug].html`.
        module: Import name of its code; empty for a prerendered route, which has none here.
        is_endpoint: Whether it is an endpoint.
        is_prerendered: Whether it lies among the assets.
    """

    pattern: str
    file: str
    module: str = ""
    is_endpoint: bool = False
    is_prerendered: bool = False


class Redirect(NamedTuple):
    """A configured redirect.

    Attributes:
        pattern: Where from, such as `/old/[slug]`.
        destination: A path with the same parameters, or an absolute URL.
        status: None means 301 for GET and HEAD, 308 otherwise.
    """

    pattern: str
    destination: str
    status: int | None = None


class Manifest(NamedTuple):
    """A site: its routes in priority order, and its options.

    Attributes:
        routes: In priority order.
        templates: Template name, relative to pages/, to module.
        middleware: Module of pages/_middleware.py; empty when there is none.
        redirects: In priority order.
        site: Absolute origin, or None.
        base: Sub-path without a final slash; `/` for none.
        trailing_slash: `ignore`, `always` or `never`.
        format: `directory` or `file`.
        max_body: Bytes that form_data(), json() and text() accept.
        trusted_origins: Other origins whose forms are accepted.
    """

    routes: tuple[Route, ...] = ()
    templates: dict[str, str] = {}  # noqa: RUF012 - NamedTuple copies nothing; never mutated
    middleware: str = ""
    redirects: tuple[Redirect, ...] = ()
    site: str | None = None
    base: str = "/"
    trailing_slash: str = "ignore"
    format: str = "directory"
    max_body: int = DEFAULT_MAX_BODY
    trusted_origins: tuple[str, ...] = ()
