"""What crosses the loopback interface: when the first audio packet of a direction came by."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_ETH_P_IP = 0x0800
_UDP = 17
_PORTS = struct.Struct("!HH")

Matches = Callable[[int, int], bool]


class Wire:
    """Reads every packet of `lo`, as root of its network namespace."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Matches, asyncio.Future[float]]] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
        self._socket.setblocking(False)
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
        now, packet = time.time(), self._socket.recv(2048)
        start = (packet[0] & 15) * 4
        payload = packet[start + 8 : start + 20]
        # RTP's version, and no type of RTCP's (RFC 5761, section 4).
        if packet[9] != _UDP or len(payload) < 12 or payload[0] & 0xC0 != 0x80:
            return
        if 192 <= payload[1] <= 223:
            return
        source, target = _PORTS.unpack_from(packet, start)
        for waiting in list(self._waiting):
            matches, future = waiting
            if matches(source, target):
                self._waiting.remove(waiting)
                if not future.done():
                    future.set_result(now)
