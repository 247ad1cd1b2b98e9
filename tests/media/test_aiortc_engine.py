"""What is the own engine's manner: its numbering, its goodbyes, its ports."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Profile
from media.sdp import parse
from signaling.shared.errors import MediaError
from tests.media.harness import (
    BROWSER_CODECS,
    FIRST_PORT,
    OPUS,
    PCMU,
    browser_calls_phone,
    phone_calls_browser,
    quick,
    talk,
)
from tests.media.peers import LOOPBACK, Browser, Phone, rtp

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


class TestCall:
    async def test_each_side_hears_its_own_numbers_and_our_stream(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            # An answer repeats the offer's numbers; this one takes its own.
            await browser_calls_phone(engine, browser, phone, phone.description(*OPUS))
            await talk(browser, phone, 111, 96)
            phone.send(rtp(96, 3))
            assert (await browser.inbox.packet()).source != 0x1111
            await browser.send(rtp(111, 3, source=0x2222))
            assert (await phone.inbox.packet()).source != 0x2222
            figures = await engine.query("web")
            assert figures.received.lost == 0

    async def test_a_phone_that_offers_keeps_its_numbers(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await phone_calls_browser(engine, browser, phone, phone.description(*OPUS))
            await talk(browser, phone, 111, 96)

    @pytest.mark.parametrize("make_loop", LOOPS)
    def test_both_event_loops_carry_a_call(
        self, loopback_ice: None, make_loop: Callable[[], asyncio.AbstractEventLoop]
    ) -> None:
        async def call() -> None:
            engine = AiortcEngine(quick())
            async with Browser(BROWSER_CODECS) as browser:
                async with Phone() as phone:
                    await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
                    await talk(browser, phone, 0, 0)
                    await engine.close("phone")
                    await engine.close("web")
                    await browser.close()
                assert engine.counts().sockets == 0
                await engine.aclose()

        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(call())

    async def test_closing_says_goodbye_to_both(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            answer = phone.description(*PCMU, "rtcp-mux")
            await browser_calls_phone(engine, browser, phone, answer)
            await talk(browser, phone, 0, 0)
            await engine.close("phone")
            assert (await phone.inbox.report())[-7] == 203
            await engine.close("web")
            assert (await browser.inbox.report())[-7] == 203

    async def test_the_advertised_address_replaces_ours_for_all_but_loopback(
        self, loopback_ice: None
    ) -> None:
        engine = AiortcEngine(MediaSettings(advertised_address="198.51.100.7", loopback=True))
        candidates = parse(await engine.open("c", "web", Profile.WEBRTC)).media[0].candidates
        outer = {item.address for item in candidates if ":" not in item.address} - {LOOPBACK}
        assert outer <= {"198.51.100.7"}
        near = parse(await engine.open("c", "phone", Profile.RTP, peer=LOOPBACK)).media[0]
        assert near.host == LOOPBACK
        await engine.aclose()


class TestFailure:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        return MediaSettings(
            host=LOOPBACK,
            loopback=True,
            port_min=FIRST_PORT,
            port_max=FIRST_PORT + 9,
            connect_seconds=0.3,
        )

    async def test_ports_run_out_in_words(self, engine: AiortcEngine) -> None:
        for number in range(5):
            await engine.open("c", f"leg{number}", Profile.RTP)
        with pytest.raises(MediaError, match="5 in use"):
            await engine.open("c", "one too many", Profile.RTP)
        await engine.close("leg0")
        with pytest.raises(MediaError, match="1 resting"):
            await engine.open("c", "too soon", Profile.RTP)
        assert engine.counts().legs == 4

    @pytest.mark.parametrize("profile", list(Profile))
    async def test_a_host_that_is_not_ours_is_told_in_words(self, profile: Profile) -> None:
        engine = AiortcEngine(
            MediaSettings(host="192.0.2.200", port_min=FIRST_PORT, port_max=FIRST_PORT + 1)
        )
        for _ in range(2):
            with pytest.raises(MediaError, match=f"port {FIRST_PORT} cannot be bound"):
                await engine.open("c", "leg", profile)
        assert engine.counts().legs == 0
