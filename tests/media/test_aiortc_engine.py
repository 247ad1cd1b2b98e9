"""Calls through the engine: real ICE, DTLS and SRTP to a browser, plain UDP to a phone."""

import asyncio
import os
import socket
from collections.abc import Callable

import pytest
import uvloop

from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Connected, MediaEngine, OwnEngine, Profile
from media.sdp import parse
from signaling.shared.errors import BadMessage, IncompatibleMedia, MediaError, WrongState
from tests.media.harness import (
    BOTH_ENGINES,
    BROWSER_CODECS,
    FIRST_PORT,
    OPUS,
    PCMU,
    Events,
    browser_calls_phone,
    connect,
    phone_calls_browser,
    quick,
    talk,
)
from tests.media.peers import LOOPBACK, Browser, Phone, rtp

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@BOTH_ENGINES
class TestCall:
    @pytest.mark.parametrize(
        ("phone_formats", "codec", "web_type", "phone_type"),
        [(PCMU, "PCMU/8000", 0, 0), (OPUS, "opus/48000/2", 111, 96)],
    )
    async def test_a_browser_and_a_phone_hear_each_other(
        self,
        engine: OwnEngine,
        events: Events,
        phone_formats: tuple[str, ...],
        codec: str,
        web_type: int,
        phone_type: int,
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            answer = phone.description(phone_formats[0], *phone_formats[1:])
            # An answer repeats the offer's numbers; this one of opus takes its own.
            assert await browser_calls_phone(engine, browser, phone, answer) == codec
            await talk(browser, phone, web_type, phone_type)
            await events.wait(Connected, leg="web")
            await events.wait(Connected, leg="phone")
            figures = await engine.query("web")
            assert (figures.codec, figures.received.packets, figures.sent.packets) == (codec, 3, 3)
            assert (figures.received.lost, figures.dropped) == (0, 0)

    async def test_a_phone_calls_a_browser(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            assert await phone_calls_browser(engine, browser, phone, phone.description(*OPUS))
            await talk(browser, phone, 111, 96)

    async def test_two_browsers_are_bridged(self, engine: OwnEngine) -> None:
        async with Browser({111: "opus/48000/2"}) as alice, Browser({96: "opus/48000/2"}) as bob:
            for leg, browser in (("alice", alice), ("bob", bob)):
                offer = await browser.offer()
                answer = await engine.open("c", leg, Profile.WEBRTC, offer=offer)
                await connect(engine, leg, browser, answer)
            await engine.join("alice", "bob")
            await alice.send(rtp(111, 1, b"hello"))
            heard = await bob.inbox.packet()
            assert (heard.payload_type, heard.payload) == (96, b"hello")

    async def test_closing_says_goodbye_to_both(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            answer = phone.description(*PCMU, "rtcp-mux")
            await browser_calls_phone(engine, browser, phone, answer)
            await talk(browser, phone, 0, 0)
            await engine.close("phone")
            assert (await phone.inbox.report())[-7] == 203
            await engine.close("web")
            assert (await browser.inbox.report())[-7] == 203


@BOTH_ENGINES
class TestNegotiation:
    async def test_no_common_codec_is_incompatible_and_leaves_nothing(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone:
            with pytest.raises(IncompatibleMedia):
                engine.codecs(phone.description("18"))
            with pytest.raises(IncompatibleMedia):
                await engine.open("c", "phone", Profile.RTP, offer=phone.description("18"))
        assert engine.counts().legs == 0

    async def test_a_bad_transport_leaves_nothing(self, engine: OwnEngine) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            offer = (await browser.offer()).replace("a=ice-pwd:", "a=x-pwd:")
            with pytest.raises(BadMessage):
                await engine.open("c", "web", Profile.WEBRTC, offer=offer)
            assert engine.counts().sockets == 0

    async def test_a_leg_is_not_joined_to_itself(self, engine: OwnEngine) -> None:
        async with Phone() as one:
            await engine.open("c", "one", Profile.RTP, offer=one.description("0"))
            with pytest.raises(WrongState):
                await engine.join("one", "one")

    async def test_a_leg_without_an_answer_is_not_joined(self, engine: OwnEngine) -> None:
        async with Phone() as phone:
            await engine.open("c", "one", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "two", Profile.RTP)
            with pytest.raises(WrongState):
                await engine.join("one", "two")

    async def test_a_phone_may_answer_early_and_again(self, engine: OwnEngine) -> None:
        async with Phone() as early, Phone() as final:
            mine = await engine.open("c", "phone", Profile.RTP, peer=LOOPBACK)
            for phone in (early, final):
                phone.call(mine)
                assert await engine.accept("phone", phone.description("0")) == "PCMU/8000"
            other = await engine.open("c", "other", Profile.RTP, offer=early.description("0"))
            early.call(other)
            await engine.join("phone", "other")
            early.send(rtp(0, 1, b"hello"))
            assert (await final.inbox.packet()).payload == b"hello"

    async def test_a_browser_answers_once(self, engine: OwnEngine) -> None:
        await engine.open("c", "web", Profile.WEBRTC)
        async with Browser(BROWSER_CODECS) as browser:
            answer = await browser.answer()
            await engine.accept("web", answer)
            with pytest.raises(WrongState):
                await engine.accept("web", answer)

    async def test_an_unknown_leg_is_a_media_error_but_for_its_end(self, engine: OwnEngine) -> None:
        await engine.close("nobody")
        await engine.candidates("nobody", [])
        with pytest.raises(MediaError):
            await engine.query("nobody")
        with pytest.raises(MediaError):
            await engine.join("nobody", "nobody")

    async def test_a_name_is_used_once_at_a_time(self, engine: OwnEngine) -> None:
        await engine.open("c", "leg", Profile.RTP)
        with pytest.raises(MediaError):
            await engine.open("c", "leg", Profile.RTP)
        await engine.close("leg")
        await engine.open("c", "leg", Profile.RTP)


class TestInThisProcess:
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

    async def test_ports_run_out_in_words(self, engine: OwnEngine) -> None:
        for number in range(5):
            await engine.open("c", f"leg{number}", Profile.RTP)
        with pytest.raises(MediaError, match="5 in use"):
            await engine.open("c", "one too many", Profile.RTP)
        await engine.close("leg0")
        with pytest.raises(MediaError, match="1 resting"):
            await engine.open("c", "too soon", Profile.RTP)
        assert engine.counts().legs == 4

    @pytest.mark.parametrize("make_loop", LOOPS)
    @pytest.mark.parametrize("profile", list(Profile))
    def test_a_cancelled_opening_leaves_nothing(
        self,
        settings: MediaSettings,
        profile: Profile,
        make_loop: Callable[[], asyncio.AbstractEventLoop],
    ) -> None:
        async def cancel() -> None:
            engine = AiortcEngine(settings)
            for turns in range(3):
                opening = asyncio.create_task(engine.open("c", "leg", profile))
                for _ in range(turns):
                    await asyncio.sleep(0)
                opening.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await opening
                counts = engine.counts()
                assert (counts.legs, counts.sockets, counts.tasks) == (0, 0, 0)
            await engine.aclose()

        with asyncio.Runner(loop_factory=make_loop) as runner:
            runner.run(cancel())
        for port in range(FIRST_PORT, FIRST_PORT + 10):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((LOOPBACK, port))

    @pytest.mark.parametrize("profile", list(Profile))
    async def test_a_host_that_is_not_ours_is_told_in_words(self, profile: Profile) -> None:
        engine = AiortcEngine(
            MediaSettings(host="192.0.2.200", port_min=FIRST_PORT, port_max=FIRST_PORT + 1)
        )
        for _ in range(2):
            with pytest.raises(MediaError, match=f"port {FIRST_PORT} cannot be bound"):
                await engine.open("c", "leg", profile)
        assert engine.counts().legs == 0

    async def test_a_leg_closed_while_it_opens_is_told_so(self, engine: OwnEngine) -> None:
        opening = asyncio.create_task(engine.open("c", "leg", Profile.RTP))
        await asyncio.sleep(0)
        await engine.close("leg")
        with pytest.raises(MediaError, match="closed while it opened"):
            await opening
        assert engine.counts().sockets == 0


async def test_the_engine_fits_the_seam(engine: OwnEngine) -> None:
    seam: MediaEngine = engine
    async with Phone() as phone:
        assert seam.codecs(phone.description("8 0")) == ("PCMA/8000", "PCMU/8000")


async def test_twenty_calls_leave_nothing_behind(engine: OwnEngine) -> None:
    async def call() -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await engine.close("web")
            await engine.close("phone")

    await call()
    descriptors = len(os.listdir("/proc/self/fd"))
    tasks = len(asyncio.all_tasks())
    for _ in range(20):
        await call()
    counts = engine.counts()
    assert (counts.legs, counts.sockets, counts.tasks) == (0, 0, 0)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert len(asyncio.all_tasks()) == tasks
