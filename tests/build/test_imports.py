"""The import tracer: what code needs, found without running it."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING

import pytest

from firstlight.build.imports import Import, ImportTracer, Origin, imports_of

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteSite


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a.b as c, d", [Import("a.b", 1), Import("d", 1)]),
        ("\nfrom a import b", [Import("a", 2), Import("a.b", 2, is_optional=True)]),
        ("from . import b", [Import("pkg.sub", 1), Import("pkg.sub.b", 1, is_optional=True)]),
        ("from .m import b", [Import("pkg.sub.m", 1), Import("pkg.sub.m.b", 1, is_optional=True)]),
        ("from ..m import b", [Import("pkg.m", 1), Import("pkg.m.b", 1, is_optional=True)]),
        ("from ... import b", []),
        ("def f():\n    import a", [Import("a", 2, is_lazy=True)]),
        ("class A:\n    import a", [Import("a", 2)]),
        ("if x:\n    import a\nelse:\n    import b",
         [Import("a", 2, is_lazy=True), Import("b", 4, is_lazy=True)]),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", [Import("b", 4, is_lazy=True)]),
        ("if typing.TYPE_CHECKING:\n    import a", []),
        ("if not TYPE_CHECKING:\n    import a", [Import("a", 2, is_lazy=True)]),
        (
            "try:\n    import a\nexcept ImportError:\n    import b\nelse:\n    import c\n"
            "finally:\n    import d",
            [
                Import("a", 2, is_optional=True),
                Import("b", 4, is_optional=True),
                Import("c", 6, is_optional=True),
                Import("d", 8),
            ],
        ),
        ("try:\n    import a\nexcept (OSError, ModuleNotFoundError): ...",
         [Import("a", 2, is_optional=True)]),
        ("try:\n    import a\nexcept: ...", [Import("a", 2, is_optional=True)]),
        ("try:\n    import a\nexcept Exception: ...", [Import("a", 2, is_optional=True)]),
        ("try:\n    import a\nexcept OSError: ...", [Import("a", 2)]),
        ("with suppress(ImportError):\n    import a", [Import("a", 2, is_optional=True)]),
        ("with contextlib.suppress(OSError, ImportError):\n    import a",
         [Import("a", 2, is_optional=True)]),
        ("with suppress(OSError), open(x):\n    import a", [Import("a", 2)]),
        ("import = 1", []),
    ],
)  # fmt: skip
def test_imports_of_a_text(text: str, expected: list[Import]) -> None:
    assert imports_of(text, "pkg.sub.mod", is_package=False) == expected


def test_imports_of_a_package_are_relative_to_itself() -> None:
    (found, _) = imports_of("from .m import b", "pkg", is_package=True)
    assert found == Import("pkg.m", 1)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def tracer_of(root: Path, text: str) -> ImportTracer:
    own = {"pages": Origin("pages", "", is_package=True), "pages.a": Origin("pages/a.py", text)}
    tracer = ImportTracer(root, own)
    tracer.trace("pages.a")
    return tracer


def traced(root: Path, text: str) -> tuple[list[str], list[str]]:
    """Trace a page: names of the modules beside it, texts of the errors."""
    tracer = tracer_of(root, text)
    return sorted({*tracer.found} - {"pages.a", "pages"}), [str(e) for e in tracer.errors]


def test_module_that_comes_after_a_build_is_found_by_the_next(packages: Path) -> None:
    assert len(tracer_of(packages.parent, "import late").errors) == 1
    (packages / "late.py").write_text("")
    assert traced(packages.parent, "import late") == (["late"], [])


FILES: dict[str, str | bytes] = {
    "site-packages/pure/__init__.py": "from .core import thing\n",
    "site-packages/pure/core.py": "import json\nfrom pure import extra\n",
    "site-packages/pure/extra.py": "",
    "site-packages/pure/unused.py": "",
    "site-packages/pure/tests/test_a.py": "",
    "site-packages/single.py": "",
    "site-packages/space/part/__init__.py": "from space.other import x\n",
    "site-packages/space/other.py": "x = 1\n",
    f"site-packages/fast{EXTENSION_SUFFIXES[0]}": b"",
    "site-packages/mixed/__init__.py": "try:\n    from mixed._speed import f\nexcept ImportError:\n"
    "    from mixed._slow import f\n",
    f"site-packages/mixed/_speed{EXTENSION_SUFFIXES[0]}": b"",
    "site-packages/mixed/_slow.py": "",
    "site-packages/lazy.py": "def f():\n    import pandas_xyz\n",
    "site-packages/choice.py": "if has_xyz:\n    import xyz\nelse:\n    import json\n",
    "site-packages/broken.py": "\nimport missing_xyz\n",
    "site-packages/circle.py": "import circle2\n",
    "site-packages/circle2.py": "import circle\n",
    "helpers.py": "from lib.deep import y\n",
    "lib/deep.py": "y = 1\n",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import json, os.path, js, workers, pyodide.ffi", []),
        ("import pure", ["pure", "pure.core", "pure.extra"]),
        ("from pure import unused", ["pure", "pure.core", "pure.extra", "pure.unused"]),
        ("import pure.core", ["pure", "pure.core", "pure.extra"]),
        ("from pure.core import thing", ["pure", "pure.core", "pure.extra"]),
        ("def f():\n    import single", ["single"]),
        ("import space.part", ["space", "space.other", "space.part"]),
        ("from space import other", ["space", "space.other"]),
        ("import mixed", ["mixed", "mixed._slow"]),
        ("import lazy", ["lazy"]),
        ("import choice", ["choice"]),
        ("import circle", ["circle", "circle2"]),
        ("import helpers", ["helpers", "lib", "lib.deep"]),
        ("try:\n    import missing\nexcept ImportError:\n    missing = None", []),
        ("try:\n    import tomllib\nexcept ImportError:\n    import tomli as tomllib", []),
        ("if TYPE_CHECKING:\n    import missing", []),
        ("from jinja2.runtime import Undefined", ["jinja2"]),
        ("from jinja2.filters import FILTERS", ["jinja2"]),
    ],
)
def test_tracer_finds_only_what_is_needed(
    write_site: WriteSite, packages: Path, text: str, found: list[str]
) -> None:
    del packages
    assert traced(write_site(FILES), text) == (found, [])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("\nimport missing", "pages/a.py:2: There is no module `missing`."),
        ("\n\nimport pure.nope", "pages/a.py:3: There is no module `pure.nope`."),
        ("import single.x", "pages/a.py:1: There is no module `single.x`."),
        ("def f():\n    import missing", "pages/a.py:2: There is no module `missing`."),
        ("import fast", "pages/a.py:1: `fast` is compiled for this machine."),
        ("import broken", "broken:2: There is no module `missing_xyz`."),
        ("from firstlight.content import get_entry",
         "pages/a.py:1: `firstlight.content` works at build only, not in the Worker."),
        ("from firstlight import content",
         "pages/a.py:1: `firstlight.content` works at build only, not in the Worker."),
        ("\nimport firstlight.build.scan",
         "pages/a.py:2: `firstlight.build` works at build only, not in the Worker."),
        ("import jinja2", "pages/a.py:1: `jinja2` works at build only, not in the Worker."),
        ("from jinja2 import Environment",
         "pages/a.py:1: `jinja2` works at build only, not in the Worker."),
        ("from jinja2.sandbox import X",
         "pages/a.py:1: `jinja2.sandbox` works at build only, not in the Worker."),
    ],
)  # fmt: skip
def test_tracer_refuses_what_the_worker_cannot_have(
    write_site: WriteSite, packages: Path, text: str, error: str
) -> None:
    firstlight = {"site-packages/firstlight/__init__.py": ""}
    del packages
    _, errors = traced(write_site({**FILES, **firstlight}), text)
    assert {each.partition("\n")[0] for each in errors} == {error}
    assert all("\n  Hint: " in each for each in errors)


def test_tracer_names_each_importer_with_its_own_line(
    write_site: WriteSite, packages: Path
) -> None:
    del packages
    root = write_site({"one.py": "\n\nimport missing\n", "two.py": "\nimport missing\n"})
    _, errors = traced(root, "import one\nimport two")
    assert sorted(each.partition("\n")[0] for each in errors) == [
        "one.py:3: There is no module `missing`.",
        "two.py:2: There is no module `missing`.",
    ]


def test_tracer_prefers_the_sites_own_modules(write_site: WriteSite, packages: Path) -> None:
    root = write_site({"single.py": "a = 1\n", "site-packages/single.py": "a = 2\n"})
    del packages
    origin = tracer_of(root, "import single").found["single"]
    assert (origin.file, origin.text, origin.is_installed) == ("single.py", "a = 1\n", False)
