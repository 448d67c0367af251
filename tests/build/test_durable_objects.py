"""Durable Objects of a site: what is exported, bundled, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.build.pipeline import build
from firstlight.build.wrangler import load_wrangler

if TYPE_CHECKING:
    from conftest import WriteSite

CONFIG = '[tool.firstlight]\nadapter = "{}"\n'
TOML = """\
main = "dist/server/entry.py"
[assets]
directory = "dist/client"
[[durable_objects.bindings]]
name = "ROOMS"
class_name = "Room"
[[durable_objects.bindings]]
name = "SAME"
class_name = "Room"
[[durable_objects.bindings]]
name = "OTHER"
class_name = "Elsewhere"
script_name = "other"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Room"]
"""
WORKER = """\
from bindings.cloudflare import DurableObject


class Room(DurableObject):
    def name(self):
        return self.id
"""
FILES = {"pages/a.html": "", "wrangler.toml": TOML, "pages/_worker.py": WORKER}


def test_declared_classes_are_exported_with_what_they_need(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": CONFIG.format("cloudflare"), **FILES})
    assert build(root).warnings == []
    server = root / "dist/server"
    entry = (server / "entry.py").read_text()
    assert "else:\n    from pages._worker import Room as Room\n\n    class Default" in entry
    assert "enter=bindings.enter" in entry
    assert (server / "pages/_worker.py").read_text() == WORKER
    modules = {path.name for path in (server / "bindings/cloudflare").iterdir()}
    assert {"_js.py", "_js_objects.py", "objects.py"} <= modules
    assert not {"_js_services.py", "d1.py", "_local"} & modules


def test_a_class_of_the_runtime_is_exported_as_it_is(write_site: WriteSite) -> None:
    worker = "from workers import DurableObject\n\n\nclass Room(DurableObject): ...\n"
    files = {**FILES, "pages/_worker.py": worker}
    root = write_site({"pyproject.toml": CONFIG.format("cloudflare"), **files})
    build(root)
    assert "from pages._worker import Room as Room" in (root / "dist/server/entry.py").read_text()
    assert not (root / "dist/server/bindings").exists()


def test_asgi_takes_the_classes_and_tells_their_limits(write_site: WriteSite) -> None:
    root = write_site({"pyproject.toml": CONFIG.format("asgi"), **FILES})
    assert build(root).warnings[0] == (
        "wrangler.toml declares the DurableObjects `ROOMS`, which has an object of its own in "
        "each process, and none of another Worker with the adapter `asgi`."
    )
    assert (root / "dist/server/pages/_worker.py").read_text() == WORKER
    assert "bindings=bindings" in (root / "dist/server/app.py").read_text()


@pytest.mark.parametrize(
    ("migrations", "classes"),
    [
        ('[[migrations]]\ntag = "v1"\nnew_classes = ["A", "B"]\n', ("A", "B")),
        ('migrations = [{ new_classes = ["A", "B"] }, { deleted_classes = ["A"] }]', ("B",)),
        (
            'migrations = [{ new_sqlite_classes = ["A"] }, '
            '{ renamed_classes = [{ from = "A", to = "C" }] }]',
            ("C",),
        ),
        (
            'migrations = [{ transferred_classes = [{ from = "A", to = "D" }] }]',
            ("D",),
        ),
    ],
)
def test_migrations_are_followed_to_their_end(
    write_site: WriteSite, migrations: str, classes: tuple[str, ...]
) -> None:
    assert load_wrangler(write_site({"wrangler.toml": migrations})).migrated == classes


def test_an_environment_takes_the_migrations_over(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_ENV", "staging")
    text = 'migrations = [{ new_classes = ["A"] }]\n[env.staging]\nname = "b"\n'
    assert load_wrangler(write_site({"wrangler.toml": text})).migrated == ("A",)
