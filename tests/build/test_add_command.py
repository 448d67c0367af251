"""`firstlight add`: what it changes, and what it leaves as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from tomlkit.exceptions import TOMLKitError

from firstlight.build.pipeline import build
from firstlight.build.replacing import Change, replace_files
from firstlight.build.settings_edit import add_settings, replace_setting
from firstlight.cli import main
from firstlight.errors import ConfigError, FirstlightError

if TYPE_CHECKING:
    from conftest import Acme, WriteSite

PAGE = {"pages/index.html": "<h1>Hi</h1>"}
LIVE = {"pages/index.html": "---\nprerender = False\n---\n"}
WANTED = {"tool": {"firstlight": {"adapter": "asgi"}}}
STATIC = """\
name = "shop"
compatibility_date = "2026-04-20"

[build]
command = "firstlight build"
watch_dir = ["pages"]

[assets]
directory = "dist/client"
not_found_handling = "404-page"
"""
WORKER = """\
name = "shop"
main = "dist/server/entry.py"
compatibility_date = "2026-04-20"
compatibility_flags = ["python_workers"]

[build]
command = "firstlight build"
watch_dir = ["pages"]

[assets]
directory = "dist/client"
binding = "ASSETS"
"""


def add(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["add", *arguments])
    return result.exit_code, result.output


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '[tool.firstlight]\nadapter = "asgi"\n'),
        ("[a]\nb = 1", '[a]\nb = 1\n\n[tool.firstlight]\nadapter = "asgi"\n'),
        (
            "[tool.firstlight]\nsite = 'x' # mine\n\n# next\n[b]\n",
            "[tool.firstlight]\nadapter = \"asgi\"\nsite = 'x' # mine\n\n# next\n[b]\n",
        ),
        (
            "[tool.firstlight.redirects]\n'/a' = '/b'\n",
            "[tool.firstlight]\nadapter = \"asgi\"\n\n[tool.firstlight.redirects]\n'/a' = '/b'\n",
        ),
        ("tool.firstlight.base = '/a'\n", "tool.firstlight.base = '/a'\n"
         'tool.firstlight.adapter = "asgi"\n'),
        ("[tool]\nfirstlight = { base = '/a' } # c\n", "[tool]\n"
         "firstlight = { base = '/a', adapter = \"asgi\"} # c\n"),
        ("tool = {a = 1}\n", 'tool = {a = 1,firstlight = {adapter = "asgi"}}\n'),
        ("[tool.firstlight]\r\nbase = '/a'\r\n\r\n[b]\r\n", "[tool.firstlight]\r\n"
         "adapter = \"asgi\"\r\nbase = '/a'\r\n\r\n[b]\r\n"),
        ("\ufeff[a]\n", '\ufeff[a]\n\n[tool.firstlight]\nadapter = "asgi"\n'),
        ("[tool.firstlight]\nadapter='asgi'", "[tool.firstlight]\nadapter='asgi'"),
    ],
)  # fmt: skip
def test_setting_is_added_to_toml(text: str, expected: str) -> None:
    assert add_settings("pyproject.toml", text, WANTED, {}, "again") == expected
    assert add_settings("pyproject.toml", expected, WANTED, {}, "again") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", '{\n  "a": null\n}\n'),
        ('{\n\t// mine\n\t"b": 1,\n}\n', '{\n\t"a": null,\n\t// mine\n\t"b": 1,\n}\n'),
        ('/* { */ {"b": {}}', '/* { */ {\n  "a": null,\n  "b": {}}'),
        ('{ "a": null }', '{ "a": null }'),
    ],
)
def test_setting_is_added_to_json(text: str, expected: str) -> None:
    assert add_settings("vercel.json", text, {"a": None}, {}, "again") == expected


def test_setting_that_cannot_be_added_is_an_error() -> None:
    text = '{"b": "\\"c\\": {", "c": 1}'
    with pytest.raises(ConfigError, match=r"`c` is `1`, but it is a table\."):
        add_settings("wrangler.jsonc", text, {"c": {"d": 1}}, {}, "again")
    text = '{"x": {"c": {}}, "c": {}}'  # another `c` stands first
    with pytest.raises(ConfigError, match=r"takes no `c\.d = 1`\.\n  Hint: Add it yourself"):
        add_settings("wrangler.jsonc", text, {"c": {"d": 1}}, {}, "again")


@pytest.mark.parametrize("failure", [None, TOMLKitError()])
def test_setting_that_cannot_be_replaced_is_an_error(
    monkeypatch: pytest.MonkeyPatch, failure: TOMLKitError | None
) -> None:
    def dumps(_: object) -> str:
        if failure:
            raise failure
        return ""

    monkeypatch.setattr("tomlkit.dumps", dumps)
    with pytest.raises(ConfigError) as caught:
        replace_setting("pyproject.toml", "a.b = 'c'\n", ("a", "b"), "d", "firstlight add d")
    assert str(caught.value) == (
        'pyproject.toml: The file is written in a way that takes no `a.b = "d"`.\n'
        "  Hint: Change it yourself, then run `firstlight add d` again."
    )


def test_cloudflare_writes_both_files(write_site: WriteSite) -> None:
    project = '[project]\nname = "Shop"\ndependencies = [\n  "firstlight>=0.1", # the site\n]\n'
    root = write_site({**LIVE, "pyproject.toml": project})
    assert add("cloudflare", "--yes")[0] == 0
    assert (root / "pyproject.toml").read_text() == (
        '[project]\nname = "Shop"\ndependencies = [\n'
        '  "firstlight[cloudflare]>=0.1", # the site\n]\n\n'
        '[tool.firstlight]\nadapter = "cloudflare"\n'
    )
    assert (root / "wrangler.toml").read_text() == WORKER


def test_a_second_run_has_nothing_to_do(write_site: WriteSite) -> None:
    root = write_site(PAGE)
    add("cloudflare", "--yes")
    before = contents(root)
    assert add("cloudflare") == (0, "Nothing to do: the site is set up for `cloudflare`.\n")
    assert contents(root) == before


def test_static_site_gets_no_worker(write_site: WriteSite) -> None:
    root = write_site({**PAGE, "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\n'})
    add("cloudflare", "--yes")
    assert (root / "wrangler.toml").read_text() == STATIC


def test_users_own_settings_stay(write_site: WriteSite) -> None:
    own = 'name = "mine" # my name\ncompatibility_flags = ["nodejs_compat"]\n\n[vars]\nA = 1\n'
    root = write_site({**LIVE, "wrangler.toml": own})
    add("cloudflare", "--yes")
    text = (root / "wrangler.toml").read_text()
    table = tomllib.loads(text)
    assert text.startswith('name = "mine" # my name\n')
    assert table["compatibility_flags"] == ["nodejs_compat", "python_workers"]
    assert (table["main"], table["vars"]) == ("dist/server/entry.py", {"A": 1})


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"wrangler.toml": 'name = "a"\nmain = "src/index.js"\n'},
            "wrangler.toml:2: `main` is `src/index.js`, but the build writes "
            "`dist/server/entry.py`.\n"
            '    1 | name = "a"\n  > 2 | main = "src/index.js"\n'
            "  Hint: Change or remove it, then run `firstlight add cloudflare` again.\n",
        ),
    ],
)
def test_conflict_is_an_error(write_site: WriteSite, files: dict[str, str], told: str) -> None:
    root = write_site({**LIVE, **files})
    before = contents(root)
    assert add("cloudflare", "--yes") == (1, told)
    assert contents(root) == before


def test_another_adapter_is_replaced(write_site: WriteSite) -> None:
    project = (
        "[tool.firstlight]\r\nadapter = 'netlify' # where it runs\r\nbase = '/a'\r\n\r\n"
        "# mine\r\n[tool.firstlight.asgi]\r\n"
    )
    files = {"netlify.toml": "[build]\n", "wrangler.toml": "# bindings\n"}
    root = write_site({**PAGE, **files, "pyproject.toml": "\ufeff" + project})
    before = contents(root)
    code, told = add("asgi", "--yes")
    assert code == 0
    assert "-adapter = 'netlify' # where it runs\n+adapter = \"asgi\" # where it runs\n" in told
    assert told.splitlines()[-4:-1] == [
        "Done.",
        "`netlify.toml`, which `netlify` used, is left as it is.",
        "Install `firstlight[asgi]` where the site is built.",
    ]
    changed = project.replace("'netlify'", '"asgi"')
    assert contents(root) == {**before, "pyproject.toml": f"\ufeff{changed}".encode()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tool.firstlight.adapter = 'asgi' # a\n", "tool.firstlight.adapter = \"vercel\" # a\n"),
        ("tool = {firstlight={adapter='asgi',base='/b'}}\n",
         "tool = {firstlight={adapter=\"vercel\",base='/b'}}\n"),
        ("[tool.firstlight.asgi]\n[a]\n[tool.firstlight]\nadapter='asgi'\n[b]\n",
         "[tool.firstlight.asgi]\n[a]\n[tool.firstlight]\nadapter=\"vercel\"\n[b]\n"),
    ],
)  # fmt: skip
def test_adapter_is_replaced_however_it_is_written(
    write_site: WriteSite, text: str, expected: str
) -> None:
    root = write_site({**PAGE, "pyproject.toml": text})
    assert add("vercel", "--yes")[0] == 0
    assert (root / "pyproject.toml").read_text() == expected


@pytest.mark.parametrize(
    ("old", "file"),
    [("cloudflare", "wrangler.jsonc"), ("vercel", "vercel.json"), ("netlify", "netlify.toml")],
)
def test_the_question_names_what_is_replaced(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch, old: str, file: str
) -> None:
    monkeypatch.setattr("firstlight.cli.can_ask", lambda: True)
    root = write_site(PAGE)
    assert add(old, "--yes")[0] == 0
    if file == "wrangler.jsonc":
        (root / "wrangler.toml").rename(root / file)
        (root / file).write_text("{}")
    before = contents(root)
    asked = f"Replace the adapter `{old}`, and write this? [y/N]: "
    result = CliRunner().invoke(main, ["add", "asgi"], input="n\n")
    assert (result.exit_code, asked in result.output) == (1, True)
    assert contents(root) == before
    result = CliRunner().invoke(main, ["add", "asgi"], input="y\n")
    assert f"\n`{file}`, which `{old}` used, is left as it is.\n" in result.output
    assert (root / file).read_bytes() == before[file]


def test_replacing_is_undone_when_the_disk_refuses(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_site({**LIVE, "pyproject.toml": '[tool.firstlight]\nadapter = "asgi"\n'})
    before = contents(root)
    real = Path.replace

    def fails(path: Path, target: Path) -> Path:
        if target.name == "wrangler.toml":
            raise OSError(28, "No space left", "wrangler.toml")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", fails)
    code, told = add("cloudflare", "--yes")
    assert (code, contents(root)) == (1, before)
    assert told.endswith("`wrangler.toml` cannot be written: No space left. Nothing is changed.\n")


def test_a_packages_adapter_is_added_with_its_package(acme: Acme, write_site: WriteSite) -> None:
    acme.install()
    options = '[tool.firstlight.acme]\nregion = "us"\n'
    root = write_site(
        {**PAGE, "pyproject.toml": f'[project]\nname = "shop"\nversion = "1"\n\n{options}'}
    )
    code, told = add("acme", "--yes")
    assert (code, told.splitlines()[-2:]) == (
        0,
        ["Done.", "Install `acme-host` where the site is built."],
    )
    table = tomllib.loads((root / "pyproject.toml").read_text())
    assert table["project"]["dependencies"] == ["acme-host"]
    assert table["tool"]["firstlight"] == {"adapter": "acme", "acme": {"region": "us"}}
    assert add("acme") == (0, "Nothing to do: the site is set up for `acme`.\n")
    assert add("asgi", "--yes")[0] == 0  # whose options may stay
    assert build(root).changed


def test_a_packages_adapter_that_is_broken_changes_nothing(
    acme: Acme, write_site: WriteSite
) -> None:
    acme.install(value="acme_missing:ADAPTER")
    root = write_site(PAGE)
    assert add("acme", "--yes") == (
        1,
        "The adapter `acme` (acme_missing:ADAPTER) cannot be imported: "
        "No module named 'acme_missing'.\n",
    )
    assert "pyproject.toml" not in contents(root)


def test_unknown_adapter_names_the_nearest(write_site: WriteSite) -> None:
    write_site(PAGE)
    told = "`cloudflair` is no adapter.\n  Hint: Did you mean `cloudflare`?\n"
    assert add("cloudflair") == (1, told)


def test_dry_run_shows_the_change_only(write_site: WriteSite) -> None:
    root = write_site(PAGE)
    code, told = add("asgi", "--dry-run")
    assert (code, contents(root)) == (0, {})
    assert told == (
        '--- nothing\n+++ pyproject.toml\n@@ -0,0 +1,2 @@\n+[tool.firstlight]\n+adapter = "asgi"\n'
    )


@pytest.mark.parametrize(("answer", "is_written"), [("y\n", True), ("n\n", False)])
def test_asks_first(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch, answer: str, *, is_written: bool
) -> None:
    root = write_site(PAGE)
    assert add("asgi")[1].endswith(
        "Nobody can be asked here.\n  Hint: Add `--yes` or `--dry-run`.\n"
    )
    monkeypatch.setattr("firstlight.cli.can_ask", lambda: True)
    CliRunner().invoke(main, ["add", "asgi"], input=answer)
    assert (root / "pyproject.toml").exists() is is_written


@pytest.mark.parametrize("failure", [OSError(28, "No space left", "b"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 2])
def test_failure_half_way_leaves_all_as_it_was(
    write_site: WriteSite, monkeypatch: pytest.MonkeyPatch, failure: BaseException, at: int
) -> None:
    root = write_site({"a": "1\n", "c": "3\n"})
    before = contents(root)
    real, calls = Path.replace, [0]

    def fails(path: Path, target: Path) -> Path:
        calls[0] += 1
        if calls[0] == at + 1:
            raise failure
        return real(path, target)

    monkeypatch.setattr(Path, "replace", fails)
    changes = [Change("a", b"1\n", b"2\n"), Change("b", None, b"x"), Change("c", b"3\n", b"4")]
    with pytest.raises((FirstlightError, KeyboardInterrupt)):
        replace_files(root, changes)
    assert contents(root) == before


def test_file_that_changed_meanwhile_is_left_alone(write_site: WriteSite) -> None:
    root = write_site({"a": "mine"})
    with pytest.raises(FirstlightError, match="changed in the meantime"):
        replace_files(root, [Change("b", None, b"x"), Change("a", b"1", b"2")])
    assert contents(root) == {"a": b"mine"}


NETLIFY = """\
[build]
command = "pip install firstlight && firstlight build"
publish = "dist/client"

