"""Bindings that the site's code names and the wrangler configuration does not declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firstlight.build.bindings import site_trees, undeclared_bindings
from firstlight.build.config import Config
from firstlight.build.scan import scan
from firstlight.build.wrangler import load_wrangler

if TYPE_CHECKING:
    from conftest import WriteSite

TOML = (
    '[[kv_namespaces]]\nbinding = "CACHE"\n[[d1_databases]]\nbinding = "DB"\n'
    '[[d1_databases]]\nbinding = "AAA"\n'
)
IMPORT = "from bindings.cloudflare import D1, KV, R2\n"
DECLARE_USERS = (
    'Declare it:\n    [[d1_databases]]\n    binding = "USER_DB"\n    database_name = "user-db"\n'
    '    database_id = "user-db"'
)


@pytest.mark.parametrize(
    ("file", "text", "errors"),
    [
        ("a.py", f"{IMPORT}x = KV('CACHE'), D1('DB')\ndef GET(ctx): ...", []),
        ("a.py", "KV('NOPE')\ndef GET(ctx): ...", []),
        ("a.py", "from bindings.cloudflare import CACHE, DB, Row, env\ndef GET(ctx): ...", []),
        (
            "a.html",
            "---\n\nfrom bindings.cloudflare import CACHE, CASH\n---\n",
            [
                "pages/a.html:3: `CASH` is not declared in wrangler.toml; it declares AAA, CACHE, "
                "DB.\n  Hint: Did you mean `CACHE`?"
            ],
        ),
        ("a.py", f"{IMPORT}x = KV(name), KV()\ndef GET(ctx): ...", []),
        (
            "a.py",
            f"{IMPORT}x = D1('USER_DB')\ndef GET(ctx): ...",
            [
                'pages/a.py:2: D1("USER_DB") is not declared in wrangler.toml; '
                f"it declares AAA, DB.\n  Hint: {DECLARE_USERS}"
            ],
        ),
        (
            "a.html",
            f"---\n{IMPORT}\nx = R2('MEDIA')\n---\n",
            [
                'pages/a.html:4: R2("MEDIA") is not declared in wrangler.toml; it declares no R2 '
                'binding.\n  Hint: Declare it:\n    [[r2_buckets]]\n    binding = "MEDIA"\n'
                '    bucket_name = "media"'
            ],
        ),
        (
            "_lib/x.py",
            "from bindings.cloudflare import KV as Store\n\ndef f():\n    return Store('NOPE')\n",
            [
                'pages/_lib/x.py:4: KV("NOPE") is not declared in wrangler.toml; it declares '
                'CACHE.\n  Hint: Declare it:\n    [[kv_namespaces]]\n    binding = "NOPE"\n'
                '    id = "nope"'
            ],
        ),
        (
            "a.py",
            f"{IMPORT}def GET(ctx):\n    return KV('DB')",
            [
                "pages/a.py:3: `DB` is a D1 binding in wrangler.toml, not KV.\n"
                '  Hint: Use `D1("DB")`.'
            ],
        ),
        ("_lib/x.py", "from bindings.cloudflare import KV\nKV('NOPE' = 1\n", []),
        ("_lib/x.py", "from bindings.cloudflare import DB, D1Error, d1, env\n", []),
        ("_lib/x.py", "from bindings.cloudflare import *\n", []),
        (
            "_lib/x.py",
            "from bindings.cloudflare import (\n    CACHES,\n    OTHER,\n)\n",
            [
                "pages/_lib/x.py:2: `CACHES` is not declared in wrangler.toml; it declares AAA, "
                "CACHE, DB.\n  Hint: Did you mean `CACHE`?",
                "pages/_lib/x.py:3: `OTHER` is not declared in wrangler.toml; it declares AAA, "
                "CACHE, DB.\n  Hint: Declare it in wrangler.toml, or import a name of "
                "`bindings.cloudflare`.",
            ],
        ),
    ],
)
def test_undeclared_bindings_are_told(
    write_site: WriteSite, file: str, text: str, errors: list[str]
) -> None:
    root = write_site({"wrangler.toml": TOML, f"pages/{file}": text, "pages/index.html": ""})
    site = scan(root, Config())
    assert site.errors == []
    assert [
        str(error) for error in undeclared_bindings(site_trees(site), load_wrangler(root))
    ] == errors


def test_undeclared_binding_without_a_wrangler_file(write_site: WriteSite) -> None:
    root = write_site({"pages/a.py": f"{IMPORT}KV('X')\ndef GET(ctx): ..."})
    (error,) = undeclared_bindings(site_trees(scan(root, Config())), load_wrangler(root))
    assert str(error) == (
        'pages/a.py:2: KV("X") is not declared in wrangler.toml; it declares no KV binding.\n'
        '  Hint: Declare it:\n    [[kv_namespaces]]\n    binding = "X"\n    id = "x"'
    )
