"""Vercel: `.vercel/output/` as the Build Output API describes it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from firstlight.build.adapter import STABLE, UNSUPPORTED, Bundle, Support
from firstlight.build.bundle import module_files, trace, trace_errors
from firstlight.build.platform_files import headers_file, redirects_file, worker_redirects
from firstlight.build.scan import canonical_path
from firstlight.build.worker_handlers import uncalled_handlers
from firstlight.build.wrangler import HTML_HANDLING
from firstlight.server.assets import PLACEHOLDER, PLATFORM_FILES, parse_headers, parse_redirects
from firstlight.server.vercel_ipc import SOCKET
from firstlight.url import PATH_SAFE, percent_encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from firstlight.build.adapter import File, SiteBuild

    Route = dict[str, Any]

OUTPUT = ".vercel/output"
# Characters of a route's `src`, less what stands around the pages:
# https://github.com/vercel/vercel/blob/main/packages/routing-utils/src/schemas.ts
MOST_SOURCE = 4096 - len("^/()/$")
UNTRIED = Support("limited", "Its function has not run on Vercel itself yet.")
SERVER = "firstlight.server.vercel_ipc"
# Not `index`: that would be the path `/`, which may be a file.
FUNCTION = "_firstlight"
MAIN = "vc__handler__python"  # as Vercel's builder calls it
ENTRY = '''\
"""The site as a Vercel function, written by `firstlight build`."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from firstlight.adapters.vercel import Function
from manifest import MANIFEST

vc_handler = Function(MANIFEST, HERE / "client", {html_handling!r})

if path := os.environ.get({socket!r}):  # Vercel talks to a server, and never asks for vc_handler
    from firstlight.server.vercel_ipc import serve

    serve(vc_handler.app, path)