[build.environment]
PYTHON_VERSION = "3.13"
"""
PACKAGES = '{\n  "private": true,\n  "dependencies": {\n    "pyodide": "0.28.3"\n  }\n}\n'


def test_netlify_writes_all_three_files(write_site: WriteSite) -> None:
    root = write_site(LIVE)
    assert add("netlify", "--yes")[0] == 0
    assert contents(root) == {
        "pyproject.toml": b'[tool.firstlight]\nadapter = "netlify"\n',
        "netlify.toml": NETLIFY.encode(),
        "package.json": PACKAGES.encode(),
    }
    assert add("netlify") == (0, "Nothing to do: the site is set up for `netlify`.\n")


def test_netlify_needs_no_package_for_files(write_site: WriteSite) -> None:
    root = write_site(PAGE)
    add("netlify", "--yes")
    assert contents(root).keys() == {"pyproject.toml", "netlify.toml"}


def test_netlify_keeps_what_is_there(write_site: WriteSite) -> None:
    toml = '# mine\n[build]\ncommand = "make" # builds\n\n[[redirects]]\nfrom = "/a"\nto = "/b"\n'
    package = '{\n  "name": "shop",\n  "dependencies": {\n    "htmx.org": "2.0.0"\n  }\n}\n'
    root = write_site({**LIVE, "netlify.toml": toml, "package.json": package})
    add("netlify", "--yes")
    assert (root / "netlify.toml").read_text() == (
        '# mine\n[build]\npublish = "dist/client"\ncommand = "make" # builds\n\n'
        '[[redirects]]\nfrom = "/a"\nto = "/b"\n\n'
        '[build.environment]\nPYTHON_VERSION = "3.13"\n'
    )
    assert (root / "package.json").read_text() == package.replace(
        '    "htmx', '    "pyodide": "0.28.3",\n    "htmx'
    )


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"netlify.toml": '[build]\npublish = "public"\n'},
            "netlify.toml:2: `build.publish` is `public`, but the build writes `dist/client`.",
        ),
        (
            {"package.json": '{\n  "dependencies": {\n    "pyodide": "^0.27.0"\n  }\n}\n'},
            "package.json:3: `dependencies.pyodide` is `^0.27.0`, but the function runs on "
            "`0.28.3`.",
        ),
    ],
)
def test_netlify_refuses_what_contradicts_it(
    write_site: WriteSite, files: dict[str, str], told: str
) -> None:
    root = write_site({**LIVE, **files})
    before = contents(root)
    code, output = add("netlify", "--yes")
    assert (code, output.splitlines()[0]) == (1, told)
    assert contents(root) == before
