"""Cloudflare Workers: `dist/server/` as wrangler uploads it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from firstlight.build.adapter import FEATURES, STABLE, Bundle
from firstlight.build.bindings import bindings_names, exported_names
from firstlight.build.bundle import gzipped_size, module_files, trace, trace_errors
from firstlight.build.sdk import write_sdk
from firstlight.build.worker_handlers import WORKER, missing_handlers, worker_handlers
from firstlight.build.wrangler import ASSETS, HTML_HANDLING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from firstlight.build.adapter import SiteBuild, Support
    from firstlight.build.config import Config
    from firstlight.build.imports import ImportTracer
    from firstlight.build.wrangler import Wrangler

BINDINGS = "bindings.cloudflare"
SERVICES = {f"{BINDINGS}.{name}" for name in ("cache", "fetcher", "queues", "services")}
ENTRY_IMPORTS = (
    "from firstlight.adapters.cloudflare import Adapter\nfrom manifest import MANIFEST\n"
)
ENTRY = '''\
"""The Worker's entry, written by `firstlight build`."""

{imports}
adapter = Adapter(MANIFEST{enter})

try:
    from workers import WorkerEntrypoint
except ImportError:  # wrangler 3: the runtime calls a global function

    async def on_fetch(request, env, ctx):
        return await adapter.fetch(request, env, ctx)

else:

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            js_request = getattr(request, "js_object", request)
            return await adapter.fetch(js_request, self.env, self.ctx)

        on_fetch = fetch  # compatibility dates before 2025-08-14
{handlers}'''
# The runtime calls these with three arguments, whatever they take.
HANDLER = """
        async def {name}(self, event, env=None, ctx=None):
            from pages import _worker

            await bindings.run_{name}(_worker.{name}, event, self.env)

        on_{name} = {name}
"""


class CloudflareAdapter:
    """Makes a Worker of the on-demand routes; the platform serves `dist/client/` itself."""

    name = "cloudflare"
    supports: Mapping[str, Support] = dict.fromkeys(FEATURES, STABLE)
    options: Mapping[str, Any] = {}
    handler = "firstlight.adapters.cloudflare"

    def bundle(self, build: SiteBuild) -> Bundle:
        """Collect the Worker's modules and write its entry."""
        site, wrangler = build.site, build.wrangler
        tracer = trace(build, self.handler)
        handlers = worker_handlers(site)
        for name in [WORKER, BINDINGS, f"{BINDINGS}._js_services"] if handlers else []:
            tracer.trace(name)
        has_bindings = BINDINGS in tracer.found
        for name in _bindings_modules(tracer, wrangler) if has_bindings else []:
            tracer.trace(name)
        files = module_files(build, tracer)
        files["entry.py"] = entry_text(has_bindings=has_bindings, handlers=handlers)
        files = dict(sorted(files.items()))
        return Bundle(
            files,
            sizes=gzipped_size(files),
            warnings=[
                *_handling_warning(site.config, wrangler),
                *_assets_warning(wrangler),
                *missing_handlers(site, wrangler),
            ],
            errors=trace_errors(site, tracer),
            after=partial(write_sdk, site.root, wrangler),
        )


ADAPTER = CloudflareAdapter()


def entry_text(*, has_bindings: bool, handlers: Sequence[str] = ()) -> str:
    """Write the entry for both kinds of runtime: global function and class.

    Args:
        has_bindings: Whether the bindings are bundled.
        handlers: Which of `queue` and `scheduled` pages/_worker.py defines.
    """
    imports = ENTRY_IMPORTS
    if has_bindings:
        imports = "from bindings.cloudflare import _js as bindings\n" + imports
    return ENTRY.format(
        imports=imports,
        enter=", enter=bindings.enter" if has_bindings else "",
        handlers="".join(HANDLER.format(name=name) for name in handlers),
    )


def _bindings_modules(tracer: ImportTracer, wrangler: Wrangler) -> list[str]:
    """List the modules that the bindings load when a name of theirs is first asked for."""
    asked: set[str] = set()
    for module, origin in tracer.found.items():
        if not module.startswith("bindings"):
            asked |= bindings_names(origin.text)
    classes = {wrangler.bindings.get(name, name) for name in asked}
    exported = exported_names()
    if "*" in asked:  # the package as a whole: any of its names may be asked for
        classes = {name for names in exported.values() for name in names}
    modules = [module for module, names in exported.items() if classes.intersection(names)]
    services = [f"{BINDINGS}._js_services"] if SERVICES.intersection(modules) else []
    return [f"{BINDINGS}._js", *services, *modules]


def _handling_warning(config: Config, wrangler: Wrangler) -> list[str]:
    wanted = HTML_HANDLING[config.trailing_slash]
    if wrangler.file is None or wrangler.html_handling == wanted:
        return []
    return [
        f'{wrangler.file} serves pages by `html_handling = "{wrangler.html_handling}"`, which does '
        f'not fit `trailing_slash = "{config.trailing_slash}"`. Write `html_handling = "{wanted}"` '
        "under [assets]."
    ]


def _assets_warning(wrangler: Wrangler) -> list[str]:
    if wrangler.assets in ("", ASSETS):
        return []
    return [
        f"{wrangler.file} calls the assets `{wrangler.assets}`, where the Worker looks for no "
        f'prerendered 404 page and no target of a rewrite. Write `binding = "{ASSETS}"` under '
        "[assets]."
    ]
