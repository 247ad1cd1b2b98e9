"""The process that is measured: our engine, or a floor that only moves packets.

It takes the ends of a call, one JSON object a line, on standard input, and answers each with one on
standard output; the first there says that it is ready.
"""

import asyncio
import json
import sys
from typing import Any, Protocol

import uvloop

from bench.datagrams import Address, Datagrams
from media.addresses import bind_udp
from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Profile
from media.side import BUFFER_SIZE

ADDRESS = "192.0.2.1"
"""Of the benchmark's own network, tests/end_to_end/namespace.sh."""
PORT_MIN, PORT_MAX = 10000, 19999
"""Below those that the kernel gives out, which the ends of the calls have."""

Reply = dict[str, Any]


class Subject(Protocol):
    async def open(self, request: Reply) -> Reply:
        """Carry one more call; says where its two ends send to."""

    async def close(self) -> None:
        """End all calls."""


class Engine:
    """Calls between a DTLS-SRTP leg and an RTP leg."""

    def __init__(self) -> None:
        self._count = 0
        self._settings = MediaSettings(
            host=ADDRESS, port_min=PORT_MIN, port_max=PORT_MAX, rest_seconds=0.0
        )
        self._engine = AiortcEngine(self._settings)

    async def open(self, request: Reply) -> Reply:
        self._count += 1
        web, phone = f"web{self._count}", f"phone{self._count}"
        answer = await self._engine.open("c", web, Profile.WEBRTC, offer=request["web"])
        other = await self._engine.open("c", phone, Profile.RTP, offer=request["phone"])
        await self._engine.join(web, phone)
        return {"web": answer, "phone": other}

    async def close(self) -> None:
        await self._engine.aclose()


class _Relay:
    """Sends what it receives to its partner's peer, from its partner's socket."""

    def __init__(self, buffer: bytearray, target: tuple[str, int]) -> None:
        self.target = target
        self.partner = self
        self.sock = bind_udp(ADDRESS, 0)
        self.port: int = self.sock.getsockname()[1]
        self._view = memoryview(buffer)
        self.datagrams = Datagrams(self.sock, buffer, self._received)

    def _received(self, length: int, address: Address) -> None:
        self.partner.sock.sendto(self._view[:length], self.partner.target)


class Floor:
    """A relay of plain datagrams: read and sent as ours are, and nothing done to them."""

    def __init__(self) -> None:
        self._buffer = bytearray(BUFFER_SIZE)
        self._relays: list[_Relay] = []

    async def open(self, request: Reply) -> Reply:
        web, phone = (_Relay(self._buffer, (ADDRESS, request[end])) for end in ("web", "phone"))
        web.partner, phone.partner = phone, web
        self._relays += (web, phone)
        return {"web": web.port, "phone": phone.port}

    async def close(self) -> None:
        for relay in self._relays:
            relay.datagrams.close()
        self._relays.clear()


def _tell(reply: Reply) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


async def serve(kind: str) -> None:
    """Serve requests until standard input ends."""
    subject: Subject = Engine() if kind == "engine" else Floor()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _tell({})
    while line := await reader.readline():
        _tell(await subject.open(json.loads(line)))
    await subject.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
