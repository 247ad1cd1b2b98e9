"""A bad network before one telephone: its packets get lost, late and out of order, by a seed."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.end_to_end.ports import Ports
from tests.end_to_end.sounds import SECONDS

Address = tuple[Any, ...]
Received = Callable[[bytes, Address], None]

HOST = "127.0.0.1"
PERIOD = round(SECONDS / 0.02)
"""The packets that hold the voice once: each syllable meets the same fate in every round."""

OVERTAKEN_SECONDS = 0.05
"""So late is a packet that the two behind it overtake."""

_AUDIO = re.compile(rb"^m=audio (\d{5}) ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What the network does to packets: all of it by chance, and the same each time."""

    name: str
    loss: float = 0.0
    burst: int = 1
    """How many in a row are lost, where any are."""
    jitter_seconds: float = 0.0
    overtaken: float = 0.0
    """What part of the packets comes after those behind it."""

    def fates(self, seed: str) -> list[float | None]:
        """How late each packet of a period comes, in seconds; None for those that are lost."""
        rng = random.Random(f"{self.name} {seed}")
        rows = range(PERIOD // self.burst)
        lost = set(rng.sample(rows, round(self.loss * len(rows))))
        overtaken = set(rng.sample(range(PERIOD), round(self.overtaken * PERIOD)))
        return [
            None
            if place // self.burst in lost
            else rng.random() * self.jitter_seconds + OVERTAKEN_SECONDS * (place in overtaken)
            for place in range(PERIOD)
        ]


WEATHERS = (
    Weather(name="1 % lost", loss=0.01),
    Weather(name="5 % lost", loss=0.05),
    Weather(name="10 % lost", loss=0.10),
    Weather(name="5 % in bursts", loss=0.05, burst=4),
    Weather(name="50 ms jitter", jitter_seconds=0.05),
    Weather(name="10 % overtaken", overtaken=0.1),
)


class BadNetwork:
    """Passes one telephone's SIP on over UDP, and makes its sound take a way through the weather.

    The telephone takes `port` for its proxy, or calls it; the descriptions that pass name our
    ports instead of both ends'. Reports (RTCP) are spared.
    """

    def __init__(self, weather: Weather, ports: Ports, upstream: int) -> None:
        """`ports` are ours; `upstream` is the port of the server or telephone behind us."""
        self.port = ports.sip
        self._upstream = (HOST, upstream)
        self._near = _Stretch(ports.media_min, weather.fates("from the telephone"))
        self._far = _Stretch(ports.media_min + 2, weather.fates("to the telephone"))
        self._telephone: Address | None = None
        self._signalling: asyncio.DatagramTransport

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["BadNetwork"]:
        self._signalling = await _listen(self.port, self._pass_sip)
        await self._near.open(self._far)
        await self._far.open(self._near)
        try:
            yield self
        finally:
            self._signalling.close()
            self._near.close()
            self._far.close()

    def _pass_sip(self, message: bytes, sender: Address) -> None:
        if sender == self._upstream:
            if self._telephone is not None:
                self._signalling.sendto(self._far.described(message, self._near), self._telephone)
        else:
            self._telephone = sender
            self._signalling.sendto(self._near.described(message, self._far), self._upstream)


class _Stretch:
    """One end's packets: they come to our port pair, and go on from that of the other end."""

    def __init__(self, port: int, fates: list[float | None]) -> None:
        self.port = port
        self._fates = fates
        # The stream that comes now, by its SSRC, and the number of its first packet.
        self._source = b""
        self._first = 0
        # Where the end is that sends here.
        self._end = 0
        self._transports: list[asyncio.DatagramTransport] = []

    async def open(self, other: "_Stretch") -> None:
        self._transports = [
            await _listen(self.port, partial(self._pass_sound, other)),
            await _listen(self.port + 1, lambda report, _: other.send(report, 1)),
        ]

    def close(self) -> None:
        for transport in self._transports:
            transport.close()

    def described(self, message: bytes, other: "_Stretch") -> bytes:
        """A message of our end, whose description names the other's pair as where it listens."""
        found = _AUDIO.search(message)
        if found is None:
            return message
        self._end = int(found[1])
        return message.replace(found[0], b"m=audio %d " % other.port, 1)

    def send(self, packet: bytes, offset: int = 0) -> None:
        """To our end, from the port that it sends to."""
        if self._end and not self._transports[offset].is_closing():
            self._transports[offset].sendto(packet, (HOST, self._end + offset))

    def _pass_sound(self, other: "_Stretch", packet: bytes, _sender: Address) -> None:
        number = int.from_bytes(packet[2:4], "big")
        if packet[8:12] != self._source:
            self._source, self._first = packet[8:12], number
        late = self._fates[((number - self._first) & 0xFFFF) % PERIOD]
        if late is not None:
            asyncio.get_running_loop().call_later(late, other.send, packet)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, received: Received) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._received(data, addr)


async def _listen(port: int, received: Received) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Listener(received), local_addr=(HOST, port)
    )
    return transport
