"""Which templates are compiled for streaming, and what the Worker gets of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import BuildSite, Failures

SERVER = '[tool.firstlight]\noutput = "server"\nadapter = "cloudflare"\n'
SITE = {
    "pages/_layouts/base.html": "{% include '_parts/' ~ part %}{% block main %}{% endblock %}",
    "pages/_parts/one.html": "one",
    "pages/_other.html": "other",
    "pages/slow.html": "---\nstream = True\npart = 'one.html'\n---\n"
    "{% extends '_layouts/base.html' %}",
    "pages/plain.html": "plain",
}


def test_only_what_a_streamed_page_may_render_is_compiled_twice(build_site: BuildSite) -> None:
    files = {**SITE, "pages/_layouts/base.html": "{% include '_parts/one.html' %}"}
    server = build_site(files, SERVER) / "dist/server"

    streamed = {
        path.name for path in (server / "pages").rglob("*.py") if "def _stream(" in path.read_text()
    }
    assert streamed == {"slow_html.py", "base_html.py", "one_html.py"}
    assert (server / "firstlight/streamed_templates.py").exists()


def test_a_streamed_page_takes_no_jinja2_to_the_worker(build_site: BuildSite) -> None:
    page = "---\nstream = True\nx = 'a'\n---\n{{ x | upper }}{% for n in x %}{{ loop }}{% endfor %}"
    server = build_site({"pages/slow.html": page}, SERVER) / "dist/server"

    assert not (server / "jinja2").exists()
    assert {path.name for path in (server / "firstlight/rendering").glob("*.py")} >= {
        "loops.py",
        "waiting.py",
    }


def test_a_computed_name_may_be_any_template(build_site: BuildSite) -> None:
    server = build_site(SITE, SERVER) / "dist/server"

    assert "def _stream(" in (server / "pages/_other_html.py").read_text()


def test_a_site_that_streams_no_page_goes_without(build_site: BuildSite) -> None:
    server = build_site({"pages/plain.html": "plain"}, SERVER) / "dist/server"

    assert not (server / "firstlight/streamed_templates.py").exists()


def test_a_prerendered_page_waits_for_its_names(build_site: BuildSite) -> None:
    page = (
        "---\nstream = True\n\nasync def later():\n    return 'there'\n\nx = later()\n---\n{{ x }}"
    )

    root = build_site({"pages/index.html": page})

    assert (root / "dist/client/index.html").read_text() == "there"


def test_stream_is_a_literal(failures: Failures) -> None:
    (error,) = failures({"pages/index.html": "---\nstream = 1 > 0\n---\n"})

    assert error == (
        "pages/index.html:2: `stream` is `1 > 0`; the build reads it without running the file.\n"
        "  Hint: Write `stream = True` or `stream = False` once, at the top level."
    )
