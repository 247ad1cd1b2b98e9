"""A stream is cut into the messages that were put on it, however it arrives (RFC 3261 18.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip.framing import KEEP_ALIVE, Framer
from signaling.sip.message import MAX_MESSAGE
from signaling.sip.syntax import BadSip
from tests.sip import data
from tests.sip.steady import STEADY

BOTH = data.INVITE + data.REGISTER


def fed(*chunks: bytes) -> list[bytes]:
    framer = Framer()
    return [message for chunk in chunks for message in framer.feed(chunk)]


class TestMessages:
    def test_several_in_one_read(self) -> None:
        assert fed(BOTH + data.OPTIONS) == [data.INVITE, data.REGISTER, data.OPTIONS]

    def test_one_over_many_reads(self) -> None:
        assert fed(*(bytes([octet]) for octet in data.INVITE)) == [data.INVITE]

    @STEADY
    @given(st.lists(st.integers(0, len(BOTH)), max_size=12))
    def test_wherever_the_reads_end(self, cuts: list[int]) -> None:
        marks = [0, *sorted(cuts), len(BOTH)]
        chunks = [BOTH[start:end] for start, end in zip(marks, marks[1:], strict=False)]
        assert fed(*chunks) == [data.INVITE, data.REGISTER]

    @pytest.mark.parametrize(
        "header", ["l: {}", "CONTENT-LENGTH :{}", "Content-Length:\r\n {}", "L:\t{} "]
    )
    def test_content_length_in_every_spelling(self, header: str) -> None:
        length = len(data.OFFER)
        raw = data.edited(data.INVITE, (f"Content-Length: {length}", header.format(length)))
        assert fed(raw + data.OPTIONS) == [raw, data.OPTIONS]

    def test_a_body_may_look_like_a_message(self) -> None:
        inner = data.OPTIONS.decode()
        raw = data.edited(
            data.OPTIONS, ("Content-Length: 0\r\n\r\n", f"Content-Length: {len(inner)}\r\n\r\n")
        )
        assert fed(raw + inner.encode()) == [raw + inner.encode()]


class TestKeepAlives:
    """RFC 5626 3.5.1."""

    def test_a_ping_is_told_between_messages(self) -> None:
        assert fed(KEEP_ALIVE + data.OPTIONS + KEEP_ALIVE + data.REGISTER) == [
            KEEP_ALIVE,
            data.OPTIONS,
            KEEP_ALIVE,
            data.REGISTER,
        ]

    def test_a_ping_may_come_in_pieces(self) -> None:
        assert fed(b"\r", b"\n\r", b"\n", data.OPTIONS) == [KEEP_ALIVE, data.OPTIONS]

    def test_a_single_line_end_asks_for_nothing(self) -> None:
        assert fed(b"\r\n", data.OPTIONS, b"\r\n" + data.REGISTER) == [data.OPTIONS, data.REGISTER]

    def test_a_flood_of_pings_is_one(self) -> None:
        assert fed(KEEP_ALIVE * 10_000) == [KEEP_ALIVE]

    def test_a_line_end_is_no_message_under_way(self) -> None:
        framer = Framer()
        assert list(framer.feed(data.OPTIONS + b"\r\n")) == [data.OPTIONS]
        assert not framer.is_inside
        assert list(framer.feed(b"OPT")) == []
        assert framer.is_inside


class TestBroken:
    @pytest.mark.parametrize(
        "raw",
        [
            b"\x16\x03\x01\x02\x00",
            b"\n\n",
            b"\rOPTIONS",
            b" OPTIONS",
            data.edited(data.OPTIONS, ("Content-Length: 0\r\n", "")),
            data.edited(data.OPTIONS, ("Content-Length: 0", "Content-Length: 0\r\nl: 0")),
            data.edited(data.OPTIONS, ("Content-Length: 0", "Content-Length: -1")),
            data.edited(data.OPTIONS, ("Content-Length: 0", "Content-Length: 1_0")),
            data.edited(data.OPTIONS, ("Content-Length: 0", "Content-Length: \u0660")),
            data.edited(data.OPTIONS, ("Content-Length: 0", f"Content-Length: {MAX_MESSAGE + 1}")),
            data.edited(data.OPTIONS, ("Content-Length: 0", "Content-Length: " + "9" * 5_000)),
            b"A" * (MAX_MESSAGE + 1),
        ],
    )
    def test_a_stream_that_cannot_be_cut_is_given_up(self, raw: bytes) -> None:
        with pytest.raises(BadSip):
            fed(raw)

    def test_what_was_whole_before_counts(self) -> None:
        framer = Framer()
        messages = framer.feed(data.OPTIONS + b"\x00")
        assert next(messages) == data.OPTIONS
        with pytest.raises(BadSip):
            next(messages)

    def test_a_slow_sender_costs_no_more_than_a_fast_one(self) -> None:
        head = b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 5_000
        framer = Framer()
        for octet in head:
            assert not list(framer.feed(bytes([octet])))
