"""Who may ask at all: the Host and Origin of a request, and the address it came from."""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Literal

from signaling.shared.config_values import is_address

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Guard:
    """Which Host and Origin are ours, so that no other site speaks through its visitors.

    A Host that is not ours is DNS rebinding; an Origin that is not ours, a forged request.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        allowed_origins: Iterable[str],
        scheme: Literal["http", "https"] = "http",
        names: Iterable[str] = (),
    ) -> None:
        self._port = port
        self._scheme = scheme
        self._origins = frozenset(allowed_origins)
        own = {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host.lower()}
        own.update(names)
        # Browsers leave the port out where it is the scheme's own.
        self._default_port = 80 if scheme == "http" else 443
        ports = ("", f":{port}") if port == self._default_port else (f":{port}",)
        self._hosts = {name + suffix for name in own for suffix in ports}
        self._hosts.update(origin.partition("://")[2] for origin in self._origins)
        # Bound to every address we are reached by any, and a rebound name is never an address.
        self._takes_addresses = is_address(host) and ipaddress.ip_address(host).is_unspecified

    def refusal(self, host: str, origin: str | None) -> str | None:
        """Why a request with these headers is refused, in words; None when it may pass."""
        host = host.lower()
        if host not in self._hosts and not self._is_own_address(host):
            return "this host name is not served here; list its origin in http.allowed_origins"
        if (
            origin is None
            or origin in self._origins
            or origin.lower() == f"{self._scheme}://{host}"
        ):
            return None
        return "this origin may not speak here; list it in http.allowed_origins"

    def _is_own_address(self, host: str) -> bool:
        if not self._takes_addresses:
            return False
        name, colon, port = (host, "", "") if host.endswith("]") else host.rpartition(":")
        if not colon:
            name, port = host, str(self._default_port)
        return port == str(self._port) and is_address(name.removeprefix("[").removesuffix("]"))


def peer_address(remote: str, forwarded: str, trusted_proxies: Sequence[Network]) -> str:
    """The nearest hop that is not one of our proxies: what it says of others is hearsay.

    `forwarded` is X-Forwarded-For: addresses separated by commas, the nearest hop last.
    """
    address = remote
    hops = forwarded.split(",")
    while hops and is_within(address, trusted_proxies):
        hop = hops.pop().strip()
        if not is_address(hop):
            break
        address = hop
    return address


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 that one IPv6 customer has whole."""
    if not is_address(address):
        return address
    ip = ipaddress.ip_address(address)
    if ip.version == 4:
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Whether the text is an address, and in one of the networks."""
    if not is_address(address):
        return False
    ip = ipaddress.ip_address(address)
    return any(ip in network for network in networks if network.version == ip.version)
