"""Which Web Push endpoints may be reached: a list of hosts, and no address of a private network."""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from yarl import URL

from signaling.shared.config_values import host as host_name_or_address
from signaling.shared.errors import Forbidden

MAX_LENGTH = 2048

# The push services of Chromium, Firefox, Edge and Safari.
BROWSER_HOSTS = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.push.services.mozilla.com",
    "*.notify.windows.com",
    "web.push.apple.com",
)

# IANA's special-purpose registries (RFC 6890 and what was added since). Python's own `is_global`
# differs between its releases, and calls multicast global.
_SPECIAL = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
# All that is assigned to hosts lies in here (RFC 4291, section 2.4); mapped, compatible, local and
# multicast addresses do not.
_IPV6_UNICAST = ip_network("2000::/3")
# The one prefix outside that is used to reach the public IPv4 (NAT64, RFC 6052, section 2.1).
_NAT64 = ip_network("64:ff9b::/96")


class EndpointRules:
    """Decides over endpoints that anybody with an account may have sent us.

    `hosts` are the operator's own beside the browsers': `push.example.org`, `*.example.org` or
    `push.example.org:8443`; no other port is reached. `networks` are special addresses, such as
    192.168.1.20/32, that those hosts, and they alone, may have. Raises ValueError.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        networks: Iterable[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._own = tuple(_pattern(text) for text in hosts)
        self._all = (*(_pattern(text) for text in BROWSER_HOSTS), *self._own)
        self._networks = tuple(networks)

    def url_of(self, endpoint: str) -> URL:
        """The address to send to; raises Forbidden, with words that say why not.

        The one parser here is the HTTP client's own: what two read differently is how lists of
        hosts are passed by.
        """
        if len(endpoint) > MAX_LENGTH or not _is_plain(endpoint):
            raise Forbidden("the endpoint is no address")
        try:
            # Encoded: services sign their paths, so not one character of them may change.
            url = URL(endpoint, encoded=True)
            host, port = (url.raw_host or "").lower(), url.port
        except ValueError:
            raise Forbidden("the endpoint is no address") from None
        if url.scheme != "https" or "@" in (url.raw_authority or ""):
            raise Forbidden("the endpoint is not plain https")
        if not any(_matches(pattern, host, port) for pattern in self._all):
            raise Forbidden("the endpoint's host is not allowed")
        # No look-up follows for a literal address.
        if _address(host) is not None and not self.permits(host, host):
            raise Forbidden("the endpoint's address is not allowed")
        return url

    def permits(self, host: str, address: str) -> bool:
        """Whether a connection to `address`, which `host` was resolved to, may be made."""
        found = _address(address)
        if found is None:
            return False
        if is_public(found):
            return True
        is_own = any(_matches_host(pattern, host.lower()) for pattern, _ in self._own)
        return is_own and any(found in network for network in self._networks)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one of the public internet's hosts."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(address.packed[12:]))
        if address not in _IPV6_UNICAST:
            return False
    return not any(address in network for network in _SPECIAL)


def _is_plain(endpoint: str) -> bool:
    """Printable ASCII without what parsers of addresses disagree about."""
    return (
        endpoint.isascii()
        and endpoint.isprintable()
        and not any(character in endpoint for character in ' \\#"<>^`{|}')
    )


def _pattern(text: str) -> tuple[str, int]:
    """A host, perhaps with "*." before it, and its port; raises ValueError."""
    wildcard = "*." if text.startswith("*.") else ""
    url = URL(f"https://{text.removeprefix('*.')}")
    if url.port is None or url != url.origin():
        raise ValueError(f"{text} is no host")
    return wildcard + host_name_or_address(url.host or ""), url.port


def _matches(pattern: tuple[str, int], host: str, port: int | None) -> bool:
    return port == pattern[1] and _matches_host(pattern[0], host)


def _matches_host(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """None for names, and for addresses with a zone, which are local by their nature."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(address, IPv6Address) and address.scope_id else address
