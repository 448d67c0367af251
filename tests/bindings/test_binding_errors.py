from __future__ import annotations

import pickle

import pytest

from bindings.cloudflare import (
    BindingError,
    BindingUnsupported,
    D1ConstraintError,
    D1Error,
    KVError,
    NoRequestError,
    R2Error,
    UnknownBinding,
    UnknownVariable,
)
from bindings.cloudflare.backend import Call


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            BindingError("it broke.", binding="X", operation="do"),
            "X do: it broke.",
        ),
        (
            KVError("too big.", binding="CACHE", operation="put", key="k", hint="Cut."),
            'KV CACHE put "k": too big.\n  Hint: Cut.',
        ),
        (
            D1Error("no.", binding="DB", operation="all", sql="select\n  1"),
            'D1 DB all "select 1": no.',
        ),
        (
            D1Error("no.", binding="DB", operation="all", sql="x" * 201),
            f'D1 DB all "{"x" * 199}…": no.',
        ),
        (
            D1ConstraintError("UNIQUE.", binding="DB", operation="batch"),
            "D1 DB batch: UNIQUE.",
        ),
        (
            R2Error("gone.", binding="MEDIA", operation="get", key=""),
            'R2 MEDIA get "": gone.',
        ),
        (
            BindingUnsupported("no sessions.", binding="DB", operation="session"),
            "DB session: no sessions.",
        ),
        (
            NoRequestError(binding="DB", operation="all"),
            "DB all: no request is being handled.\n"
            "  Hint: Call bindings in a page, an endpoint or middleware, never while "
            "a module is imported; outside a Worker, run below a folder that has a "
            "wrangler.toml.",
        ),
        (
            UnknownBinding("kv", "A", []),
            "A: no KV namespace of this name is declared. Declared: none.\n"
            "  Hint: Add to wrangler.toml: "
            '[[kv_namespaces]] binding = "A", id = "…"',
        ),
        (
            UnknownBinding("d1", "A", ["C", "B"]),
            "A: no D1 database of this name is declared. Declared: `B`, `C`.\n"
            "  Hint: Add to wrangler.toml: "
            '[[d1_databases]] binding = "A", database_name = "…", database_id = "…"',
        ),
        (
            UnknownBinding("r2", "A", []),
            "A: no R2 bucket of this name is declared. Declared: none.\n"
            "  Hint: Add to wrangler.toml: "
            '[[r2_buckets]] binding = "A", bucket_name = "…"',
        ),
        (
            UnknownVariable("TOKEN"),
            "env TOKEN: no variable or secret is called `TOKEN`.\n"
            "  Hint: Set `TOKEN` under [vars] in wrangler.toml ([env.NAME.vars] in an "
            "environment), or in .dev.vars on your machine; for a secret of the deployed "
            "Worker, run `wrangler secret put TOKEN`.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_error_says_where_what_and_how(error: BindingError, expected: str) -> None:
    assert str(error) == expected
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made right here
    assert type(copy) is type(error)
    assert str(copy) == expected


def test_error_has_the_code_of_its_class_or_its_own() -> None:
    call = Call(KVError, "B", "get")
    assert call.error("x").code == "failed"
    coded = call.error("x", code="bad_key")
    assert coded.code == pickle.loads(pickle.dumps(coded)).code == "bad_key"  # noqa: S301
    assert NoRequestError(binding="B", operation="get").code == "no_request"
    assert UnknownBinding("kv", "B", []).code == "unknown_binding"
    assert UnknownVariable("X").code == "unknown_variable"
    assert BindingUnsupported("x", binding="B", operation="get").code == "unsupported"
