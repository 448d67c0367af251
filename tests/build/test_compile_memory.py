"""A site that is compiled again after each change: only what changed is work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.build.compile import CompileMemory, compile_site
from firstlight.build.config import Config
from firstlight.build.scan import scan

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteSite

    from firstlight.build.compile import CompiledModule

FILES = {
    "pages/a.html": "{% extends '_base.html' %}",
    "pages/d.html": "{{ ctx.params|dictsort }}",
    "pages/b.html": "b",
    "pages/c.md": "# C",
    "pages/_base.html": "{% block x %}{% endblock %}",
}


def compiled(root: Path, memory: CompileMemory) -> dict[str, CompiledModule]:
    modules, errors = compile_site(scan(root, Config()), memory)
    assert not errors
    return modules


def changed(root: Path, memory: CompileMemory, name: str, text: str) -> set[str]:
    """Change a file; return the files that were compiled anew."""
    before = compiled(root, memory)
    (root / name).write_text(text)
    after = compiled(root, memory)
    anew = {module.file for name, module in after.items() if module is not before.get(name)}
    return {file for file in anew if not file.startswith("pages/_jinja2/")}


def test_only_a_changed_file_is_compiled_again(write_site: WriteSite) -> None:
    root, memory = write_site(FILES), CompileMemory()
    assert changed(root, memory, "pages/a.html", "new") == {"pages/a.html"}
    assert changed(root, memory, "pages/c.md", "# D") == {"pages/c.md"}
    assert changed(root, memory, "pages/_base.html", "{% block y %}{% endblock %}") == {
        "pages/_base.html"
    }


def test_parts_of_jinja_stay_with_what_was_kept(write_site: WriteSite) -> None:
    root, memory = write_site(FILES), CompileMemory()
    changed(root, memory, "pages/b.html", "c")
    assert any("def do_dictsort" in module.text for module in compiled(root, memory).values())


def test_everything_is_compiled_again_when_there_are_other_templates(write_site: WriteSite) -> None:
    root, memory = write_site(FILES), CompileMemory()
    anew = changed(root, memory, "pages/_new.html", "")
    assert anew >= {"pages/a.html", "pages/b.html", "pages/c.md", "pages/_base.html"}
    assert changed(root, memory, "pages/_new.html", "") == set()
