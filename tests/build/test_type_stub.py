"""The stub of declared bindings and variables, as pyright and mypy see it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from told import says

from firstlight.build.type_stub import type_of, write_types
from firstlight.cli import main
from firstlight.errors import ConfigError

if TYPE_CHECKING:
    from conftest import WriteSite

TOML = """
[[kv_namespaces]]
binding = "CACHE"
[[d1_databases]]
binding = "DB"
[[r2_buckets]]
binding = "not-a-name"
[assets]
directory = "dist/client"
binding = "ASSETS"
[vars]
TITLE = "x"
DEPTH = 3
OPTIONS = { a = 1 }
[env.staging.vars]
DEPTH = "deep"
ONLY = [true, 1.5]
[[env.staging.r2_buckets]]
binding = "MEDIA"
"""
JSONC = '{"kv_namespaces": [{"binding": "CACHE"}], /* c */ "vars": {"TITLE": "x"},}'
GOOD = """\
from bindings.cloudflare import ASSETS, CACHE, DB, MEDIA, D1Error, Row, env
from bindings.cloudflare.d1 import D1


async def load() -> tuple[Row | None, str | None, int]:
    try:
        row = await DB.first("select 1")
    except D1Error:
        row = await D1("OTHER").first("select 1")
    found = await MEDIA.head("x")
    depth: int | str = env.DEPTH
    print(await (await ASSETS.fetch("/")).text())
    only: list[bool | float] = env.ONLY
    token: str = env.get("OTHER", env.TOKEN + env.TITLE)
    print(depth, only, token, env.OPTIONS["a"], "TOKEN" in env)
    return row, await CACHE.get("key"), found.size if found else 0
"""
BAD = """\
from bindings.cloudflare import NOPE, CACHE, env


async def load() -> int:
    await CACHE.first("select 1")
    print(env.MISSING, NOPE)
    return await CACHE.get("key")
"""


@pytest.fixture
def site(write_site: WriteSite) -> Path:
    files = {"wrangler.toml": TOML, ".dev.vars": "TOKEN=secret\n", "good.py": GOOD, "bad.py": BAD}
    pyproject = '[tool.pyright]\ntypeCheckingMode = "strict"\n[tool.mypy]\nmypy_path = "typings"\n'
    return write_site({"pyproject.toml": pyproject, **files})


def test_types_writes_a_stub_once(site: Path) -> None:
    first = write_types(site)
    assert first.bindings == {
        "ASSETS": "Fetcher",
        "CACHE": "KV",
        "DB": "D1",
        "MEDIA": "R2",
        "not-a-name": "R2",
    }
    assert first.variables == {
        "DEPTH": "int | str",
        "ONLY": "list[bool | float]",
        "OPTIONS": "dict[str, Any]",
        "TITLE": "str",
        "TOKEN": "str",
    }
    assert (first.changed, first.note) == (True, None)
    assert first == write_types(site)._replace(changed=True)
    assert not write_types(site).changed
    text = (site / first.file).read_text("utf-8")
    assert "DB: D1\n" in text
    assert "not-a-name" not in text


def test_pyright_strict_knows_what_is_declared(site: Path) -> None:
    write_types(site)
    pyright = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable)
    good = subprocess.run(
        [*pyright, "good.py", "typings"], capture_output=True, text=True, check=False
    )
    assert good.stdout == "0 errors, 0 warnings, 0 informations\n"
    bad = subprocess.run([*pyright, "bad.py"], capture_output=True, text=True, check=False)
    assert '"NOPE" is unknown import symbol' in bad.stdout
    assert 'Cannot access attribute "first" for class "KV"' in bad.stdout
    assert 'Cannot access attribute "MISSING" for class "Env"' in bad.stdout
    assert 'Type "str | None" is not assignable to return type "int"' in bad.stdout


def test_mypy_strict_knows_what_is_declared(site: Path) -> None:
    write_types(site)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(site / "cache"))
    good = subprocess.run([*mypy, "good.py"], capture_output=True, text=True, check=False)
    assert good.stdout == "Success: no issues found in 1 source file\n"
    bad = subprocess.run([*mypy, "bad.py"], capture_output=True, text=True, check=False)
    assert '"KV" has no attribute "first"' in bad.stdout
    assert '"Env" has no attribute "MISSING"' in bad.stdout
    assert 'has no attribute "NOPE"' in bad.stdout


def test_types_of_a_jsonc_configuration_in_the_projects_own_folder(write_site: WriteSite) -> None:
    config = '{"stubPath": "./stubs/", /* pyright takes comments */}'
    root = write_site({"wrangler.jsonc": JSONC, "pyrightconfig.json": config})
    written = write_types(root)
    assert written.file == "stubs/bindings/cloudflare/__init__.pyi"
    assert (written.bindings, written.variables) == ({"CACHE": "KV"}, {"TITLE": "str"})
    assert (
        written.note == 'For mypy, set `mypy_path = "stubs"` under [tool.mypy] in pyproject.toml.'
    )


def test_command_tells_what_it_wrote(write_site: WriteSite) -> None:
    write_site({"wrangler.jsonc": JSONC})
    rest = (
        "typings/bindings/cloudflare/__init__.pyi\n  bindings  CACHE: KV\n  env       TITLE: str\n"
        'For mypy, set `mypy_path = "typings"` under [tool.mypy] in pyproject.toml.\n'
    )
    assert CliRunner().invoke(main, ["types"]).output == f"Wrote {rest}"
    assert CliRunner().invoke(main, ["types"]).output == f"Up to date: {rest}"


def test_keyword_is_no_name(write_site: WriteSite) -> None:
    toml = '[[kv_namespaces]]\nbinding = "class"\n[vars]\nfrom = "x"\nmatch = "y"\n'
    root = write_site({"wrangler.toml": toml})
    text = (root / write_types(root).file).read_text("utf-8")
    compile(text, "stub", "exec")
    assert "    match: str\n" in text


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (
            "pyproject.toml",
            "[tool]\nx = ]\n",
            "pyproject.toml:2: `x = ]` is not TOML: Invalid value.",
        ),
        (
            "pyrightconfig.json",
            "{\n]",
            "pyrightconfig.json:2: This does not parse: Expecting property name enclosed in "
            "double quotes: line 2 column 1 (char 2).",
        ),
    ],
)
def test_types_of_a_project_that_does_not_parse(
    write_site: WriteSite, file: str, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        write_types(write_site({file: text}))
    assert says(caught.value, expected)


def test_types_of_a_project_without_tables(write_site: WriteSite) -> None:
    files = {"pyproject.toml": "tool = 1\n", "pyrightconfig.json": "[]"}
    assert write_types(write_site(files)).file.startswith("typings/")


def test_command_without_a_configuration_declares_nothing(write_site: WriteSite) -> None:
    write_site({})
    output = CliRunner().invoke(main, ["types"]).output
    assert "bindings  none\n" in output
    assert "env       none\n" in output
    assert "params" not in output


ROUTES = {
    "pages/blog/[...page].html": "",
    "pages/api/notes/[id].py": "def GET(ctx): ...\n",
    "pages/a-b/[x].md": "",
    "pages/a/b/[x].md": "",
    "pages/[1]-[$x].html": "",
    "pages/about.html": "",
}
PARAMS_GOOD = """\
from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight import APIContext, Response

