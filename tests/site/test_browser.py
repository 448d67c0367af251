"""The site in a real browser: styles apply, the script runs, nothing comes from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from servers import copy_site, preview_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.browser

# Without the networking flags, Chromium looks up its maker's hosts at every start.
CHROMIUM = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=4000",
]
PAGES = ["/", "/about/", "/blog/", "/blog/bindings/", "/guestbook", "/login", "/nope"]


@pytest.fixture(scope="module")
def site_origin(tmp_path_factory: pytest.TempPathFactory) -> Generator[str, None, None]:
    with preview_of(copy_site(tmp_path_factory.mktemp("browser"))) as address:
        yield address


def chromium(folder: Path, *arguments: str) -> str:
    if shutil.which("chromium") is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    command = [*CHROMIUM, f"--user-data-dir={folder}", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_in_the_browser(site_origin: str, path: str, tmp_path: Path) -> None:
    dom = chromium(tmp_path, "--dump-dom", site_origin + path)

    assert re.search(r"<html lang=\"en\">", dom)
    assert re.search(r"<title>[^<]*Firstlight[^<]*</title>", dom)
    assert len(re.findall(r"<h1[ >]", dom)) == 1
    assert len(re.findall(r"<main[ >]", dom)) == 1


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere(site_origin: str, path: str, tmp_path: Path) -> None:
    dom = chromium(tmp_path, "--dump-dom", site_origin + path)
    loaded = re.findall(r"<(?:link|script|img|iframe)\b[^>]*?(?:href|src)=\"([^\"]+)\"", dom)

    assert loaded
    assert [url for url in loaded if not url.startswith("/")] == []


def test_the_home_page_counts_its_visits(site_origin: str, tmp_path: Path) -> None:
    first = chromium(tmp_path, "--dump-dom", f"{site_origin}/")
    second = chromium(tmp_path, "--dump-dom", f"{site_origin}/")
    before, after = (int(re.findall(r"(\d+) so far", dom)[0]) for dom in (first, second))

    assert after == before + 1


@pytest.mark.parametrize("width", [360, 1280])
def test_the_home_page_is_painted(site_origin: str, width: int, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    size = f"--window-size={width},900"
    chromium(tmp_path / "profile", size, f"--screenshot={picture}", f"{site_origin}/")

    # A blank page compresses to a few kilobytes; the painted one, with its gradient, does not.
    assert picture.stat().st_size > 30_000
