"""Hold through the engine, with real packets: who hears what, and what descriptions say of it."""

from pathlib import Path

import pytest

from media import hold
from media.aiortc_engine import MediaSettings
from media.codec import make_encoder
from media.engine import SILENCE, Digit, Held, OwnEngine, Profile, Silent
from media.music import RATE, SHIPPED, Tune
from media.negotiate import Agreement
from media.sdp import Description, parse
from signaling.shared.errors import MediaError, WrongState
from tests.media.harness import (
    BROWSER_CODECS,
    EVERY_ENGINE,
    PCMU,
    Events,
    browser_calls_phone,
    quick,
)
from tests.media.peers import LOOPBACK, Browser, Packet, Phone, rtp

MUSIC = str(SHIPPED)


async def joined(engine: OwnEngine, phone: Phone, other: Phone) -> None:
    """Two phones that talk: legs "phone" and "other"."""
    for leg, each in (("phone", phone), ("other", other)):
        offer = each.description(*PCMU)
        each.call(await engine.open("c", leg, Profile.RTP, offer=offer, peer=LOOPBACK))
    await engine.join("phone", "other")


async def heard(phone: Phone, packets: int) -> list[Packet]:
    return [await phone.inbox.packet() for _ in range(packets)]


async def has_read(events: Events, leg: str, phone: Phone) -> None:
    """Until the engine has read what the phone sent: a key that is pressed last is told."""
    phone.send(rtp(101, 100, b"\x05\x8a\x03\x20"))
    await events.wait(Digit, leg=leg)


def expected(packets: int) -> list[bytes]:
    """The music's first packets in PCMU."""
    encoder = make_encoder("PCMU/8000", RATE, 20)
    frames = Tune.read(MUSIC).frames(20)
    return [encoder.encode(frame) for frame in frames[:packets]]


def directed(phone: Phone, direction: str) -> str:
    return phone.description(*PCMU) + f"a={direction}\r\n"


