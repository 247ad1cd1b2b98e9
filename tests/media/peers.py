"""The two kinds of peers that engine tests call with: a raw UDP phone and a browser of aiortc."""

import asyncio
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)
from aiortc.rtcicetransport import RTCIceCandidate

from media.sdp import parse

LOOPBACK = "127.0.0.1"
PATIENCE = 10.0

_HEADER = struct.Struct("!BBHII")


class Packet:
    """An RTP packet taken apart."""

    def __init__(self, data: bytes) -> None:
        _, kind, self.sequence, self.timestamp, self.source = _HEADER.unpack_from(data)
        self.payload_type = kind & 0x7F
        self.marker = bool(kind & 0x80)
        self.payload = data[12:]


def rtp(
    payload_type: int,
    number: int,
    payload: bytes = b"sound",
    *,
    source: int = 0x1111,
    timestamp: int | None = None,
) -> bytes:
    """The number-th packet of a source, 20 ms of 8 kHz after the one before."""
    at = number * 160 if timestamp is None else timestamp
    return _HEADER.pack(0x80, payload_type, number & 0xFFFF, at, source) + payload


class Inbox:
    """RTP and RTCP that came in, to be waited for."""

    def __init__(self) -> None:
        self.media: asyncio.Queue[Packet] = asyncio.Queue()
        self.control: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, data: bytes) -> None:
        if 192 <= data[1] <= 223:
            self.control.put_nowait(data)
        else:
            self.media.put_nowait(Packet(data))

    async def packet(self) -> Packet:
        return await asyncio.wait_for(self.media.get(), PATIENCE)

    async def report(self) -> bytes:
        return await asyncio.wait_for(self.control.get(), PATIENCE)


class Phone(asyncio.DatagramProtocol):
    """A SIP phone's media: one UDP socket, RTCP muxed if its description says so."""

    def __init__(self, host: str = LOOPBACK) -> None:
        self.host = host
        self.inbox = Inbox()
        self.port = 0
        self.engine: tuple[str, int] = (LOOPBACK, 0)
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.host, 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.inbox.put(data)

    def description(self, formats: str, *attributes: str, host: str | None = None) -> str:
        address = host or self.host
        family = "IP6" if ":" in address else "IP4"
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", f"c=IN {family} {address}"]
        lines += ["t=0 0", f"m=audio {self.port} RTP/AVP {formats}"]
        return "\r\n".join(lines + [f"a={item}" for item in attributes]) + "\r\n"

    def call(self, engine_description: str) -> None:
        """Send to the engine's port of a description from now on."""
        section = parse(engine_description).media[0]
        self.engine = (section.host or "", section.port)

    def send(self, data: bytes, *, port_offset: int = 0) -> None:
        assert self._transport is not None
        host, port = self.engine
        self._transport.sendto(data, (host, port + port_offset))


class _Dtls(RTCDtlsTransport):
    """aiortc's DTLS transport that keeps what it decrypted, and nothing of its RTP machinery."""

    inbox: Inbox

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.inbox.put(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.inbox.put(data)


class Browser:
    """A WebRTC peer of aiortc's transports; the fixture `loopback_ice` lets it gather."""

    def __init__(self, codecs: dict[int, str], *, names_only: bool = False) -> None:
        self.inbox = Inbox()
        self._codecs = codecs
        self._names_only = names_only
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = _Dtls(self._ice, [RTCCertificate.generateCertificate()])
        self._dtls.inbox = self.inbox

    async def offer(self) -> str:
        await self._gatherer.gather()
        self._ice._connection.ice_controlling = True
        return self._description("actpass")

    async def answer(self) -> str:
        await self._gatherer.gather()
        return self._description("active")

    async def connect(self, engine_description: str) -> None:
        """Bring ICE and DTLS up with the engine's offer or answer."""
        section = parse(engine_description).media[0]
        for item in section.candidates:
            candidate = RTCIceCandidate(
                1, item.foundation, item.address, item.port, item.priority, "udp", item.kind
            )
            await self._ice.addRemoteCandidate(candidate)
        await self._ice.addRemoteCandidate(None)
        self._dtls._set_role("server" if section.attribute("setup") == "active" else "client")
        prints = [RTCDtlsFingerprint(*pair) for pair in section.fingerprints]
        async with asyncio.timeout(PATIENCE):
            await self._ice.start(
                RTCIceParameters(section.attribute("ice-ufrag"), section.attribute("ice-pwd"))
            )
            await self._dtls.start(RTCDtlsParameters(prints))

    async def checked(self) -> None:
        """Wait until our first checks are over, once `connect` has begun them."""
        await asyncio.sleep(0)
        checks = [pair.task for pair in self._ice._connection._check_list if pair.task]
        assert checks
        await asyncio.wait(checks, timeout=PATIENCE)

    def consented(self) -> asyncio.Queue[None]:
        """Has an entry for each time that the engine asks us whether we are there, from now on."""
        asked: asyncio.Queue[None] = asyncio.Queue()
        connection = self._ice._connection
        answer = connection.request_received

        def request_received(*check: Any) -> None:
            asked.put_nowait(None)
            answer(*check)

        connection.request_received = request_received  # type: ignore[method-assign, assignment]
        return asked

    def vanish(self) -> None:
        """Fall silent as a browser does whose network is gone."""
        for protocol in self._ice._connection._protocols:
            protocol.transport.close()

    @property
    def connected(self) -> bool:
        return self._dtls.state == "connected"

    async def send(self, data: bytes) -> None:
        await self._dtls._send_rtp(data)

    async def send_raw(self, data: bytes) -> None:
        """Send around SRTP, as a stranger at the same address could."""
        await self._ice._send(data)

    def candidate_lines(self) -> list[str]:
        return [
            f"candidate:{item.foundation} 1 udp {item.priority} {item.ip} {item.port} typ host"
            for item in self._gatherer.getLocalCandidates()
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End DTLS in order, so that the other side is told."""
        await self._dtls.stop()
        await self._ice.stop()

    def _description(self, setup: str) -> str:
        parameters = self._gatherer.getLocalParameters()
        fingerprint = self._dtls.getLocalParameters().fingerprints[0]
        numbers = " ".join(map(str, self._codecs))
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE audio0"]
        lines += [f"m=audio 9 UDP/TLS/RTP/SAVPF {numbers}", "c=IN IP4 0.0.0.0", "a=mid:audio0"]
        lines += [f"a=rtpmap:{number} {codec}" for number, codec in self._codecs.items()]
        lines += [f"a=ice-ufrag:{parameters.usernameFragment}", f"a=ice-pwd:{parameters.password}"]
        lines += [f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}", f"a=setup:{setup}"]
        lines += ["a=rtcp-mux", "a=sendrecv", *self._offered_candidates()]
        return "\r\n".join(lines) + "\r\n"

    def _offered_candidates(self) -> Iterable[str]:
        if self._names_only:
            return ["a=candidate:1 1 udp 2122 1f4712db-ea17.local 40000 typ host"]
        return [f"a={line}" for line in self.candidate_lines()]
