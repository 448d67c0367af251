"""What the program tells about its own commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

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


def _parameter(parameter: click.Parameter, context: click.Context) -> Parameter:
    if isinstance(parameter, click.Argument):
        return Parameter(parameter.make_metavar(context), "", None)
    names, text = parameter.get_help_record(context) or ("", "")
    found = re.search(r"\s*\[default: ([^;\]]+)[^\]]*\]$", text)
    shown = text[: found.start()] if found else re.sub(r"\s*\[[^\]]*\]$", "", text)
    return Parameter(names, shown, found[1] if found else None)
