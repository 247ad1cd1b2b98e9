"""The ends of the calls: browsers and phones that send PCMU every 20 ms and count what comes."""

import asyncio
import itertools
import socket
import struct
from collections.abc import Callable
from typing import Any, Protocol

from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)

from media import aiortc_hooks as hooks
from media import negotiate
from media.addresses import LOOPBACK, bind_udp
from media.sdp import Candidate, parse

CODEC = "PCMU/8000"
PAYLOAD = bytes(range(160))
FRAME_SECONDS = 0.02
SLOTS = 10

_HEADER = struct.Struct("!BBHII")
_SRTP_TAG = bytes(10)
_CERTIFICATE = RTCCertificate.generateCertificate()


class End(Protocol):
    """One end of a call."""

    received: int

    def send(self, packet: bytes) -> None:
        """Send one RTP packet."""

    def last_payload(self) -> bytes:
        """The payload of the last packet that came, in the clear."""

    async def close(self) -> None: ...


class PlainEnd(asyncio.DatagramProtocol):
    """An end of plain UDP; `trailer` makes its packets as long as SRTP's are."""

    def __init__(self, trailer: bytes = b"") -> None:
        self.received = 0
        self.sock = bind_udp(LOOPBACK, 0)
        self.target: tuple[str, int] = (LOOPBACK, 0)
        self._trailer = trailer
        self._last = b""

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def description(self) -> str:
        local = negotiate.RtpLocal(LOOPBACK, self.port)
        return negotiate.make_offer(local, (CODEC,), session_id=1)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self.sock)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.received += 1
        self._last = data

    def send(self, packet: bytes) -> None:
        self.sock.sendto(packet + self._trailer, self.target)

    def last_payload(self) -> bytes:
        return self._last[_HEADER.size : _HEADER.size + len(PAYLOAD)]

    async def close(self) -> None:
        self._transport.close()


class WebEnd:
    """A browser: aiortc's ICE and DTLS, then SRTP that is counted without being opened."""

    def __init__(self) -> None:
        self.received = 0
        self._last = b""
        self._buffer = bytearray(2048)
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [_CERTIFICATE])
        self._srtp: hooks.Srtp
        self._pair: tuple[socket.socket, hooks.Address]

    async def offer(self) -> str:
        hooks.set_controlling(self._gatherer, controlling=True)
        sock = bind_udp(LOOPBACK, 0)
        candidate = Candidate("1", 2130706431, LOOPBACK, sock.getsockname()[1], "host")
        connection = hooks.connection_of(self._gatherer)
        item = hooks.IceSocket(connection, sock, candidate, self._count, lambda: None)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: item, sock=sock)
        hooks.set_gathered(self._gatherer, [item])
        parameters = self._gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        local = negotiate.WebrtcLocal(
            ufrag=parameters.usernameFragment or "",
            password=parameters.password or "",
            fingerprint=next(item.value for item in prints if item.algorithm == "sha-256"),
            candidates=(candidate,),
        )
        return negotiate.make_offer(local, (CODEC,), session_id=1)

    async def connect(self, answer: str) -> None:
        remote = negotiate.webrtc_remote(parse(answer))
        hooks.set_dtls_client(self._dtls, client=not remote.dtls_client)
        for candidate in remote.candidates:
            await self._ice.addRemoteCandidate(hooks.to_aiortc(candidate))
        await self._ice.start(RTCIceParameters(remote.ufrag, remote.password))
        prints = [RTCDtlsFingerprint(*pair) for pair in remote.fingerprints]
        await self._dtls.start(RTCDtlsParameters(prints))
        pair = hooks.nominated(self._ice)
        assert pair is not None
        self._pair = pair
        self._srtp = hooks.Srtp(self._dtls, self._buffer)

    def send(self, packet: bytes) -> None:
        self._buffer[: len(packet)] = packet
        size = self._srtp.protect(len(packet))
        sock, address = self._pair
        sock.sendto(memoryview(self._buffer)[:size], address)

    def last_payload(self) -> bytes:
        self._buffer[: len(self._last)] = self._last
        size = self._srtp.unprotect(len(self._last))
        return bytes(self._buffer[_HEADER.size : size])

    async def close(self) -> None:
        await self._dtls.stop()
        await self._ice.stop()

    def _count(self, data: bytes) -> None:
        if data[1] & 0x7F == 0:
            self.received += 1
            self._last = data


Ask = Callable[[dict[str, Any]], Any]


async def open_engine_call(ask: Ask) -> list[End]:
    """A browser and a phone joined by the engine."""
    web, phone = WebEnd(), PlainEnd()
    await phone.open()
    reply = await ask({"do": "open", "web": await web.offer(), "phone": phone.description()})
    phone.target = (LOOPBACK, parse(reply["phone"]).media[0].port)
    await web.connect(reply["web"])
    return [web, phone]


async def open_floor_call(ask: Ask) -> list[End]:
    """Two plain ends joined by the floor; one has packets of SRTP's length."""
    web, phone = PlainEnd(_SRTP_TAG), PlainEnd()
    await web.open()
    await phone.open()
    reply = await ask({"do": "open", "web": web.port, "phone": phone.port})
    web.target, phone.target = (LOOPBACK, reply["web"]), (LOOPBACK, reply["phone"])
    return [web, phone]


async def talk(ends: list[End], seconds: float, numbers: "itertools.count[int]") -> int:
    """Have all ends send for some seconds, spread over each frame; how many packets that were."""
    loop = asyncio.get_running_loop()
    slots = [ends[start::SLOTS] for start in range(SLOTS)]
    frames, start = round(seconds / FRAME_SECONDS), loop.time()
    sent = 0
    for frame in range(frames):
        number = next(numbers)
        packet = _HEADER.pack(0x80, 0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 7) + PAYLOAD
        for index, slot in enumerate(slots):
            for end in slot:
                end.send(packet)
            sent += len(slot)
            due = start + (frame + (index + 1) / SLOTS) * FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))
    return sent
