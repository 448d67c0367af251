"""Puts together `dist/server/`: the Worker's modules and nothing else."""

from __future__ import annotations

import ast
import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from firstlight.build.bindings import bindings_names, exported_names
from firstlight.build.compile import check_syntax, template_modules
from firstlight.build.imports import (
    JINJA2_MODULES,
    STREAMED_TEMPLATES,
    TEMPLATING,
    ImportTracer,
    Origin,
    packages_above,
)
from firstlight.build.slim import without_docstrings
from firstlight.build.source_file import PAGES, read_text
from firstlight.build.worker_handlers import WORKER, worker_handlers
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from firstlight.build.compile import CompiledModule
    from firstlight.build.scan import Site
    from firstlight.build.wrangler import Wrangler
    from firstlight.manifest import Manifest

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


def bundle(
    site: Site,
    modules: Mapping[str, CompiledModule],
    manifest: Manifest,
    wrangler: Wrangler,
) -> tuple[dict[str, str], list[Exception]]:
    """Collect the files of dist/server/.

    Returns:
        Path relative to dist/server/ to text, and the errors of imports that cannot work there.
    """
    own = {name: Origin(m.file, m.text, lines=m.lines) for name, m in modules.items()}
    helpers, errors = _helpers(site)
    own |= helpers
    own[PAGES] = Origin(PAGES, "", is_package=True)
    tracer = ImportTracer(site.root, own | _folders(own))
    wanted = [route.module for route in manifest.routes if route.module]
    wanted += [*manifest.templates.values(), *filter(None, [manifest.middleware])]
    if manifest.templates or any(_is_page(modules, name) for name in wanted):
        wanted.append(TEMPLATING)
    if any(route.stream for route in site.on_demand):
        wanted.append(STREAMED_TEMPLATES)
    for name in ["firstlight.adapters.cloudflare", "firstlight.manifest", *wanted]:
        tracer.trace(name)
    handlers = worker_handlers(site)
    for name in [WORKER, BINDINGS, f"{BINDINGS}._js_services"] if handlers else []:
        tracer.trace(name)
    has_bindings = BINDINGS in tracer.found
    for name in _bindings_modules(tracer, wrangler) if has_bindings else []:
        tracer.trace(name)
    files = {_path_of(name, origin): _upload(name, origin) for name, origin in tracer.found.items()}
    if "jinja2" in tracer.found:
        files |= _jinja2_files()
    files["manifest.py"] = manifest_text(manifest, wrangler)
    files["entry.py"] = entry_text(has_bindings=has_bindings, handlers=handlers)
    return dict(sorted(files.items())), [*errors, *tracer.errors, *_syntax_errors(site, tracer)]


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


def _helpers(site: Site) -> tuple[dict[str, Origin], list[Exception]]:
    """Read the site's helper modules; one that cannot be read is an error and empty."""
    helpers: dict[str, Origin] = {}
    errors: list[Exception] = []
    for name, file in site.modules.items():
        text = ""
        try:
            text = read_text(site.root / file, file)
        except FirstlightError as error:
            errors.append(error)
        helpers[name] = Origin(file, text, is_package=file.endswith("__init__.py"))
    return helpers, errors


def _upload(name: str, origin: Origin) -> str:
    """Return a module's text for the Worker; of ours and Markup's without docstrings."""
    is_ours = name.partition(".")[0] in ("bindings", "firstlight", "markupsafe")
    return without_docstrings(origin.text) if is_ours else origin.text


def _syntax_errors(site: Site, tracer: ImportTracer) -> list[Exception]:
    """Compile the site's helper modules; without a prerendered page nothing has run them yet."""
    errors: list[Exception] = []
    for name, origin in tracer.found.items():
        is_beside_pages = origin.path is not None and origin.path.is_relative_to(site.root)
        if name in site.modules or (is_beside_pages and not origin.is_installed):
            try:
                check_syntax(origin.text, origin.file)
            except FirstlightError as error:
                errors.append(error)
    return errors


def used_templates(
    site: Site, modules: Mapping[str, CompiledModule], entries: Iterable[str]
) -> dict[str, str]:
    """Return name and module of the templates that some modules may render.

    A template whose name is computed may be any of the site's layouts and components.
    """
    names = template_modules(site)
    used: dict[str, str] = {}
    pending = list(entries)
    while pending:
        module = modules.get(pending.pop())
        for name in module.templates if module else ():
            candidates = names if name is None else [name]
            for candidate in candidates:
                is_part = name is not None or candidate.startswith("_") or "/_" in candidate
                if candidate not in used and is_part:
                    used[candidate] = names[candidate]
                    pending.append(names[candidate])
    return dict(sorted(used.items()))


def manifest_text(manifest: Manifest, wrangler: Wrangler) -> str:
    """Write the manifest as a module."""
    lines = [
        '"""The site, written by `firstlight build`."""',
        "",
        "from firstlight.manifest import Manifest, Redirect, Route",
        "",
        f"BINDINGS = { {name: kind.lower() for name, kind in wrangler.bindings.items()}!r}",
        "",
        "MANIFEST = Manifest(",
    ]
    for name, value in manifest._asdict().items():
        if isinstance(value, tuple) and value:
            lines.append(f"    {name}=(")
            lines += [f"        {_compact(item)}," for item in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            lines.append("    ),")
        elif value != manifest._field_defaults[name]:
            lines.append(f"    {name}={value!r},")
    return "\n".join([*lines, ")", ""])


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


def gzipped_size(files: Mapping[str, str]) -> dict[str, int]:
    """Return the gzipped bytes by top-level package, largest first."""
    sizes: dict[str, int] = {}
    for path, text in files.items():
        package = path.partition("/")[0]
        sizes[package] = sizes.get(package, 0) + len(gzip.compress(text.encode()))
    return dict(sorted(sizes.items(), key=lambda item: -item[1]))


def _compact(item: object) -> str:
    """Write a Route or Redirect without its defaults."""
    if not hasattr(item, "_asdict"):
        return repr(item)
    fields = item._asdict().items()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType]
    defaults = item._field_defaults  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType]
    given = [f"{n}={v!r}" for n, v in fields if n not in defaults or v != defaults[n]]  # pyright: ignore[reportUnknownVariableType]
    return f"{type(item).__name__}({', '.join(given)})"


def _is_page(modules: Mapping[str, CompiledModule], name: str) -> bool:
    return name in modules and "def _template(" in modules[name].text


def _folders(own: Mapping[str, Origin]) -> dict[str, Origin]:
    """Return the packages above modules, which have no file of their own."""
    names = packages_above(own) - own.keys()
    return {name: Origin(name, "", is_package=True) for name in names}


def _path_of(name: str, origin: Origin) -> str:
    path = name.replace(".", "/")
    return f"{path}/__init__.py" if origin.is_package else f"{path}.py"


def _jinja2_files() -> dict[str, str]:
    """Copy Jinja2's runtime; of its syntax tree only the one class that the runtime uses."""
    spec = find_spec("jinja2")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("jinja2")
    folder = Path(spec.origin).parent
    files = {
        f"jinja2/{name}.py": (folder / f"{name}.py").read_text("utf-8") for name in JINJA2_MODULES
    }
    tree = ast.parse((folder / "nodes.py").read_text("utf-8"))
    eval_context = next(
        n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "EvalContext"
    )
    files["jinja2/nodes.py"] = f"import typing as t\n\n\n{ast.unparse(eval_context)}\n"
    files["jinja2/__init__.py"] = '"""Jinja2\'s runtime, without its compiler."""\n'
    return files
