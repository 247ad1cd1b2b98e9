"""The private names of aiortc and aioice that we rely on, and the only module that uses them.

Checked with aiortc 1.14 to 1.16 and aioice 0.10 to 0.13; tests/media/test_aiortc_hooks.py
fails when they change. Why each is needed:
- gathering: aioice binds to port 0 on every address but 127.0.0.1; operators need a port range
  and an advertised address, so we bind and fill in the candidates ourselves;
- the sockets: received datagrams wait in a queue without a bound for a task that parses each
  one; audio goes straight from the socket through libsrtp and on;
- strangers' STUN: aioice parses and answers whatever comes;
- the moment of the choice: a call's DTLS would begin up to 20 ms after its ICE is done;
- libsrtp: pylibsrtp copies each packet three times; we hand libsrtp our own buffer, and count what
  it keeps; and pylibsrtp has no name for AES-256 in counter mode, which libsrtp itself has;
- a DTLS transport over a plain socket: aiortc knows none but over ICE;
- the roles in ICE and DTLS, which aiortc sets in RTCPeerConnection only.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from aioice import Candidate as AioiceCandidate
from aioice.ice import CandidatePair, Connection, StunProtocol
from aiortc import (
    RTCCertificate,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceTransport,
)
from pylibsrtp import Error, Policy, Session
from pylibsrtp._binding import ffi, lib

from media import stun
from media.fast_path import Reader, SrtpFunction, Wire
from media.fields import SourceFields
from media.sdp import Candidate

log = logging.getLogger(__name__)

_SRTCP_TRAILER = 4 + 16 + 128
_MAX_QUEUED = 100
MAX_SOURCES = 16
"""SSRCs of one peer under one key: a phone takes a new one with each hold, say."""
# RFC 8445, section 6.1.2.5, bounds the pairs; aioice learns new ones without a bound.
_MAX_PAIRS = 100
# libsrtp's srtp_crypto_policy_t: six words, of which the first two are the cipher and its key's
# octets with the salt's. SRTP_AES_ICM_256 is 5.
_CRYPTO_POLICY = struct.Struct("=6I")
_AES_256_COUNTER = (5, 46)
# As aiortc has it; RFC 3711, section 3.3.2, wants 64 at least.
_REPLAY_WINDOW = 1024

Address = tuple[Any, ...]


class IceSocket(StunProtocol):
    """A datagram socket of an ICE connection that hands media past aioice."""

    def __init__(
        self,
        connection: Connection,
        sock: socket.socket,
        candidate: Candidate,
        on_media: Callable[[bytes], None],
        on_stun: Callable[[], None],
    ) -> None:
        super().__init__(connection)
        self.sock = sock
        self.local_candidate = AioiceCandidate(
            foundation=candidate.foundation,
            component=1,
            transport="udp",
            priority=candidate.priority,
            host=candidate.address,
            port=candidate.port,
            type=candidate.kind,
        )
        self._on_media = on_media
        self._on_stun = on_stun

    def listen(self, reader: Reader, wire: Wire) -> None:
        """Begin to hear what comes; media that `wire` knows takes the fast path."""
        self.connection_made(_Transport(self.sock, reader, wire, self.connection_lost))
        reader.add(self.sock, self.datagram_received, wire)

    def datagram_received(self, data: bytes | str, addr: Address) -> None:
        if not isinstance(data, bytes) or not data:
            return
        first = data[0]
        # RFC 7983: media is 128-191, STUN 0-3, DTLS 20-63; nothing else is for us.
        if 128 <= first <= 191:
            self._on_media(data)
        elif first <= 3:
            self._take_stun(data, addr)
        elif 20 <= first <= 63:
            # A stranger's records could break the handshake, or fill the queue.
            if self.receiver._queue.qsize() < _MAX_QUEUED and self._is_paired(addr):
                super().datagram_received(data, addr)

    def _take_stun(self, data: bytes, addr: Address) -> None:
        """Give aioice what our peer sent; it would answer anybody, and at a cost."""
        answered = stun.transaction_of_answer(data)
        if answered is None:
            connection = self.receiver
            known = stun.is_check(data, connection.local_username, connection.local_password)
            if not known or not self._has_room(addr):
                return
        elif answered not in self.transactions:
            return
        try:
            super().datagram_received(data, addr)
        except (LookupError, struct.error) as error:
            # A browser that signs nonsense, without a PRIORITY say, harms its own leg only.
            log.debug("a STUN message was passed over: %r", error)
        self._on_stun()

    def _has_room(self, addr: Address) -> bool:
        return len(self.receiver._check_list) < _MAX_PAIRS or self._is_paired(addr)

    def _is_paired(self, addr: Address) -> bool:
        """Whether the address is a candidate, or passed a check and became one."""
        return any(pair.remote_addr == addr[:2] for pair in self.receiver._check_list)


class _Transport(asyncio.DatagramTransport):
    """What aioice sends by: a socket that our reader reads."""

    def __init__(
        self,
        sock: socket.socket,
        reader: Reader,
        wire: Wire,
        closed: Callable[[Exception | None], None],
    ) -> None:
        super().__init__()
        self._sock = sock
        self._reader = reader
        self._wire = wire
        self._closed = closed

    def sendto(self, data: Any, addr: Any = None) -> None:
        # What is lost is sent again, or was not needed.
        if addr is not None:
            with contextlib.suppress(OSError):
                self._sock.sendto(data, addr)

    def close(self) -> None:
        # aioice closes by itself when the peer consents no more. The wire knows the socket by its
        # number, which the next one to be opened gets, whosever that is.
        self._wire.close()
        self._reader.remove(self._sock)
        self._sock.close()
        asyncio.get_running_loop().call_soon(self._closed, None)


class Srtp:
    """The SRTP of a connected DTLS transport, at work in place in a buffer of ours.

    Each function takes the length of the packet in the buffer and returns the new one; 0 when
    libsrtp refuses: it is not the peer's, is a repeat, or has no room.
    """

    def __init__(self, dtls: RTCDtlsTransport, buffer: bytearray) -> None:
        sending, receiving = dtls._tx_srtp, dtls._rx_srtp
        sent = SrtpContext(sending, buffer, sends=True)
        heard = SrtpContext(receiving, buffer, sends=False)
        self.protect, self.protect_rtcp = sent.media, sent.control
        self.unprotect, self.unprotect_rtcp = heard.media, heard.control
        # What opens every packet of the peer, for the fast path.
        self.opener = self.unprotect


class SrtpContext:
    """One direction of SRTP and SRTCP under one key; its functions are as those of `Srtp`."""

    def __init__(self, session: Session, buffer: bytearray, *, sends: bool) -> None:
        if sends:
            self.media = _in_place("srtp_protect", session, buffer)
            self.control = _in_place("srtp_protect_rtcp", session, buffer)
            return
        sources = _Sources(session)
        self.media = _in_place("srtp_unprotect", session, buffer, sources, 8)
        self.control = _in_place("srtp_unprotect_rtcp", session, buffer, sources, 4)


class _Sources(SourceFields):
    """The peer's SSRCs that a session knows: libsrtp keeps a stream of each, and all of them.

    Whoever has the key can name a new one in every packet, so the one that was silent for longest
    is forgotten. Its packets could be repeated then, by somebody who kept them.
    """

    def __init__(self, session: Session) -> None:
        self.last = -1
        self._session = session
        # The last that was heard stands last.
        self._known: dict[int, None] = {}

    def note(self, source: int) -> None:
        """Another than the `last` one was heard."""
        self.last = source
        self._known.pop(source, None)
        self._known[source] = None
        if len(self._known) > MAX_SOURCES:
            oldest = next(iter(self._known))
            del self._known[oldest]
            # Media and reports of one session may have a count each.
            with contextlib.suppress(Error):
                self._session.remove_stream(oldest)


def keyed_session(profile: int, key: bytes, *, aes_256: bool, sends: bool) -> Session:
    """A session of libsrtp; `profile` is pylibsrtp's, in counter mode with a longer key on wish."""
    direction = Policy.SSRC_ANY_OUTBOUND if sends else Policy.SSRC_ANY_INBOUND
    policy = Policy(key, direction, srtp_profile=profile)
    if aes_256:
        for part in (policy._policy.rtp, policy._policy.rtcp):
            words = ffi.buffer(ffi.addressof(part))
            rest = _CRYPTO_POLICY.unpack_from(words)[2:]
            _CRYPTO_POLICY.pack_into(words, 0, *_AES_256_COUNTER, *rest)
    # A digit's end is sent three times, with a number each: no packet of ours repeats another.
    policy.allow_repeat_tx = False
    policy.window_size = _REPLAY_WINDOW
    return Session(policy)


