"""Adapters of other packages: found by entry point, asked what they can do, and run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.build.adapter import BUILT_IN, PARTS, adapter_names, load_adapter
from firstlight.build.config import load_config
from firstlight.build.output import staging, swap_in, write_file
from firstlight.build.pipeline import build
from firstlight.errors import AdapterError, ConfigError, FirstlightError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Acme, Failures, WriteSite

CONFIG = '[tool.firstlight]\noutput = "hybrid"\nadapter = "acme"\n'
SITE = {
    "pages/index.html": "hello",
    "pages/a.html": "---\nprerender = False\n---\na",
    "pages/style.css": "b {}",
}


def test_a_packages_adapter_makes_its_part_of_the_build(acme: Acme, write_site: WriteSite) -> None:
    acme.install()
    options = f'{CONFIG}[tool.firstlight.acme]\nregion = "us"\n'
    root = write_site({"pyproject.toml": options, **SITE})
    result = build(root)
    server, output = root / "dist/server", root / ".acme/output"
    assert (server / "main.py").read_text() == "REGION = 'us'"
    assert (server / "pages/a_html.py").exists()
    assert (root / "dist/client/acme.txt").read_bytes() == b"beside"
    assert (output / "index.html").read_text() == "hello"
    assert (output / "style.css").read_text() == "b {}"
    assert (result.warnings, result.sizes) == (["a warning", "written"], {})


def test_a_folder_of_an_adapter_is_replaced_whole(acme: Acme, write_site: WriteSite) -> None:
    acme.install()
    root = write_site({"pyproject.toml": CONFIG, ".acme/output/old": "", ".acme/mine": "", **SITE})
    assert build(root).changed
    assert not build(root).changed
    assert not (root / ".acme/output/old").exists()
    assert (root / ".acme/mine").exists()


def test_a_folder_that_cannot_be_exchanged_leaves_all_as_it_was(tmp_path: Path) -> None:
    (tmp_path / ".firstlight").mkdir()
    for name in ("a/old", "b"):  # no folder can take the place of one below a file
        write_file(tmp_path, name, b"")
    with staging(tmp_path) as staged:
        write_file(staged, "one/new", b"")
        write_file(staged, "two/new", b"")
        with pytest.raises(FirstlightError, match=r"^`b/` cannot be written: File exists\.$"):
            swap_in(staged, tmp_path, {"one": "a", "two": "b/c"})
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["old"]


def test_adapter_names_lists_the_installed_ones(acme: Acme) -> None:
    assert adapter_names() == [*BUILT_IN]
    acme.install()
    assert adapter_names() == [*BUILT_IN, "acme"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_our_own_adapters_have_every_part(name: str) -> None:
    adapter = load_adapter(name)
    assert [part for part in PARTS if not hasattr(adapter, part)] == []
    assert adapter.name == name


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'adapter = "acmee"',
            '2: `adapter` cannot be `acmee`; it is one of {names}, "acme".\n'
            '  Hint: Did you mean "acme"?',
        ),
        (
            'adapter = "acme"\n[tool.firstlight.acme]\nregin = "eu"',
            "4: `regin` is not an option of [tool.firstlight.acme].\n"
            "  Hint: Did you mean `region`?",
        ),
        (
            'adapter = "acme"\n[tool.firstlight.acme]\nregion = 3',
            "4: `region` of [tool.firstlight.acme] cannot be `3`.\n  Hint: Give a string.",
        ),
        (
            'adapter = "acme"\nacme = 3',
            "3: `acme` is a table, not `3`.",
        ),
        (
            'adapter = "cloudflare"\n[tool.firstlight.ocme]\nregion = "eu"',
            "3: `ocme` is not an option of [tool.firstlight].\n  Hint: Known: {options}.",
        ),
    ],
)
def test_config_checks_an_adapter_and_its_options(
    acme: Acme, write_site: WriteSite, lines: str, expected: str
) -> None:
    acme.install()
    root = write_site({"pyproject.toml": f"[tool.firstlight]\n{lines}\n"})
    with pytest.raises(ConfigError) as caught:
        load_config(root)
    names = ", ".join(f'"{name}"' for name in BUILT_IN)
    options = str(caught.value).partition("Known: ")[2].rstrip(".")
    assert str(caught.value) == f"pyproject.toml:{expected.format(names=names, options=options)}"


def test_options_of_an_adapter_have_defaults(acme: Acme, write_site: WriteSite) -> None:
    acme.install()
    config = load_config(write_site({"pyproject.toml": CONFIG}))
    assert config.adapter_options == {"region": "eu", "regions": []}


@pytest.mark.parametrize("name", ["cloudflare", "acme"])
def test_options_of_another_adapter_may_stay(acme: Acme, write_site: WriteSite, name: str) -> None:
    acme.install()
    text = f'[tool.firstlight]\n[tool.firstlight.{name}]\nanything = "goes"\n'
    assert load_config(write_site({"pyproject.toml": text})).adapter_options == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "acme_missing:ADAPTER",
            "The adapter `acme` (acme_missing:ADAPTER) cannot be imported: "
            "No module named 'acme_missing'.",
        ),
        (
            "acme_host:NOTHING",
            "The adapter `acme` (acme_host:NOTHING) cannot be imported: "
            "module 'acme_host' has no attribute 'NOTHING'.",
        ),
        (
            "acme_host:Support",
            "The adapter `acme` (acme_host:Support) has no `name`.\n  Hint: An adapter has "
            "`name`, `supports`, `options`, `handler`, `bundle`.",
        ),
    ],
)
def test_load_adapter_says_what_is_wrong_with_a_package(
    acme: Acme, value: str, expected: str
) -> None:
    acme.install(value=value)
    with pytest.raises(AdapterError) as caught:
        load_adapter("acme")
    assert str(caught.value) == expected


NEEDY = {
    "pages/index.html": "hello",
    "pages/live.html": "---\nstream = True\nx: object = 1\nprerender = False\n---\na",
    "pages/post.md": "---\ntitle: x\nprerender: false\n---\na",
    "pages/api/x.py": "from pages._lib.work import go\n\n\ndef GET(ctx):\n    return go(ctx)\n",
    "pages/_lib/work.py": (
        "from bindings.cloudflare import env\n\n\ndef go(ctx):\n    ctx.wait_until(env.X)\n"
    ),
    "pages/_lib/other.py": "from bindings.cloudflare import env\n",
}
NO = "which the adapter `acme` does not support."
HINT = "\n  Hint: Leave it out, or choose another `adapter` in pyproject.toml."


@pytest.mark.parametrize(
    ("lacks", "output", "expected"),
    [
        (
            "static",
            "hybrid",
            [f'pages/index.html:1 (route /): This is prerendered (output = "hybrid"), {NO}{HINT}'],
        ),
        (
            "hybrid",
            "hybrid",
            [
                "pages/api/x.py:1 (route /api/x): This runs on demand "
                f"(an endpoint under pages/api/), {NO}{HINT}",
                "pages/live.html:4 (route /live): This runs on demand "
                f"(prerender = False), {NO}{HINT}",
                "pages/post.md:3 (route /post): This runs on demand "
                f"(prerender = False), {NO}{HINT}",
            ],
        ),
        ("server", "hybrid", []),
        ("hybrid", "server", []),
        (
            "streaming",
            "hybrid",
            [f"pages/live.html:2 (route /live): This page streams, {NO}{HINT}"],
        ),
        ("wait_until", "hybrid", [f"pages/_lib/work.py:5: This calls `wait_until()`, {NO}{HINT}"]),
        (
            "bindings",
            "hybrid",
            [f"pages/_lib/work.py:1: This imports `bindings.cloudflare`, {NO}{HINT}"],
        ),
    ],
)
def test_a_route_that_needs_what_the_adapter_lacks_is_an_error(
    acme: Acme, failures: Failures, lacks: str, output: str, expected: list[str]
) -> None:
    acme.install(f"{acme.stable} | {{{lacks!r}: Support('unsupported')}}")
    config = CONFIG.replace("hybrid", output)
    if expected:
        assert sorted(failures(NEEDY, config)) == expected
    else:
        with pytest.raises(pytest.fail.Exception):
            failures(NEEDY, config)


def test_server_output_needs_an_adapter_that_does_it(acme: Acme, failures: Failures) -> None:
    acme.install("{'static': Support('stable')}")
    texts = failures({"pages/a.html": "", "pages/b.html": ""}, CONFIG.replace("hybrid", "server"))
    assert texts == [
        f'pages/{name}.html:1 (route /{name}): This runs on demand (output = "server"), {NO}{HINT}'
        for name in ("a", "b")
    ]


def test_what_an_adapter_does_with_limits_is_a_warning(acme: Acme, write_site: WriteSite) -> None:
    acme.install(
        f"{acme.stable} | {{'hybrid': Support('limited', 'It starts slowly.'), "
        "'streaming': Support('limited')}"
    )
    root = write_site({"pyproject.toml": CONFIG, **NEEDY})
    assert build(root).warnings[:2] == [
        "pages/api/x.py:1 (route /api/x): This runs on demand (an endpoint under pages/api/) "
        "(and 2 more), which the adapter `acme` does with limits. It starts slowly.",
        "pages/live.html:2 (route /live): This page streams, which the adapter `acme` does "
        "with limits.",
    ]


def test_the_note_of_what_is_unsupported_is_the_hint(acme: Acme, failures: Failures) -> None:
    acme.install(f"{acme.stable} | {{'streaming': Support('unsupported', 'Use another host.')}}")
    (text,) = failures(NEEDY, CONFIG)
    assert text.endswith("\n  Hint: Use another host.")
