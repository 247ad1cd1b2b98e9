"""The contract with aiortc's and aioice's insides: fails when a release changes them."""

import asyncio
import contextlib
import inspect
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import pytest
from aioice import Candidate as AioiceCandidate
from aioice.ice import CandidatePair, Connection, StunProtocol
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from pylibsrtp import Error, Policy, Session
from pylibsrtp._binding import ffi, lib

from media.addresses import bind_udp
from media.aiortc_hooks import (
    MAX_SOURCES,
    IceSocket,
    Srtp,
    SrtpContext,
    keyed_session,
    on_nominated,
)
from media.fast_path import Reader, Wire
from media.packet import is_rtcp
from media.sdp import Candidate
from media.side import BUFFER_SIZE
from tests.media.peers import rtp

PROFILE, KEY = Policy.SRTP_PROFILE_AES128_CM_SHA1_80, bytes(range(30))
WHY = "media/aiortc_hooks.py relies on this: read the new release and adapt it"


@pytest.mark.parametrize(
    ("package", "least", "below"),
    [("aiortc", (1, 14), (1, 17)), ("aioice", (0, 10), (0, 14)), ("pylibsrtp", (1, 0), (2, 0))],
)
def test_the_releases_are_those_we_read(
    package: str, least: tuple[int, int], below: tuple[int, int]
) -> None:
    major, minor = version(package).split(".")[:2]
    assert least <= (int(major), int(minor)) < below, WHY


async def test_aioice_keeps_its_names_and_their_meaning() -> None:
    connection = RTCIceGatherer(iceServers=[])._connection
    assert isinstance(connection, Connection), WHY
    assert connection._local_candidates_start is False, WHY
    assert connection._local_candidates_end is False, WHY
    assert connection._protocols == [], WHY
    assert connection._local_candidates == [], WHY
    assert connection._check_list == [], WHY
    assert connection._nominated == {}, WHY
    assert connection.ice_controlling is False, WHY
    assert isinstance(connection._queue, asyncio.Queue), WHY
    assert StunProtocol(connection).receiver is connection, WHY


async def test_a_pair_has_its_protocol_and_the_peers_address() -> None:
    protocol = StunProtocol(RTCIceGatherer(iceServers=[])._connection)
    protocol.local_candidate = AioiceCandidate("1", 1, "udp", 1, "127.0.0.1", 9, "host")
    pair = CandidatePair(protocol, AioiceCandidate("1", 1, "udp", 1, "127.0.0.2", 10, "host"))
    assert pair.protocol is protocol, WHY
    assert pair.remote_addr == ("127.0.0.2", 10), WHY


async def test_the_choice_of_a_pair_is_told_at_once() -> None:
    gatherer = RTCIceGatherer(iceServers=[])
    protocol = StunProtocol(gatherer._connection)
    protocol.local_candidate = AioiceCandidate("1", 1, "udp", 1, "127.0.0.1", 9, "host")
    pair = CandidatePair(protocol, AioiceCandidate("1", 1, "udp", 1, "127.0.0.2", 10, "host"))
    told: list[bool] = []
    on_nominated(gatherer, lambda: told.append(True))
    pair.state = CandidatePair.State.SUCCEEDED
    gatherer._connection.check_complete(pair)
    assert told == [], WHY
    pair.nominated = True
    gatherer._connection.check_complete(pair)
    assert told == [True], WHY


async def test_aiortc_keeps_its_names_and_their_meaning() -> None:
    ice = RTCIceTransport(RTCIceGatherer(iceServers=[]))
    assert ice._connection is ice.iceGatherer._connection, WHY
    dtls = RTCDtlsTransport(ice, [RTCCertificate.generateCertificate()])
    assert dtls._rx_srtp is None and dtls._tx_srtp is None, WHY
    dtls._set_role("server")
    assert dtls._role == "server", WHY
    await ice.stop()


