"""The process that is measured: our engine, or a floor that only moves packets.

It takes one JSON object a line on standard input and answers each with one on standard output.
"""

import asyncio
import json
import resource
import sys
from typing import Any, Protocol

import uvloop

from media.addresses import LOOPBACK, bind_udp
from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Profile

PORT_MIN, PORT_MAX = 33000, 36999

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
            host=LOOPBACK, loopback=True, port_min=PORT_MIN, port_max=PORT_MAX, rest_seconds=0.0
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


class _Relay(asyncio.DatagramProtocol):
    """Sends what it receives to its partner's peer, from its partner's socket."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.partner = self
        self.sock = bind_udp(LOOPBACK, 0)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.partner.sock.sendto(data, self.partner.target)

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])


class Floor:
    """A relay of plain datagrams: the same loop, the same packets, nothing done to them."""

    def __init__(self) -> None:
        self._transports: list[asyncio.DatagramTransport] = []

    async def open(self, request: Reply) -> Reply:
        loop = asyncio.get_running_loop()
        web, phone = _Relay((LOOPBACK, request["web"])), _Relay((LOOPBACK, request["phone"]))
        web.partner, phone.partner = phone, web
        for make, sock in ((lambda: web, web.sock), (lambda: phone, phone.sock)):
            transport, _ = await loop.create_datagram_endpoint(make, sock=sock)
            self._transports.append(transport)
        return {"web": web.port, "phone": phone.port}

    async def close(self) -> None:
        for transport in self._transports:
            transport.close()
        self._transports.clear()


async def _answer(subject: Subject, request: Reply) -> Reply:
    match request["do"]:
        case "open":
            return await subject.open(request)
        case "close":
            await subject.close()
            return {}
        case "cpu":
            used = resource.getrusage(resource.RUSAGE_SELF)
            return {"seconds": used.ru_utime + used.ru_stime}
        case other:
            raise ValueError(f"what is {other}?")


async def serve(kind: str) -> None:
    """Serve requests until standard input ends."""
    subject: Subject = Engine() if kind == "engine" else Floor()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        reply = await _answer(subject, json.loads(line))
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
    await subject.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
