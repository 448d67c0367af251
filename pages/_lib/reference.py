"""What the program tells about itself: its commands and its options, as they are."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from firstlight.build.config import CHOICES, Config
from firstlight.build.markdown import render_markdown, slugify
from firstlight.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a page."""

    depth: int
    slug: str
    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """An option or argument of a command.

    Attributes:
        names: As they are typed, such as `--port INTEGER`.
        text: What it does.
        default: What it is otherwise; None when that goes without saying.
    """

    names: str
    text: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the command line.

    Attributes:
        name: Behind `firstlight`.
        usage: The whole line.
        text: What it does.
        parameters: Without `--help`, which all have.
    """

    name: str
    usage: str
    text: str
    parameters: list[Parameter]

    @property
    def heading(self) -> Heading:
        """Its heading in the reference."""
        return Heading(2, self.name, f"firstlight {self.name}")


@dataclass(frozen=True, slots=True)
class Option:
    """An option of `[tool.firstlight]`.

    Attributes:
        name: Its key.
        default: As TOML.
        choices: The only values it can have, as TOML; empty for others.
        html: What it means.
    """

    name: str
    default: str
    choices: list[str]
    html: str

    @property
    def heading(self) -> Heading:
        """Its heading in the reference."""
        return Heading(3, slugify(self.name), self.name)


def commands() -> Iterator[Command]:
    """Yield every command, by name."""
    for name, command in sorted(main.commands.items()):
        context = click.Context(command, info_name=f"firstlight {name}")
        usage = " ".join(["firstlight", name, *command.collect_usage_pieces(context)])
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        parameters = [_parameter(parameter, context) for parameter in shown]
        yield Command(name, usage, click_text(command.help), parameters)


def click_text(text: str | None) -> str:
    """Return a help text as one paragraph, without the marks that click reads."""
    return " ".join((text or "").replace("\b", "").split("\f")[0].split())


def options() -> Iterator[Option]:
    """Yield every option of `[tool.firstlight]`, in the order of the program."""
    texts = dict(re.findall(r"^ {4,8}(\w+): (.*?)(?=^ {4,8}\w+: |\Z)", _attributes(), re.M | re.S))
    for each in fields(Config):
        text = " ".join(texts[each.name].split())
        choices = [f'"{choice}"' for choice in CHOICES.get(each.name, ())]
        yield Option(each.name, _toml(each), choices, render_markdown(text).html)


def _attributes() -> str:
    return (Config.__doc__ or "").partition("Attributes:\n")[2]


def _toml(option: Any) -> str:
    value: Any = option.default if option.default is not MISSING else option.default_factory()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[]"
    return "none" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def _parameter(parameter: click.Parameter, context: click.Context) -> Parameter:
    if isinstance(parameter, click.Argument):
        return Parameter(parameter.make_metavar(context), "", None)
    names, text = parameter.get_help_record(context) or ("", "")
    found = re.search(r"\s*\[default: ([^;\]]+)[^\]]*\]$", text)
    shown = text[: found.start()] if found else re.sub(r"\s*\[[^\]]*\]$", "", text)
    return Parameter(names, shown, found[1] if found else None)
