"""The build side of the Cloudflare adapter: a site of files needs no Worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.build.pipeline import build

if TYPE_CHECKING:
    from conftest import WriteSite

CONFIG = '[tool.firstlight]\nadapter = "cloudflare"\n'
ASSETS = '[assets]\ndirectory = "dist/client"\n'
WITH_MAIN = f'main = "dist/server/entry.py"\n{ASSETS}'
LIVE = "---\nprerender = False\n---\n"


@pytest.mark.parametrize(
    ("files", "has_worker"),
    [
        ({"wrangler.toml": ASSETS}, False),
        ({"wrangler.toml": WITH_MAIN}, True),
        ({}, True),
        ({"wrangler.toml": ASSETS, "pages/b.html": LIVE}, True),
        ({"wrangler.toml": ASSETS, "pages/_worker.py": "def queue(batch): ...\n"}, True),
    ],
)
def test_a_site_of_files_has_a_worker_where_wrangler_wants_one(
    write_site: WriteSite, files: dict[str, str], *, has_worker: bool
) -> None:
    root = write_site({"pyproject.toml": CONFIG, "pages/a.html": "", **files})
    build(root)
    assert (root / "dist/server/entry.py").exists() is has_worker


def test_a_redirect_of_a_site_without_a_worker_is_the_platforms(write_site: WriteSite) -> None:
    config = f'{CONFIG}[tool.firstlight.redirects]\n"/old" = "/a"\n'
    root = write_site({"pyproject.toml": config, "wrangler.toml": ASSETS, "pages/a.html": ""})
    assert build(root).warnings == []
    assert (root / "dist/client/_redirects").read_text() == "/old /a 301\n/old/ /a 301\n"


def test_what_needs_a_worker_is_told_when_there_is_none(write_site: WriteSite) -> None:
    config = f'{CONFIG}[tool.firstlight.redirects]\n"/x-[y]" = "/a"\n'
    files = {"wrangler.toml": ASSETS, "pages/404.html": ""}
    root = write_site({"pyproject.toml": config, **files})
    assert build(root).warnings == [
        "Without a Worker nothing answers the redirect `/x-[y]`, which `_redirects` has no form "
        'for. Write `main = "dist/server/entry.py"` in wrangler.toml.',
        'Without a Worker nothing shows the 404 page. Write `not_found_handling = "404-page"` '
        "under [assets] of wrangler.toml.",
    ]
    write_site(
        {"pyproject.toml": CONFIG, "wrangler.toml": f'{ASSETS}not_found_handling = "404-page"'}
    )
    assert build(root).warnings == []


def test_routes_on_demand_want_a_worker_in_wrangler_toml(write_site: WriteSite) -> None:
    files = {"wrangler.toml": ASSETS, "pages/a.html": LIVE}
    root = write_site({"pyproject.toml": CONFIG, **files})
    assert build(root).warnings == [
        "wrangler.toml names no Worker, so nothing there answers what runs on demand. "
        'Write `main = "dist/server/entry.py"`.'
    ]


def test_assetsignore_is_the_users_own(write_site: WriteSite) -> None:
    own = "# mine\n*.map\n"
    root = write_site({"pyproject.toml": CONFIG, "pages/a.html": "", "pages/.assetsignore": own})
    build(root)
    assert (root / "dist/client/.assetsignore").read_text() == own
