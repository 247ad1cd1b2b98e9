"""A WebRTC leg finds its browser, or says in words why not."""

import asyncio

import pytest

from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Connected, Failed, IceCandidate, Profile
from tests.media.harness import (
    BROWSER_CODECS,
    FIRST_PORT,
    PCMU,
    Events,
    browser_calls_phone,
    talk,
)
from tests.media.peers import LOOPBACK, Browser, Phone


class TestConnecting:
    async def test_a_browser_whose_checks_come_before_its_answer_is_connected(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        # Who wins a conflict of ICE roles is left to chance: several tries.
        for number in range(6):
            leg = f"web{number}"
            async with Browser(BROWSER_CODECS) as browser:
                mine = await engine.open("c", leg, Profile.WEBRTC)
                answer = await browser.answer()
                connecting = asyncio.create_task(browser.connect(mine))
                await browser.checked()
                await engine.accept(leg, answer)
                await connecting
                await events.wait(Connected, leg=leg)

    async def test_a_browser_that_hides_its_addresses_is_found(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS, names_only=True) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)


class TestCandidates:
    async def test_garbage_is_passed_over_and_a_good_one_connects(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS, names_only=True) as browser:
            answer = await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            lines = ["", "garbage", "candidate:1 1 udp 1 x.local 9 typ host", "\x00" * 50]
            lines += browser.candidate_lines()
            await engine.candidates("web", [IceCandidate(line, "audio0", 0) for line in lines])
            await browser.connect(answer)
            await events.wait(Connected)

    async def test_the_twenty_first_is_not_tried(self, engine: AiortcEngine) -> None:
        async with (
            Browser(BROWSER_CODECS, names_only=True) as browser,
            Phone() as twentieth,
            Phone() as more,
        ):
            await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            ports = [*range(40000, 40019), twentieth.port, more.port]
            candidates = [
                IceCandidate(f"candidate:{n} 1 udp {n + 1} 127.0.0.1 {port} typ host", "0", 0)
                for n, port in enumerate(ports)
            ]
            await engine.candidates("web", candidates[:12])
            await engine.candidates("web", candidates[12:])
            # The last has the highest priority: it would have been tried before.
            await twentieth.inbox.packet()
            assert more.inbox.media.empty()


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

    async def test_a_browser_that_never_comes_fails_in_words(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            await browser.close()
            failed = await events.wait(Failed)
            assert failed.detail == "no address of the browser could be reached by ICE within 0.3 s"

    async def test_a_wrong_certificate_fails(self, engine: AiortcEngine, events: Events) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            offer = await browser.offer()
            head, _, tail = offer.partition("a=fingerprint:")
            offer = (
                head + "a=fingerprint:sha-256 " + ":".join(["00"] * 32) + tail[tail.index("\r") :]
            )
            await browser.connect(await engine.open("c", "web", Profile.WEBRTC, offer=offer))
            assert "DTLS" in (await events.wait(Failed)).detail
            assert not [event for event in events.all if isinstance(event, Connected)]

    async def test_a_browser_that_ends_its_transport_fails(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            await browser.connect(
                await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            )
            await events.wait(Connected)
            await browser.close()
            assert "ended" in (await events.wait(Failed)).detail
