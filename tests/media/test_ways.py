"""What comes from the network on its way into another codec: whatever it is, nothing breaks."""

import asyncio
import itertools
import random
import struct
import time
from dataclasses import replace
from typing import Any

import pytest

from media import rtcp
from media.bridge import Bridge
from media.codec import make_decoder, make_encoder
from media.engine import MediaEvent
from media.negotiate import Agreement
from media.packet import HEADER_SIZE, Outgoing, payload_offset
from media.places import CLOCK_SECONDS
from media.side import BUFFER_SIZE, Side
from signaling.shared.errors import TryAgain
from tests.media.speech import frames, likeness, tone
from tests.media.test_transcoding import sweep

CODECS = ("opus/48000/2", "G722/8000", "PCMU/8000", "PCMA/8000")


def agreement(codec: str, *, event_rate: int = 8000) -> Agreement:
    return Agreement(
        codec=codec,
        clock_rate=48000 if codec.startswith("opus") else 8000,
        payload_type=96,
        event_type=101,
        heard=frozenset([96]),
        heard_events=frozenset([101]),
        peer_listens=True,
        peer_talks=True,
        event_rate=event_rate,
        noise_type=13,
    )


class Ends:
    """Two joined sides without a network; `wishes` are what the second one's peer asked for."""

    def __init__(self, one: str, two: str, **wishes: Any) -> None:
        self.buffer = bytearray(BUFFER_SIZE)
        self.sent: list[bytes] = []
        self.events: list[MediaEvent] = []
        self._news = asyncio.Event()
        self.bridge = Bridge(10)
        self.one = self.side("one", agreement(one))
        self.two = self.side("two", replace(agreement(two), **wishes))
        self.bridge.join(self.one, self.two)

    def hear(self, packet: bytes) -> None:
        """As the legs do: what is no RTP at all never comes here."""
        self.buffer[: len(packet)] = packet
        if payload_offset(packet, len(packet)):
            self.one.take(len(packet))

    async def has_sent(self, packets: int) -> None:
        while len(self.sent) < packets:
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        self.one.close()
        self.two.close()
        self.bridge.stop()

    def side(self, name: str, agreed: Agreement) -> Side:
        stream = Outgoing(source=7, sequence=100, timestamp=1000)
        side = Side(name, stream, self.buffer, self._send, self.events.append)
        side.agree(agreed)
        return side

    def _send(self, length: int) -> bool:
        self.sent.append(bytes(self.buffer[:length]))
        self._news.set()
        return True


def rtp(
    sequence: int, payload: bytes, *, first: int = 0x80, kind: int = 96, units: int = 160
) -> bytes:
    stamp = sequence * units & 0xFFFFFFFF
    return struct.pack("!BBHII", first, kind, sequence & 0xFFFF, stamp, 9) + payload


@pytest.mark.parametrize(("one", "two"), list(itertools.permutations(CODECS, 2)))
async def test_nothing_that_a_peer_sends_breaks_the_way(one: str, two: str) -> None:
    rng = random.Random(f"{one} to {two}")
    ends = Ends(one, two)
    try:
        for sequence in range(1500):
            payload = rng.randbytes(rng.choice((0, 1, 2, 3, 4, 40, 160, 320, 900, 1400)))
            packet = bytearray(rtp(sequence, payload, kind=rng.choice((96, 96, 96, 101, 13))))
            for _ in range(rng.randrange(3)):
                packet[rng.randrange(len(packet))] = rng.randrange(256)
            ends.hear(bytes(packet[:1500]))
            assert all(len(sent) <= 1500 for sent in ends.sent)
    finally:
        ends.close()
    assert ends.sent


@pytest.mark.parametrize(
    ("one", "two", "units"),
    [("opus/48000/2", "G722/8000", 960), ("G722/8000", "opus/48000/2", 160)],
)
async def test_what_lies_over_4_khz_comes_through_where_both_codecs_have_it(
    one: str, two: str, units: int
) -> None:
    ends = Ends(one, two)
    encoder, decoder = make_encoder(one, 16000, 20), make_decoder(two, 16000)
    high = tone(16000, 5500, 1000)
    for sequence, frame in enumerate(frames(high, 16000, 20)):
        ends.hear(rtp(sequence, encoder.encode(frame), units=units))
    heard = b"".join(decoder.decode(packet[HEADER_SIZE:]) for packet in ends.sent)
    ends.close()
    assert likeness(high, heard) > 0.8


async def test_a_peer_is_sent_packets_as_long_as_it_wants() -> None:
    ends = Ends("PCMU/8000", "G722/8000", ptime_ms=40)
    for sequence in range(6):
        ends.hear(rtp(sequence, bytes(160)))
    ends.close()
    assert [len(packet) - HEADER_SIZE for packet in ends.sent] == [320, 320, 320]


@pytest.mark.parametrize("wants_pauses", [True, False])
async def test_only_a_peer_that_asked_for_it_is_not_sent_silence(*, wants_pauses: bool) -> None:
    ends = Ends("PCMU/8000", "opus/48000/2", wants_pauses=wants_pauses, noise_type=None)
    silence = make_encoder("PCMU/8000", 8000, 20).encode(bytes(320))
    for sequence in range(60):
        ends.hear(rtp(sequence, silence))
    ends.close()
    assert (len(ends.sent) < 30) == wants_pauses


