"""The site's modules, imported from memory."""

from __future__ import annotations

import importlib
import linecache
import sys
from typing import TYPE_CHECKING

import pytest
from told import says

from firstlight.build.compile import compile_site
from firstlight.build.config import Config
from firstlight.build.loader import SiteLoader, forget_modules, loaded
from firstlight.build.scan import scan
from firstlight.errors import FrontmatterError

if TYPE_CHECKING:
    from conftest import Files, WriteSite


def loader_of(write_site: WriteSite, files: Files) -> SiteLoader:
    site = scan(write_site(files), Config())
    return SiteLoader(site, compile_site(site)[0])


def test_loader_imports_pages_helpers_and_folders(write_site: WriteSite) -> None:
    files: Files = {
        "pages/a/b.html": "---\nimport pages._lib.x as x\n---\n",
        "pages/_lib/x.py": "from pages._lib import y\nfrom . import y as same\nz = y.n\n",
        "pages/_lib/y.py": "n = 1\n",
    }
    with loaded(loader_of(write_site, files)) as loader:
        assert loader.load("pages.a.b_html").x.z == 1
        module = loader.load("pages._lib.x")
        assert module.same is module.y
        assert module.__page__ == "pages/_lib/x.py"
        assert loader.load("pages.a").__path__ == []


def test_loader_knows_nothing_else(write_site: WriteSite) -> None:
    loader = loader_of(write_site, {"pages/a.html": ""})
    assert loader.find_spec("json", None) is None
    with loaded(loader), pytest.raises(ModuleNotFoundError, match=r"No module named 'pages\.b'"):
        importlib.import_module("pages.b")


def test_loader_forgets_the_site_afterwards(write_site: WriteSite) -> None:
    root = write_site({"pages/a.py": "def GET(ctx): ...", "beside_pages_xyz.py": "n = 1"})
    site = scan(root, Config())
    with loaded(SiteLoader(site, compile_site(site)[0])) as loader:
        loader.load("pages.a")
        sys.path.insert(0, str(root))
        try:
            importlib.import_module("beside_pages_xyz")
        finally:
            sys.path.remove(str(root))
        assert {"pages", "pages.a", "beside_pages_xyz"} <= set(sys.modules)
    assert not {"pages", "pages.a", "beside_pages_xyz"} & set(sys.modules)
    assert loader not in sys.meta_path


def test_forget_modules_keeps_what_is_installed(write_site: WriteSite) -> None:
    root = write_site({"site-packages/installed_xyz.py": "n = 1"})
    sys.path.insert(0, str(root / "site-packages"))
    try:
        importlib.import_module("installed_xyz")
        forget_modules(root)
        assert "installed_xyz" in sys.modules
    finally:
        sys.path.remove(str(root / "site-packages"))
        del sys.modules["installed_xyz"]


def test_loader_shows_compiled_lines_in_tracebacks(write_site: WriteSite) -> None:
    loader = loader_of(write_site, {"pages/a.html": "---\nx = 1\n---\n"})
    with loaded(loader):
        loader.load("pages.a_html")
    assert linecache.getline("<pages/a.html>", 1).startswith("# 'pages/a.html', compiled")


def test_loader_tells_where_a_helper_is_not_python(write_site: WriteSite) -> None:
    loader = loader_of(write_site, {"pages/_lib/x.py": "a = 1\nb = = 2\n"})
    with loaded(loader), pytest.raises(FrontmatterError) as caught:
        loader.load("pages._lib.x")
    assert says(caught.value, "pages/_lib/x.py:2: This is not Python: invalid syntax.")
