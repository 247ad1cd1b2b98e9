"""One call of every kind at an engine's open ports, for whoever throws things at them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, Self

import pylibsrtp
from aioice.stun import Class, Message, Method
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters

from media import aiortc_hooks as hooks
from media import rtcp, sdes
from media.aiortc_engine import AiortcEngine
from media.dtls_rtp import fingerprint_of, is_dtls
from media.engine import Profile, Security
from media.packet import is_rtcp
from media.sdp import parse
from media.side import BUFFER_SIZE
from media.srtp import Contexts, Heard
from tests.media.harness import BROWSER_CODECS, phone_calls_browser
from tests.media.peers import LOOPBACK, PATIENCE, Browser, Inbox, Phone, rtp

ELSEWHERE = "127.0.0.9"
SPEECH = b"what the peer says" * 8
SILENCE = b"\xff" * 160
"""Of PCMU, 20 ms."""


class Peer(Protocol):
    """One end of a call, who talks to a port of the engine."""

    inbox: Inbox

    async def speak(self, packet: bytes) -> None:
        """Send RTP or RTCP as this peer does."""

    async def throw(self, datagram: bytes, *, control: bool) -> None:
        """Send something else from the same address, to RTCP's port where it is `control`."""


class PlainPhone(Phone):
    """A phone whose sound anybody can read."""

    async def join(self, engine: AiortcEngine, leg: str, codec: str = "0") -> None:
        self.call(await opened(engine, leg, self.description(codec)))

    async def speak(self, packet: bytes) -> None:
        self.send(packet, port_offset=is_rtcp(packet[1]))

    async def throw(self, datagram: bytes, *, control: bool) -> None:
        self.send(datagram, port_offset=control)


class SecurePhone(PlainPhone):
    """A phone with SRTP and one port; how it comes to the keys is for its heirs."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray(BUFFER_SIZE)
        self._contexts = Contexts(self._buffer)

    async def speak(self, packet: bytes) -> None:
        self._buffer[: len(packet)] = packet
        control = is_rtcp(packet[1])
        protect = self._contexts.protect_control if control else self._contexts.protect
        self.send(bytes(self._buffer[: protect(len(packet))]))

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if size := self._contexts.unprotect(data):
            self.inbox.put(bytes(self._buffer[:size]))


class SdesPhone(SecurePhone):
    """The keys are in its description."""

    async def join(self, engine: AiortcEngine, leg: str, codec: str = "0") -> None:
        suite = sdes.AES_128_80
        ours = sdes.Crypto(1, suite, bytes(suite.octets), suite.name)
        offer = self.description(codec, "rtcp-mux", f"crypto:{ours}")
        answer = await opened(engine, leg, offer.replace("RTP/AVP", "RTP/SAVP"))
        self._contexts.use(ours, sdes.choose(parse(answer).media[0].cryptos))
        self.call(answer)


class DtlsPhone(SecurePhone):
    """The keys come from a handshake, whose records are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[bytes] = []
        self._certificate = RTCCertificate.generateCertificate()
        self._path = hooks.DatagramPath(self._send_record)
        self._dtls = hooks.dtls_over(self._path, self._certificate, client=True)

    async def join(self, engine: AiortcEngine, leg: str, codec: str = "0") -> None:
        print_ = f"fingerprint:sha-256 {fingerprint_of(self._certificate)}"
        offer = self.description(codec, "rtcp-mux", print_, "setup:active")
        answer = await opened(engine, leg, offer.replace("RTP/AVP", "UDP/TLS/RTP/SAVP"))
        self.call(answer)
        theirs = [RTCDtlsFingerprint(*pair) for pair in parse(answer).media[0].fingerprints]
        async with asyncio.timeout(PATIENCE):
            await self._dtls.start(RTCDtlsParameters(theirs))
        sending, hearing = hooks.dtls_contexts(self._dtls, self._buffer)
        self._contexts.send_by(sending.media, sending.control)
        self._contexts.hear_by(Heard(self, hearing.media, hearing.control))

    async def hang_up(self) -> None:
        await self._dtls.stop()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if is_dtls(data[0]):
            self._path.put(data)
        else:
            super().datagram_received(data, addr)

    def _send_record(self, record: bytes) -> None:
        self.records.append(record)
        self.send(record)


