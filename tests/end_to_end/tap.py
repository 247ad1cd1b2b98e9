"""A tap on the loopback interface: when sound went from which port to which."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

from tests.end_to_end.ports import Ports

_ETH_P_IP = 0x0800
_SO_TIMESTAMPNS = 35
_TIME = struct.Struct("qq")
_ETHERNET_SIZE, _UDP_SIZE = 14, 8
_UDP = 17


@dataclass(frozen=True)
class Heard:
    """One RTP packet, encrypted or not; `at` is in Unix seconds, by the kernel's clock."""

    at: float
    source: int
    target: int


class Tap:
    """What it heard so far, in the order of time."""

    def __init__(self, packets: Iterable[Heard] = ()) -> None:
        self.packets = list(packets)

    def packets_of(self, chosen: Callable[[Heard], bool]) -> "Tap":
        return Tap(filter(chosen, self.packets))

    def sent_from(self, port: int) -> "Tap":
        return self.packets_of(lambda each: each.source == port)

    def longest_gap(self, since: float) -> float:
        """The longest silence from then to the last packet, in seconds."""
        times = [each.at for each in self.packets if each.at > since]
        return max(later - sooner for sooner, later in pairwise([since, *times]))

    def take(self, sock: socket.socket) -> None:
        try:
            while True:
                data, extra, _, address = sock.recvmsg(256, 64)
                # Each one is seen when it leaves, and when it comes.
                if address[2] == socket.PACKET_HOST and (found := _rtp(data)) is not None:
                    seconds, nanoseconds = _TIME.unpack(extra[0][2][: _TIME.size])
                    self.packets.append(Heard(seconds + nanoseconds * 1e-9, *found))
        except BlockingIOError:
            return


def _rtp(frame: bytes) -> tuple[int, int] | None:
    """The ports of an RTP packet; None for anything else (RFC 7983, RFC 5761)."""
    header = (frame[_ETHERNET_SIZE] & 0x0F) * 4
    payload = _ETHERNET_SIZE + header + _UDP_SIZE
    if frame[_ETHERNET_SIZE + 9] != _UDP or len(frame) < payload + 12:
        return None
    if not 128 <= frame[payload] < 192 or 192 <= frame[payload + 1] < 224:
        return None
    source, target = struct.unpack_from("!HH", frame, _ETHERNET_SIZE + header)
    return source, target


@asynccontextmanager
async def tapped() -> AsyncIterator[Tap]:
    """Listen while the block runs."""
    tap, loop = Tap(), asyncio.get_running_loop()
    kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK
    with socket.socket(socket.AF_PACKET, kind, socket.htons(_ETH_P_IP)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("lo", _ETH_P_IP))
        loop.add_reader(sock, tap.take, sock)
        try:
            yield tap
        finally:
            loop.remove_reader(sock)


def within(port: int, ports: Ports) -> bool:
    return ports.media_min <= port <= ports.media_max
