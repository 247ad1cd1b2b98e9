"""What the seam promises, by each engine: real ICE, DTLS and SRTP to a browser, UDP to a phone."""

import asyncio
import os
from contextlib import suppress

import pytest

from media.engine import Connected, MediaEngine, OwnEngine, Profile
from signaling.shared.errors import BadMessage, IncompatibleMedia, MediaError, WrongState
from tests.media.harness import (
    BROWSER_CODECS,
    EVERY_ENGINE,
    NOT_APART,
    PCMU,
    Events,
    browser_calls_phone,
    by_rtpengine,
    connect,
    phone_calls_browser,
    talk,
)
from tests.media.peers import LOOPBACK, Browser, Phone, rtp

# By the numbers of our offers, so that what is no sound passes, too.
OURS = ("111 110", "rtpmap:111 opus/48000/2", "rtpmap:110 telephone-event/48000")


class TestCall:
    @EVERY_ENGINE
    @pytest.mark.parametrize(
        ("phone_formats", "codec", "web_type", "phone_type"),
        [(PCMU, "PCMU/8000", 0, 0), (OURS, "opus/48000/2", 111, 111)],
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
            assert await browser_calls_phone(engine, browser, phone, answer) == codec
            await talk(browser, phone, web_type, phone_type)
            await events.wait(Connected, leg="web")
            await events.wait(Connected, leg="phone")
            figures = await engine.query("web")
            assert (figures.codec, figures.received.packets, figures.sent.packets) == (codec, 3, 3)
            assert figures.dropped == 0

    @EVERY_ENGINE
    async def test_a_phone_calls_a_browser(self, engine: OwnEngine) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            assert await phone_calls_browser(engine, browser, phone, phone.description(*OURS))
            await talk(browser, phone, 111, 111)

    @EVERY_ENGINE
    async def test_two_browsers_are_bridged(self, engine: OwnEngine) -> None:
        async with Browser({111: "opus/48000/2"}) as alice, Browser({111: "opus/48000/2"}) as bob:
            for leg, browser in (("alice", alice), ("bob", bob)):
                offer = await browser.offer()
                answer = await engine.open("c", leg, Profile.WEBRTC, offer=offer)
                await connect(engine, leg, browser, answer)
            await engine.join("alice", "bob")
            await alice.send(rtp(111, 1, b"hello"))
            heard = await bob.inbox.packet()
            assert (heard.payload_type, heard.payload) == (111, b"hello")


class TestNegotiation:
    @EVERY_ENGINE
    async def test_no_common_codec_is_incompatible_and_leaves_nothing(
        self, engine: OwnEngine
    ) -> None:
        async with Phone() as phone:
            with pytest.raises(IncompatibleMedia):
                engine.codecs(phone.description("18"))
            with pytest.raises(IncompatibleMedia):
                await engine.open("c", "phone", Profile.RTP, offer=phone.description("18"))
        assert engine.counts().legs == 0

    @EVERY_ENGINE
    async def test_a_bad_transport_leaves_nothing(self, engine: OwnEngine) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            offer = (await browser.offer()).replace("a=ice-pwd:", "a=x-pwd:")
            with pytest.raises(BadMessage):
                await engine.open("c", "web", Profile.WEBRTC, offer=offer)
            assert engine.counts().sockets == 0

    @EVERY_ENGINE
    async def test_a_leg_is_not_joined_to_itself(self, engine: OwnEngine) -> None:
        async with Phone() as one:
            await engine.open("c", "one", Profile.RTP, offer=one.description("0"))
            with pytest.raises(WrongState):
                await engine.join("one", "one")

    @EVERY_ENGINE
    async def test_a_leg_without_an_answer_is_not_joined(self, engine: OwnEngine) -> None:
        async with Phone() as phone:
            await engine.open("c", "one", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "two", Profile.RTP)
            with pytest.raises(WrongState):
                await engine.join("one", "two")

    @EVERY_ENGINE
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

    @EVERY_ENGINE
    async def test_a_browser_answers_once(self, engine: OwnEngine) -> None:
        await engine.open("c", "web", Profile.WEBRTC)
        async with Browser(BROWSER_CODECS) as browser:
            answer = await browser.answer()
            await engine.accept("web", answer)
            with pytest.raises(WrongState):
                await engine.accept("web", answer)

    @EVERY_ENGINE
    async def test_an_unknown_leg_is_a_media_error_but_for_its_end(self, engine: OwnEngine) -> None:
        await engine.close("nobody")
        await engine.candidates("nobody", [])
        with pytest.raises(MediaError):
            await engine.query("nobody")
        with pytest.raises(MediaError):
            await engine.join("nobody", "nobody")

    @EVERY_ENGINE
    async def test_a_name_is_used_once_at_a_time(self, engine: OwnEngine) -> None:
        await engine.open("c", "leg", Profile.RTP)
        with pytest.raises(MediaError):
            await engine.open("c", "leg", Profile.RTP)
        await engine.close("leg")
        await engine.open("c", "leg", Profile.RTP)

    @NOT_APART
    async def test_a_leg_closed_while_it_opens_leaves_nothing(self, engine: OwnEngine) -> None:
        opening = asyncio.create_task(engine.open("c", "leg", Profile.RTP))
        await asyncio.sleep(0)
        await engine.close("leg")
        # Where opening takes no time, the leg was open before it was closed.
        with suppress(MediaError):
            await opening
        assert (engine.counts().legs, engine.counts().sockets) == (0, 0)

    @pytest.mark.parametrize("engine", [by_rtpengine], indirect=True)
    async def test_a_leg_closed_while_it_opens_is_told_so(self, engine: OwnEngine) -> None:
        opening = asyncio.create_task(engine.open("c", "leg", Profile.RTP))
        await asyncio.sleep(0)
        await engine.close("leg")
        with pytest.raises(MediaError, match="closed while it opened"):
            await opening


@EVERY_ENGINE
async def test_the_engine_fits_the_seam(engine: OwnEngine) -> None:
    seam: MediaEngine = engine
    async with Phone() as phone:
        assert seam.codecs(phone.description("8 0")) == ("PCMA/8000", "PCMU/8000")


@NOT_APART
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
