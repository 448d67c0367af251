"""`_headers` and `_redirects`: what the platform adds to assets, the user's own lines first."""

from __future__ import annotations

import mimetypes
import re
from typing import TYPE_CHECKING

from firstlight.build.scan import Site, canonical_path
from firstlight.build.source_file import PAGES, read_text
from firstlight.routing import PARAM
from firstlight.url import ASSET_SAFE, PATH_SAFE, URL_SAFE, percent_encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firstlight.build.prerender import Rendered
    from firstlight.manifest import Redirect

# Those that the platform's own redirects may have.
STATUSES = (301, 302, 303, 307, 308)


def headers_file(site: Site, rendered: Iterable[Rendered]) -> str:
    """Write the headers that prerendered routes have set; empty when there are none.

    Source:
        https://developers.cloudflare.com/workers/static-assets/headers/
    """
    parts = [_own(site, "_headers")]
    for page in rendered:
        lines = [f"  {name}: {value}" for name, value in _headers(page)]
        if lines and page.body is not None:
            parts.append("\n".join([_url(site, page), *lines]))
    return _joined(parts)


def redirects_file(site: Site) -> str:
    """Write the configured redirects for platforms that read them; empty when there are none.

    What has no form there, such as a parameter that is a part of a segment, is left to the
    Worker.

    Source:
        https://developers.cloudflare.com/workers/static-assets/redirects/
    """
    lines = [_own(site, "_redirects")]
    if site.config.adapter:
        lines += [
            line for redirect in site.config.redirects for line in _redirect_lines(site, redirect)
        ]
    return _joined(lines)


def worker_redirects(site: Site) -> list[str]:
    """List the patterns of configured redirects that have no form in `_redirects`."""
    return [r.pattern for r in site.config.redirects if not _redirect_lines(site, r)]


def ignore_file(site: Site) -> str:
    """Return the site's own `.assetsignore`: which files of dist/client/ are not uploaded.

    Source:
        https://developers.cloudflare.com/workers/static-assets/binding/#ignoring-assets
    """
    return _joined([_own(site, ".assetsignore")])


def _joined(parts: list[str]) -> str:
    text = "\n".join(filter(None, parts))
    return f"{text}\n" if text else ""


def _own(site: Site, name: str) -> str:
    if name not in site.platform_files:
        return ""
    return read_text(site.root / PAGES / name, f"{PAGES}/{name}").rstrip("\n")


def _headers(page: Rendered) -> list[tuple[str, str]]:
    headers = list(page.headers)
    # The platform knows the type by the file's extension; a file without one needs telling.
    if (
        page.path.route.is_endpoint
        and page.content_type
        and not mimetypes.guess_type(page.path.output)[0]
    ):
        headers.append(("content-type", page.content_type))
    return headers


def _url(site: Site, page: Rendered) -> str:
    is_endpoint = page.path.route.is_endpoint
    return percent_encode(
        canonical_path(page.path.path, site.config, is_endpoint=is_endpoint), ASSET_SAFE
    )


def _redirect_lines(site: Site, redirect: Redirect) -> list[str]:
    source = _placeholders(redirect.pattern)
    status = redirect.status or 301
    if source is None or status not in STATUSES or not _is_target(redirect.destination):
        return []
    base = "" if site.config.base == "/" else site.config.base
    target = re.sub(PARAM, lambda p: ":splat" if p[1] else f":{p[2]}", redirect.destination)
    target = percent_encode(target, URL_SAFE)
    sources = [source] if source.endswith("*") or source == "/" else [source, source + "/"]
    return [f"{percent_encode(base + path, PATH_SAFE)} {target} {status}" for path in sources]


def _is_target(destination: str) -> bool:
    """Tell whether the platform takes a destination: a path from the root, or a whole URL."""
    return re.match(r"/(?!/)|https?://", destination) is not None


def _placeholders(pattern: str) -> str | None:
    """Write `[x]` as `:x` and a final `[...x]` as `*`; None when that is not possible."""
    segments: list[str] = []
    for segment in pattern.strip("/").split("/"):
        param = re.fullmatch(PARAM, segment)
        if param and param[1]:
            segments.append("*")
        elif param and re.fullmatch(r"[A-Za-z]\w*", param[2], re.ASCII):
            segments.append(f":{param[2]}")
        elif set(segment) & set("[:*"):
            return None
        else:
            segments.append(segment)
    return None if "*" in segments[:-1] else "/" + "/".join(segments)
