from __future__ import annotations

import ast
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bindings.cloudflare
from bindings.cloudflare import D1, KV, R2, NoRequestError, UnknownBinding, env

if TYPE_CHECKING:
    from conftest import Run

PACKAGE = Path(bindings.cloudflare.__file__).parent
UPLOADED = sorted(PACKAGE.glob("*.py"))
HEAVY = {"asyncio", "inspect", "urllib", "pathlib", "sqlite3", "logging", "typing_ext"}


def test_handle_is_answered_by_the_site_around_the_current_folder(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(site / "deep" / "er")
    run(KV("CACHE").put("key", "value"))
    monkeypatch.chdir(site)
    assert run(KV("CACHE").get("key")) == "value"
    assert (site / ".firstlight" / "state" / "kv" / "cache.sqlite").is_file()


def test_handle_needs_a_configuration(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoRequestError, match="CACHE get: no request is being handled"):
        run(KV("CACHE").get("key"))


def test_handle_needs_a_request_in_a_worker(
    run: Run, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(NoRequestError):
        run(D1("DB").first("select 1"))
    with pytest.raises(NoRequestError):
        _ = env.GREETING


@pytest.mark.usefixtures("backend")
def test_handle_names_what_is_declared(run: Run) -> None:
    with pytest.raises(UnknownBinding, match=r"Declared: `MEDIA`\."):
        run(R2("CACHE").head("key"))


@pytest.mark.usefixtures("backend")
def test_declared_name_is_imported_as_its_handle() -> None:
    from bindings.cloudflare import CACHE, DB, MEDIA  # noqa: PLC0415 - the subject

    assert (KV("CACHE"), D1("DB"), R2("MEDIA")) == (CACHE, DB, MEDIA)


def test_declared_name_is_found_from_the_current_folder(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)
    assert D1("DB") == bindings.cloudflare.DB


@pytest.mark.usefixtures("backend")
def test_undeclared_name_is_an_import_error() -> None:
    with pytest.raises(ImportError) as raised:
        _ = bindings.cloudflare.OTHER
    assert str(raised.value) == (
        "cannot import `OTHER` from `bindings.cloudflare`: wrangler.toml declares no "
        "binding of this name. Declared: `CACHE`, `DB`, `MEDIA`."
    )
    assert not hasattr(bindings.cloudflare, "_private")


def test_declared_name_comes_from_the_manifest_in_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "emscripten")
    with pytest.raises(ImportError, match=r"Declared: none\."):
        _ = bindings.cloudflare.FILES
    manifest = types.ModuleType("manifest")
    manifest.__dict__["BINDINGS"] = {"FILES": "r2", "ASSETS": "assets"}
    monkeypatch.setitem(sys.modules, "manifest", manifest)
    assert R2("FILES") == bindings.cloudflare.FILES
    with pytest.raises(ImportError, match=r"Declared: `FILES`\."):
        _ = bindings.cloudflare.ASSETS


def test_exported_names_are_there_and_sorted() -> None:
    names = bindings.cloudflare.__all__
    assert all(hasattr(bindings.cloudflare, name) for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("file", UPLOADED, ids=lambda file: file.name)
def test_uploaded_files_import_neither_the_embedded_backend_nor_much(
    file: Path,
) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert not name.startswith(("bindings.cloudflare._local", "firstlight"))
            top = name.partition(".")[0]
            if file.name == "_js.py":
                assert top not in HEAVY - {"asyncio"}  # Pyodide itself is built on it
            else:
                assert top not in HEAVY
                assert top not in {"js", "pyodide"}


def test_import_loads_no_embedded_backend() -> None:
    code = (
        "import sys, bindings.cloudflare\n"
        "assert not any('_local' in name for name in sys.modules)\n"
        "assert not {'sqlite3', 'asyncio'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=os.environ, check=False)
    assert done.returncode == 0
