"""The host's own addresses: all of them, and the one by which a peer is reached."""

import ipaddress
import socket

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
