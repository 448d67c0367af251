"""A page of 50 escaped rows, by compiled templates and by Jinja2: `python benchmarks/templates.py`.

`python benchmarks/templates.py DIR` writes what it takes to run the same on Pyodide:
templates_pyodide.mjs (Node), templates_workerd.py (wrangler 3.92). Rounds are interleaved, so that
a noisy moment hits both; the ratio of the medians counts. The page is to render at least 2.2 times
as fast as plain Jinja2 renders the same templates.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUNDS = 15
SECONDS = 0.05  # how long a round renders for
FOLDER = Path(__file__).parent  # of the compiled templates
MODULES: dict[str, str] = {}  # theirs, where no file tells them
TEMPLATES = {
    "_layout.html": "<!doctype html>\n<html><head><title>{% block title %}{% endblock %}</title>"
    "</head>\n<body><nav>{{ site.name }}</nav>\n<main>{% block main %}{% endblock %}</main>\n"
    "</body></html>\n",
    "_rows.html": "{% extends '_layout.html' %}{% block title %}{{ title }}{% endblock %}\n"
    "{% block main %}<table>\n{% for row in rows %}<tr><td>{{ row.name }}</td>"
    "<td>{{ row.email }}</td><td>{{ row.note }}</td></tr>\n{% endfor %}</table>{% endblock %}",
    "_cards.html": "{% extends '_layout.html' %}{% macro card(row) %}<li>{{ row.name|upper }} "
    "{{ row.note|default('-') }}</li>{% endmacro %}{% block main %}<ul>{% for row in rows %}"
    "{{ card(row) }}{% if not loop.last %}, {% endif %}{% endfor %}</ul>{% endblock %}",
    "_small.html": "<h1>{{ title }}</h1><p>{{ site.name }}</p>",
}


class Row:
    """A row with attributes."""

    def __init__(self, **fields: str) -> None:
        self.__dict__.update(fields)


def rows(kind: Callable[..., Any]) -> dict[str, Any]:
    """Make the names that the templates use."""
    return {
        "title": "Fifty <rows>",
        "site": kind(name="A & B"),
        "rows": [
            kind(name=f"Person {n}", email=f"p{n}@example.com", note=f"<b>{n}</b> & more")
            for n in range(50)
        ],
    }


def main() -> None:
    """Print microseconds a render and the ratio, per template and kind of row."""
    ours, jinjas = renderers()
    print(f"Python {sys.version.split()[0]} on {sys.platform}, {ROUNDS} rounds")
    print(f"{'template':12}{'rows':8}{'Firstlight':>16}{'Jinja2':>16}{'ratio':>8}{'spread':>14}")
    for template in ("_rows.html", "_cards.html", "_small.html"):
        for kind in (dict, Row):
            names = rows(kind)
            if ours(template, names) != jinjas(template, names):
                raise AssertionError(template)
            compared = [measure(ours, jinjas, template, names) for _ in range(ROUNDS)]
            medians = [statistics.median(times) for times in zip(*compared, strict=True)]
            ratios = sorted(theirs / own for own, theirs in compared)
            cells = "".join(f"{median:>13.1f} µs" for median in medians)
            spread = f"{ratios[2]:.2f}-{ratios[-3]:.2f}"
            name = kind.__name__.lower()
            print(f"{template:12}{name:8}{cells}{medians[1] / medians[0]:>8.2f}{spread:>14}")


def renderers() -> tuple[Callable[..., str], Callable[..., str]]:
    """Give what renders a template by name, as compiled modules and by Jinja2."""
    from jinja2 import DictLoader, Environment, StrictUndefined  # noqa: PLC0415 - as is below

    from firstlight.templating import Templates  # noqa: PLC0415 - not there while exporting

    sys.path.insert(0, str(FOLDER))
    modules = MODULES or json.loads((FOLDER / "modules.json").read_text())
    templates = Templates(modules, import_module)
    environment = Environment(
        loader=DictLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    ctx = SimpleNamespace()

    def ours(name: str, names: Mapping[str, Any]) -> str:
        return templates.get_template(name).render(names, ctx)

    def jinjas(name: str, names: Mapping[str, Any]) -> str:
        return environment.get_template(name).render(names)

    return ours, jinjas


def export(folder: Path, *, alone: bool) -> None:
    """Write the compiled templates; `alone` adds the packages, for a Python that has none."""
    from firstlight.build.compile import compile_site, template_modules  # noqa: PLC0415
    from firstlight.build.config import load_config  # noqa: PLC0415
    from firstlight.build.scan import scan  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        (root / "pages").mkdir()
        (root / "pyproject.toml").write_text("")
        for name, text in TEMPLATES.items():
            (root / "pages" / name).write_text(text)
        site = scan(root, load_config(root))
        modules, errors = compile_site(site)
    if errors:
        raise errors[0]
    for name, module in modules.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(module.text)
    (folder / "modules.json").write_text(json.dumps(template_modules(site)))
    if alone:
        shutil.copy(__file__, folder / "templates.py")
        for name in ("firstlight", "jinja2", "markupsafe"):
            source = Path(import_module(name).__file__ or "").parent
            ignored = shutil.ignore_patterns("build", "dev", "__pycache__", "*.so", "*.c", "*.pyi")
            shutil.copytree(source, folder / name, ignore=ignored, dirs_exist_ok=True)


def measure(
    ours: Callable[..., str], jinjas: Callable[..., str], *args: Any
) -> tuple[float, float]:
    """Return microseconds for one render, of each."""
    return cost(ours, args), cost(jinjas, args)


def cost(render: Callable[..., str], args: tuple[Any, ...]) -> float:
    """Render for a while; returns microseconds for one render."""
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < SECONDS:
        render(*args)
        count += 1
    return elapsed / count * 1e6


if __name__ == "__main__" and len(sys.argv) > 1:
    export(Path(sys.argv[1]), alone=True)
elif __name__ == "__main__":
    with tempfile.TemporaryDirectory() as compiled:
        FOLDER = Path(compiled)
        export(FOLDER, alone=False)
        main()