if TYPE_CHECKING:
    from route_params import ApiNotesId, BlogPage


def user_of(ctx: APIContext) -> str:
    return str(ctx.params["anything"])


def GET(ctx: APIContext[ApiNotesId]) -> Response:
    note: str = ctx.params["id"] + user_of(ctx)
    return Response(note)


def POST(ctx: APIContext[BlogPage]) -> Response:
    page: str | None = ctx.params["page"]
    return Response(page)
"""
PARAMS_BAD = """\
from route_params import ApiNotesId, BlogPage
from firstlight import APIContext


def read(notes: APIContext[ApiNotesId], blog: APIContext[BlogPage]) -> int:
    print(notes.params["ident"], notes.params["id"].nope)
    return len(blog.params["page"])
"""


def test_type_checkers_know_the_parameters_of_a_route(write_site: WriteSite) -> None:
    settings = 'typeCheckingMode = "strict"\nreportMissingModuleSource = false\n'
    pyproject = f'[tool.pyright]\n{settings}[tool.mypy]\nmypy_path = "typings"\n'
    sources = {"pyproject.toml": pyproject, "good.py": PARAMS_GOOD, "bad.py": PARAMS_BAD}
    written = write_types(write_site({**ROUTES, **sources}))
    assert written.params == {
        "ABX": "/a-b/[x]",
        "ABX2": "/a/b/[x]",
        "ApiNotesId": "/api/notes/[id]",
        "BlogPage": "/blog/[...page]",
        "Params1X": "/[1]-[$x]",
    }
    pyright = (sys.executable, "-m", "pyright", "--pythonpath", sys.executable)
    good = subprocess.run([*pyright, "good.py"], capture_output=True, text=True, check=False)
    assert good.stdout == "0 errors, 0 warnings, 0 informations\n"
    bad = subprocess.run([*pyright, "bad.py"], capture_output=True, text=True, check=False)
    assert '"ident" is not a defined key in "ApiNotesId"' in bad.stdout
    assert 'Cannot access attribute "nope" for class "str"' in bad.stdout
    assert '"len"' in bad.stdout  # of what may be None
    mypy = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "good.py")
    checked = subprocess.run(mypy, capture_output=True, text=True, check=False)
    assert checked.stdout == "Success: no issues found in 1 source file\n"


def test_route_parameters_go_with_the_last_route_that_has_some(write_site: WriteSite) -> None:
    root = write_site({"pages/[x].html": ""})
    stub = root / "typings/route_params.pyi"
    assert write_types(root).changed
    assert 'X = TypedDict("X", {"x": str})\n' in stub.read_text("utf-8")
    (root / "pages/[x].html").unlink()
    assert write_types(root).changed
    assert "TypedDict(" not in stub.read_text("utf-8")
    assert not write_types(root).changed


def test_command_tells_the_classes_of_parameters(write_site: WriteSite) -> None:
    write_site({"pages/blog/[slug].html": ""})
    output = CliRunner().invoke(main, ["types"]).output
    assert "  params    BlogSlug: /blog/[slug]\n" in output


@pytest.mark.parametrize(
    ("value", "kind"),
    [("x", "str"), (1, "int"), (True, "bool"), (1.5, "float"), ([], "list[Any]")],
)
def test_type_of_a_variable(value: object, kind: str) -> None:
    assert type_of(value) == kind
