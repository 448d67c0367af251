"""The guide as it is built: its navigation, its reference, its search index and its links."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from dataclasses import fields
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import pytest
from blocks import GUIDE, ROOT

from firstlight.build.config import CHOICES, Config, load_config
from firstlight.build.pipeline import build
from firstlight.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import WriteSite

COMPUTED = {"adapter_options"}  # of what the adapter's own table says
MOST_BYTES = 150_000  # of the index, gzipped
SITE = ("pages", "pyproject.toml", "wrangler.toml")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files of this repository's site."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "pages", root / "pages")
    for name in SITE[1:]:
        shutil.copy(ROOT / name, root / name)
    build(root)
    return root / "dist/client"


def page(client: Path, path: str) -> str:
    return (client / path.strip("/") / "index.html").read_text("utf-8")


def part(html: str, pattern: str) -> str:
    found = re.search(pattern, html, re.DOTALL)
    assert found, pattern
    return found[0]


def links(html: str) -> list[str]:
    return re.findall(r'<a[^>]* href="([^"]+)"', html)


def guide_nav(html: str) -> str:
    return part(html, r'<nav class="guide-nav".*?</nav>')


def test_every_page_of_the_guide_is_in_the_navigation_once(client: Path) -> None:
    listed = links(guide_nav(page(client, "/docs/")))
    files = (path.relative_to(GUIDE).with_suffix("").as_posix() for path in GUIDE.rglob("*.md"))
    expected = {f"/docs/{name}/" if name != "index" else "/docs/" for name in files}
    assert sorted(listed) == sorted(expected)


def test_previous_and_next_go_through_the_navigation_in_order(client: Path) -> None:
    listed = links(guide_nav(page(client, "/docs/")))
    for before, path, after in zip([None, *listed], listed, [*listed[1:], None], strict=False):
        html = page(client, path)
        found = dict(re.findall(r'<a rel="(prev|next)" href="([^"]+)"', html))
        assert (found.get("prev"), found.get("next")) == (before, after)
        current = re.findall(r'<a href="([^"]+)" aria-current="page"', guide_nav(html))
        assert current == [path]


def test_the_table_of_contents_is_made_of_the_headings(client: Path) -> None:
    for path in links(guide_nav(page(client, "/docs/"))):
        html = page(client, path)
        toc = part(html, r'<nav class="guide-toc".*?</nav>')
        article = part(html, r"<article.*?</article>")
        headings = re.findall(r'<h[23] id="([^"]+)"', article)
        assert links(toc) == [f"#{slug}" for slug in headings] or links(toc) == ["#main"]


def test_every_command_and_option_is_in_the_reference(client: Path) -> None:
    html = page(client, "/docs/reference/commands/")
    for name, command in main.commands.items():
        section = part(html, rf'<h2 id="{name}">.*?(?=<h2|<nav)')
        assert command.get_short_help_str().rstrip(".") in unescape(section)
        options = (each for each in command.params if each.param_type_name == "option")
        names = [name for option in options for name in option.opts]
        assert [name for name in names if name.lower() not in section.lower()] == []


def test_every_option_and_its_default_is_in_the_reference(write_site: WriteSite) -> None:
    text = (GUIDE / "reference/config.md").read_text("utf-8")
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^### |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == [each.name for each in fields(Config) if each.name not in COMPUTED]
    for name, choices in CHOICES.items():
        assert [each for each in choices if f'`"{each}"`' not in sections[name]] == []
    defaults = {name: part(section, r"Default: [^\n]*") for name, section in sections.items()}
    written = {name: re.findall("`(.+)`", told) for name, told in defaults.items()}
    lines = "\n".join(f"{name} = {told[0]}" for name, told in written.items() if told)
    root = write_site({"pyproject.toml": f"[tool.firstlight]\n{lines}\n"})
    assert load_config(root) == Config()
    assert [name for name, told in written.items() if not told] == ["adapter", "site"]


def test_the_index_is_small_and_leads_to_places_that_exist(client: Path) -> None:
    data = (client / "search.json").read_bytes()
    pages: list[dict[str, Any]] = json.loads(data)
    assert len(gzip.compress(data)) < MOST_BYTES
    assert [each["url"] for each in pages] == links(guide_nav(page(client, "/docs/")))
    for each in pages:
        html = page(client, each["url"])
        anchors = [anchor for anchor, *_ in each["parts"] if anchor]
        assert [f'id="{anchor}"' in html for anchor in anchors] == [True] * len(anchors)
    (kv,) = (each for each in pages if each["title"] == "KV")
    assert kv["parts"][0][2].startswith("Text, JSON, bytes and streams by key")
    assert not [text for _, _, text in kv["parts"] if re.search(r"</?(p|code|pre)>", text)]


def test_links_of_the_guide_lead_somewhere(client: Path) -> None:
    routes = ("/guestbook", "/dashboard", "/login", "/api/")
    dead: list[str] = []
    for path in links(guide_nav(page(client, "/docs/"))):
        for link in links(page(client, path)):
            url = urlsplit(urljoin(path, unescape(link)))
            if url.scheme or url.path.startswith(routes):
                continue
            file = client / url.path.strip("/")
            file = file if file.is_file() else file / "index.html"
            if not file.is_file() or (
                url.fragment and f'id="{url.fragment}"' not in file.read_text("utf-8")
            ):
                dead.append(f"{path}: {link}")
    assert dead == []
