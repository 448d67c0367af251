"""A site served from its sources answers as the built one does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firstlight.build.pipeline import importable
from firstlight.dev.dev_site import DevSite
from firstlight.request import Request
from firstlight.server.asgi import HostPlatform

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    WriteSite = Callable[[Mapping[str, str | bytes]], Path]
    MakeDev = Callable[..., "Dev"]

STATIC = "[tool.firstlight]\n"
HYBRID = '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n'
LIVE = "---\nprerender = False\n---\n"


class Dev:
    """Sends requests to a DevSite."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[str] = []
        self.notes: list[str] = []
        self.site = DevSite(root, lambda error: self.told.append(str(error)), self.notes.append)

    def get(self, path: str) -> tuple[int, str | None, str]:
        """Return status, Location and body."""
        return asyncio.run(self.ask(path))

    async def ask(self, path: str) -> tuple[int, str | None, str]:
        """Return status, Location and body."""
        request = Request("GET", f"http://localhost:4321{path}")
        response = await self.site.handle(request, HostPlatform(None, self.site.fetch))
        return response.status, response.headers.get("location"), await response.text()

    def write(self, name: str, text: str) -> None:
        """Change a file and notice it."""
        (self.root / name).write_text(text)
        self.site.reload()


@pytest.fixture
def make_dev(write_site: WriteSite) -> Generator[MakeDev, None, None]:
    opened: list[Any] = []

    def make(files: Mapping[str, str | bytes], config: str = HYBRID) -> Dev:
        root = write_site({"pyproject.toml": config, **files})
        context = importable(root)
        context.__enter__()
        dev = Dev(root)
        opened.append((context, dev))
        return dev

    yield make
    for context, dev in opened:
        dev.site.reload()
        context.__exit__(None, None, None)


def test_static_site_answers_with_files_only(make_dev: MakeDev) -> None:
    config = f'{STATIC}trailing_slash = "always"\n[tool.firstlight.redirects]\n"/old" = "/a/"\n'
    dev = make_dev({"pages/a.html": "a", "pages/404.html": "gone"}, config)
    assert dev.get("/a/") == (200, None, "a")
    assert dev.get("/a") == (307, "/a/", "")
    assert dev.get("/nope") == (404, None, "gone")
    status, _, body = dev.get("/old/")
    assert (status, 'content="0;url=/a/"' in body) == (200, True)


def test_static_site_without_a_404_page_has_the_plain_one(make_dev: MakeDev) -> None:
    status, _, body = make_dev({"pages/a.html": ""}, STATIC).get("/nope")
    assert status == 404
    assert "<h1>404</h1><p>Not Found</p>" in body


def test_missing_adapter_is_a_warning_only(make_dev: MakeDev) -> None:
    dev = make_dev({"pages/a.html": f"{LIVE}{{{{ ctx.request.method }}}}"}, STATIC)
    assert dev.get("/a") == (200, None, "GET")
    dev.write("pages/b.html", "b")
    assert dev.get("/b/") == (200, None, "b")
    (note,) = dev.notes  # told once, not at each change
    assert note.startswith(
        "Warning: pyproject.toml: No adapter is configured, but these run on demand:"
    )


def test_page_that_answers_with_nothing_is_not_there(make_dev: MakeDev) -> None:
    text = "---\nfrom firstlight import Response\nreturn Response(None)\n---\n"
    assert make_dev({"pages/a.html": text}).get("/a/")[0] == 404


def test_error_of_one_page_leaves_the_others_alone(make_dev: MakeDev) -> None:
    files = {"pages/a.html": "{% if %}", "pages/b.html": "b", "pages/ab.html": "ab"}
    dev = make_dev(files, f'{HYBRID}base = "/a"\n')
    assert dev.get("/a/b/") == (200, None, "b")
    assert dev.get("/a/ab/") == (200, None, "ab")
    assert dev.get("/a/%GG")[0] == 400
    assert dev.get("/ab")[0] == 404
    status, _, body = dev.get("/a/a/")
    assert (status, "pages/a.html:1" in body) == (500, True)


def test_error_while_rendering_shows_its_lines(make_dev: MakeDev) -> None:
    dev = make_dev({"pages/a.html": f"{LIVE}<p>\n{{{{ 1 / 0 }}}}\n"})
    status, _, body = dev.get("/a")
    assert status == 500
    assert "<code>pages/a.html:5 (route /a)</code>" in body
    assert "<h2>ZeroDivisionError: division by zero</h2>" in body
    assert "<mark>  &gt; 5 | {{ 1 / 0 }}</mark>" in body
    assert dev.told == ["pages/a.html:5 (route /a): ZeroDivisionError: division by zero"]


def test_error_in_a_helper_tells_the_way_to_it(make_dev: MakeDev) -> None:
    page = "---\nfrom pages import _lib\n_lib.divide(0)\n---\n"
    lib = "def divide(number):\n    return 1 / number\n"
    status, _, body = make_dev({"pages/a.html": page, "pages/_lib.py": lib}).get("/a/")
    assert status == 500
    assert "<code>pages/_lib.py:2 (route /a)</code>" in body
    assert "<p>Called from</p><ol><li><code>pages/a.html:3</code></ol>" in body