class TestMusic:
    async def test_it_is_heard_as_it_is_in_the_file_and_nothing_else_is(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.play("other", MUSIC)
            for number in range(20):
                phone.send(rtp(0, number, b"not for the held"))
            packets = await heard(other, 12)
            assert [packet.payload for packet in packets] == expected(12)
            assert [packet.marker for packet in packets] == [True] + 11 * [False]
            steps = {
                (after.sequence - before.sequence, after.timestamp - before.timestamp)
                for before, after in zip(packets, packets[1:], strict=False)
            }
            assert steps == {(1, 160)}

    async def test_who_comes_back_is_heard_in_the_same_stream(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.play("other", MUSIC)
            *_, last = await heard(other, 3)
            await engine.play("other", None)
            phone.send(rtp(0, 700, b"back"))
            packet = await other.inbox.packet()
            while packet.payload != b"back":
                last, packet = packet, await other.inbox.packet()
            assert packet.source == last.source
            assert packet.sequence == (last.sequence + 1) & 0xFFFF
            assert 0 < (packet.timestamp - last.timestamp) & 0xFFFFFFFF < 8000

    async def test_all_who_wait_hear_the_same_packets(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.play("phone", MUSIC)
            await heard(phone, 3)
            await engine.play("other", MUSIC)
            (first,) = await heard(other, 1)
            assert first.payload in [packet.payload for packet in await heard(phone, 8)]

    async def test_it_goes_on_over_a_join_and_nothing_slips_through(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other:
            offer = other.description(*PCMU)
            other.call(await engine.open("c", "other", Profile.RTP, offer=offer, peer=LOOPBACK))
            await engine.play("other", MUSIC)
            offer = phone.description(*PCMU)
            phone.call(await engine.open("c", "phone", Profile.RTP, offer=offer, peer=LOOPBACK))
            await engine.join("other", "phone")
            phone.send(rtp(0, 1, b"not for the held"))
            assert [packet.payload for packet in await heard(other, 5)] == expected(5)

    async def test_a_holder_that_changes_its_codec_is_not_heard_until_it_comes_back(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.play("other", MUSIC)
            await heard(other, 2)
            await engine.update("phone", phone.description("9"))
            for number in range(5):
                phone.send(rtp(9, number, bytes(160)))
            assert [packet.payload for packet in await heard(other, 6)] == expected(8)[2:]
            await engine.play("other", None)
            phone.send(rtp(9, 700, bytes(160)))
            packet = await other.inbox.packet()
            while packet.payload in expected(60):
                packet = await other.inbox.packet()
            assert len(packet.payload) == 160

    @EVERY_ENGINE
    async def test_the_holder_hears_nothing_until_the_end(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.play("phone", SILENCE)
            await engine.play("other", SILENCE)
            other.send(rtp(0, 1, b"not for the holder"))
            phone.send(rtp(0, 1, b"not for the held"))
            await has_read(events, "phone", phone)
            await has_read(events, "other", other)
            await engine.play("phone", None)
            await engine.play("other", None)
            other.send(rtp(0, 2, b"back"))
            phone.send(rtp(0, 3, b"back"))
            assert [packet.payload for packet in await heard(phone, 1)] == [b"back"]
            assert [packet.payload for packet in await heard(other, 1)] == [b"back"]

    async def test_a_browser_on_hold_hears_it_too(self, engine: OwnEngine) -> None:
        async with Browser(BROWSER_CODECS) as browser, Phone() as phone:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await engine.play("web", MUSIC)
            phone.send(rtp(0, 1, b"not for the held"))
            packets = [await browser.inbox.packet() for _ in range(4)]
            assert [packet.payload for packet in packets] == expected(4)

    async def test_a_file_that_is_no_music_leaves_silence(
        self, engine: OwnEngine, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken.wav"
        broken.write_bytes(b"RIFF")
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            with pytest.raises(MediaError):
                await engine.play("other", str(broken))
            phone.send(rtp(0, 1, b"not for the held"))
            await engine.play("other", MUSIC)
            assert [packet.payload for packet in await heard(other, 1)] == expected(1)

    async def test_keys_are_heard_in_place_of_it(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.play("other", MUSIC)
            await heard(other, 2)
            await engine.dtmf("other", "5", 100)
            packet = await other.inbox.packet()
            while packet.payload_type != 101:
                packet = await other.inbox.packet()
            while packet.payload_type == 101:
                packet = await other.inbox.packet()
            assert packet.payload in expected(450)

    async def test_a_leg_that_is_gone_hears_nothing(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.play("other", MUSIC)
            await engine.close("phone")
            await heard(other, 2)
            await engine.close("other")
            with pytest.raises(MediaError):
                await engine.play("other", MUSIC)


class TestPhoneWithMusicOfItsOwn:
    async def test_its_own_is_heard_while_it_sends_and_ours_else(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.update("phone", directed(phone, "sendonly"))
            await engine.play("other", MUSIC)
            await heard(other, 2)
            phone.send(rtp(0, 1, b"own"))
            packet = await other.inbox.packet()
            while packet.payload != b"own":
                packet = await other.inbox.packet()
            after = await other.inbox.packet()
            assert after.payload in expected(450)
            assert after.marker
            # Half a second of ours was left out for it.
            assert 0.3 * 8000 < (after.timestamp - packet.timestamp) & 0xFFFFFFFF

    async def test_one_that_says_that_nothing_flows_is_not_heard(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.update("phone", directed(phone, "inactive"))
            await engine.play("other", MUSIC)
            phone.send(rtp(0, 1, b"not for the held"))
            assert [packet.payload for packet in await heard(other, 4)] == expected(4)


class TestWatch:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(silent_seconds=0.2)

    async def test_nobody_is_missed_while_somebody_is_played_to(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other, Phone() as third, Phone() as fourth:
            await joined(engine, phone, other)
            await engine.play("other", MUSIC)
            for leg, each in (("third", third), ("fourth", fourth)):
                offer = each.description(*PCMU)
                each.call(await engine.open("d", leg, Profile.RTP, offer=offer, peer=LOOPBACK))
            await engine.join("third", "fourth")
            await events.wait(Silent, leg="third")
            assert {event.leg for event in events.all} <= {"third", "fourth"}
            await engine.play("other", None)
            await events.wait(Silent, leg="phone")


def agreement(*, listens: bool = True) -> Agreement:
    return Agreement(
        codec="opus/48000/2",
        clock_rate=48000,
        payload_type=96,
        event_type=97,
        heard=frozenset([96, 111]),
        heard_events=frozenset([97]),
        peer_listens=listens,
        peer_talks=listens,
    )


OURS = (
    "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "m=audio 30000 RTP/AVP 111 0 97 101\r\nc=IN IP4 127.0.0.1\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:97 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=ptime:20\r\na=sendrecv\r\n"
    "m=video 0 RTP/AVP 98\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n"
)


class TestDescriptions:
    """RFC 3264, section 8."""

    def test_a_new_offer_names_only_what_was_agreed_on_by_the_same_numbers(self) -> None:
        text = hold.reoffer(OURS, agreement(), version=4, talks=True, listens=False)
        assert text == (
            "v=0\r\no=- 7 4 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
            "m=audio 30000 RTP/AVP 111 97\r\nc=IN IP4 127.0.0.1\r\n"
            "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
            "a=rtpmap:97 telephone-event/48000\r\na=ptime:20\r\na=sendonly\r\n"
            "m=video 0 RTP/AVP 98\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n"
        )

    @pytest.mark.parametrize(
        ("talks", "listens", "direction"),
        [
            (True, True, "sendrecv"),
            (True, False, "sendonly"),
            (False, True, "recvonly"),
            (False, False, "inactive"),
        ],
    )
    def test_it_says_what_we_do(self, talks: bool, listens: bool, direction: str) -> None:
        text = hold.reoffer(OURS, agreement(), version=2, talks=talks, listens=listens)
        assert parse(text).media[0].direction == direction

    def test_an_answer_says_no_more_than_we_do(self) -> None:
        for answered, bounded in [
            ("sendrecv", "sendonly"),
            ("sendonly", "sendonly"),
            ("recvonly", "inactive"),
        ]:
            text = OURS.replace("a=sendrecv", f"a={answered}")
            assert parse(hold.bounded(text, talks=True, listens=False)).media[0].direction == (
                bounded
            )

    def test_a_peer_that_takes_nothing_holds_if_we_wanted_to_send(self) -> None:
        assert hold.holds(agreement(listens=False), we_talked=True, before=False)
        assert not hold.holds(agreement(), we_talked=True, before=True)
        for before in (True, False):
            held = hold.holds(agreement(listens=False), we_talked=False, before=before)
            assert held is before


class TestPhoneThatIsHeld:
    async def reoffered(self, engine: OwnEngine, *, talks: bool, listens: bool) -> Description:
        return parse(await engine.reoffer("phone", talks=talks, listens=listens))

    @EVERY_ENGINE
    async def test_our_offer_raises_the_version_and_waits_for_its_answer(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            offer = await self.reoffered(engine, talks=False, listens=False)
            assert offer.media[0].direction == "inactive"
            assert " 2 IN" in offer.session.lines[1]
            # Not answered yet: all goes on.
            other.send(rtp(0, 1, b"still"))
            assert [packet.payload for packet in await heard(phone, 1)] == [b"still"]
            await engine.accept("phone", directed(phone, "inactive"))
            other.send(rtp(0, 2, b"not for the held"))
            await has_read(events, "other", other)
            offer = await self.reoffered(engine, talks=True, listens=True)
            assert " 3 IN" in offer.session.lines[1]
            await engine.accept("phone", directed(phone, "sendrecv"))
            other.send(rtp(0, 3, b"back"))
            assert [packet.payload for packet in await heard(phone, 1)] == [b"back"]
            # That it rested was our wish.
            assert [event for event in events.all if isinstance(event, Held)] == []

    @EVERY_ENGINE
    async def test_its_own_offers_are_answered_by_what_we_do_meanwhile(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.reoffer("phone", talks=True, listens=False)
            await engine.accept("phone", directed(phone, "recvonly"))
            answer = parse(await engine.update("phone", directed(phone, "sendrecv")))
            assert answer.media[0].direction == "sendonly"

    @EVERY_ENGINE
    async def test_only_an_rtp_leg_that_has_agreed_is_offered_anew(self, engine: OwnEngine) -> None:
        await engine.open("c", "phone", Profile.RTP)
        with pytest.raises(WrongState):
            await engine.reoffer("phone", talks=True, listens=True)
        with pytest.raises(MediaError):
            await engine.reoffer("gone", talks=True, listens=True)


class TestPhoneThatHolds:
    @EVERY_ENGINE
    async def test_it_is_reported_once_and_so_is_its_return(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            for direction in ("sendonly", "inactive", "sendrecv", "recvonly", "sendonly"):
                await engine.update("phone", directed(phone, direction))
            told = [event for event in events.all if isinstance(event, Held)]
            assert told == [Held("phone", True), Held("phone", False), Held("phone", True)]

    @EVERY_ENGINE
    async def test_one_that_holds_while_it_is_held_is_told_apart(
        self, engine: OwnEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            await joined(engine, phone, other)
            await engine.reoffer("phone", talks=True, listens=False)
            await engine.accept("phone", directed(phone, "recvonly"))
            await engine.update("phone", directed(phone, "inactive"))
            await engine.reoffer("phone", talks=True, listens=True)
            await engine.accept("phone", directed(phone, "sendonly"))
            await engine.update("phone", directed(phone, "sendrecv"))
            told = [event for event in events.all if isinstance(event, Held)]
            assert told == [Held("phone", True), Held("phone", False)]
