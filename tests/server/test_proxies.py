"""`X-Forwarded-*`: believed from trusted proxies only."""

from __future__ import annotations

from typing import Any

import pytest

from firstlight.errors import ConfigError
from firstlight.server.proxies import Proxies

SENT = {
    "host": "inner:8000",
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "Shop.example",
}


def scope(peer: str | None, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "scheme": "http",
        "client": (peer, 1234) if peer is not None else None,
        "server": ("127.0.0.1", 8000),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        ([], "127.0.0.1"),
        (["10.0.0.0/8"], "127.0.0.1"),
        (["127.0.0.1"], "192.0.2.1"),
        (["127.0.0.1"], None),
        (["127.0.0.1"], "testclient"),
        (["unix"], "127.0.0.1"),
    ],
)
def test_nobody_else_is_believed(trusted: list[str], peer: str | None) -> None:
    assert Proxies(trusted).seen(scope(peer, SENT)) == (peer, None)


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        (["127.0.0.1"], "127.0.0.1"),
        (["10.0.0.0/8", "fd00::/8"], "10.1.2.3"),
        (["fd00::/8"], "fd00::1"),
        (["10.0.0.0/8"], "::ffff:10.1.2.3"),
        (["unix"], None),
        (["unix"], ""),
    ],
)
def test_a_trusted_proxy_tells_address_scheme_and_host(
    trusted: list[str], peer: str | None
) -> None:
    seen = Proxies(trusted).seen(scope(peer, SENT))
    assert seen == ("203.0.113.9", "https://shop.example")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"x-forwarded-for": "1.1.1.1, 203.0.113.9"}, "203.0.113.9"),
        ({"x-forwarded-for": "203.0.113.9, 10.0.0.7, 10.0.0.8"}, "203.0.113.9"),
        ({"x-forwarded-for": "203.0.113.9:4711"}, "203.0.113.9"),
        ({"x-forwarded-for": "[2001:db8::1]:4711"}, "2001:db8::1"),
        ({"x-forwarded-for": "2001:db8::1"}, "2001:db8::1"),
        ({"x-forwarded-for": "10.0.0.7"}, "10.0.0.7"),
        ({"x-forwarded-for": ""}, "10.0.0.1"),
    ],
)
def test_the_visitor_is_the_last_who_is_no_proxy(changed: dict[str, str], expected: str) -> None:
    seen = Proxies(["10.0.0.0/8"]).seen(scope("10.0.0.1", SENT | changed))
    assert seen[0] == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"x-forwarded-proto": "http, https"}, "https://shop.example"),
        ({"x-forwarded-proto": "javascript"}, "http://shop.example"),
        ({"x-forwarded-host": "evil.example, shop.example"}, "https://shop.example"),
        ({"x-forwarded-host": "shop.example/x"}, "https://inner:8000"),
        ({"x-forwarded-host": "", "host": ""}, None),
    ],
)
def test_scheme_and_host_are_the_last_that_make_sense(
    changed: dict[str, str], expected: str | None
) -> None:
    assert Proxies(["10.0.0.1"]).seen(scope("10.0.0.1", SENT | changed))[1] == expected


def test_a_proxy_that_is_no_address_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        Proxies(["proxy.local"])
    assert str(caught.value) == (
        "`trusted_proxies` cannot hold `proxy.local`.\n"
        "  Hint: Give addresses, networks such as `10.0.0.0/8`, or `unix`."
    )
