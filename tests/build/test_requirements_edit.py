"""Where a requirement of an adapter is added to pyproject.toml."""

from __future__ import annotations

import pytest

from firstlight.build.requirements_edit import add_requirement
from firstlight.errors import ConfigError

PROJECT = '[project]\nname = "shop"\n'
ASGI = "firstlight[asgi]"


def added(text: str, requirement: str = ASGI) -> str:
    return add_requirement("pyproject.toml", text, requirement, "firstlight add asgi")


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("[]", '["firstlight[asgi]"]'),
        ('["markdown"] # a', '["markdown", "firstlight[asgi]"] # a'),
        ('["firstlight"]', '["firstlight[asgi]"]'),
        ("['FirstLight[s3]>=0.1'] # a", '["FirstLight[asgi,s3]>=0.1"] # a'),
        ('["firstlight; python_version > \'3\'"]',
         '["firstlight[asgi]; python_version > \'3\'"]'),
        ('["firstlight @ https://h.example/f.whl"]',
         '["firstlight[asgi] @ https://h.example/f.whl"]'),
        ('[\n  "a", # a\n  "firstlight", # b\n]',
         '[\n  "a", # a\n  "firstlight[asgi]", # b\n]'),
    ],
)  # fmt: skip
def test_requirement_is_added_to_dependencies(own: str, expected: str) -> None:
    wanted = f"{PROJECT}dependencies = {expected}\n"
    assert added(f"{PROJECT}dependencies = {own}\n") == wanted
    assert added(wanted) == wanted


def test_project_without_dependencies_gets_them() -> None:
    assert added(PROJECT) == '[project]\ndependencies = ["firstlight[asgi]"]\nname = "shop"\n'


@pytest.mark.parametrize("table", ["dependency-groups", "project.optional-dependencies"])
def test_extra_goes_to_where_the_package_stands(table: str) -> None:
    groups = f'{PROJECT}dependencies = ["markdown"]\n\n[{table}]\na = ["pytest"] # a\n'
    before = f'{groups}site = ["firstlight>=0.1"] # b\n'
    assert added(before) == before.replace("firstlight>", "firstlight[asgi]>")
    assert added(added(before)) == added(before)


def test_groups_may_include_groups() -> None:
    text = '[dependency-groups]\na = ["firstlight"]\nb = [{include-group = "a"}, "pytest"]\n'
    assert added(text) == text.replace('"firstlight"', '"firstlight[asgi]"')
    assert added(text, "acme-host") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[tool.firstlight]\n",
        '[project]\nname = "firstlight"\n',
        f'{PROJECT}dynamic = ["version", "dependencies"]\n',
    ],
)
def test_no_requirement_is_added(text: str) -> None:
    assert added(text) == text


def test_computed_dependencies_leave_groups_to_be_edited() -> None:
    text = f'{PROJECT}dynamic = ["dependencies"]\n\n[dependency-groups]\na = ["firstlight"]\n'
    assert added(text) == text.replace('"firstlight"', '"firstlight[asgi]"')


def test_dependencies_that_are_no_list_are_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        added(f"{PROJECT}dependencies = 'markdown'\n")
    assert str(caught.value) == (
        "pyproject.toml: `project.dependencies` is `markdown`, but it is a list.\n"
        '  Hint: Write it as `["markdown"]`, then run `firstlight add asgi` again.'
    )
