"""Bindings that nothing uses, and routes that never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from check_site import CLOUDFLARE, page

if TYPE_CHECKING:
    from check_site import Check

WRANGLER = """\
main = "x" # binding = "CACHE" is below
[assets]
directory = "dist/client"
binding = "ASSETS"

[vars]
SITE_NAME = "x"
# UNUSED = 1
"UNUSED" = 1

[[kv_namespaces]]
binding = "CACHE"

[[ratelimits]]
name = "LIMITER"
"""
UNUSED = "is declared, but nothing uses it. Hint: Take it out of the configuration, or use it."


def test_unused_bindings_and_variables(check: Check) -> None:
    site = {"wrangler.toml": WRANGLER, "pages/api/a.py": "def GET(ctx): return ''\n"}
    assert check(site, CLOUDFLARE) == [
        f"warning wrangler.toml:7: The variable `SITE_NAME` {UNUSED}",
        f"warning wrangler.toml:9: The variable `UNUSED` {UNUSED}",
        f"warning wrangler.toml:12: The KV binding `CACHE` {UNUSED}",
        f"warning wrangler.toml:15: The RateLimiter binding `LIMITER` {UNUSED}",
    ]


def test_uses_in_every_form_count(check: Check) -> None:
    site = {
        "wrangler.toml": WRANGLER,
        "store.py": "from bindings.cloudflare import KV\ncache = KV('CACHE')\n",
        "pages/_lib/limits.py": "from bindings.cloudflare import LIMITER\n",
        "pages/api/a.py": "import store\nfrom pages._lib import limits\n"
        "from bindings.cloudflare import env\ndef GET(ctx): return env.get('UNUSED')\n",
        "pages/b.html": page(
            "{{ env.SITE_NAME }}", "prerender = False\nfrom bindings.cloudflare import env"
        ),
    }
    assert check(site, CLOUDFLARE) == []


def test_jsonc_names_its_lines(check: Check) -> None:
    jsonc = '{ "main": "x",\n"vars": {\n"A": 1 },\n"kv_namespaces": [\n{ "binding": "B" }\n] }'
    site = {"wrangler.jsonc": jsonc, "pages/api/a.py": "def GET(ctx): return ''\n"}
    assert [found.partition(": ")[0] for found in check(site, CLOUDFLARE)] == [
        "warning wrangler.jsonc:3",
        "warning wrangler.jsonc:5",
    ]


def test_misspelt_variable(check: Check) -> None:
    code = (
        "from bindings.cloudflare import env\n"
        "def GET(ctx): return [env.SITE_NAM, env.API_TOKEN, env.get('x'), env.SECRET_KEY]\n"
    )
    site = {
        "wrangler.toml": 'main = "x"\n[vars]\nSITE_NAME = "x"\n',
        ".dev.vars": "SECRET_KEY=1\n",
        "pages/api/a.py": code,
    }
    found = check(site, CLOUDFLARE)
    assert found == [
        "warning pages/api/a.py:2: `env.SITE_NAM` is declared nowhere. Hint: Did you mean "
        "`SITE_NAME`? A secret is set with `wrangler secret put SITE_NAM`, and for your machine "
        "in .dev.vars.",
        f"warning wrangler.toml:3: The variable `SITE_NAME` {UNUSED}",
    ]


def test_undeclared_binding_is_an_error(check: Check) -> None:
    code = "from bindings.cloudflare import KV\ndef GET(ctx): return KV('CAHCE')\n"
    (found,) = check({"pages/api/a.py": code}, CLOUDFLARE)
    assert found.startswith('error pages/api/a.py:2: KV("CAHCE") is not declared in wrangler.toml')


@pytest.mark.parametrize(
    ("wrangler", "is_told"), [("", True), ("[assets]\nrun_worker_first = true\n", False)]
)
def test_endpoint_whose_url_the_platform_redirects_never_runs(
    check: Check, wrangler: str, *, is_told: bool
) -> None:
    site = {
        "wrangler.toml": f'main = "x"\n{wrangler}',
        "pages/about.html": page("Hi"),
        "pages/about.html.py": "prerender = False\ndef GET(ctx): return ''\n",
    }
    shadowed = (
        "error pages/about.html.py (route /about.html): This never runs: the static file of "
        "pages/about.html answers `/about.html` first. Hint: Rename one of them."
    )
    assert check(site, CLOUDFLARE) == [shadowed] * is_told


def test_files_take_urls_from_an_endpoint_that_writes(check: Check) -> None:
    site = {
        "pages/api/files/[...path].py": "def GET(ctx): return ''\ndef PUT(ctx): return ''\n",
        "pages/api/read/[...path].py": "def GET(ctx): return ''\n",
        "pages/api/read/a.txt": "",
    } | {f"pages/api/files/{name}.txt": "" for name in "abcd"}
    assert check(site, CLOUDFLARE) == [
        "warning pages/api/files/[...path].py (route /api/files/[...path]): PUT never reach this "
        "for `/api/files/a.txt`, `/api/files/b.txt`, `/api/files/c.txt` and 1 more: static files "
        "have these URLs, and the platform answers 405. "
        "Hint: Move the files, or the endpoint, to another folder."
    ]


@pytest.mark.parametrize(
    ("date", "handling", "is_told"),
    [
        ("2025-04-01", "404-page", True),
        ("2025-04-01", "none", False),
        ("2025-03-31", "404-page", False),
    ],
)
def test_not_found_handling_keeps_browsers_from_the_worker(
    check: Check, date: str, handling: str, *, is_told: bool
) -> None:
    wrangler = (
        f'main = "x"\ncompatibility_date = "{date}"\n[assets]\nbinding = "ASSETS"\n'
        f'not_found_handling = "{handling}"\n'
    )
    site = {"wrangler.toml": wrangler, "pages/api/a.py": "def GET(ctx): return ''\n"}
    told = (
        'error wrangler.toml:5: With `not_found_handling = "404-page"` a browser that opens a page '
        "on demand gets the platform's own answer: the Worker never runs. "
        "Hint: Take it out; pages/404.html is shown all the same."
    )
    assert check(site, CLOUDFLARE) == [told] * is_told


def test_unknown_option_is_an_error_with_the_nearest(check: Check) -> None:
    site = {"pages/index.html": page("Hi")}
    assert check(site, '[tool.firstlight]\noutptu = "static"\n') == [
        "error pyproject.toml:2: `outptu` is not an option of [tool.firstlight]. "
        "Hint: Did you mean `output`?"
    ]
