"""The host's own addresses: all of them, and the one by which a peer is reached."""

import ipaddress
import socket
from contextlib import suppress

import ifaddr

from signaling.shared.errors import MediaError

LOOPBACK = "127.0.0.1"
# Any port will do: connecting a datagram socket sends nothing.
_DISCARD_PORT = 9


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def host_addresses(*, loopback: bool) -> list[str]:
    """Every address a browser may try, IPv4 first; 127.0.0.1 comes last, if wanted.

    IPv6 addresses of a link need a zone that no other host knows: they are left out.
    """
    found = [ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    four = [ip.ip for ip in found if isinstance(ip.ip, str)]
    six = [ip.ip[0] for ip in found if not isinstance(ip.ip, str) and ip.ip[2] == 0]
    addresses = [address for address in dict.fromkeys(four + six) if not is_loopback(address)]
    if loopback:
        addresses.append(LOOPBACK)
    if not addresses:
        raise MediaError("this host has no address but loopback; set media.host")
    return addresses


def public_address(address: str, advertised: str | None) -> str:
    """What others are told of a local address: behind 1:1 NAT the outer one, if of its family."""
    if advertised is None or is_loopback(address) or family_of(address) != family_of(advertised):
        return address
    return advertised


def address_facing(signals: str | None, described: str | None) -> str | None:
    """The local address for a peer's media; None when nothing is known of the peer.

    The one towards the host that signals, as a phone behind NAT describes an address of another
    network; but an answer is of its offer's family (RFC 6157, section 4.1), if we have that one.
    """
    if signals is None:
        return None if described is None else address_towards(described)
    if described is not None and family_of(described) != family_of(signals):
        with suppress(MediaError):
            return address_towards(described)
    return address_towards(signals)


def address_towards(host: str) -> str:
    """The local address that packets to `host` leave from."""
    try:
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
            probe.connect((host, _DISCARD_PORT))
            return str(probe.getsockname()[0])
    except OSError as error:
        raise MediaError(f"the peer's host cannot be reached: {error.strerror}") from error


def bind_udp(address: str, port: int) -> socket.socket:
    """A non-blocking datagram socket; OSError when the port is taken."""
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock
