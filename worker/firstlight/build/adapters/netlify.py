"""Netlify: static files, and a function that runs the Worker's modules on Pyodide."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstlight.build.adapter import STABLE, Bundle, Support
from firstlight.build.bundle import module_files, trace, trace_errors
from firstlight.build.config import option_location
from firstlight.build.platform_files import headers_file, redirects_file, worker_redirects
from firstlight.build.pyodide_package import find_pyodide, has_snapshot, pyodide_files
from firstlight.build.scan import canonical_path
from firstlight.build.support import bindings_beside, lacking
from firstlight.build.worker_handlers import uncalled_handlers
from firstlight.errors import AdapterError
from firstlight.server.assets import parse_headers
from firstlight.server.static import HASHED, IMMUTABLE
from firstlight.url import ASSET_SAFE, percent_encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from firstlight.build.adapter import File, SiteBuild
    from firstlight.build.imports import ImportTracer
    from firstlight.build.prerender import Rendered

FOLDER = ".netlify/v1/functions/firstlight"
FUNCTION = Path(__file__).parent.with_name("netlify_function.mjs")
BINDINGS = "bindings.cloudflare"
VARIABLES = {"env", "Env"}  # of the bindings: what Netlify has, too
# Those that Netlify has always taken for redirects; the function answers the others.
STATUSES = (301, 302, 303)
FORCED = "!"  # a redirect wins over a file, as it does elsewhere
UNTRIED = Support("limited", "Its function has not run on Netlify itself yet.")
NO_BINDINGS = "Variables are there: `from bindings.cloudflare import env`. KV, D1, R2 are not."
SLOW = "There is no `node` to make a snapshot of Pyodide, so the function starts slowly."
ENTRY = '''\
"""The function's entry, written by `firstlight build`."""

{imports}from firstlight.adapters.cloudflare import Adapter
from manifest import MANIFEST

fetch = Adapter(MANIFEST{enter}).fetch
'''


class NetlifyAdapter:
    """Makes files, and one function of what runs on demand."""

    name = "netlify"
    supports: Mapping[str, Support] = {
        "static": STABLE,
        "hybrid": UNTRIED,
        "server": UNTRIED,
        # https://docs.netlify.com/build/functions/configuration/#default-values
        "streaming": Support("limited", "Netlify ends an answer after 20 MB."),
        "wait_until": STABLE,
        "bindings": Support("limited", NO_BINDINGS),
    }
    options: Mapping[str, Any] = {}
    handler = "firstlight.adapters.cloudflare"

    def bundle(self, build: SiteBuild) -> Bundle:
        """Make the function's folder; empty where nothing runs on demand.

        The modules lie in dist/server/, too, for `firstlight preview`.

        Source:
            https://docs.netlify.com/build/frameworks/frameworks-api/
        """
        made = Bundle(client=_client_files(build), folders={FOLDER: ()}, warnings=_warnings(build))
        if not _has_function(build):
            return made
        tracer = _trace(build)
        made.server = _modules(build, tracer)
        made.errors = trace_errors(build.site, tracer)
        for need in bindings_beside(build, VARIABLES):
            made.errors.append(lacking(need, self.name, NO_BINDINGS))
        try:
            package = find_pyodide(build.site.root)
        except AdapterError as error:
            error.location = option_location(build.site.root, "adapter")
            made.errors.append(error)
        else:
            made.folders = {FOLDER: _function_files(build, made.server, package)}
            if not has_snapshot(package):
                made.warnings.append(SLOW)
        return made


ADAPTER = NetlifyAdapter()


def _has_function(build: SiteBuild) -> bool:
    """Tell whether a function must run: for a route, or for a redirect that is no rule here."""
    return bool(build.site.on_demand or worker_redirects(build.site))


def _warnings(build: SiteBuild) -> list[str]:
    warnings = uncalled_handlers(build.site, "Netlify")
    config = build.site.config
    if (config.trailing_slash, config.format) == ("always", "file"):
        warnings.append(
            "Netlify serves files such as `about.html` without the slash of `trailing_slash = "
            '"always"`. Write `format = "directory"`.'
        )
    return warnings


def _trace(build: SiteBuild) -> ImportTracer:
    tracer = trace(build, NetlifyAdapter.handler)
    if BINDINGS in tracer.found:
        for name in (f"{BINDINGS}._js", f"{BINDINGS}.env"):
            tracer.trace(name)
    return tracer


def _client_files(build: SiteBuild) -> Iterator[File]:
    """Yield `_headers` and `_redirects` with what only Netlify needs.

    Source:
        https://docs.netlify.com/manage/routing/headers/
        https://docs.netlify.com/manage/routing/redirects/overview/
    """
    site = build.site
    if _has_function(build):
        redirects = redirects_file(site, statuses=STATUSES, mark=FORCED)
    else:
        redirects = redirects_file(site, _not_found_rule(build), mark=FORCED)
    headers = headers_file(site, build.rendered, _immutable_rules(build))
    for name, text in (("_headers", headers), ("_redirects", redirects)):
        if text:
            yield name, text.encode()


def _not_found_rule(build: SiteBuild) -> list[str]:
    """Name the 404 page of a site below a base; Netlify finds one at the root by itself."""
    base = build.site.config.base
    has_page = any(page.path.output == "404.html" for page in build.rendered)
    return [f"/* {base}/404.html 404"] if has_page and base != "/" else []


def _immutable_rules(build: SiteBuild) -> Iterator[str]:
    """Let a file with a hash in its name be kept, unless the site's own rules speak of it."""
    base = build.site.config.base.rstrip("/")
    own = [
        pattern
        for pattern, added, _ in parse_headers(headers_file(build.site, ()))
        if any(name.lower() == "cache-control" for name, _ in added)
    ]
    for asset in build.site.assets:
        path = percent_encode(f"{base}/{asset}", ASSET_SAFE)
        if HASHED.search(path) and not any(pattern.fullmatch(path) for pattern in own):
            yield f"{path}\n  cache-control: {IMMUTABLE}"


def _modules(build: SiteBuild, tracer: ImportTracer) -> dict[str, str]:
    files = module_files(build, tracer)
    files["entry.py"] = _entry(has_bindings=BINDINGS in tracer.found)
    return dict(sorted(files.items()))


def _function_files(build: SiteBuild, modules: Mapping[str, str], package: Path) -> Iterator[File]:
    yield "firstlight.mjs", FUNCTION.read_bytes()
    pages = [page for page in build.rendered if page.body is not None]
    table = {_path(build, page): _told(page) for page in pages}
    yield "pages.json", f"{json.dumps(table, indent=2)}\n".encode()
    site = ((f"site/{name}", text.encode()) for name, text in modules.items())
    client = ((f"client/{page.path.output}", page.body or b"") for page in pages)
    runtime = ((f"pyodide/{name}", data) for name, data in pyodide_files(package))
    yield from chain(site, client, runtime)


def _entry(*, has_bindings: bool) -> str:
    return ENTRY.format(
        imports=f"from {BINDINGS} import _js as bindings\n" if has_bindings else "",
        enter=", enter=bindings.enter" if has_bindings else "",
    )


def _path(build: SiteBuild, page: Rendered) -> str:
    """Return the URL path that the function looks for, without a final slash."""
    is_endpoint = page.path.route.is_endpoint
    return canonical_path(page.path.path, build.site.config, is_endpoint=is_endpoint).rstrip("/")


def _told(page: Rendered) -> dict[str, object]:
    kind = page.content_type or "text/html;charset=utf-8"
    return {"file": page.path.output, "headers": [("content-type", kind), *page.headers]}
