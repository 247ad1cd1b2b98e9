"""Two joined legs: digits, a leg that takes over, silence."""

import asyncio
import struct

import pytest

from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Digit, Profile, Silent
from signaling.shared.errors import BadMessage, IncompatibleMedia, WrongState
from tests.media.harness import (
    BROWSER_CODECS,
    PCMU,
    Events,
    browser_calls_phone,
    quick,
    talk,
)
from tests.media.peers import Browser, Phone, rtp

REPORT = struct.pack("!BBHI", 0x80, 201, 1, 7)


class TestDigits:
    async def test_digits_to_the_phone_hold_the_audio_back(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)
            await engine.dtmf("phone", "4#", 60)
            await browser.send(rtp(0, 3))
            packets = [await phone.inbox.packet() for _ in range(10)]
            assert {packet.payload_type for packet in packets} == {101}
            codes = [packet.payload[0] for packet in packets]
            assert codes == [4] * 5 + [11] * 5
            numbers = [packet.sequence for packet in packets]
            assert numbers == [(numbers[0] + step) & 0xFFFF for step in range(10)]
            assert [packet.marker for packet in packets].count(True) == 2

    async def test_digits_of_both_sides_are_heard_once_and_passed_on(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)
            for number in range(3):
                phone.send(rtp(101, 3 + number, b"\x05\x8a\x03\x20", timestamp=480))
                heard = await browser.inbox.packet()
                assert (heard.payload_type, heard.payload) == (126, b"\x05\x8a\x03\x20")
            await browser.send(rtp(126, 9, b"\x0b\x8a\x03\x20"))
            assert (await phone.inbox.packet()).payload_type == 101
            digits = [event for event in events.all if isinstance(event, Digit)]
            assert len(digits) == 2
            assert {(event.leg, event.digit) for event in digits} == {("phone", "5"), ("web", "#")}

    async def test_events_are_dropped_for_a_side_that_takes_none(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Browser({0: "PCMU/8000"}) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            phone.send(rtp(0, 1, b"before"))
            phone.send(rtp(101, 2, b"\x05\x8a\x03\x20"))
            phone.send(rtp(0, 3, b"after"))
            assert (await browser.inbox.packet()).payload == b"before"
            assert (await browser.inbox.packet()).payload == b"after"
            assert (await engine.query("web")).dropped == 1
            with pytest.raises(IncompatibleMedia):
                await engine.dtmf("web", "1", 100)

    async def test_what_cannot_be_sent_is_refused(self, engine: AiortcEngine) -> None:
        await engine.open("c", "web", Profile.WEBRTC)
        with pytest.raises(WrongState):
            await engine.dtmf("web", "1", 100)
        async with Phone() as phone:
            await engine.open("c", "phone", Profile.RTP, offer=phone.description(*PCMU))
            with pytest.raises(BadMessage):
                await engine.dtmf("phone", "hello", 100)


class TestJoin:
    async def test_a_third_leg_takes_over_and_the_stream_goes_on(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as old, Phone() as new, Phone() as other:
            for name, phone in (("old", old), ("new", new), ("other", other)):
                phone.call(await engine.open("c", name, Profile.RTP, offer=phone.description("0")))
            await engine.join("old", "other")
            old.send(rtp(0, 100, b"one"))
            first = await other.inbox.packet()
            await engine.join("new", "other")
            old.send(rtp(0, 101, b"late"))
            new.send(rtp(0, 9000, b"two"))
            second = await other.inbox.packet()
            assert second.payload == b"two"
            assert second.source == first.source
            assert second.marker
            assert (second.sequence - first.sequence) & 0xFFFF == 1
            assert 160 <= (second.timestamp - first.timestamp) & 0xFFFFFFFF < 160000
            other.send(rtp(0, 1, b"back"))
            assert (await new.inbox.packet()).payload == b"back"
            assert old.inbox.media.empty()

    async def test_a_side_that_only_sends_is_sent_nothing(self, engine: AiortcEngine) -> None:
        async with Phone() as music, Phone() as listener:
            for name, phone, direction in (
                ("music", music, "sendonly"),
                ("listener", listener, "recvonly"),
            ):
                offer = phone.description("0", direction)
                phone.call(await engine.open("c", name, Profile.RTP, offer=offer))
            await engine.join("music", "listener")
            listener.send(rtp(0, 1))
            music.send(rtp(0, 1))
            await listener.inbox.packet()
            assert (await engine.query("music")).sent.packets == 0

    async def test_a_listener_that_fails_does_not_stop_the_audio(
        self, engine: AiortcEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(event: object) -> None:
            raise ValueError("no")

        engine.listen(fail)
        async with Phone() as one, Phone() as two:
            one.call(await engine.open("c", "one", Profile.RTP, offer=one.description("0")))
            await engine.open("c", "two", Profile.RTP, offer=two.description("0"))
            await engine.join("one", "two")
            one.send(rtp(0, 1, b"hello"))
            assert (await two.inbox.packet()).payload == b"hello"
        assert "a listener failed on Connected" in caplog.text


class TestSilence:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return quick(silent_seconds=0.4)

    async def test_a_joined_leg_that_falls_silent_is_reported_once_each_time(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "other", Profile.RTP, offer=other.description("0"))
            phone.call(mine)
            await engine.join("phone", "other")
            silent = await events.wait(Silent, leg="phone")
            assert silent.seconds >= 0.4
            phone.send(rtp(0, 1))
            await events.wait(Silent, leg="phone", nth=2)
            of_other = [event for event in events.all if event.leg == "other"]
            assert [type(event) for event in of_other] == [Silent]

    async def test_reports_alone_keep_a_leg_alive(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as other:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "other", Profile.RTP, offer=other.description("0"))
            phone.call(mine)
            await engine.join("phone", "other")

            async def report() -> None:
                while True:
                    phone.send(REPORT, port_offset=1)
                    await asyncio.sleep(0.02)

            reporting = asyncio.create_task(report())
            await events.wait(Silent, leg="other")
            assert not [event for event in events.all if event.leg == "phone"]
            reporting.cancel()
            await events.wait(Silent, leg="phone")
