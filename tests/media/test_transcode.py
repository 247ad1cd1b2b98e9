"""One direction from codec to codec: time, packet lengths, losses, silence and digits."""

import itertools
import math
import random
import struct
from array import array
from dataclasses import replace
from typing import NamedTuple

import pytest

from media.codec import OPUS, make_decoder, make_encoder
from media.comfort import measure
from media.dtmf import EventReceiver
from media.g711 import translation
from media.jitter import JitterBuffer, Packet, Tally
from media.packet import AUDIO, EVENT, NOISE, Outgoing
from media.pcm import audioop
from media.transcode import MAX_CONCEALED_MS, Course, Transcoder
from tests.media.test_jitter import network

FIRST = 9000
PCMU, PCMA = "PCMU/8000", "PCMA/8000"
NARROW = Course(rate=8000, source_clock=8000, target_clock=8000, frame_ms=20)


class Said(NamedTuple):
    payload: bytes
    timestamp: int
    marker: bool
    kind: int


def tone(samples: int, *, begin: int = 0, rate: int = 8000) -> bytes:
    angle = 2 * math.pi * 440 / rate
    return array(
        "h", (round(9000 * math.sin(angle * (begin + n))) for n in range(samples))
    ).tobytes()


class Direction:
    """A transcoder from PCMU to PCMA, fed by number, and all that it said."""

    def __init__(
        self,
        course: Course = NARROW,
        *,
        source: str = PCMU,
        target: str = PCMA,
        dtx: bool = False,
    ) -> None:
        self.course = course
        self.said: list[Said] = []
        self.tally = Tally()
        self.stream = Outgoing(source=1, sequence=0, timestamp=FIRST)
        self.stream.set_clock_rate(course.target_clock)
        self.transcoder = Transcoder(
            course,
            make_decoder(source, course.rate),
            make_encoder(target, course.rate, course.frame_ms, dtx=dtx),
            self.stream,
            self.say,
            self.tally,
        )
        self._source = source
        self._target = make_decoder(target, course.rate)
        self._first = True

    def say(
        self, payload: bytes, timestamp: int, now: float, *, marker: bool, kind: int = AUDIO
    ) -> None:
        self.said.append(Said(payload, timestamp, marker, kind))
        if kind != EVENT:
            self.stream.write_audio_header(bytearray(12), 8, timestamp, now, marker=marker)

    def hear(self, number: int, now: float, *, ptime_ms: int = 20, lost: int = 0) -> None:
        """The tone's packet of a number."""
        units = ptime_ms * 8
        encoder = make_encoder(self._source, self.course.rate, ptime_ms)
        payload = encoder.encode(tone(units, begin=number * units))
        self.put(payload, number * units, now, lost=lost)

    def put(
        self,
        payload: bytes,
        timestamp: int,
        now: float,
        *,
        lost: int = 0,
        kind: int = AUDIO,
        marker: bool = False,
    ) -> None:
        stamp = (timestamp + 2**32 - 1000) & 0xFFFFFFFF
        packet = Packet(payload, stamp, kind, marker, lost, begins=self._first)
        self._first = False
        self.transcoder.hear(packet, now)

    def take(self, packets: list[Packet], now: float) -> None:
        for packet in packets:
            self.transcoder.hear(packet, now)

    def sound(self) -> bytes:
        return b"".join(self._target.decode(one.payload) for one in self.said if one.kind == AUDIO)

    def steps(self) -> list[int]:
        stamps = [one.timestamp for one in self.said]
        return [(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(stamps)]


def likeness(one: bytes, two: bytes) -> float:
    """The correlation of two sounds, over what both have."""
    length = min(len(one), len(two))
    a, b = one[:length], two[:length]
    product = audioop.findfactor(a, b) * audioop.rms(b, 2)
    return product / audioop.rms(a, 2)


class TestFrames:
    @pytest.mark.parametrize("there", [10, 20, 30, 40, 50, 60])
    @pytest.mark.parametrize("here", [10, 20, 30, 40, 50, 60])
    def test_any_length_becomes_any_other_with_its_sound_and_time(
        self, here: int, there: int
    ) -> None:
        direction = Direction(replace(NARROW, frame_ms=there))
        for number in range(1200 // here):
            direction.hear(number, 10.0 + number * here / 1000, ptime_ms=here)
        assert len(direction.said) == 1200 // there
        assert {len(one.payload) for one in direction.said} == {there * 8}
        assert set(direction.steps()) == {there * 8}
        assert [one.marker for one in direction.said].count(True) == direction.said[0].marker == 1
        assert likeness(direction.sound(), tone(9600)) > 0.99

    def test_equal_lengths_are_said_at_once(self) -> None:
        direction = Direction()
        for number in range(5):
            direction.hear(number, 10.0 + number * 0.02)
            assert len(direction.said) == number + 1

    def test_time_is_the_sources_and_not_that_of_its_packets_coming(self) -> None:
        direction = Direction()
        for number in range(50):
            direction.hear(number, 10.0 + number * 0.02 + number % 5 * 0.013)
        assert set(direction.steps()) == {160}

    def test_a_packet_that_is_no_sound_is_stood_in_for(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.put(bytes(5000), 160, 10.02)
        direction.hear(2, 10.04)
        assert direction.steps() == [160, 160]
        assert direction.tally.concealed_ms == 20

    def test_an_empty_packet_says_nothing(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.put(b"", 160, 10.02)
        direction.hear(1, 10.03)
        assert direction.steps() == [160]


class TestLosses:
    @pytest.mark.parametrize("lost", [1, 2, 3])
    def test_a_short_gap_is_filled(self, lost: int) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.hear(1 + lost, 10.02 * lost, lost=lost)
        assert direction.steps() == [160] * (lost + 1)
        assert direction.tally.concealed_ms == 20 * lost

    def test_a_long_gap_is_a_pause_but_for_what_the_next_packet_brings_back(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.hear(11, 10.22, lost=10)
        assert direction.steps() == [1600, 160]
        assert direction.tally.concealed_ms == 20 < MAX_CONCEALED_MS

    def test_a_gap_of_a_part_of_a_packet_adds_no_time(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.put(bytes(160), 240, 10.03, lost=1)
        direction.put(bytes(160), 400, 10.05)
        # 10 ms made up and 20 heard: in frames of 20, the last half waits.
        assert direction.steps() == [160, 160]

    def test_over_losses_the_sound_stays_in_its_time(self) -> None:
        direction = Direction()
        missing = 0
        for number in range(500):
            if number % 10 in (3, 7, 8):
                missing += 1
                continue
            direction.hear(number, 10.0 + number * 0.02, lost=missing)
            missing = 0
        assert set(direction.steps()) == {160}
        assert len(direction.said) == 500


class TestBadNetwork:
    @pytest.mark.parametrize(
        ("jitter", "loss", "burst"),
        [(0.05, 0.0, 1), (0.05, 0.1, 1), (0.01, 0.1, 4), (0.0, 0.05, 1)],
    )
    def test_every_packet_that_came_in_time_is_said_in_its_place(
        self, jitter: float, loss: float, burst: int
    ) -> None:
        rng = random.Random(11)
        direction = Direction()
        buffer = JitterBuffer(8000, direction.tally)
        payloads = [rng.randbytes(160) for _ in range(1500)]
        sent = list(network(12, 1500, jitter=jitter, loss=loss, burst=burst))
        for now, number in sent:
            while buffer.due is not None and buffer.due <= now:
                direction.take(buffer.poll(buffer.due), now)
            packet = Packet(payloads[number], number * 160, AUDIO, False)
            direction.take(buffer.put(1, number, packet, now, timed=True), now)

        # The beginning of a packet after a lost one is blended with what was made up for that.
        table = translation(PCMU, PCMA)
        said = {one.payload[-80:]: one.timestamp for one in direction.said}
        places = {number: said.get(payloads[number].translate(table)[-80:]) for _, number in sent}
        shifts = {stamp - number * 160 for number, stamp in places.items() if stamp is not None}
        assert len(shifts) == 1
        assert list(places.values()).count(None) <= direction.tally.late + 3
        assert direction.tally.late < 15
        assert all(0 < step < 8000 for step in direction.steps())


class TestPauses:
    def test_a_pause_passes_in_the_sources_time_and_a_spurt_begins(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.hear(11, 10.22)
        assert direction.steps() == [1760]
        assert direction.said[-1].marker

    def test_a_source_that_sets_its_clock_goes_on_by_ours(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.put(bytes(160), 8000 * 500, 40.0)
        assert direction.steps() == [8000 * 30]

    def test_what_the_network_held_back_keeps_its_time(self) -> None:
        direction = Direction()
        for number in range(100):
            direction.hear(number, 10.0 + (3.0 if number >= 20 else number * 0.02))
        assert set(direction.steps()) == {160}

    def test_half_a_frame_that_a_pause_cuts_off_is_not_said_after_it(self) -> None:
        direction = Direction(replace(NARROW, frame_ms=40))
        direction.hear(0, 10.0)
        direction.hear(11, 10.22)
        direction.hear(12, 10.24)
        assert [one.timestamp for one in direction.said] == [FIRST + 11 * 160]

    def test_what_others_say_between_is_followed(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.stream.write_audio_header(bytearray(12), 8, FIRST + 8000, 11.0, marker=True)
        direction.hear(1, 11.5)
        assert direction.said[-1].timestamp == FIRST + 8000 + 4000
        assert direction.said[-1].marker

    def test_a_source_that_begins_anew_goes_on_by_the_time_that_passed(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.transcoder.hear(Packet(bytes(160), 77, AUDIO, True, begins=True), 10.1)
        assert direction.steps() == [800]


class TestComfortNoise:
    def test_a_side_that_takes_none_hears_a_hiss_as_loud_as_said(self) -> None:
        direction = Direction()
        direction.hear(0, 10.0)
        direction.put(bytes([40]), 160, 10.02, kind=NOISE)
        assert direction.transcoder.due == pytest.approx(10.05)
        now = 10.05
        while now < 11.0:
            direction.transcoder.poll(now)
            now += 0.02
        assert set(direction.steps()) == {160}
        assert abs(measure(direction.sound()[320:])[0] - 40) <= 1
        # The source talks again: the time that was filled is not filled twice.
        direction.hear(51, 11.02)
        assert direction.said[-1].timestamp == FIRST + 51 * 160
        assert direction.transcoder.due is None

    def test_a_side_that_takes_it_is_told_the_level(self) -> None:
        direction = Direction(replace(NARROW, takes_noise=True))
        direction.hear(0, 10.0)
        direction.put(bytes([40]), 160, 10.02, kind=NOISE)
        assert direction.said[-1] == (bytes([40]), FIRST + 160, False, NOISE)
        assert direction.transcoder.due is None
        direction.hear(11, 10.22)
        assert direction.said[-1][1:] == (FIRST + 11 * 160, True, AUDIO)

    def test_nobody_hisses_into_what_others_say(self) -> None:
        direction = Direction()
        direction.put(bytes([40]), 160, 10.0, kind=NOISE)
        direction.stream.write_audio_header(bytearray(12), 8, FIRST + 8000, 10.02, marker=True)
        direction.transcoder.poll(10.1)
        assert not direction.said
        assert direction.transcoder.due is None

    def test_nobody_fills_the_time_in_which_the_process_stood_still(self) -> None:
        direction = Direction()
        direction.put(bytes([40]), 160, 10.0, kind=NOISE)
        direction.transcoder.poll(20.0)
        assert len(direction.said) <= 10


class TestOpusPauses:
    COURSE = Course(rate=8000, source_clock=48000, target_clock=8000, frame_ms=20, pause_bytes=2)

    def talk(self, direction: Direction) -> bytes:
        """Ten frames of sound, then a packet that only says that silence goes on; the latter."""
        encoder = make_encoder(OPUS, 8000, 20)
        for number in range(10):
            payload = encoder.encode(tone(160, begin=number * 160))
            direction.put(payload, number * 960, 10.0 + number * 0.02)
        silence = bytes([payload[0] & 0xFC])
        direction.put(silence, 9600, 10.2)
        return silence

    def test_the_background_goes_on_for_a_side_that_needs_packets(self) -> None:
        direction = Direction(self.COURSE, source=OPUS)
        silence = self.talk(direction)
        for tick in range(1, 81):
            now = 10.2 + tick / 100
            direction.transcoder.poll(now)
            if tick == 40:
                direction.put(silence, 9600 + 40 * 480, now)
        # No time is left out or said twice, also where the source says again that it is silent.
        assert set(direction.steps()) == {160}
        assert len(direction.said) == 50
        assert direction.tally.concealed_ms == 0

    def test_a_side_that_takes_noise_is_told_its_level_once(self) -> None:
        direction = Direction(replace(self.COURSE, takes_noise=True), source=OPUS)
        self.talk(direction)
        assert [one.kind for one in direction.said] == 10 * [AUDIO] + [NOISE]
        assert direction.said[-1].timestamp == FIRST + 1600
        assert direction.transcoder.due is None


class TestDigits:
    @pytest.mark.parametrize(("here", "there"), [(8000, 48000), (48000, 8000), (8000, 8000)])
    def test_a_digit_arrives_once_with_its_duration_in_the_others_clock(
        self, here: int, there: int
    ) -> None:
        course = replace(NARROW, source_event_rate=here, target_event_rate=there)
        direction = Direction(course)
        direction.hear(0, 10.0)
        for step in (1, 2, 3, 3, 3):
            flags = 0x8A if step == 3 else 0x0A
            payload = struct.pack("!BBH", 5, flags, step * here // 50)
            direction.put(payload, 160, 10.0 + step * 0.02, kind=EVENT)
        events = [one for one in direction.said if one.kind == EVENT]
        assert len({one.timestamp for one in events}) == 1
        assert [one.marker for one in events] == [True, False, False, False, False]
        receiver = EventReceiver()
        receiver.set_clock_rate(there)
        heard = [
            digit for one in events for digit in receiver.hear(one.timestamp, one.payload, 10.0)
        ]
        assert heard == [("5", 60)]

    def test_an_event_too_long_for_the_others_field_goes_on_in_segments(self) -> None:
        direction = Direction(replace(NARROW, target_event_rate=48000))
        receiver = EventReceiver()
        receiver.set_clock_rate(48000)
        heard = []
        for step in range(1, 201):
            payload = struct.pack("!BBH", 5, 0x8A if step == 200 else 0x0A, step * 160)
            direction.put(payload, 160, 10.0 + step * 0.02, kind=EVENT)
            heard += receiver.hear(direction.said[-1].timestamp, direction.said[-1].payload, 10.0)
        assert heard == [("5", 4000)]

    def test_what_is_no_event_and_what_comes_late_is_not_passed_on(self) -> None:
        direction = Direction()
        direction.put(b"\x05\x0a", 160, 10.0, kind=EVENT)
        direction.put(b"\x05\x8a\x03\x20", 1600, 10.1, kind=EVENT)
        direction.put(b"\x04\x8a\x03\x20", 160, 10.11, kind=EVENT)
        assert [one.payload[0] for one in direction.said] == [5]
