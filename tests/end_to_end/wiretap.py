"""What passes on loopback, with the kernel's own stamps: no program's lateness is in them."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

_IPV4 = 0x0800
_TCP, _UDP = 6, 17
# linux/socket.h; Python has no names for them
_SO_TIMESTAMPNS = 35
_PACKET_HOST = 0
_TEXT_FRAME, _MASKED = 0x81, 0x80


class Wiretap:
    """The packets to a phone's ports for sound, and the offers that a page sends to a server."""

    def __init__(self, *, phone: range, server: int) -> None:
        self._phone = phone
        self._server = server
        # In seconds of the kernel's clock.
        self.sound: list[float] = []
        self.offers: list[float] = []

    def take(self, packet: bytes, at: float) -> None:
        """Note an IPv4 packet (RFC 791)."""
        transport = packet[(packet[0] & 15) * 4 :]
        (port,) = struct.unpack_from("!H", transport, 2)
        if packet[9] == _UDP and port in self._phone:
            self.sound.append(at)
        elif packet[9] == _TCP and port == self._server:
            if b'"media.offer"' in _text(transport[(transport[12] >> 4) * 4 :]):
                self.offers.append(at)

    def longest_silence(self, offer: float, seconds: float) -> float:
        """The longest time without sound to the phone, from an offer on."""
        after = [at for at in self.sound if offer < at < offer + seconds]
        assert after, "the phone hears nothing any more"
        return max(later - earlier for earlier, later in pairwise([offer, *after]))


def _text(data: bytes) -> bytes:
    """What a browser says in the text frame that a segment begins with (RFC 6455, section 5.2)."""
    if len(data) < 14 or data[0] != _TEXT_FRAME or not data[1] & _MASKED:
        return b""
    start = 2 + {126: 2, 127: 8}.get(data[1] & 127, 0)
    mask, masked = data[start : start + 4], data[start + 4 :]
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))


@contextmanager
def wiretap(*, phone: range, server: int) -> Iterator[Wiretap]:
    """Listen while the block runs; in a thread, so that nothing is missed while a test waits."""
    tap = Wiretap(phone=phone, server=server)
    over = threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4)) as sock:
        sock.bind(("lo", _IPV4))
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.settimeout(0.1)
        thread = threading.Thread(target=_listen, args=(sock, tap, over), name="wiretap")
        thread.start()
        try:
            yield tap
        finally:
            over.set()
            thread.join()


def _listen(sock: socket.socket, tap: Wiretap, over: threading.Event) -> None:
    while not over.is_set():
        try:
            packet, extra, _, (_, _, kind, *_) = sock.recvmsg(65535, 64)
        except TimeoutError:
            continue
        # On loopback each packet is seen on its way out, too.
        if kind == _PACKET_HOST:
            seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
            tap.take(packet, seconds + nanoseconds / 1e9)
