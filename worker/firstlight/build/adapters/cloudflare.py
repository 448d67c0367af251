"""Cloudflare Workers: `dist/server/` as wrangler uploads it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from firstlight.build.adapter import FEATURES, STABLE, Bundle
from firstlight.build.bindings import bindings_names, exported_names
from firstlight.build.bundle import gzipped_size, module_files, trace, trace_errors
from firstlight.build.durable_objects import object_warnings, worker_objects
from firstlight.build.output import DIST
from firstlight.build.platform_files import worker_redirects
from firstlight.build.sdk import write_sdk
from firstlight.build.worker_handlers import WORKER, missing_handlers, worker_handlers
from firstlight.build.wrangler import ASSETS, HTML_HANDLING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from firstlight.build.adapter import SiteBuild, Support
    from firstlight.build.config import Config
    from firstlight.build.imports import ImportTracer
    from firstlight.build.scan import Site
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

    def on_fetch(request, env, ctx):
        return adapter.begin(request, env, ctx)

else:
{objects}
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
        """Collect the Worker's modules; none for a site of files whose wrangler.toml wants none."""
        site, wrangler = build.site, build.wrangler
        warnings = _handling_warning(site.config, wrangler)
        if not (
            site.on_demand or worker_handlers(site) or wrangler.objects or _wants_worker(wrangler)
        ):
            return Bundle(warnings=[*warnings, *_static_warnings(site, wrangler)])
        files, errors = self._worker(build)
        warnings += [
            *_main_warning(site, wrangler),
            *_assets_warning(wrangler),
            *missing_handlers(site, wrangler),
            *object_warnings(site, wrangler),
        ]
        sizes, after = gzipped_size(files), partial(write_sdk, site.root, wrangler)
        return Bundle(files, sizes=sizes, warnings=warnings, errors=errors, after=after)

    def _worker(self, build: SiteBuild) -> tuple[dict[str, str], list[Exception]]:
        tracer = trace(build, self.handler)
        handlers = worker_handlers(build.site)
        for name in [WORKER, BINDINGS, f"{BINDINGS}._js_services"] if handlers else []:
            tracer.trace(name)
        objects = worker_objects(build.site, build.wrangler)
        if objects:
            tracer.trace(WORKER)
        has_bindings = BINDINGS in tracer.found
        for name in _bindings_modules(tracer, build.wrangler) if has_bindings else []:
            tracer.trace(name)
        files = module_files(build, tracer)
        files["entry.py"] = entry_text(
            has_bindings=has_bindings, handlers=handlers, objects=objects
        )
        return dict(sorted(files.items())), trace_errors(build.site, tracer)


ADAPTER = CloudflareAdapter()


def entry_text(
    *, has_bindings: bool, handlers: Sequence[str] = (), objects: Sequence[str] = ()
) -> str:
    """Write the entry for both kinds of runtime: global function and class.

    Args:
        has_bindings: Whether the bindings are bundled.
        handlers: Which of `queue` and `scheduled` pages/_worker.py defines.
        objects: Which classes of Durable Objects it defines; they are exported as they are.
    """
    imports = ENTRY_IMPORTS
    if has_bindings:
        imports = "from bindings.cloudflare import _js as bindings\n" + imports
    return ENTRY.format(
        imports=imports,
        enter=", enter=bindings.enter" if has_bindings else "",
        objects="".join(f"    from pages._worker import {name} as {name}\n" for name in objects),
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
    objects = [f"{BINDINGS}._js_objects"] if f"{BINDINGS}.objects" in modules else []
    return [f"{BINDINGS}._js", *services, *objects, *modules]


def _wants_worker(wrangler: Wrangler) -> bool:
    wants = (wrangler.main, wrangler.assets, wrangler.consumed, wrangler.has_crons)
    return wrangler.file is None or any(wants)


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


def _main_warning(site: Site, wrangler: Wrangler) -> list[str]:
    if wrangler.file is None or wrangler.main or not site.on_demand:
        return []
    return [
        f"{wrangler.file} names no Worker, so nothing there answers what runs on demand. "
        f'Write `main = "{DIST}/server/entry.py"`.'
    ]


def _static_warnings(site: Site, wrangler: Wrangler) -> list[str]:
    """Say what of a site without a Worker the platform does not do by itself."""
    warnings: list[str] = []
    if redirects := worker_redirects(site):
        listed = ", ".join(f"`{pattern}`" for pattern in redirects)
        warnings.append(
            f"Without a Worker nothing answers the redirect {listed}, which `_redirects` has no "
            f'form for. Write `main = "{DIST}/server/entry.py"` in {wrangler.file}.'
        )
    has_page = any(route.pattern == "/404" for route in site.routes)
    if has_page and wrangler.not_found_handling != "404-page":
        warnings.append(
            f"Without a Worker nothing shows the 404 page. Write `not_found_handling = "
            f'"404-page"` under [assets] of {wrangler.file}.'
        )
    return warnings
