"""Sound at its own pace through each engine: joined anew, transcoded, with keys, on hold."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from media.engine import SILENCE, Connected, Digit, OwnEngine, Profile
from media.music import SHIPPED
from signaling.shared.errors import WrongState
from tests.end_to_end.waiting import eventually
from tests.media.harness import (
    BROWSER_CODECS,
    EVERY_ENGINE,
    PCMU,
    Events,
    browser_calls_phone,
    connect,
)
from tests.media.peers import LOOPBACK, Browser, Packet, Phone, rtp
from tests.media.speech import likeness
from tests.media.test_transcoding import FORMATS, Talker, sweep

FRAME_SECONDS = 0.02
OTHER_NUMBERS = ("111 110", "rtpmap:111 opus/48000/2", "rtpmap:110 telephone-event/48000")

LEAST_LIKENESS = 0.9
ATTEMPTS = 3


@asynccontextmanager
async def speaking(phone: Phone, word: bytes) -> AsyncIterator[None]:
    """The phone says a word of PCMU, again and again, while the block runs."""

    async def speak() -> None:
        for number in itertools.count():
            phone.send(rtp(0, number, word * 40))
            await asyncio.sleep(FRAME_SECONDS)

    task = asyncio.create_task(speak())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def hears(phone: Phone, word: bytes) -> None:
    """Wait until what was under way before is over and the word is heard, twice in a row."""
    async with asyncio.timeout(5):
        while [(await phone.inbox.packet()).payload[:4] for _ in range(2)] != [word, word]:
            pass


def waiting(phone: Phone) -> list[Packet]:
    """What the phone heard since the last look."""
    return [phone.inbox.media.get_nowait() for _ in range(phone.inbox.media.qsize())]


async def open_legs(engine: OwnEngine, **phones: Phone) -> None:
    for leg, phone in phones.items():
        offer = phone.description(*PCMU)
        phone.call(await engine.open("c", leg, Profile.RTP, offer=offer, peer=LOOPBACK))


@asynccontextmanager
async def talking(engine: OwnEngine) -> AsyncIterator[tuple[Phone, Phone]]:
    """Two phones, legs "phone" and "other", that say "word" and "more" to each other."""
    async with Phone() as phone, Phone() as other:
        await open_legs(engine, phone=phone, other=other)
        await engine.join("phone", "other")
        async with speaking(phone, b"word"), speaking(other, b"more"):
            yield phone, other


class TestJoin:
    @EVERY_ENGINE
    async def test_a_leg_is_joined_anew_and_leaves_whom_it_was_joined_to(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as one, Phone() as two, Phone() as three:
            await open_legs(engine, one=one, two=two, three=three)
            await engine.join("one", "two")
            async with speaking(one, b"one_"), speaking(two, b"two_"), speaking(three, b"tree"):
                await hears(one, b"two_")
                await engine.join("three", "one")
                await hears(one, b"tree")
                await hears(three, b"one_")
                waiting(two)
                await hears(one, b"tree")
                await hears(one, b"tree")
            assert len(waiting(two)) <= 1

    @EVERY_ENGINE
    async def test_a_browser_moves_and_the_phone_goes_on_at_its_port(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as here:
            await browser_calls_phone(engine, here, phone, phone.description(*PCMU))
            async with speaking(phone, b"hi__"):
                assert (await here.inbox.packet()).payload[:4] == b"hi__"
                async with Browser(BROWSER_CODECS) as there:
                    text = await engine.open(
                        *("c", "web/2", Profile.WEBRTC),
                        offer=await there.offer(),
                        codecs=("PCMU/8000",),
                    )
                    await connect(engine, "web/2", there, text)
                    await engine.join("web/2", "phone")
                    await engine.close("web")
                    assert (await there.inbox.packet()).payload[:4] == b"hi__"
                    waiting(phone)
                    await there.send(rtp(0, 1, b"from here" * 10))
                    assert (await phone.inbox.packet()).payload == b"from here" * 10

    @EVERY_ENGINE
    async def test_of_two_phones_that_ring_the_one_that_speaks_is_heard(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS) as browser, Phone() as early, Phone() as final:
            offer = await browser.offer()
            for leg, phone in (("early", early), ("final", final)):
                phone.call(
                    await engine.open("c", leg, Profile.RTP, codecs=("PCMU/8000",), peer=LOOPBACK)
                )
            await engine.accept("early", early.description(*PCMU))
            async with speaking(early, b"ring"):
                await events.wait(Connected, leg="early")
                text = await engine.open(
                    "c", "web", Profile.WEBRTC, offer=offer, codecs=("PCMU/8000",)
                )
                await engine.join("web", "early")
                await connect(engine, "web", browser, text)
                assert (await browser.inbox.packet()).payload[:4] == b"ring"
            await engine.accept("final", final.description(*PCMU))
            await engine.join("web", "final")
            async with speaking(final, b"talk"):
                while (await browser.inbox.packet()).payload[:4] != b"talk":
                    pass


async def say(talker: Talker, pcm: bytes) -> None:
    size = talker.rate // 50 * 2
    for number in range(len(pcm) // size):
        talker.talk(pcm[number * size : (number + 1) * size], first=number)
        await asyncio.sleep(FRAME_SECONDS)


class TestTranscoding:
    @EVERY_ENGINE
    @pytest.mark.parametrize(
        ("one", "two"),
        [("opus/48000/2", "PCMU/8000"), ("G722/8000", "PCMA/8000"), ("opus/48000/2", "G722/8000")],
    )
    async def test_sound_comes_through_both_ways(
        self, engine: OwnEngine, one: str, two: str
    ) -> None:
        await self._both_ways(engine, (one, FORMATS[one]), (two, FORMATS[two]))

    @EVERY_ENGINE
    async def test_one_codec_by_two_numbers_is_one_codec(self, engine: OwnEngine) -> None:
        opus = "opus/48000/2"
        await self._both_ways(engine, (opus, FORMATS[opus]), (opus, OTHER_NUMBERS))

    async def _both_ways(self, engine: OwnEngine, *sides: tuple[str, Sequence[str]]) -> None:
        """Sound is sent as time passes, and who is late on a busy machine may try again."""
        sound = sweep(16000, 1.5)
        for _ in range(ATTEMPTS):
            found = await self._likenesses(engine, sound, *sides)
            if min(found) > LEAST_LIKENESS:
                return
        raise AssertionError(f"the other's sound is not heard: {found}")

    @staticmethod
    async def _likenesses(
        engine: OwnEngine, sound: bytes, *sides: tuple[str, Sequence[str]]
    ) -> list[float]:
        """How much what each of two phones hears is like the sound that both make."""
        async with Phone() as here, Phone() as there:
            talkers = []
            for leg, phone, (codec, formats) in zip(
                ("one", "two"), (here, there), sides, strict=True
            ):
                offer = phone.description(*formats)
                phone.call(await engine.open("c", leg, Profile.RTP, offer=offer, peer=LOOPBACK))
                talkers.append(Talker(phone, codec, formats=formats))
            await engine.join("one", "two")
            await asyncio.gather(*(say(talker, sound) for talker in talkers))
            # The last packets may still be on their way, or in a buffer.
            heard = [await talker.hear(65, whole=False) for talker in talkers]
            for leg in ("one", "two"):
                await engine.close(leg)
        return [likeness(sound, each) for each in heard]


class TestDigits:
    @EVERY_ENGINE
    async def test_one_pressed_once_is_told_once_and_heard_by_the_other(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with talking(engine) as (phone, other):
            await hears(other, b"word")
            for number in range(10):
                ends = 0x8A if number > 6 else 0x0A
                event = bytes([5, ends]) + (160 * min(number + 1, 5)).to_bytes(2, "big")
                phone.send(rtp(101, 1000 + number, event, timestamp=77_000))
            told = await events.wait(Digit, leg="phone")
            assert told == Digit("phone", "5", 100)
            await hears(other, b"word")
            await hears(other, b"word")
            assert [event for event in events.all if isinstance(event, Digit)] == [told]

    @EVERY_ENGINE
    async def test_ours_are_sent_as_events_in_their_order(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with talking(engine) as (phone, other):
            await events.wait(Connected, leg="other")
            await engine.dtmf("other", "5#", 120)
            ended: list[int] = []
            while len(ended) < 6:
                packet = await other.inbox.packet()
                if packet.payload_type == 101 and packet.payload[1] & 0x80:
                    ended.append(packet.payload[0])
            assert ended == [5, 5, 5, 11, 11, 11]

    @EVERY_ENGINE
    async def test_there_are_none_before_the_peer_is_connected(self, engine: OwnEngine) -> None:
        await engine.open("c", "leg", Profile.RTP)
        with pytest.raises(WrongState):
            await engine.dtmf("leg", "1", 100)


class TestHold:
    @EVERY_ENGINE
    async def test_music_is_heard_in_place_of_the_other_until_it_ends(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other, Phone() as third:
            await open_legs(engine, phone=phone, other=other, third=third)
            await engine.join("third", "other")
            async with speaking(phone, b"word"), speaking(other, b"more"), speaking(third, b"word"):
                await hears(other, b"word")
                await engine.play("other", str(SHIPPED))
                await engine.play("phone", SILENCE)
                await self._only_music(other)
                await engine.join("phone", "other")
                await asyncio.gather(self._only_music(other), self._nothing(phone))
                await engine.play("other", None)
                await engine.play("phone", None)
                await hears(other, b"word")
                await hears(phone, b"more")

    @staticmethod
    async def _only_music(phone: Phone) -> None:
        waiting(phone)
        heard = [await phone.inbox.packet() for _ in range(25)]
        # A packet may have been under way.
        assert b"word" not in [packet.payload[:4] for packet in heard[1:]]
        assert len({packet.payload for packet in heard}) > 10

    @staticmethod
    async def _nothing(phone: Phone) -> None:
        async def look() -> int:
            waiting(phone)
            await asyncio.sleep(10 * FRAME_SECONDS)
            return len(waiting(phone))

        await eventually(look, lambda count: count == 0, seconds=2)