@pytest.mark.parametrize(
    "name", ["srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"]
)
def test_libsrtp_is_reached_by_its_own_signatures(name: str) -> None:
    kind = ffi.typeof(ffi.addressof(lib, name))
    assert len(kind.args) == 3, WHY
    assert kind.args[1].cname == "void *" and kind.args[2].cname == "int *", WHY


def test_ice_closes_the_sockets_it_was_given() -> None:
    source = inspect.getsource(Connection.close)
    assert "for protocol in self._protocols" in source, WHY


async def test_nothing_is_sent_by_the_number_of_a_socket_that_ice_closed() -> None:
    buffer = bytearray(BUFFER_SIZE)
    reader, wire = Reader(buffer), Wire(buffer)
    sock = bind_udp("127.0.0.1", 0)
    host, port = sock.getsockname()
    candidate = Candidate("1", 1, host, port, "host")
    connection = RTCIceGatherer(iceServers=[])._connection
    protocol = IceSocket(connection, sock, candidate, lambda data: None, lambda: None)
    protocol.listen(reader, wire)
    wire.aim(sock, sock.getsockname())
    assert wire.send(1)
    await protocol.close()
    with bind_udp("127.0.0.1", 0):
        assert not wire.is_aimed and not wire.send(1)


class _Keyed:
    """Two SRTP sessions where a DTLS transport would have them."""

    def __init__(self) -> None:
        key = bytes(range(30))
        self._tx_srtp = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        self._rx_srtp = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND))


class TestSrtp:
    @pytest.fixture
    def buffer(self) -> bytearray:
        return bytearray(BUFFER_SIZE)

    @pytest.fixture
    def srtp(self, buffer: bytearray) -> Srtp:
        keyed: Any = _Keyed()
        return Srtp(keyed, buffer)

    def test_a_packet_comes_back_as_it_was(self, srtp: Srtp, buffer: bytearray) -> None:
        packet = rtp(0, 1, b"audio" * 30)
        buffer[: len(packet)] = packet
        size = srtp.protect(len(packet))
        assert size == len(packet) + 10
        assert buffer[12:size] != packet[12:]
        assert srtp.unprotect(size) == len(packet)
        assert buffer[: len(packet)] == packet

    def test_a_report_comes_back_as_it_was(self, srtp: Srtp, buffer: bytearray) -> None:
        report = bytes([0x80, 201, 0, 1, 0, 0, 0, 7])
        buffer[:8] = report
        size = srtp.protect_rtcp(8)
        assert srtp.unprotect_rtcp(size) == 8
        assert buffer[:8] == report

    def test_a_repeat_and_a_forgery_are_refused(self, srtp: Srtp, buffer: bytearray) -> None:
        packet = rtp(0, 1)
        buffer[: len(packet)] = packet
        size = srtp.protect(len(packet))
        sealed = bytes(buffer[:size])
        assert srtp.unprotect(size)
        buffer[:size] = sealed
        assert srtp.unprotect(size) == 0
        buffer[:size] = sealed[:-1] + bytes([sealed[-1] ^ 1])
        assert srtp.unprotect(size) == 0

    @pytest.mark.parametrize("length", [0, 1, 11, 2000, BUFFER_SIZE, BUFFER_SIZE + 1])
    def test_lengths_out_of_bounds_are_refused(
        self, srtp: Srtp, buffer: bytearray, length: int
    ) -> None:
        buffer[:] = b"\x80" + bytes(BUFFER_SIZE - 1)
        assert srtp.protect(length) == 0
        assert srtp.unprotect(length) == 0
        assert srtp.unprotect_rtcp(length) == 0


