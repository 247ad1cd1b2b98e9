"""A socket that is read into a buffer of ours."""

import asyncio
import socket

import pytest

from media.addresses import LOOPBACK, bind_udp
from media.datagrams import Address, Datagrams

SECONDS = 5.0


class Listener:
    """A socket, and what came to it."""

    def __init__(self, buffer: bytearray) -> None:
        self.heard: list[tuple[bytes, Address]] = []
        self.came = asyncio.Event()
        self._buffer = buffer
        self._sock = bind_udp(LOOPBACK, 0)
        self.address: Address = self._sock.getsockname()
        self.datagrams = Datagrams(self._sock, buffer, self._received)

    async def wait(self, packets: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.heard) < packets:
                self.came.clear()
                await self.came.wait()

    def _received(self, length: int, address: Address) -> None:
        self.heard.append((bytes(self._buffer[:length]), address))
        self.came.set()


@pytest.fixture
def buffer() -> bytearray:
    return bytearray(2048)


async def test_sockets_that_share_a_buffer_hear_each_their_own(buffer: bytearray) -> None:
    with bind_udp(LOOPBACK, 0) as sender:
        listeners = [Listener(buffer) for _ in range(3)]
        for _ in range(2):
            for number, listener in enumerate(listeners):
                sender.sendto(b"%d" % number, listener.address)
        for number, listener in enumerate(listeners):
            await listener.wait(2)
            assert listener.heard == [(b"%d" % number, sender.getsockname())] * 2
            listener.datagrams.close()


async def test_a_closed_one_hears_no_more_and_gives_its_port_back(buffer: bytearray) -> None:
    one, other = Listener(buffer), Listener(buffer)
    one.datagrams.close()
    one.datagrams.close()
    with bind_udp(LOOPBACK, one.address[1]), socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", one.address)
        sender.sendto(b"x", other.address)
        await other.wait(1)
    assert not one.heard
    other.datagrams.close()
