"""Puts together `dist/server/`: the Worker's modules and nothing else."""

from __future__ import annotations

import ast
import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

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
from firstlight.errors import FirstlightError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firstlight.build.adapter import SiteBuild
    from firstlight.build.compile import CompiledModule
    from firstlight.build.scan import Site
    from firstlight.build.wrangler import Wrangler
    from firstlight.manifest import Manifest


def trace(build: SiteBuild, handler: str, *, has_environment: bool = False) -> ImportTracer:
    """Find the modules that a site's on-demand code needs.

    Args:
        build: The site.
        handler: Module that answers requests.
        has_environment: Whether installed packages, Firstlight's own too, are there where the
            code runs, so that they are no part of it.

    Returns:
        The modules in `found`, and the errors of imports that cannot work there.
    """
    site, modules, manifest = build.site, build.modules, build.manifest
    own = {name: Origin(m.file, m.text, lines=m.lines) for name, m in modules.items()}
    helpers, errors = _helpers(site)
    own |= helpers
    own[PAGES] = Origin(PAGES, "", is_package=True)
    tracer = ImportTracer(site.root, own | _folders(own), has_environment=has_environment)
    tracer.errors += errors
    wanted = [route.module for route in manifest.routes if route.module]
    wanted += [*manifest.templates.values(), *filter(None, [manifest.middleware])]
    if manifest.templates or any(_is_page(modules, name) for name in wanted):
        wanted.append(TEMPLATING)
    if any(route.stream for route in site.on_demand):
        wanted.append(STREAMED_TEMPLATES)
    for name in [handler, "firstlight.manifest", *wanted]:
        tracer.trace(name)
    return tracer


def module_files(build: SiteBuild, tracer: ImportTracer) -> dict[str, str]:
    """Return path below dist/server/ to text of traced modules and of the manifest."""
    files = {_path_of(name, origin): _upload(name, origin) for name, origin in tracer.found.items()}
    if "jinja2" in tracer.found:
        files |= _jinja2_files()
    files["manifest.py"] = manifest_text(build.manifest, build.wrangler)
    return files


def trace_errors(site: Site, tracer: ImportTracer) -> list[Exception]:
    """List what cannot work of what was traced."""
    return [*tracer.errors, *_syntax_errors(site, tracer)]


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