def test_errors_are_told_before_a_page_is_asked_for(make_dev: MakeDev) -> None:
    dev = make_dev({"pages/a.html": "{% if %}", "pages/b.html": "b", "pages/b.md": "b"})
    asyncio.run(dev.site.warm())
    assert [line.partition(":")[0] for line in dev.told] == ["pages/b.html", "pages/a.html"]
    assert "2 files answer the URL <code>/b</code>" in dev.get("/b/")[2]
    dev.write("pyproject.toml", "[tool.firstlight]\nbase = 1\n")
    asyncio.run(dev.site.warm())
    assert dev.told[-1].startswith("pyproject.toml:2: `base` cannot be `1`:")


@pytest.mark.parametrize(
    ("path", "served"),
    [("/", "static"), ("/live", "on demand"), ("/a.txt", "static"), ("/bad/", "error")],
)
def test_answer_tells_where_it_comes_from(make_dev: MakeDev, path: str, served: str) -> None:
    files = {"pages/index.html": "", "pages/live.html": LIVE, "pages/a.txt": ""}
    dev = make_dev({**files, "pages/bad.html": "{% if %}"})
    platform = HostPlatform(None, dev.site.fetch)
    asyncio.run(dev.site.handle(Request("GET", f"http://localhost:4321{path}"), platform))
    assert platform.served == served


def test_changed_new_and_deleted_files_are_seen(make_dev: MakeDev) -> None:
    dev = make_dev({"pages/a.html": "{% include '_b.html' %}", "pages/_b.html": "one"})
    assert dev.get("/a/")[2] == "one"
    dev.write("pages/_b.html", "two")
    assert dev.get("/a/")[2] == "two"
    dev.write("pages/new.html", "new")
    assert dev.get("/new/")[2] == "new"
    (dev.root / "pages/new.html").unlink()
    dev.write("pyproject.toml", f'{HYBRID}[tool.firstlight.redirects]\n"/new" = "/a"\n')
    assert dev.get("/new") == (301, "/a", "")
    dev.write("pages/a.html", "{% if %}")
    assert dev.get("/a/")[0] == 500
    dev.write("pages/a.html", "mended")
    assert dev.get("/a/")[2] == "mended"
    dev.write("pyproject.toml", "[tool.firstlight]\noutptu = 1\n")
    status, _, body = dev.get("/a/")
    assert (status, "Did you mean <code>output</code>?" in body) == (500, True)


def test_change_while_the_sources_are_read_is_seen(make_dev: MakeDev) -> None:
    paths = (
        "---\nimport asyncio\nasync def get_static_paths():\n    await asyncio.sleep(0.1)\n"
        '    return [{"params": {"slug": "x"}}]\n---\n'
    )
    dev = make_dev({"pages/[slug].html": paths, "pages/a.html": "one"})

    async def change_meanwhile() -> tuple[int, str | None, str]:
        asking = asyncio.ensure_future(dev.ask("/a/"))
        await asyncio.sleep(0.05)
        dev.write("pages/a.html", "two")
        return await asking

    assert asyncio.run(change_meanwhile())[2] == "two"


def test_page_that_exits_is_an_error(make_dev: MakeDev) -> None:
    status, _, body = make_dev({"pages/a.html": "---\nimport sys\nsys.exit(3)\n---\n"}).get("/a/")
    assert status == 500
    assert "<h2>SystemExit: 3</h2>" in body
    assert "<code>pages/a.html:3 (route /a)</code>" in body


@pytest.mark.parametrize("path", ["/%ff", "/%C3%28", "/nope"])
def test_assets_have_no_path_that_cannot_be_decoded(make_dev: MakeDev, path: str) -> None:
    dev = make_dev({"pages/a.html": ""})
    assert asyncio.run(dev.site.fetch(path)) is None


@pytest.mark.parametrize(
    ("path", "stages"),
    [
        ("/", "load app frontmatter template"),
        ("/live", "load app frontmatter template"),
        ("/api/x", "load app endpoint"),
        ("/a.txt", "load app"),
        ("/nope", "load app"),
    ],
)
def test_server_timing_tells_where_the_time_went(make_dev: MakeDev, path: str, stages: str) -> None:
    slow = "---\nimport time\ntime.sleep(0.02)\n---\nx"
    files = {
        "pages/index.html": slow,
        "pages/live.html": slow.replace("---\n", LIVE.removesuffix("---\n"), 1),
        "pages/api/x.py": "import time\ndef GET(ctx):\n    time.sleep(0.02)\n    return {}\n",
        "pages/a.txt": "x",
    }
    dev = make_dev(files, HYBRID)

    async def timing() -> str:
        request = Request("GET", f"http://localhost:4321{path}")
        response = await dev.site.handle(request, HostPlatform(None, dev.site.fetch))
        return response.headers["server-timing"]

    told = dict(part.split(";dur=") for part in asyncio.run(timing()).split(", "))
    assert list(told) == stages.split()
    assert all(float(told[s]) >= 20 for s in ("frontmatter", "endpoint") if s in told)
