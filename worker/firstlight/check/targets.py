"""What the URLs of a site lead to: files, routes on demand, redirects."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from firstlight.build.platform_files import redirects_file
from firstlight.build.scan import canonical_path
from firstlight.build.source_file import PAGES, read_text
from firstlight.routing import Router, is_dynamic
from firstlight.server.assets import AssetServer, parse_redirects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firstlight.build.adapter import SiteBuild
    from firstlight.build.scan import Site, SiteRoute
    from firstlight.server.assets import Asset

MIDDLEWARE = f"{PAGES}/_middleware.py"
LIKELY = 0.75  # how alike a suggestion is, from 0 to 1
MANY = 2000  # suggestions are looked for among so many URLs


class Target(NamedTuple):
    """What answers a URL.

    Attributes:
        file: Below dist/client/, when a static file does.
        route: When it runs on demand.
    """

    file: str | None = None
    route: SiteRoute | None = None


class BuiltFiles:
    """The paths below dist/client/; nobody reads what is in them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    async def read(self, path: str) -> Asset | None:
        """Return None: this knows names only."""
        del path


class Targets:
    """Finds what answers a path of a site, as the platform would.

    Args:
        build: The site.
        is_whole: Whether everything was rendered; if not, what is missing is reported as that,
            and links to any route count as good.
    """

    def __init__(self, build: SiteBuild, *, is_whole: bool = True) -> None:
        site = build.site
        self._base = site.config.base.strip("/")
        outputs = [page.path.output for page in build.rendered if page.body is not None]
        names = [*site.assets, *outputs, *build.redirect_pages]
        files = BuiltFiles(f"{self._base}/{name}" if self._base else name for name in names)
        self._assets = AssetServer(files, build.wrangler.html_handling)
        self._redirects = parse_redirects(redirects_file(site))
        self._middleware = _middleware_text(site)
        routes = site.on_demand if is_whole else site.routes
        self._on_demand = Router([(route.pattern, route) for route in routes])
        self._configured = Router([(r.pattern, r) for r in site.config.redirects])
        known = [
            canonical_path(page.path.path, site.config, is_endpoint=page.path.route.is_endpoint)
            for page in build.rendered
            if page.path.path not in ("/404", "/500")
        ]
        prefix = f"/{self._base}" if self._base else ""
        known += [f"{prefix}/{asset}" for asset in site.assets]
        known += [prefix + r.pattern for r in site.on_demand if not is_dynamic(r.pattern)]
        self._known = known[:MANY]
        self._nearest: dict[str, str | None] = {}

    def find(self, path: str) -> Target | None:
        """Find what answers a path.

        Args:
            path: Decoded, base included.

        Returns:
            None when nothing does; a target without file and route for a redirect.
        """
        file = self.find_file(path)
        if file is not None:
            return Target(file)
        if any(pattern.fullmatch(path) for pattern, _, _ in self._redirects):
            return Target()
        within = self.below_base(path)
        if within is None:
            return None
        if self._configured.matches(within) or self._may_be_middlewares(within):
            return Target()
        return next((Target(route=route) for route, _ in self._on_demand.matches(within)), None)

    def _may_be_middlewares(self, path: str) -> bool:
        """Tell whether middleware names a path, as it does when it answers it."""
        return re.search(rf"""["']{re.escape(path)}/?["']""", self._middleware) is not None

    def find_file(self, path: str) -> str | None:
        """Find the static file that answers a path, redirects of the platform followed."""
        found = self._assets.find(path)
        if found is not None and found.redirect is not None:
            found = self._assets.find(found.redirect)
        return found.file if found else None

    def below_base(self, path: str) -> str | None:
        """Take the base off a path, and a final slash; None when it lies outside."""
        base = f"/{self._base}" if self._base else ""
        if path != base and not path.startswith(f"{base}/"):
            return None
        return path[len(base) :].rstrip("/") or "/"

    def nearest(self, path: str) -> str | None:
        """Return the URL of the site that is most like a path; looked for once."""
        if path not in self._nearest:
            self._nearest[path] = self._find_nearest(path)
        return self._nearest[path]

    def _find_nearest(self, path: str) -> str | None:
        if self._base and self.below_base(path) is None and self.find(f"/{self._base}{path}"):
            return f"/{self._base}{path}"
        found = difflib.get_close_matches(path, self._known, 1, LIKELY)
        return found[0] if found else None


def _middleware_text(site: Site) -> str:
    """Read pages/_middleware.py; empty where it never runs for a visitor."""
    if not site.has_middleware or site.config.adapter is None:
        return ""
    return read_text(site.root / MIDDLEWARE, MIDDLEWARE)
