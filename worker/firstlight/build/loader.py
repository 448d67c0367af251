"""Imports a site's modules from memory, so that the host runs what the Worker will run."""

from __future__ import annotations

import importlib
import linecache
import sys
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING

from firstlight.build.compile import check_syntax
from firstlight.build.imports import packages_above
from firstlight.build.source_file import PAGES, read_text

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from types import ModuleType

    from firstlight.build.compile import CompiledModule
    from firstlight.build.scan import Site


class SiteLoader(MetaPathFinder, Loader):
    """Finds `pages` and everything below it among compiled modules and helper files.

    Args:
        site: As scanned.
        modules: Compiled pages, endpoints and templates by module name.
    """

    def __init__(self, site: Site, modules: Mapping[str, CompiledModule]) -> None:
        self.root = site.root
        self._site = site
        self._modules = modules
        self._packages = packages_above([*modules, *site.modules])

    def load(self, name: str) -> ModuleType:
        """Import a module of the site."""
        return importlib.import_module(name)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module of the site; None for every other."""
        del path, target
        is_package = fullname in self._packages or fullname == PAGES
        if not is_package and fullname not in self._modules and fullname not in self._site.modules:
            return None
        return ModuleSpec(fullname, self, is_package=is_package)

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave the making of the module to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's text; its errors are told in terms of the site's files."""
        name = module.__name__
        if name in self._modules:
            compiled = self._modules[name]
            text, file = compiled.text, compiled.file
        elif name in self._site.modules:
            file = self._site.modules[name]
            text = read_text(self._site.root / file, file)
            check_syntax(text, file)
        else:
            return
        if not text.startswith("#") or "__page__ = " not in text:
            module.__dict__["__page__"] = file
        filename = f"<{file}>" if "__lines__" in text else str(self._site.root / file)
        linecache.cache[filename] = (
            len(text),
            None,
            text.splitlines(keepends=True),
            filename,
        )
        module.__file__ = filename
        code = compile(text, filename, "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - the site's own code, as an import would


@contextmanager
def loaded(loader: SiteLoader) -> Generator[SiteLoader, None, None]:
    """Let imports of `pages.…` find a site; afterwards they are forgotten."""
    forget_modules(loader.root)
    sys.meta_path.insert(0, loader)
    try:
        yield loader
    finally:
        sys.meta_path.remove(loader)
        forget_modules(loader.root)


def forget_modules(root: Path) -> None:
    """Drop the site's modules, `pages.…` and those beside pages/, so that they load anew."""
    for name, module in list(sys.modules.items()):
        if name == PAGES or name.startswith(f"{PAGES}.") or _is_beside_pages(module, root):
            del sys.modules[name]


def _is_beside_pages(module: ModuleType, root: Path) -> bool:
    """Tell whether a module's file lies in the site, installed and our own packages apart."""
    file = getattr(module, "__file__", None)
    if not file or module.__name__.partition(".")[0] in (
        "firstlight",
        "bindings",
        "__main__",
    ):
        return False
    path = Path(file)
    return path.is_relative_to(root) and not {"site-packages", "tests"} & set(path.parts)