'''


class VercelAdapter:
    """Makes files, routes, and one Python function of what runs on demand."""

    name = "vercel"
    supports: Mapping[str, Support] = {
        "static": STABLE,
        "hybrid": UNTRIED,
        "server": UNTRIED,
        "streaming": UNTRIED,
        "wait_until": UNTRIED,
        "bindings": UNSUPPORTED,
    }
    options: Mapping[str, Any] = {"runtime": "python3.12", "max_duration": 0, "memory": 0}
    handler = "firstlight.adapters.vercel"

    def bundle(self, build: SiteBuild) -> Bundle:
        """Make the folder; without a function where nothing runs on demand."""
        output = {f"static/{name}": data for name, data in _static_files(build)}
        output["config.json"] = _json(config_of(build))
        if not _has_function(build):
            return Bundle(folders={OUTPUT: output.items()})
        tracer = trace(build, self.handler)
        tracer.trace(SERVER)
        files = module_files(build, tracer)
        files[f"{MAIN}.py"] = ENTRY.format(
            html_handling=HTML_HANDLING[build.site.config.trailing_slash], socket=SOCKET
        )
        function = f"functions/{FUNCTION}.func"
        output |= {f"{function}/{name}": text.encode() for name, text in files.items()}
        output |= {f"{function}/client/{name}": data for name, data in _pages(build)}
        output[f"{function}/.vc-config.json"] = _json(_function_config(build))
        return Bundle(
            folders={OUTPUT: output.items()},
            warnings=uncalled_handlers(build.site, "Vercel"),
            errors=trace_errors(build.site, tracer),
        )


ADAPTER = VercelAdapter()


def config_of(build: SiteBuild) -> dict[str, Any]:
    """Make `config.json`.

    Source:
        https://vercel.com/docs/build-output-api/configuration
    """
    rules = [*_header_routes(build), *_redirect_routes(build), *_slash_routes(build)]
    routes = [
        *({**rule, "caseSensitive": True} for rule in rules),
        {"handle": "filesystem"},
        _last_route(build),
    ]
    return {"version": 3, "routes": routes, "overrides": dict(_overrides(build))}


def _has_function(build: SiteBuild) -> bool:
    """Tell whether a function must run: for a route, or for a redirect that is no rule here."""
    return bool(build.site.on_demand or worker_redirects(build.site))


def _function_config(build: SiteBuild) -> dict[str, Any]:
    """Make `.vc-config.json`.

    Source:
        https://vercel.com/docs/build-output-api/primitives#serverless-function-configuration
    """
    options = build.site.config.adapter_options
    config = {
        "runtime": options["runtime"],
        "handler": f"{MAIN}.vc_handler",
        "supportsResponseStreaming": True,
    }
    limits = {"maxDuration": options["max_duration"], "memory": options["memory"]}
    return config | {name: value for name, value in limits.items() if value}


def _static_files(build: SiteBuild) -> Iterator[File]:
    for name, data in build.client_files():
        if f"/{name}" not in PLATFORM_FILES:
            yield name, data


def _pages(build: SiteBuild) -> Iterator[File]:
    """Yield the pages that the function may show in its answers."""
    for page in build.rendered:
        if page.body is not None:
            yield _prefix(build) + page.path.output, page.body


def _prefix(build: SiteBuild) -> str:
    base = build.site.config.base.strip("/")
    return f"{base}/" if base else ""


def _header_routes(build: SiteBuild) -> Iterator[Route]:
    for pattern, added, _ in parse_headers(headers_file(build.site, build.rendered)):
        headers: dict[str, str] = {}
        for name, value in added:
            filled, key = _numbered(value, pattern), name.lower()
            headers[key] = f"{headers[key]}, {filled}" if key in headers else filled
        if headers:
            yield {"src": _source(pattern), "headers": headers, "continue": True}


def _redirect_routes(build: SiteBuild) -> Iterator[Route]:
    for pattern, target, status in parse_redirects(redirects_file(build.site)):
        location = {"Location": _numbered(target, pattern)}
        yield {"src": _source(pattern), "status": status, "headers": location}


def _source(pattern: re.Pattern[str]) -> str:
    """Write a pattern without names for its groups, which Python spells in its own way."""
    return f"^{re.sub(r'[(][?]P<[^>]+>', '(', pattern.pattern)}$"


def _numbered(text: str, pattern: re.Pattern[str]) -> str:
    groups = pattern.groupindex
    return PLACEHOLDER.sub(lambda m: f"${groups[m[1]]}" if m[1] in groups else m[0], text)


def _slash_routes(build: SiteBuild) -> Iterator[Route]:
    """Send the other spelling of a prerendered page to its own, with or without a slash."""
    paths = (percent_encode(path, PATH_SAFE) for path, _ in _page_paths(build))  # as browsers do
    pages = {path for path in paths if path.strip("/")}
    for slash, target in (("", "/$1/"), ("/", "/$1")):
        bare = sorted(re.escape(p.strip("/")) for p in pages if p.endswith("/") != bool(slash))
        for choice in _alternations(bare):
            source = f"^/({choice}){slash}$"
            yield {"src": source, "status": 307, "headers": {"Location": target}}


def _alternations(patterns: list[str]) -> Iterator[str]:
    """Join patterns by `|`, as many as one route may have."""
    joined = ""
    for pattern in patterns:
        if joined and len(joined) + len(pattern) >= MOST_SOURCE:
            yield joined
            joined = ""
        joined = f"{joined}|{pattern}" if joined else pattern
    if joined:
        yield joined


def _page_paths(build: SiteBuild) -> Iterator[tuple[str, str]]:
    """Yield the URL path of each prerendered page and its file below static/."""
    for page in build.rendered:
        if page.body is not None and not page.path.route.is_endpoint:
            path = canonical_path(page.path.path, build.site.config, is_endpoint=False)
            yield path, _prefix(build) + page.path.output


def _overrides(build: SiteBuild) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve `about.html` at `/about`; an `index.html` is found by itself."""
    for path, file in _page_paths(build):
        if not file.endswith("index.html") and not file.endswith("404.html"):
            yield file, {"path": path.strip("/")}


def _last_route(build: SiteBuild) -> Route:
    if _has_function(build):
        return {"src": "^/.*$", "dest": f"/{FUNCTION}"}
    return {"src": "^/.*$", "dest": f"/{_prefix(build)}404.html", "status": 404}


def _json(value: object) -> bytes:
    return f"{json.dumps(value, indent=2)}\n".encode()
