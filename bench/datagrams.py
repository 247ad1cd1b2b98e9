"""The sockets of the packet path: packets are read into one buffer, one by one."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Address = tuple[Any, ...]
Received = Callable[[int, Address], None]


class Datagrams:
    """Reads a socket into a buffer that others use as well, and tells how much came from where.

    A loop's own datagram endpoint makes an object of each packet, and asks the kernel once more
    than there are packets. What it cannot send at once, it keeps; late audio is better lost.
    """

    def __init__(self, sock: socket.socket, buffer: bytearray, received: Received) -> None:
        self._sock = sock
        self._buffer = buffer
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._read)

    def sendto(self, data: bytes, address: Address) -> None:
        """Send a datagram; one that cannot be sent is lost."""
        with suppress(OSError):
            self._sock.sendto(data, address)

    def close(self) -> None:
        """Read no more, and close the socket."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()

    def _read(self) -> None:
        try:
            length, address = self._sock.recvfrom_into(self._buffer)
        except OSError:
            # Nothing there after all, or word of a packet that reached nobody.
            return
        self._received(length, address)
