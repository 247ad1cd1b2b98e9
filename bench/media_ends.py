"""The ends of the calls: a browser and a phone that say a frame each 20 ms, and hear the other."""

import asyncio
import itertools
import socket
import struct
from typing import Protocol

from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)

from bench.datagrams import Address, Datagrams
from bench.media_voice import FRAME_SECONDS, Codec, Voice
from bench.subject import ADDRESS
from media import aiortc_hooks as hooks
from media import negotiate
from media.addresses import bind_udp
from media.packet import is_rtcp
from media.sdp import Candidate, parse

SLOTS = 10

_HEADER = struct.Struct("!BBHII")
_SRTP_TAG = bytes(10)
_CERTIFICATE = RTCCertificate.generateCertificate()
_SOURCE = 7
_READ = bytearray(2048)


class End(Protocol):
    """One end of a call."""

    voice: Voice
    port: int
    received: int
    kept: list[bytes] | None
    """The packets that came, while somebody wants them."""

    def send(self, packet: bytes) -> None:
        """Send one RTP packet."""

    def opened(self) -> list[bytes]:
        """The kept packets in the clear."""

    async def close(self) -> None: ...


class PlainEnd:
    """An end of plain RTP; `trailer` makes its packets as long as SRTP's are."""

    def __init__(self, voice: Voice, trailer: bytes = b"") -> None:
        self.voice = voice
        self.received = 0
        self.kept: list[bytes] | None = None
        self.sock = bind_udp(ADDRESS, 0)
        self.port: int = self.sock.getsockname()[1]
        self.target: tuple[str, int] = (ADDRESS, 0)
        self._trailer = trailer

    def open(self) -> None:
        self._datagrams = Datagrams(self.sock, _READ, self._received)

    def description(self) -> str:
        """An offer or an answer: a phone that knows one codec says the same in both."""
        return _description([], self.port, "RTP/AVP", self.voice.codec)

    def send(self, packet: bytes) -> None:
        self.sock.sendto(packet + self._trailer, self.target)

    def opened(self) -> list[bytes]:
        return self.kept or []

    async def close(self) -> None:
        self._datagrams.close()

    def _received(self, length: int, address: Address) -> None:
        self.received += 1
        if self.kept is not None:
            self.kept.append(bytes(_READ[:length]))


class WebEnd:
    """A browser: aiortc's ICE and DTLS, then SRTP that is counted without being opened."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.received = 0
        self.kept: list[bytes] | None = None
        self.port = 0
        self._buffer = bytearray(2048)
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [_CERTIFICATE])
        self._srtp: hooks.Srtp
        self._pair: tuple[socket.socket, Address]

    async def offer(self) -> str:
        hooks.set_controlling(self._gatherer, controlling=True)
        sock = bind_udp(ADDRESS, 0)
        self.port = sock.getsockname()[1]
        candidate = Candidate("1", 2130706431, ADDRESS, self.port, "host")
        connection = hooks.connection_of(self._gatherer)
        item = hooks.IceSocket(connection, sock, candidate, self._count, lambda: None)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: item, sock=sock)
        hooks.set_gathered(self._gatherer, [item])
        parameters = self._gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        transport = [
            "a=mid:0",
            "a=rtcp-mux",
            f"a=ice-ufrag:{parameters.usernameFragment}",
            f"a=ice-pwd:{parameters.password}",
            *(f"a=fingerprint:{each.algorithm} {each.value}" for each in prints[:1]),
            "a=setup:actpass",
            f"a=candidate:1 1 udp {candidate.priority} {ADDRESS} {self.port} typ host",
            "a=end-of-candidates",
            f"a=ssrc:{_SOURCE} cname:bench",
        ]
        return _description(transport, self.port, "UDP/TLS/RTP/SAVPF", self.voice.codec)

    async def connect(self, answer: str) -> None:
        remote = negotiate.webrtc_remote(parse(answer))
        hooks.set_dtls_client(self._dtls, client=not remote.dtls_client)
        for candidate in remote.candidates:
            await self._ice.addRemoteCandidate(hooks.to_aiortc(candidate))
        await self._ice.start(RTCIceParameters(remote.ufrag, remote.password))
        prints = [RTCDtlsFingerprint(*pair) for pair in remote.fingerprints]
        await self._dtls.start(RTCDtlsParameters(prints))
        pair = hooks.nominated(self._ice)
        if pair is None or self._dtls.state != "connected":
            raise ConnectionError("the browser's end could not connect")
        self._pair = pair
        self._srtp = hooks.Srtp(self._dtls, self._buffer)

    def send(self, packet: bytes) -> None:
        self._buffer[: len(packet)] = packet
        size = self._srtp.protect(len(packet))
        sock, address = self._pair
        sock.sendto(memoryview(self._buffer)[:size], address)

    def opened(self) -> list[bytes]:
        packets = []
        for packet in self.kept or ():
            self._buffer[: len(packet)] = packet
            packets.append(bytes(self._buffer[: self._srtp.unprotect(len(packet))]))
        return packets

    async def close(self) -> None:
        await self._dtls.stop()
        await self._ice.stop()

    def _count(self, packet: bytes) -> None:
        if not is_rtcp(packet[1]):
            self.received += 1
            if self.kept is not None:
                self.kept.append(packet)


def plain_ends(voices: tuple[Voice, Voice]) -> tuple[PlainEnd, PlainEnd]:
    """Ends for a bridge that only moves packets; one has packets of SRTP's length."""
    web, phone = PlainEnd(voices[0], _SRTP_TAG), PlainEnd(voices[1])
    web.open()
    phone.open()
    return web, phone


async def talk(ends: list[End], seconds: float, numbers: "itertools.count[int]") -> int:
    """Have all ends send for some seconds, spread over each frame; how many packets that were.

    A packet's sequence number is that of its frame. TimeoutError when this process cannot keep up.
    """
    loop = asyncio.get_running_loop()
    voices = {end.voice.codec.number: end.voice for end in ends}
    senders = [(end.send, end.voice.codec.number) for end in ends]
    slots = [senders[start::SLOTS] for start in range(SLOTS)]
    frames, start = round(seconds / FRAME_SECONDS), loop.time()
    for frame, number in enumerate(itertools.islice(numbers, frames)):
        packets = {codec: _packet(voice, number) for codec, voice in voices.items()}
        for index, slot in enumerate(slots):
            for send, codec in slot:
                send(packets[codec])
            due = start + (frame + (index + 1) / SLOTS) * FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))
    if loop.time() - start > seconds + FRAME_SECONDS * 5:
        raise TimeoutError("the driver could not keep up: its core is too busy")
    return frames * len(ends)


def _packet(voice: Voice, number: int) -> bytes:
    codec = voice.codec
    timestamp = number * codec.frame_units & 0xFFFFFFFF
    header = _HEADER.pack(0x80, codec.number, number & 0xFFFF, timestamp, _SOURCE)
    return header + voice.frames[number % len(voice.frames)]


def _description(transport: list[str], port: int, protocol: str, codec: Codec) -> str:
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {ADDRESS}",
        "s=-",
        f"c=IN IP4 {ADDRESS}",
        "t=0 0",
        *(["a=group:BUNDLE 0"] if transport else []),
        f"m=audio {port} {protocol} {codec.number}",
        *transport,
        f"a=rtpmap:{codec.number} {codec.name}",
        *([f"a=fmtp:{codec.number} {codec.parameters}"] if codec.parameters else []),
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "\r\n".join([*lines, ""])