def dtls_contexts(dtls: RTCDtlsTransport, buffer: bytearray) -> tuple[SrtpContext, SrtpContext]:
    """To send and to receive by what a connected DTLS transport agreed on."""
    return (
        SrtpContext(dtls._tx_srtp, buffer, sends=True),
        SrtpContext(dtls._rx_srtp, buffer, sends=False),
    )


class DatagramPath:
    """What a DTLS transport reads from and writes to when there is no ICE."""

    # Asked of ICE only to choose the DTLS role, which we set.
    role = "controlling"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send_datagram = send
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(_MAX_QUEUED)

    def put(self, record: bytes) -> None:
        """Take a datagram of the peer; what comes too fast is lost, and sent again."""
        if not self._queue.full():
            self._queue.put_nowait(record)

    async def _recv(self) -> bytes:
        return await self._queue.get()

    async def _send(self, record: bytes) -> None:
        self._send_datagram(record)


def dtls_over(path: DatagramPath, certificate: RTCCertificate, *, client: bool) -> RTCDtlsTransport:
    """A DTLS transport over a path of ours."""
    dtls = RTCDtlsTransport(cast(RTCIceTransport, path), [certificate])
    set_dtls_client(dtls, client=client)
    return dtls


def _in_place(
    name: str,
    session: Session,
    buffer: bytearray,
    sources: _Sources | None = None,
    place: int = 0,
) -> SrtpFunction:
    """One of libsrtp's functions, its arguments made once: half of a call's cost is in them."""
    return SrtpFunction(
        _address(ffi.addressof(lib, name)),
        _address(session._srtp[0]),
        buffer,
        len(buffer) - _SRTCP_TRAILER,
        sources,
        place,
        session,
    )


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def connection_of(gatherer: RTCIceGatherer) -> Connection:
    """The ICE connection behind a gatherer."""
    return gatherer._connection