class Page(Browser):
    """A browser, which knows where the engine is and by what name it knows its peer."""

    engine_port = 0
    engine_name = ""

    async def connect(self, engine_description: str) -> None:
        section = parse(engine_description).media[0]
        self.engine_port = section.port
        self.engine_name = f"{section.attribute('ice-ufrag')}:peer"
        await super().connect(engine_description)

    async def speak(self, packet: bytes) -> None:
        # Its libsrtp protects no nonsense.
        with suppress(pylibsrtp.Error):
            await self.send(packet)

    async def throw(self, datagram: bytes, *, control: bool) -> None:
        await self.send_raw(datagram)


@dataclass
class Opening:
    """One open port of the engine: whose it is, and who hears what comes in there."""

    name: str
    port: int
    peer: Peer
    listener: Peer
    said: int = 0

    async def works(self, *, strictly: bool) -> None:
        """The peer speaks, and the listener hears it: with `strictly`, nothing before that."""
        self.said += 1
        payload = SILENCE if self.is_transcoded else b"%d" % self.said + SPEECH
        await self.peer.speak(rtp(0, self.said, payload))
        heard = await self.listener.inbox.packet()
        while not self.is_transcoded and heard.payload != payload:
            assert not strictly, f"{self.name}: {heard.payload[:50]!r} is not of the peer"
            heard = await self.listener.inbox.packet()

    @property
    def is_transcoded(self) -> bool:
        return self.name == "transcoded"


class Openings:
    """Calls that talk already, and two strangers: at the phones' host, and at another."""

    def __init__(self, engine: AiortcEngine) -> None:
        self._engine = engine
        self.all: list[Opening] = []
        self.strangers = (PlainPhone(), PlainPhone(ELSEWHERE))
        self.samples: list[bytes] = []
        """A real packet of each kind that comes to such ports."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            for stranger in self.strangers:
                await stack.enter_async_context(stranger)
            dtls = DtlsPhone()
            for name, peer in (
                ("plain", PlainPhone()),
                ("transcoded", PlainPhone()),
                ("sdes", SdesPhone()),
                ("dtls", dtls),
            ):
                await stack.enter_async_context(peer)
                listener = await stack.enter_async_context(PlainPhone())
                await self._join(name, peer, listener)
            stack.push_async_callback(dtls.hang_up)
            page = await stack.enter_async_context(Page(BROWSER_CODECS))
            listener = await stack.enter_async_context(PlainPhone())
            await phone_calls_browser(self._engine, page, listener, listener.description("0"))
            self.all.append(Opening("page", page.engine_port, page, listener))
            self.samples = [*_samples(page.engine_name), *dtls.records]
            # So many that nobody else can be taken for the peer any more.
            for opening in self.all:
                for _ in range(20):
                    await opening.works(strictly=True)
                await opening.peer.speak(rtcp.report(0x1111, "peer", _SENDER, None))
            yield self

    async def _join(self, name: str, peer: PlainPhone, listener: PlainPhone) -> None:
        await peer.join(self._engine, name)
        await listener.join(self._engine, f"{name}: listener", "9" if name == "transcoded" else "0")
        await self._engine.join(name, f"{name}: listener")
        self.all.append(Opening(name, peer.engine[1], peer, listener))


async def opened(engine: AiortcEngine, leg: str, offer: str) -> str:
    return await engine.open(
        "c", leg, Profile.RTP, offer=offer, peer=LOOPBACK, security=Security.OPTIONAL
    )


_SENDER = rtcp.SenderInfo(ntp=1 << 40, timestamp=1000, packets=20, octets=3200)


def _samples(ufrag: str) -> list[bytes]:
    block = rtcp.Block(
        source=7, fraction=9, lost=3, highest=99, jitter=20, last_report=1 << 16, delay=30
    )
    check = Message(Method.BINDING, Class.REQUEST, attributes={"USERNAME": ufrag, "PRIORITY": 1})
    check.add_message_integrity(b"not the engine's password")
    event = bytes([5, 0x8A, 3, 0x20])
    extended = bytearray(rtp(0, 40, bytes(8) + b"\xbe\xde\0\1abcd" + SILENCE + b"\0\0\0\4"))
    extended[0] = 0xB2
    return [
        *(rtp(kind, number, SILENCE) for number, kind in enumerate((0, 8, 9, 13, 96), 30)),
        rtp(101, 36, event),
        bytes(extended),
        rtcp.report(0x1111, "peer", _SENDER, block, asked_at=1 << 40),
        rtcp.report(0x1111, "peer", None, block, reply=rtcp.Reply(7, 1 << 16, 30)),
        rtcp.goodbye(0x1111, "peer"),
        bytes(check),
    ]
