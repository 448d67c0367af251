"""`firstlight dev` on a site of 100 pages: until the first page, and from a save to the browser.

The time of a save runs from before the write of the file to the change of the document in headless
Chromium, both by the machine's clock. Run it from the repository's root.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "dev"))
from browser import chromium
from dev_process import dev_process

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from browser import Tab

SAVES, STARTS = 20, 5
LAYOUT = (
    '<!doctype html>\n<html lang="en"><head><title>x</title>'
    '<link rel="stylesheet" href="/site.css"></head><body>\n'
    '<main>{% block main %}{% endblock %}</main><div style="height: 3000px"></div></body></html>\n'
)
PAGE = (
    "---\nitems = [str(n) for n in range(50)]\n---\n"
    '{{% extends "_layouts/base.html" %}}{{% block main %}}<h1>{0}</h1>'
    "<ul>{{% for item in items %}}<li>{{{{ item }}}}</li>{{% endfor %}}</ul>{{% endblock %}}\n"
)
MARKDOWN = "---\nlayout: _layouts/text.html\n---\n# {0}\n\n" + "Some *text* and `code`.\n\n" * 20
TEXT = '{% extends "_layouts/base.html" %}{% block main %}{{ content }}{% endblock %}'
# The moment at which the document is what a save has made of it.
SEEN = (
    "new Promise((done) => {{ const look = () => {{ if ({0}) return done("
    "performance.timeOrigin + performance.now()); setTimeout(look, 1) }}; look() }})"
)


def write_site(root: Path) -> None:
    """Write 60 pages of Jinja2 and 40 of Markdown."""
    pages = root / "pages"
    (pages / "_layouts").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.firstlight]\n")
    (pages / "_layouts/base.html").write_text(LAYOUT)
    (pages / "_layouts/text.html").write_text(TEXT)
    (pages / "site.css").write_text("body { color: rgb(0, 0, 0) }\n")
    for number in range(60):
        (pages / f"p{number}.html").write_text(PAGE.format(number))
    for number in range(40):
        (pages / f"m{number}.md").write_text(MARKDOWN.format(number))


@contextmanager
def a_site() -> Generator[Path, None, None]:
    """Give a folder with the site, for as long as the context is open."""
    with tempfile.TemporaryDirectory() as folder:
        write_site(Path(folder))
        yield Path(folder)


def start(root: Path, port: int) -> float:
    """Return the seconds from the command to the first page."""
    command = [sys.executable, "-m", "firstlight", "dev", "--quiet", "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as process:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            try:
                connection.request("GET", "/p1/")
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.005)
            finally:
                connection.close()
        seconds = time.perf_counter() - began
        process.terminate()
    return seconds


def save(tab: Tab, path: Path, text: str, condition: str) -> float:
    """Return the milliseconds from a save to the document that shows it."""
    began = time.time() * 1000
    path.write_text(text)
    return float(tab.run(SEEN.format(condition))) - began


def saves(root: Path) -> dict[str, list[float]]:
    """Measure saves of a page, of its layout, of Markdown and of a stylesheet."""
    pages = root / "pages"
    heading = "document.querySelector('h1').textContent === '{0}'"
    kinds: dict[str, tuple[str, Callable[[str], tuple[Path, str, str]]]] = {
        "page": ("/p1/", lambda n: (pages / "p1.html", PAGE.format(n), heading.format(n))),
        "Markdown": ("/m1/", lambda n: (pages / "m1.md", MARKDOWN.format(n), heading.format(n))),
        "layout": (
            "/p1/",
            lambda n: (
                pages / "_layouts/base.html",
                LAYOUT.replace("<main>", f'<main id="n{n}">'),
                f"document.querySelector('main').id === 'n{n}'",
            ),
        ),
        "stylesheet": (
            "/p1/",
            lambda n: (
                pages / "site.css",
                f"body {{ color: rgb({n}, 1, 1) }}\n",
                f"getComputedStyle(document.body).color === 'rgb({n}, 1, 1)'",
            ),
        ),
    }
    measured: dict[str, list[float]] = {}
    profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with profile as folder, chromium(Path(folder)) as browser, dev_process(root) as server:
        for kind, (path, change) in kinds.items():
            with browser.tab() as tab:
                tab.resize(1000, 700)
                tab.open(server.origin + path)
                tab.run("window.isSame = true; scrollTo(0, 900)")
                time.sleep(0.5)
                measured[kind] = []
                for number in range(100, 100 + SAVES):
                    measured[kind].append(save(tab, *change(str(number))))
                    time.sleep(0.2)
                if not tab.run("isSame && scrollY === 900"):
                    raise RuntimeError("The page was reloaded, or lost its place.")
    return measured


def told(values: Sequence[float], unit: str, digits: int = 0) -> str:
    """Sum up measurements: the median and the range."""
    low, high = min(values), max(values)
    median = statistics.median(values)
    return f"{median:.{digits}f} {unit} [{low:.{digits}f}-{high:.{digits}f}]"


def main() -> None:
    """Measure and print."""
    with a_site() as root:
        starts = [start(root, 42500 + number) for number in range(STARTS)]
        print(f"until the first page: {told(starts, 's', 2)}, {STARTS} starts")
        for kind, values in saves(root).items():
            print(f"a saved {kind}: {told(values, 'ms')}, {len(values)} saves")


if __name__ == "__main__":
    main()
