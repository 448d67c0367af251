"""Who may import whom: design section 12, kept by reading the imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstlight.build.imports import imports_of

ROOT = Path(__file__).parent.parent
LAYERS = [
    {"errors", "headers"},
    {"url", "advice"},
    {"form_data", "cookies", "routing"},
    {"request", "response"},
    {"context"},
    {"middleware", "streaming", "rendering"},
    {"templating"},
    {"streamed_templates"},
    {"handlers", "manifest"},
    {"exchange"},
    {"app"},
    {"server"},
    {"adapters"},
]
HOST = {"build", "check", "dev", "cli", "content", "scaffold", "testing", "__main__"}
# Run on CPython: part of the framework's runtime, and never of a Worker.
CPYTHON = {"server", "adapters/asgi", "adapters/vercel"}
TEMPLATES = ROOT / "worker/firstlight/scaffold"  # of sites, which know both packages
JAVASCRIPT = {"worker/firstlight/adapters/cloudflare.py", "bindings/cloudflare/_js.py"}


def sources(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if TEMPLATES not in path.parent.parents)


def imported(path: Path) -> set[str]:
    top = ROOT / "worker" if path.is_relative_to(ROOT / "worker") else ROOT
    module = ".".join(path.relative_to(top).with_suffix("").parts)
    is_package = path.name == "__init__.py"
    name = module.removesuffix(".__init__")
    return {found.module for found in imports_of(path.read_text(), name, is_package=is_package)}


def layer_of(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


@pytest.mark.parametrize("path", sources("worker/firstlight"), ids=lambda path: path.stem)
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    name = path.relative_to(ROOT / "worker/firstlight").parts[0].removesuffix(".py")
    if name in HOST or name == "__init__":
        return
    below = {module for layer in LAYERS[: layer_of(name)] for module in layer}
    ours = {module.split(".")[1] for module in imported(path) if module.startswith("firstlight.")}

    assert ours - {name} <= below


def test_only_two_files_touch_javascript() -> None:
    touching = {
        path.relative_to(ROOT).as_posix()
        for path in sources("worker", "bindings", "pages")
        if {module.partition(".")[0] for module in imported(path)} & {"js", "pyodide"}
    }

    assert touching == JAVASCRIPT


def test_firstlight_and_bindings_do_not_know_each_other() -> None:
    for path in sources("worker"):
        assert not any(name.partition(".")[0] == "bindings" for name in imported(path)), path
    for path in sources("bindings"):
        assert not any(name.partition(".")[0] == "firstlight" for name in imported(path)), path


def test_what_is_uploaded_needs_no_host() -> None:
    host_only = {"os", "pathlib", "socket", "subprocess", "tomllib", "urllib", "email", "http"}
    for path in sources("worker/firstlight"):
        parts = path.relative_to(ROOT / "worker/firstlight").with_suffix("").parts
        if parts[0] not in HOST | CPYTHON and "/".join(parts) not in CPYTHON:
            assert not {module.partition(".")[0] for module in imported(path)} & host_only, path
