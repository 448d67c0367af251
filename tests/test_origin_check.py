"""The origin check: design.md 14, reference/astro.md 2f."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from firstlight.app import App
from firstlight.manifest import Manifest, Route
from firstlight.request import Request

if TYPE_CHECKING:
    from conftest import MakeApp

    from firstlight.context import APIContext
    from firstlight.response import Response

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
EVIL = "http://evil.test"
OWN = "http://site.test"
CHECKED = ("POST", "PUT", "PATCH", "DELETE", "BREW", "post")
ROUTE = Route("/api/x", "pages/api/x.py", "endpoint", is_endpoint=True)


class Endpoint(ModuleType):
    """Answers every method."""

    def ALL(self, ctx: APIContext) -> str:  # noqa: N802 - Astro's name
        """Tell that it ran."""
        return f"ran {ctx.request.method}"


def ask(method: str, headers: dict[str, str], *trusted: str) -> Response:
    app = App(Manifest((ROUTE,), trusted_origins=trusted), load=Endpoint)
    return asyncio.run(app.handle(Request(method, f"{OWN}/api/x", headers)))


@pytest.mark.parametrize("method", CHECKED)
@pytest.mark.parametrize(
    "content_type",
    [
        *FORMS,
        "Multipart/Form-Data; boundary=x",
        " text/plain;charset=UTF-8",
        "application/json, text/plain",
        "",
        None,
    ],
)
@pytest.mark.parametrize("origin", [EVIL, "null", "https://site.test", "http://site.test:81", None])
def test_forms_of_another_origin_are_refused(
    method: str, content_type: str | None, origin: str | None
) -> None:
    pairs = (("content-type", content_type), ("origin", origin))
    headers = {name: value for name, value in pairs if value is not None}
    response = ask(method, headers)

    assert response.status == 403
    assert asyncio.run(response.text()) == (
        f"Cross-site {method} form submissions are forbidden: "
        f"expected Origin {OWN}, got {origin or 'none'}."
    )


@pytest.mark.parametrize("method", CHECKED)
@pytest.mark.parametrize("content_type", [*FORMS, None])
def test_forms_of_the_same_origin_pass(method: str, content_type: str | None) -> None:
    headers = {"origin": OWN} | ({"content-type": content_type} if content_type else {})

    assert ask(method, headers).status == 200


@pytest.mark.parametrize("method", CHECKED)
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/octet-stream", "image/png", "text/html"]
)
@pytest.mark.parametrize("origin", [EVIL, None])
def test_what_no_form_can_send_passes(method: str, content_type: str, origin: str | None) -> None:
    headers = {"content-type": content_type} | ({"origin": origin} if origin else {})

    assert ask(method, headers).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("content_type", FORMS)
def test_safe_methods_pass(method: str, content_type: str) -> None:
    headers = {"origin": EVIL, "content-type": content_type}

    assert ask(method, headers).status == 200


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("same-site", 403), ("cross-site", 403), ("none", 403), ("", 403)],
)
@pytest.mark.parametrize("origin", ["https://public.test", None])
def test_sec_fetch_site_same_origin_counts_as_same(
    site: str, status: int, origin: str | None
) -> None:
    headers = {"content-type": FORMS[0], "sec-fetch-site": site}
    headers |= {"origin": origin} if origin else {}

    assert ask("POST", headers).status == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://trusted.test", 200),
        ("https://trusted.test:8443", 403),
        ("http://trusted.test", 403),
        ("https://sub.trusted.test", 403),
        ("https://trusted.test.evil.test", 403),
    ],
)
def test_trusted_origins_are_exact(origin: str, status: int) -> None:
    headers = {"origin": origin, "content-type": FORMS[0]}

    assert ask("POST", headers, "https://trusted.test").status == status


@pytest.mark.parametrize("path", ["/page", "/nope"])
def test_pages_and_unknown_paths_are_checked_before_middleware(
    make_app: MakeApp, path: str
) -> None:
    middleware = "def on_request(ctx, next):\n    raise RuntimeError('not reached')\n"
    files = {"pages/page.html": "ran", "pages/_middleware.py": middleware}
    app = make_app(files)
    response = app.request("POST", path, {"origin": EVIL, "content-type": FORMS[0]})

    assert (response.status, app.log) == (403, [])