@pytest.mark.parametrize("noise_type", [13, None])
async def test_the_silence_of_opus_is_told_or_filled(noise_type: int | None) -> None:
    ends = Ends("opus/48000/2", "PCMU/8000", noise_type=noise_type)
    encoder = make_encoder("opus/48000/2", 8000, 20)
    for sequence, frame in enumerate(frames(tone(8000, 440, 200), 8000, 20)):
        payload = encoder.encode(frame)
        ends.hear(rtp(sequence, payload, units=960))
    silence = bytes([payload[0] & 0xFC])
    ends.hear(rtp(10, silence, units=960))
    # Whoever takes comfort noise hears of it at once; for others the clock goes on making it.
    await asyncio.wait_for(ends.has_sent(11 if noise_type else 14), 5)
    ends.close()
    kinds = [packet[1] & 0x7F for packet in ends.sent]
    assert kinds[10:] == [13] if noise_type else set(kinds) == {96}


async def test_padding_is_not_taken_for_sound() -> None:
    ends = Ends("PCMU/8000", "PCMA/8000")
    ends.hear(rtp(1, b"\xff" * 160 + b"\0\0\0\4", first=0xA0))
    assert ends.sent[0][HEADER_SIZE:] == b"\xd5" * 160 + b"\0\0\0\4"
    ends = Ends("PCMU/8000", "G722/8000")
    ends.hear(rtp(1, b"\xff" * 160 + b"\0\0\0\4", first=0xA0))
    assert len(ends.sent[0]) == HEADER_SIZE + 160
    ends.close()


async def test_a_packet_that_overtook_is_given_by_the_clock_when_nothing_else_comes() -> None:
    ends = Ends("PCMU/8000", "G722/8000")
    for sequence in (1, 3):
        ends.hear(rtp(sequence, bytes(160)))
    assert len(ends.sent) == 1
    await asyncio.wait_for(ends.has_sent(3), 5)
    stamps = [int.from_bytes(packet[4:8], "big") for packet in ends.sent]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 160, 320]
    assert ends.one.tally.concealed_ms == 20
    ends.close()


async def test_a_peer_that_reports_losses_gets_each_frame_twice() -> None:
    ends = Ends("PCMU/8000", "opus/48000/2")
    speaking = make_encoder("PCMU/8000", 8000, 20)
    sound = sweep(8000, 1.0)
    frames = [sound[at : at + 320] for at in range(0, len(sound), 320)]

    def recovered(begin: int) -> float:
        """How like itself the last but one frame is, taken out of the last packet."""
        for sequence, frame in enumerate(frames, begin):
            ends.hear(rtp(sequence, speaking.encode(frame)))
        packets = [packet[HEADER_SIZE:] for packet in ends.sent]
        whole, lossy = (make_decoder("opus/48000/2", 8000) for _ in range(2))
        heard = [whole.decode(packet) for packet in packets]
        for packet in packets[:-2]:
            lossy.decode(packet)
        ends.sent.clear()
        return likeness(heard[-2], lossy.recover(packets[-1]))

    before = recovered(0)
    block = rtcp.Block(
        source=7, fraction=50, lost=50, highest=100, jitter=0, last_report=0, delay=0
    )
    ends.two.hear_reports(rtcp.report(9, "peer", None, block))
    assert before < 0.5 < 0.9 < recovered(50)
    ends.close()


async def test_a_join_for_which_there_is_no_room_changes_nothing() -> None:
    ends = Ends("PCMU/8000", "PCMA/8000")
    ends.bridge.places.most = 0
    third = ends.side("third", agreement("G722/8000"))
    with pytest.raises(TryAgain):
        ends.bridge.join(ends.one, third)
    assert (ends.one.other, third.other) == (ends.two, None)
    ends.close()


async def test_a_new_agreement_for_which_there_is_no_room_changes_nothing() -> None:
    ends = Ends("PCMU/8000", "PCMA/8000")
    ends.bridge.places.most = 0
    with pytest.raises(TryAgain):
        ends.bridge.agree(ends.two, agreement("G722/8000"))
    assert ends.two.agreement == agreement("PCMA/8000")
    ends.close()


async def test_a_peer_that_asks_for_other_lengths_meanwhile_gets_them() -> None:
    ends = Ends("PCMU/8000", "G722/8000")
    for sequence in range(6):
        if sequence == 2:
            ends.bridge.agree(ends.two, replace(agreement("G722/8000"), ptime_ms=40))
        ends.hear(rtp(sequence, bytes(160)))
    ends.close()
    assert [len(packet) - HEADER_SIZE for packet in ends.sent] == [160, 160, 320, 320]


async def test_while_the_loop_is_late_nobody_else_is_transcoded() -> None:
    ends = Ends("PCMU/8000", "G722/8000")
    assert ends.bridge.places.has_room
    time.sleep(CLOCK_SECONDS + 0.4)  # noqa: ASYNC251 - it is the loop that is to be late
    for _ in range(2):
        await asyncio.sleep(0)
    assert not ends.bridge.places.has_room
    ends.close()


async def test_sides_that_part_leave_no_timer_and_give_their_place_back() -> None:
    ends = Ends("PCMU/8000", "G722/8000")
    for sequence in (1, 3):
        ends.hear(rtp(sequence, bytes(160)))
    assert ends.bridge.places.taken == 1
    ends.two.part()
    assert ends.bridge.places.taken == 0
    assert (ends.one.sink, ends.one.other, ends.two.sink) == (None, None, None)
    ends.hear(rtp(4, bytes(160)))
    await asyncio.sleep(0)
    assert len(ends.sent) == 1
    ends.close()
