"""One leg's stream: audio made here in turn with what is forwarded, and where packets go."""

import struct

from media.engine import MediaEvent
from media.negotiate import Agreement
from media.packet import AUDIO, HEADER_SIZE, Outgoing
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
