"""Writes the stub that tells editors and type checkers what the configuration declares."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from firstlight.build.bindings import exported_names
from firstlight.build.config import error_line, load_tools
from firstlight.build.output import write_file
from firstlight.build.params_stub import STUB as PARAMS_STUB
from firstlight.build.params_stub import params_text, route_params
from firstlight.build.source_file import read_text
from firstlight.build.wrangler import load_environments, parse_jsonc
from firstlight.errors import ConfigError, Location

if TYPE_CHECKING:
    from collections.abc import Iterable

STUB = "bindings/cloudflare/__init__.pyi"
PARENT = "bindings/__init__.pyi"  # without it mypy prefers the installed package
PYRIGHT = "pyrightconfig.json"
DEFAULT_FOLDER = "typings"  # where pyright and Pylance look by themselves
DEV_VARS = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*[=:]", re.MULTILINE)
HEAD = '''\
"""What this site's configuration declares; written by `firstlight types`, do not edit."""

from typing import Any

'''
ENV = """
class Env:
    def __contains__(self, name: str) -> bool: ...
    def get(self, name: str, default: Any = None) -> Any: ...
"""


class Types(NamedTuple):
    """What `firstlight types` found and did.

    Attributes:
        file: The stub, relative to the site's root.
        bindings: Class by name.
        variables: Type by name.
        params: Pattern of a route with parameters by the name of its class.
        changed: Whether a file differs from before.
        note: What is left to do by hand; None when nothing is.
    """

    file: str
    bindings: dict[str, str]
    variables: dict[str, str]
    params: dict[str, str]
    changed: bool
    note: str | None


def write_types(root: Path) -> Types:
    """Write the stubs of a site's bindings and variables, of all environments, and its routes.

    Raises:
        ConfigError: The configuration does not parse.

    Source:
        https://typing.python.org/en/latest/spec/distributing.html#import-resolution-ordering
    """
    bindings: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    for wrangler in reversed(load_environments(root)):  # the top level has the last word
        bindings |= wrangler.bindings
        for name, value in wrangler.variables.items():
            found.setdefault(name, set()).add(type_of(value))
    for path in root.glob(".dev.vars*"):
        for name in DEV_VARS.findall(path.read_text("utf-8")):
            found.setdefault(name, set()).add("str")
    variables = {name: " | ".join(sorted(types)) for name, types in sorted(found.items())}
    bindings = dict(sorted(bindings.items()))
    folder, note = _folder(root)
    params = route_params(root)
    texts = {PARENT: "", STUB: stub_text(bindings, variables)}
    if params or (root / folder / PARAMS_STUB).exists():
        texts[PARAMS_STUB] = params_text(params)
    changed = [name for name, text in texts.items() if _differs(root / folder / name, text)]
    for name in changed:
        write_file(root / folder, name, texts[name].encode())
    return Types(f"{folder}/{STUB}", bindings, variables, params, bool(changed), note)


def _differs(path: Path, text: str) -> bool:
    return not path.exists() or path.read_text("utf-8") != text


def stub_text(bindings: dict[str, str], variables: dict[str, str]) -> str:
    """Write the stub: everything that the package exports, and what is declared."""
    lines: list[str] = []
    for module, names in exported_names().items():
        if module.endswith(".env"):
            continue
        lines += [f"from {_home(module, name)} import {name} as {name}" for name in names]
    env = [f"    {name}: {kind}" for name, kind in variables.items() if _is_name(name)]
    handles = [f"{name}: {kind}" for name, kind in bindings.items() if _is_name(name)]
    return "\n".join(
        [HEAD + "\n".join(lines), ENV.rstrip("\n"), *env, "", "env: Env", *handles, ""]
    )


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


def _home(module: str, name: str) -> str:
    """Return the module that defines a name: type checkers take no name that passed through."""
    spec = find_spec(module)
    tree = ast.parse(Path(str(spec and spec.origin)).read_text("utf-8"))
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module)
    homes = (str(i.module) for i in imports if name in {alias.name for alias in i.names})
    home = next(homes, None)
    return _home(home, name) if home else module


def type_of(value: object) -> str:
    """Name the type that a variable has in the Worker."""
    if isinstance(value, dict):
        return "dict[str, Any]"
    if isinstance(value, list):
        kinds = {type_of(item) for item in cast("list[object]", value)}
        return f"list[{' | '.join(sorted(kinds)) or 'Any'}]"
    known = isinstance(value, (bool, int, float))
    return type(value).__name__ if known else "str"


def _folder(root: Path) -> tuple[str, str | None]:
    """Return pyright's folder for stubs, and what mypy needs to find it."""
    tools = _table(load_tools(root))
    pyright = _pyright(root)
    if pyright is None:
        pyright = _table(tools.get("pyright"))
    folder = str(pyright.get("stubPath", DEFAULT_FOLDER)).removeprefix("./").rstrip("/")
    if folder in str(_table(tools.get("mypy")).get("mypy_path", "")):
        return folder, None
    return folder, f'For mypy, set `mypy_path = "{folder}"` under [tool.mypy] in pyproject.toml.'


def _pyright(root: Path) -> dict[str, Any] | None:
    """Read pyright's own file, which has precedence; None when there is none."""
    path = root / PYRIGHT
    if not path.exists():
        return None
    text = read_text(path, PYRIGHT)
    try:
        return _table(parse_jsonc(text))
    except ValueError as error:
        location = Location(PYRIGHT, error_line(error, text))
        raise ConfigError(f"This does not parse: {error}.", location=location) from error


def _table(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def summary(names: Iterable[tuple[str, str]]) -> str:
    """List names with their types."""
    return ", ".join(f"{name}: {kind}" for name, kind in names) or "none"