def set_gathered(gatherer: RTCIceGatherer, sockets: list[IceSocket]) -> None:
    """Let ICE use our sockets as all there is; it closes them with the connection."""
    connection = gatherer._connection
    connection._local_candidates_start = True
    connection._protocols += sockets
    connection._local_candidates = [item.local_candidate for item in sockets]
    connection._local_candidates_end = True


def set_controlling(gatherer: RTCIceGatherer, *, controlling: bool) -> None:
    """Take the ICE role that follows from who made the offer (RFC 8445, section 6.1.1)."""
    gatherer._connection.ice_controlling = controlling


def set_dtls_client(dtls: RTCDtlsTransport, *, client: bool) -> None:
    """Take the DTLS role that a=setup agreed on."""
    dtls._set_role("client" if client else "server")


def on_nominated(gatherer: RTCIceGatherer, tell: Callable[[], None]) -> None:
    """Have `tell` called as soon as ICE has chosen a pair; its own `start` looks each 20 ms."""
    connection: Any = gatherer._connection
    complete = connection.check_complete

    def check_complete(pair: CandidatePair) -> None:
        complete(pair)
        if connection._nominated:
            tell()

    connection.check_complete = check_complete


def nominated(ice: RTCIceTransport) -> tuple[socket.socket, Address] | None:
    """The socket and the peer's address that ICE has chosen; None before that."""
    pair = ice._connection._nominated.get(1)
    if pair is None or not isinstance(pair.protocol, IceSocket):
        return None
    return pair.protocol.sock, pair.remote_addr


def to_aiortc(candidate: Candidate) -> RTCIceCandidate:
    """Our candidate in aiortc's words."""
    return RTCIceCandidate(
        component=1,
        foundation=candidate.foundation,
        ip=candidate.address,
        port=candidate.port,
        priority=candidate.priority,
        protocol="udp",
        type=candidate.kind,
    )
