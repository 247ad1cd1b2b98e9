"""One leg's stream: audio made here in turn with what is forwarded, and where packets go."""

import struct

from media import rtcp
from media.engine import MediaEvent
from media.negotiate import Agreement
from media.packet import AUDIO, EVENT, HEADER_SIZE, Outgoing
from media.side import BUFFER_SIZE, Side


def agreement(*, listens: bool = True) -> Agreement:
    return Agreement(
        codec="PCMU/8000",
        clock_rate=8000,
        payload_type=0,
        event_type=101,
        heard=frozenset([0]),
        heard_events=frozenset([101]),
        peer_listens=listens,
        peer_talks=True,
    )


class Wire:
    """A side without a network: what it sends, and what its peer sends."""

    def __init__(self, *, listens: bool = True) -> None:
        self.sent: list[tuple[int, int, bool, bytes]] = []
        self.events: list[MediaEvent] = []
        self.buffer = bytearray(BUFFER_SIZE)
        stream = Outgoing(source=7, sequence=100, timestamp=1000)
        self.side = Side("leg", stream, self.buffer, self._send, self.events.append)
        self.side.agree(agreement(listens=listens))

    def hear(self, sequence: int, payload: bytes, *, kind: int = 0) -> None:
        packet = struct.pack("!BBHII", 0x80, kind, sequence, 160 * sequence, 9) + payload
        self.buffer[: len(packet)] = packet
        self.side.take(len(packet))

    def _send(self, length: int) -> bool:
        _, second, sequence, timestamp, _ = struct.unpack_from("!BBHII", self.buffer)
        payload = bytes(self.buffer[HEADER_SIZE:length])
        self.sent.append((sequence, timestamp, bool(second & 0x80), payload))
        return True


class Collector:
    """A sink that keeps what it was given."""

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer
        self.got: list[tuple[bytes, int]] = []

    def put(self, length: int, kind: int, now: float) -> None:
        self.got.append((bytes(self._buffer[HEADER_SIZE:length]), kind))


class TestSaying:
    def test_what_is_said_is_the_next_packet_and_is_counted(self) -> None:
        wire = Wire()
        wire.side.say(b"la", 1000, 5.0, marker=True)
        wire.side.say(b"la", 1160, 5.02, marker=False)
        assert wire.sent == [(101, 1000, True, b"la"), (102, 1160, False, b"la")]
        assert wire.side.figures().sent.packets == 2

    def test_an_event_leaves_the_time_of_the_audio_alone(self) -> None:
        wire = Wire()
        wire.side.say(b"la", 1000, 5.0, marker=True)
        wire.side.say(b"\x05\x8a\0\xa0", 1960, 5.12, marker=True, kind=EVENT)
        assert wire.sent[-1] == (102, 1960, True, b"\x05\x8a\0\xa0")
        assert wire.side.stream.timestamp == 1000

    def test_a_peer_that_does_not_listen_is_told_nothing(self) -> None:
        wire = Wire(listens=False)
        wire.side.say(b"la", 1000, 5.0, marker=True)
        assert not wire.sent

    async def test_digits_silence_what_is_said(self) -> None:
        wire = Wire()
        wire.side.send_digits("5", 100)
        wire.side.say(b"la", 1000, 5.0, marker=False)
        wire.side.close()
        payloads = [payload for _, _, _, payload in wire.sent]
        assert payloads and b"la" not in payloads


class TestSink:
    def test_packets_go_to_the_sink_with_their_kind(self) -> None:
        wire = Wire()
        wire.side.sink = sink = Collector(wire.buffer)
        wire.hear(1, b"audio")
        wire.hear(2, b"what", kind=77)
        assert sink.got == [(b"audio", AUDIO)]

    def test_a_side_that_parts_has_no_sink(self) -> None:
        wire = Wire()
        wire.side.sink = sink = Collector(wire.buffer)
        wire.side.part()
        wire.hear(1, b"audio")
        assert not sink.got
        assert wire.side.figures().received.packets == 1


class TestRoundTrip:
    """A peer that does extended reports (RFC 3611) is answered, and asked where that is needed."""

    ASK = rtcp.report(9, "peer", None, None, asked_at=0x0102030405060708)

    def test_a_peer_that_asks_is_answered_and_asked_while_we_only_listen(self) -> None:
        wire = Wire()
        wire.side.hear_reports(self.ASK)
        told = rtcp.read(wire.side.report("me"))
        assert told is not None
        assert [(reply.source, reply.last_report) for reply in told.replies] == [(9, 0x03040506)]
        assert [source for source, _ in told.asks] == [7]

        [(_, asked)] = told.asks
        answer = rtcp.Reply(7, rtcp.middle(asked), 0)
        wire.side.hear_reports(rtcp.report(9, "peer", None, None, reply=answer))
        trip = wire.side.figures().round_trip_ms
        assert trip is not None and 0 <= trip < 5000

    def test_while_we_send_its_reports_tell_and_nothing_is_asked(self) -> None:
        wire = Wire()
        wire.side.hear_reports(self.ASK)
        wire.side.say(b"la", 1000, 5.0, marker=True)
        told = rtcp.read(wire.side.report("me"))
        assert told is not None and told.senders and told.replies and not told.asks

    def test_a_peer_that_knows_nothing_of_it_is_not_asked(self) -> None:
        told = rtcp.read(Wire().side.report("me"))
        assert told is not None and not told.asks and not told.replies
