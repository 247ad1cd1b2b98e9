"""RTCP proves that a peer lives, and says goodbye."""

import struct

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpRrPacket, RtcpSdesPacket
from hypothesis import given
from hypothesis import strategies as st

from media.rtcp import goodbye, proves_life

REPORT = struct.pack("!BBHI", 0x80, 201, 1, 7)
SENDER_REPORT = struct.pack("!BBHI", 0x80, 200, 6, 7) + bytes(20)
BYE = struct.pack("!BBHI", 0x81, 203, 1, 7)
FEEDBACK = struct.pack("!BBHII", 0x8F, 206, 2, 7, 0)


@pytest.mark.parametrize("packet", [REPORT, SENDER_REPORT, SENDER_REPORT + REPORT, FEEDBACK])
def test_reports_prove_life(packet: bytes) -> None:
    assert proves_life(packet)


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x80", REPORT[:-1], REPORT + b"\x80", b"\x00" + REPORT[1:], bytes(8), REPORT + BYE],
)
def test_nonsense_and_a_goodbye_do_not(packet: bytes) -> None:
    assert not proves_life(packet)


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(packet: bytes) -> None:
    proves_life(packet)


@pytest.mark.parametrize("cname", ["a", "ab", "abc", "abcd", "abcde", "x" * 300])
def test_others_understand_our_goodbye(cname: str) -> None:
    report, description, bye = RtcpPacket.parse(goodbye(0x1234, cname))
    assert isinstance(report, RtcpRrPacket) and report.ssrc == 0x1234
    assert isinstance(description, RtcpSdesPacket)
    assert description.chunks[0].items == [(1, cname.encode()[:255])]
    assert isinstance(bye, RtcpByePacket) and bye.sources == [0x1234]