class TestSources:
    """libsrtp keeps a stream of each SSRC that it has opened a packet of, by either way to keys."""

    @pytest.fixture
    def sending(self) -> Session:
        return keyed_session(PROFILE, KEY, aes_256=False, sends=True)

    @pytest.fixture
    def hearing(self) -> Session:
        return keyed_session(PROFILE, KEY, aes_256=False, sends=False)

    @pytest.fixture(params=["sdes", "dtls"])
    def hear(self, request: pytest.FixtureRequest, hearing: Session) -> Callable[[bytes], int]:
        """Open a packet, of RTP or of RTCP."""
        buffer = bytearray(BUFFER_SIZE)
        keyed: Any = _Keyed()
        keyed._rx_srtp = hearing
        by_dtls, by_sdes = Srtp(keyed, buffer), SrtpContext(hearing, buffer, sends=False)
        media, control = by_dtls.unprotect, by_dtls.unprotect_rtcp
        if request.param == "sdes":
            media, control = by_sdes.media, by_sdes.control

        def hear(sealed: bytes) -> int:
            buffer[: len(sealed)] = sealed
            return control(len(sealed)) if is_rtcp(sealed[1]) else media(len(sealed))

        return hear

    @staticmethod
    def kept(session: Session, sources: Iterable[int]) -> list[int]:
        """Of which SSRCs it has a stream; it has none of them afterwards."""
        found = []
        for source in sources:
            with contextlib.suppress(Error):
                session.remove_stream(source)
                found.append(source)
        return found

    def test_of_many_the_last_are_kept(
        self, sending: Session, hearing: Session, hear: Callable[[bytes], int]
    ) -> None:
        sources = range(1, 5000)
        for source in sources:
            assert hear(sending.protect(rtp(0, 1, source=source)))
        assert self.kept(hearing, sources) == list(sources[-MAX_SOURCES:])

    def test_reports_count_too(
        self, sending: Session, hearing: Session, hear: Callable[[bytes], int]
    ) -> None:
        sources = range(1, 500)
        for source in sources:
            report = bytes([0x80, 201, 0, 1]) + source.to_bytes(4, "big")
            assert hear(sending.protect_rtcp(report))
        assert self.kept(hearing, sources) == list(sources[-MAX_SOURCES:])

    def test_two_counts_of_one_session_do_not_disturb_each_other(
        self, sending: Session, hearing: Session
    ) -> None:
        """So it is where RTP and RTCP of a phone share a port."""
        buffer, sources = bytearray(BUFFER_SIZE), range(1, 500)
        one, two = (SrtpContext(hearing, buffer, sends=False) for _ in range(2))
        for source in sources:
            sealed = sending.protect(rtp(0, 1, source=source))
            buffer[: len(sealed)] = sealed
            assert one.media(len(sealed))
            sealed = sending.protect_rtcp(bytes([0x80, 201, 0, 1]) + source.to_bytes(4, "big"))
            buffer[: len(sealed)] = sealed
            assert two.control(len(sealed))
        assert len(self.kept(hearing, sources)) <= 2 * MAX_SOURCES

    def test_whoever_goes_on_speaking_is_not_forgotten(
        self, sending: Session, hear: Callable[[bytes], int]
    ) -> None:
        first = sending.protect(rtp(0, 1))
        assert hear(first)
        for source in range(1, 500):
            assert hear(sending.protect(rtp(0, 1, source=source)))
            assert hear(sending.protect(rtp(0, source + 1)))
        assert hear(first) == 0

    def test_one_that_was_forgotten_is_heard_again(
        self, sending: Session, hear: Callable[[bytes], int]
    ) -> None:
        for number in (1, 2):
            for source in range(1, 2 * MAX_SOURCES):
                assert hear(sending.protect(rtp(0, number, source=source)))

    def test_a_stranger_has_nobody_forgotten(
        self, sending: Session, hearing: Session, hear: Callable[[bytes], int]
    ) -> None:
        stranger = keyed_session(PROFILE, KEY[::-1], aes_256=False, sends=True)
        assert hear(sending.protect(rtp(0, 1)))
        for source in range(1, 500):
            assert hear(stranger.protect(rtp(0, 1, source=source))) == 0
        assert self.kept(hearing, range(1, 0x1112)) == [0x1111]
