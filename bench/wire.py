"""What crosses the loopback interface, and when: the first audio packet of a direction, or all."""

import asyncio
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

_ETH_P_IP = 0x0800
_UDP = 17
_PORTS = struct.Struct("!HH")
_SEQUENCE = struct.Struct("!H")
# asm-generic/socket.h; the stamp is a timespec.
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_STAMP = struct.Struct("qq")
_BUFFER = 16 << 20

Matches = Callable[[int, int], bool]


class Crossing(NamedTuple):
    """An audio packet on its way between two ports, in Unix time."""

    at: float
    source: int
    target: int
    sequence: int


class Wire:
    """Reads every packet of `lo`, as root of its network namespace."""

    def __init__(self) -> None:
        self.crossings: list[Crossing] = []
        self._waiting: list[tuple[Matches, asyncio.Future[float]]] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        # The kernel's, as we may read late.
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind(("lo", _ETH_P_IP))

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def first(self, matches: Matches) -> asyncio.Future[float]:
        """When, in Unix time, the next RTP or SRTP packet came whose ports (from, to) match."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append((matches, future))
        return future

    def _read(self) -> None:
        packet, notes, _, _ = self._socket.recvmsg(2048, 64)
        start = (packet[0] & 15) * 4
        payload = packet[start + 8 : start + 20]
        # RTP's version, and no type of RTCP's (RFC 5761, section 4).
        if packet[9] != _UDP or len(payload) < 12 or payload[0] & 0xC0 != 0x80:
            return
        if 192 <= payload[1] <= 223:
            return
        seconds, nanoseconds = _STAMP.unpack_from(notes[0][2])
        now = seconds + nanoseconds / 1e9
        source, target = _PORTS.unpack_from(packet, start)
        self.crossings.append(Crossing(now, source, target, *_SEQUENCE.unpack_from(payload, 2)))
        for waiting in list(self._waiting):
            matches, future = waiting
            if matches(source, target):
                self._waiting.remove(waiting)
                if not future.done():
                    future.set_result(now)
