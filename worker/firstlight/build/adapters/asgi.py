"""ASGI servers: `dist/server/app.py`, beside the packages that are installed where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firstlight.adapters.asgi import Options
from firstlight.build.adapter import FEATURES, STABLE, Bundle
from firstlight.build.bundle import module_files, trace, trace_errors
from firstlight.build.durable_objects import worker_objects
from firstlight.build.output import DIST
from firstlight.build.precompress import compressed_files
from firstlight.build.worker_handlers import WORKER, worker_handlers
from firstlight.build.wrangler import HTML_HANDLING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firstlight.build.adapter import SiteBuild, Support
    from firstlight.build.wrangler import Wrangler

ENTRY = '''\
"""The site as an ASGI application, written by `firstlight build`: `app`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

{imports}from firstlight.adapters.asgi import Application, Options
from manifest import MANIFEST

OPTIONS = {options!r}
app = Application(MANIFEST, HERE.parent.parent, OPTIONS, bindings={bindings})
'''
BINDINGS_IMPORT = "from bindings.cloudflare import _local as bindings\n"
# What a server on CPython has a smaller thing for, or nothing at all.
LIMITED = {
    "Queue": "keeps its messages in memory, in the process that sent them",
    "RateLimiter": "counts in each process for itself",
    "AnalyticsEngine": "keeps the newest data points in memory",
    "DurableObjects": "has an object of its own in each process, and none of another Worker",
    "WorkersAI": "is not there",
    "Vectorize": "is not there",
}


class ASGIAdapter:
    """Makes an ASGI application of the site; it serves `dist/client/`, too."""

    name = "asgi"
    supports: Mapping[str, Support] = dict.fromkeys(FEATURES, STABLE)
    options: Mapping[str, Any] = {
        "trusted_proxies": [],
        "immutable": [],
        "state": Options().state,
    }
    handler = "firstlight.adapters.asgi"

    def bundle(self, build: SiteBuild) -> Bundle:
        """Collect the site's own modules; packages are installed where the server runs."""
        tracer = trace(build, "firstlight.manifest", has_environment=True)
        if worker_handlers(build.site) or worker_objects(build.site, build.wrangler):
            tracer.trace(WORKER)
        files = module_files(build, tracer)
        has_bindings = any("bindings" in origin.text for origin in tracer.found.values())
        files["app.py"] = entry_text(build, has_bindings=has_bindings)
        return Bundle(
            dict(sorted(files.items())),
            client=compressed_files(build.client_files(), build.site.root / DIST / "client"),
            warnings=_limited_bindings(build.wrangler),
            errors=trace_errors(build.site, tracer),
        )


ADAPTER = ASGIAdapter()


def entry_text(build: SiteBuild, *, has_bindings: bool) -> str:
    """Write `app.py`.

    Args:
        build: The site.
        has_bindings: Whether its code asks for bindings or variables.
    """
    config = build.site.config
    chosen = config.adapter_options
    options = Options(
        trusted_proxies=tuple(chosen["trusted_proxies"]),
        immutable=tuple(chosen["immutable"]),
        state=chosen["state"],
        html_handling=HTML_HANDLING[config.trailing_slash],
    )
    return ENTRY.format(
        imports=BINDINGS_IMPORT if has_bindings else "",
        options=options,
        bindings="bindings" if has_bindings else None,
    )


def _limited_bindings(wrangler: Wrangler) -> list[str]:
    """Say which of the declared bindings are less here than on Cloudflare."""
    return [
        f"{wrangler.file} declares the {kind} `{name}`, which {LIMITED[kind]} with the adapter "
        "`asgi`."
        for name, kind in wrangler.bindings.items()
        if kind in LIMITED
    ]
