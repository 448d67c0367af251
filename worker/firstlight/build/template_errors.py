"""What Jinja2's parser says about a template, as a sentence with a remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2.filters import FILTERS
from jinja2.tests import TESTS

from firstlight.advice import did_you_mean, in_backticks, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

TAGS = (
    *("autoescape", "block", "call", "extends", "filter", "for", "from", "if", "import", "include"),
    *("macro", "set", "with", "raw", "elif", "else"),
)
ENDS = tuple(f"end{tag}" for tag in TAGS)
FOREIGN = "Tags are those of Jinja2: `if`, `for`, `set`, `block`, `extends`, `include`, `macro`, …"
EXPRESSION = "Between `{{` and `}}` stands one expression, such as `{{ user.name }}`."


def explain_syntax(message: str, line: str) -> tuple[str, str]:
    """Turn a syntax error of Jinja2 into a sentence and a hint.

    Args:
        message: Jinja2's own.
        line: The line of the template that it points to.
    """
    text = in_backticks(message.rstrip(".").replace("\\", ""))
    return f"{text[:1].upper()}{text[1:]}.", _hint(message, line)


def _hint(message: str, line: str) -> str:
    return _hint_of_message(message) or _hint_of_line(line)


def _hint_of_message(message: str) -> str | None:
    if unknown := re.match(r"No (filter|test) named '(.*)'", message):
        known = FILTERS if unknown[1] == "filter" else TESTS
        return did_you_mean(unknown[2], known) or _listed(f"Jinja2's {unknown[1]}s", known)
    if unclosed := re.search(r"block that needs to be closed is '(\w+)'", message):
        return f"Close it with `{{% end{unclosed[1]} %}}`."
    if unknown := re.match(r"Encountered unknown tag '(\w+)'", message):
        return did_you_mean(unknown[1], (*TAGS, *ENDS)) or FOREIGN
    if twice := re.match(r"block '(.*)' defined twice", message):
        return f"Rename one of them, or print it again with `{{{{ self.{twice[1]}() }}}}`."
    return None


def _hint_of_line(line: str) -> str:
    if re.search(r"\belse\s+if\b", line):
        return "Write `{% elif … %}`."
    if re.search(r"\{\{\s*await\b", line):
        return "Await it in the frontmatter, and print the name it is bound to."
    return EXPRESSION if "{{" in line else FOREIGN


def _listed(what: str, known: Iterable[str]) -> str:
    return f"{what}: {', '.join(sorted(name for name in known if name.isalpha()))}."


def missing_template(names: Iterable[str | None], known: Iterable[str]) -> tuple[str, str]:
    """Say that none of some templates is there, and which one may have been meant."""
    wanted = [str(name) for name in names]
    known = list(known)
    hint = next(filter(None, (_near(name, known) for name in wanted)), None)
    return (
        f"There is no template {' or '.join(f'`{name}`' for name in wanted)}.",
        hint or "Template names are relative to pages/, such as `_layouts/base.html`.",
    )


def _near(name: str, known: list[str]) -> str | None:
    """Find a template by its name without folders and extension, else one that is alike."""
    stem = name.rpartition("/")[2].partition(".")[0]
    same = [each for each in known if each.rpartition("/")[2].partition(".")[0] == stem]
    bare = {each.rpartition(".")[0]: each for each in known}  # extensions are always alike
    near = same[0] if same else bare.get(nearest(name.rpartition(".")[0], bare) or "")
    return None if near is None else f"Did you mean `{near}`?"
