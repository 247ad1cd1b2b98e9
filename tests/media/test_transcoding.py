"""Two legs of different codecs: sound, digits and losses by real RTP, and the room for them."""

import itertools
import random
import struct
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest

from media.aiortc_engine import MediaSettings
from media.codec import make_decoder, make_encoder
from media.engine import Digit, OwnEngine, Profile
from media.sdp import parse
from signaling.shared.errors import TryAgain
from tests.end_to_end.waiting import eventually
from tests.media.harness import (
    BROWSER_CODECS,
    EVERY_ENGINE,
    PCMU,
    Events,
    browser_calls_phone,
    quick,
)
from tests.media.peers import LOOPBACK, Browser, Phone, rtp
from tests.media.speech import likeness

EVENTS = "rtpmap:101 telephone-event/8000"
FORMATS: dict[str, tuple[str, ...]] = {
    "opus/48000/2": ("96 97", "rtpmap:96 opus/48000/2", "rtpmap:97 telephone-event/48000"),
    "G722/8000": ("9 101", EVENTS),
    "PCMU/8000": ("0 101", EVENTS),
    "PCMA/8000": ("8 101", EVENTS),
}
PAIRS = list(itertools.combinations(FORMATS, 2))


class Talker:
    """A phone that speaks one codec, all of its sound at once, and decodes what it hears."""

    def __init__(
        self, phone: Phone, codec: str, rate: int = 16000, *, formats: Sequence[str] = ()
    ) -> None:
        self.phone = phone
        self.codec = codec
        numbers = (formats or FORMATS[codec])[0].split()
        self.number, self.event = map(int, numbers)
        self.clock = 48000 if codec.startswith("opus") else 8000
        self.rate = rate
        self._encoder = make_encoder(codec, rate, 20)
        self._encoder.expect_loss(0.1)
        self._decoder = make_decoder(codec, rate)

    def talk(self, pcm: bytes, *, lost: frozenset[int] = frozenset(), first: int = 0) -> None:
        size = self.rate // 50 * 2
        for number in range(first, first + len(pcm) // size):
            at = (number - first) * size
            payload = self._encoder.encode(pcm[at : at + size])
            if number not in lost:
                self._send(payload, number)

    def say(self, pcm: bytes, number: int) -> None:
        """The number-th frame, now."""
        self._send(self._encoder.encode(pcm), number)

    def _send(self, payload: bytes, number: int) -> None:
        stamp = number * self.clock // 50
        self.phone.send(rtp(self.number, number, payload, timestamp=stamp))

    async def hear(self, packets: int, *, whole: bool = True) -> bytes:
        """The sound of the next packets, which have to be in order and, if `whole`, gapless."""
        heard = [await self.phone.inbox.packet() for _ in range(packets)]
        assert {packet.payload_type for packet in heard} == {self.number}
        if not whole:
            return b"".join(self._decoder.decode(packet.payload) for packet in heard)
        for one, two in itertools.pairwise(heard):
            assert (two.sequence - one.sequence) & 0xFFFF == 1
            assert (two.timestamp - one.timestamp) & 0xFFFFFFFF == self.clock // 50
        return b"".join(self._decoder.decode(packet.payload) for packet in heard)


def sweep(rate: int, seconds: float) -> bytes:
    """A tone that rises from 300 to 2500 Hz: it is like itself at one place only."""
    times = np.arange(int(rate * seconds)) / rate
    angle = 2 * np.pi * (300 + 1100 * times / seconds) * times
    return array("h", (9000 * np.sin(angle)).astype(int).tolist()).tobytes()


@asynccontextmanager
async def pair(engine: OwnEngine, one: str, two: str) -> AsyncIterator[tuple[Talker, Talker]]:
    async with Phone() as here, Phone() as there:
        for name, phone, codec in (("one", here, one), ("two", there, two)):
            offer = phone.description(*FORMATS[codec])
            phone.call(await engine.open("c", name, Profile.RTP, offer=offer, peer=LOOPBACK))
        await engine.join("one", "two")
        yield Talker(here, one), Talker(there, two)


class TestSound:
    @pytest.mark.parametrize(("one", "two"), PAIRS)
    async def test_it_comes_through_both_ways_from_every_codec_to_every_other(
        self, engine: OwnEngine, one: str, two: str
    ) -> None:
        sound = sweep(16000, 1.0)
        async with pair(engine, one, two) as (here, there):
            here.talk(sound)
            there.talk(sound)
            assert likeness(sound, await there.hear(50)) > 0.9
            assert likeness(sound, await here.hear(50)) > 0.9

    async def test_what_is_lost_of_opus_is_recovered_from_what_follows(
        self, engine: OwnEngine
    ) -> None:
        sound = sweep(16000, 2.0)
        rng = random.Random(7)
        lost = frozenset(number for number in range(2, 98) if rng.random() < 0.1)
        async with pair(engine, "opus/48000/2", "PCMU/8000") as (here, there):
            here.talk(sound, lost=lost)
            # Each packet that follows a lost one holds it, too.
            assert likeness(sound, await there.hear(100)) > 0.85

    @EVERY_ENGINE
    async def test_a_browser_and_a_phone_that_share_no_codec_talk(self, engine: OwnEngine) -> None:
        only_opus = {number: BROWSER_CODECS[number] for number in (111, 110)}
        async with Phone() as phone, Browser(only_opus) as browser:
            codec = await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            assert codec == "PCMU/8000"
            # An engine may keep the first until it knows what follows.
            for number in range(3):
                phone.send(rtp(0, number, bytes(160)))
            heard = await browser.inbox.packet()
            assert heard.payload_type == 111
            for number in range(3):
                await browser.send(rtp(111, number, heard.payload, timestamp=960 * number))
            heard = await phone.inbox.packet()
            assert (heard.payload_type, len(heard.payload)) == (0, 160)


class TestDigits:
    @pytest.mark.parametrize(("here", "there"), [PAIRS[1], PAIRS[4]])
    async def test_a_digit_pressed_once_arrives_once_with_its_length(
        self, engine: OwnEngine, events: Events, here: str, there: str
    ) -> None:
        async with pair(engine, here, there) as (one, two):
            one.talk(bytes(640))
            await two.hear(1)
            for step in (1, 2, 3, 3, 3):
                payload = struct.pack(
                    "!BBH", 5, 0x8A if step == 3 else 0x0A, step * one.clock // 50
                )
                one.phone.send(rtp(one.event, step, payload, timestamp=one.clock // 50))
            heard = [await two.phone.inbox.packet() for _ in range(3)]
            assert {packet.payload_type for packet in heard} == {two.event}
            assert len({packet.timestamp for packet in heard}) == 1
            assert struct.unpack("!BBH", heard[-1].payload) == (5, 0x8A, 3 * two.clock // 50)
            assert [event for event in events.all if isinstance(event, Digit)] == [
                Digit("one", "5", 60)
            ]

    async def test_equal_codecs_with_events_of_different_clocks_are_told_apart(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as one, Phone() as two:
            narrow = ("96 101", "rtpmap:96 opus/48000/2", EVENTS)
            for name, phone, formats in (
                ("one", one, FORMATS["opus/48000/2"]),
                ("two", two, narrow),
            ):
                offer = phone.description(*formats)
                phone.call(await engine.open("c", name, Profile.RTP, offer=offer))
            await engine.join("one", "two")
            one.send(rtp(96, 1, b"as it is"))
            assert (await two.inbox.packet()).payload == b"as it is"
            one.send(rtp(97, 2, struct.pack("!BBH", 5, 0x8A, 4800)))
            heard = await two.inbox.packet()
            assert (heard.payload_type, heard.payload) == (101, struct.pack("!BBH", 5, 0x8A, 800))


class TestChoice:
    @EVERY_ENGINE
    async def test_an_offer_names_the_shared_codecs_first_and_then_all_others(
        self, engine: OwnEngine
    ) -> None:
        offer = await engine.open("c", "leg", Profile.RTP, codecs=("PCMA/8000", "G722/8000"))
        names = [codec.key for codec in parse(offer).media[0].codecs()][:4]
        assert names == ["pcma/8000", "g722/8000", "opus/48000/2", "pcmu/8000"]

    @EVERY_ENGINE
    async def test_a_join_with_the_same_codec_passes_packets_as_they_are(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as one, Phone() as two:
            for name, phone in (("one", one), ("two", two)):
                phone.call(await engine.open("c", name, Profile.RTP, offer=phone.description("9")))
            await engine.join("one", "two")
            one.send(rtp(9, 1, b"no G.722 at all"))
            assert (await two.inbox.packet()).payload == b"no G.722 at all"


class TestSilence:
    @pytest.mark.parametrize("wish", ["usedtx=1", "usedtx=0"])
    async def test_a_phone_that_asked_for_it_is_not_sent_silence(
        self, engine: OwnEngine, wish: str
    ) -> None:
        async with Phone() as one, Phone() as two:
            opus = ("96", "rtpmap:96 opus/48000/2", f"fmtp:96 {wish}")
            for name, phone, formats in (("one", one, ("0",)), ("two", two, opus)):
                offer = phone.description(*formats)
                phone.call(await engine.open("c", name, Profile.RTP, offer=offer))
            await engine.join("one", "two")
            for number in range(60):
                one.send(rtp(0, number, b"\xff" * 160))
            await eventually(lambda: engine.query("one"), lambda now: now.received.packets == 60)
            sent = (await engine.query("two")).sent.packets
            assert sent < 30 if wish == "usedtx=1" else sent == 60


class TestOpusForBrowsers:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(browser_codec="opus")

    @EVERY_ENGINE
    async def test_a_browser_is_asked_for_opus_whatever_the_phone_speaks(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            codec = await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            assert codec == "PCMU/8000"
            assert (await engine.query("web")).codec == "opus/48000/2"


class TestRoom:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(max_transcoded=1)

    async def test_without_room_a_call_is_refused_before_it_is_answered(
        self, engine: OwnEngine
    ) -> None:
        opus, g722 = "opus/48000/2", "G722/8000"
        sound = sweep(16000, 0.2)
        async with pair(engine, opus, "PCMU/8000") as (here, there), Phone() as third:
            offer = third.description(*FORMATS[g722])
            with pytest.raises(TryAgain):
                await engine.open("d", "third", Profile.RTP, offer=offer, codecs=(opus,))
            await engine.open("d", "fourth", Profile.RTP, codecs=(opus,))
            with pytest.raises(TryAgain):
                await engine.accept("fourth", offer)
            # A codec in common needs no room, and nothing happened to the call that has it.
            await engine.open("d", "third", Profile.RTP, offer=offer, codecs=(g722,))
            here.talk(sound)
            await there.hear(10)
            await engine.close("one")
            await engine.accept("fourth", offer)

    async def test_a_call_that_moves_keeps_its_place(self, engine: OwnEngine) -> None:
        async with pair(engine, "opus/48000/2", "PCMU/8000") as (_, there), Phone() as moved:
            offer = moved.description(*FORMATS["opus/48000/2"])
            moved.call(await engine.open("c", "moved", Profile.RTP, offer=offer))
            await engine.join("moved", "two")
            Talker(moved, "opus/48000/2").talk(sweep(16000, 0.1))
            await there.hear(5)
