"""`X-Forwarded-*` of trusted proxies: who the visitor is, and which URL it has asked for."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from firstlight.errors import ConfigError
from firstlight.server.asgi import header_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

    from firstlight.server.asgi import Scope

UNIX = "unix"  # stands for whoever connects through a Unix socket
SCHEMES = ("http", "https")
HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._:[]")


class Proxies:
    """The proxies whose word counts.

    Args:
        trusted: Addresses, networks such as `10.0.0.0/8`, and `unix`.

    Raises:
        ConfigError: One is none of these.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._trusts_unix = False
        self._has_any = False
        for entry in trusted:
            self._has_any = True
            if entry == UNIX:
                self._trusts_unix = True
            else:
                self._networks.append(_network(entry))

    def seen(self, scope: Scope) -> tuple[str | None, str | None]:
        """Return the visitor's address, and scheme and host where a proxy has told them.

        The address is None when it is not known; the origin is None when it is the connection's.
        """
        client = scope.get("client")
        peer: str | None = client[0] if client else None
        if not self._has_any or not self._is_trusted(peer):
            return peer, None
        address = self._visitor(header_of(scope, b"x-forwarded-for")) or peer
        scheme = _last(header_of(scope, b"x-forwarded-proto")).lower()
        host = _last(header_of(scope, b"x-forwarded-host")).lower()
        if scheme not in SCHEMES:
            scheme = scope["scheme"]
        if not host or not HOST_CHARACTERS.issuperset(host):
            host = header_of(scope, b"host").lower()
        return address, f"{scheme}://{host}" if host else None

    def _visitor(self, forwarded: str) -> str | None:
        """Find the last address that is not one of the proxies': all before it may be made up."""
        address = None
        for entry in reversed(forwarded.split(",")):
            address = _without_port(entry.strip()) or address
            if not self._is_trusted(address):
                break
        return address

    def _is_trusted(self, address: str | None) -> bool:
        if not address:
            return self._trusts_unix
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._networks)


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(entry, strict=False)
    except ValueError as error:
        raise ConfigError(
            f"`trusted_proxies` cannot hold `{entry}`.",
            hint=f"Give addresses, networks such as `10.0.0.0/8`, or `{UNIX}`.",
        ) from error


def _last(values: str) -> str:
    return values.rpartition(",")[2].strip()


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
