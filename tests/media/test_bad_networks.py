"""Speech over bad networks into another codec: as good as if the listener had been there itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from media.codec import OPUS, make_decoder, make_encoder
from media.jitter import JitterBuffer, Packet
from media.packet import AUDIO
from media.transcode import Course
from tests.end_to_end.bad_network import WEATHERS, Weather
from tests.media.speech import Speech, frames, make_speech, score, through
from tests.media.test_transcode import Direction

PCMU = "PCMU/8000"
RATE = 8000
FRAME = 0.02
TRAVEL_SECONDS = 0.03
PLAYOUT_SECONDS = 0.15
"""How much later than it was said a listener plays what came: room for jitter and our own wait."""
MARGIN = 0.15
"""By how much PESQ may be lower for our being between."""
LEAST_PESQ = {
    "1 % lost": 3.5,
    "5 % lost": 3.4,
    "10 % lost": 2.7,
    "5 % in bursts": 2.8,
    "50 ms jitter": 3.5,
    "10 % overtaken": 3.4,
}
"""From opus to PCMU; without losses it is 3.7."""


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return make_speech(tmp_path_factory.mktemp("speech"))


@dataclass(frozen=True)
class Sent:
    """A packet as it arrives."""

    at: float
    number: int
    payload: bytes


class Listener:
    """A telephone that plays each 20 ms what is there by then, and makes up for what is not."""

    def __init__(self, codec: str) -> None:
        self._decoder = make_decoder(codec, RATE)
        self._samples = round(RATE * FRAME)
        self._heard: dict[int, Sent] = {}

    def hear(self, packet: Sent) -> None:
        if packet.at <= packet.number * FRAME + PLAYOUT_SECONDS:
            self._heard.setdefault(packet.number, packet)

    def sound(self, count: int) -> bytes:
        return b"".join(map(self._play, range(count)))

    def _play(self, number: int) -> bytes:
        packet, following = self._heard.get(number), self._heard.get(number + 1)
        if packet is not None:
            return self._decoder.decode(packet.payload)
        if following is not None and following.at <= number * FRAME + PLAYOUT_SECONDS:
            return self._decoder.recover(following.payload)
        return self._decoder.conceal(self._samples)


def arrivals(codec: str, pcm: bytes, weather: Weather) -> list[Sent]:
    """The packets that come through, in the order of their coming."""
    encoder = make_encoder(codec, RATE, 20)
    # As its peer's reports would have told it.
    encoder.expect_loss(weather.loss)
    fates = weather.fates("a voice")
    packets = []
    for number, frame in enumerate(frames(pcm, RATE, 20)):
        payload, late = encoder.encode(frame), fates[number % len(fates)]
        if late is not None:
            packets.append(Sent(number * FRAME + TRAVEL_SECONDS + late, number, payload))
    return sorted(packets, key=lambda packet: packet.at)


class Between(Direction):
    """Us: what a source's packets become, and when."""

    def __init__(self, source: str, target: str) -> None:
        here, there = (48000 if codec == OPUS else 8000 for codec in (source, target))
        course = Course(RATE, source_clock=here, target_clock=there, frame_ms=20)
        super().__init__(course, source=source, target=target)
        self._times: list[float] = []

    def say(
        self, payload: bytes, timestamp: int, now: float, *, marker: bool, kind: int = AUDIO
    ) -> None:
        self._times.append(now)
        super().say(payload, timestamp, now, marker=marker, kind=kind)

    def carry(self, packets: list[Sent]) -> Iterator[Sent]:
        source, target = self.course.source_clock, self.course.target_clock
        buffer = JitterBuffer(source, self.tally)
        for sent in packets:
            while buffer.due is not None and buffer.due <= sent.at:
                now = buffer.due
                self.take(buffer.poll(now), now)
            packet = Packet(sent.payload, sent.number * source // 50, AUDIO, False)
            self.take(buffer.put(1, sent.number, packet, sent.at, timed=True), sent.at)
        first = packets[0].number
        for at, said in zip(self._times, self.said, strict=True):
            number = first + (said.timestamp - self.said[0].timestamp) * 50 // target
            yield Sent(at, number, said.payload)


@pytest.mark.parametrize("weather", WEATHERS, ids=lambda weather: weather.name)
@pytest.mark.parametrize(("one", "two"), [(OPUS, PCMU), (PCMU, OPUS)])
def test_it_is_as_good_as_from_a_listener_on_the_bad_network_itself(
    speech: Speech, one: str, two: str, weather: Weather
) -> None:
    """The listener hears the packets of the first codec, and what it heard takes the second."""
    pcm = speech.at[RATE]
    packets = arrivals(one, pcm, weather)
    count = len(pcm) // round(2 * RATE * FRAME)
    there, behind_us = Listener(one), Listener(two)
    for packet in packets:
        there.hear(packet)
    for packet in Between(one, two).carry(packets):
        behind_us.hear(packet)
    second = make_encoder(two, RATE, 20), make_decoder(two, RATE)
    without_us = score(pcm, through(*second, there.sound(count)), RATE)
    with_us = score(pcm, behind_us.sound(count), RATE)
    assert with_us >= without_us - MARGIN, f"{with_us:.2f} with us, {without_us:.2f} without"
    if (one, two) == (OPUS, PCMU):
        assert with_us >= LEAST_PESQ[weather.name]
