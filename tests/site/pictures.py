"""Make the README's pictures with the real program: `python tests/site/pictures.py`.

`docs/page.webp` is the home page of this repository's site in Chromium, `docs/build.svg` what
`firstlight build` prints on a terminal. Both come from a copy of the site, so nothing of this
machine shows.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from servers import ROOT, copy_site, serving

sys.path.append(str(ROOT / "tests"))  # pytest does so by itself

from browser import chromium

FOLDER = ROOT / "docs"
COLUMNS = 112
SIZE = (1200, 720)
# The site's own colours at night.
PAPER, INK, SOFT = (18, 16, 34), (239, 234, 246), (146, 137, 176)
RED, GREEN, YELLOW, BLUE = (255, 147, 164), (165, 214, 160), (255, 179, 138), (169, 193, 255)
MAGENTA, CYAN, WHITE = (227, 164, 240), (150, 220, 220), (255, 255, 255)
COLOURS = [RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN]
THEME = TerminalTheme(PAPER, INK, [PAPER, *COLOURS, INK], [SOFT, *COLOURS, WHITE])
# Every machine has a font of its own; rich's would come from elsewhere.
FONTS = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"


def build_report(site: Path) -> str:
    """Run the build as on a terminal of `COLUMNS` and draw what it prints."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "firstlight", "build"]
    done = subprocess.run(command, cwd=site, env=environment, check=True, capture_output=True)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.assemble(("$ ", "dim"), "firstlight build"))
    console.print(Text.from_ansi(done.stdout.decode()), no_wrap=True, crop=False)
    picture = console.export_svg(title="firstlight build", theme=THEME, unique_id="build")
    picture = re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code, monospace", FONTS).replace("Fira Code", FONTS)


def main() -> None:
    """Write both pictures beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        site = copy_site(Path(folder, "site"))
        (FOLDER / "build.svg").write_text(build_report(site), "utf-8")
        preview = [sys.executable, "-m", "firstlight", "preview"]
        with (
            serving(preview, site) as origin,
            chromium(Path(folder, "profile")) as browser,
            browser.tab() as tab,
        ):
            tab.resize(*SIZE)
            tab.prefer("dark")
            tab.open(f"{origin}/")
            tab.screenshot(FOLDER / "page.webp")


if __name__ == "__main__":
    main()
