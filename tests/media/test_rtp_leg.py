"""A plain RTP leg hears its own peer only."""

import asyncio
import itertools
import random

import pytest

from media import rtp_leg
from media.aiortc_engine import AiortcEngine
from media.engine import Profile
from tests.media.harness import (
    BROWSER_CODECS,
    PCMU,
    Events,
    browser_calls_phone,
    talk,
)
from tests.media.peers import LOOPBACK, Browser, Phone, rtp


class TestSources:
    async def test_a_strangers_packets_are_ignored(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Phone() as listener, Phone("127.0.0.9") as stranger:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            other = await engine.open("c", "other", Profile.RTP, offer=listener.description("0"))
            await engine.join("phone", "other")
            phone.call(mine)
            stranger.call(mine)
            listener.call(other)
            stranger.send(rtp(0, 1, b"boo"))
            phone.send(rtp(0, 1, b"hello"))
            assert (await listener.inbox.packet()).payload == b"hello"
            stranger.send(rtp(0, 2, b"boo"))
            phone.send(rtp(0, 2, b"again"))
            assert (await listener.inbox.packet()).payload == b"again"
            assert (await engine.query("phone")).dropped == 2

    async def test_the_first_port_of_a_host_is_kept(self, engine: AiortcEngine) -> None:
        async with Phone() as phone, Phone() as neighbour, Phone() as listener:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            await engine.open("c", "other", Profile.RTP, offer=listener.description("0"))
            await engine.join("phone", "other")
            phone.call(mine)
            neighbour.call(mine)
            phone.send(rtp(0, 1, b"hello"))
            await listener.inbox.packet()
            neighbour.send(rtp(0, 2, b"boo"))
            phone.send(rtp(0, 2, b"again"))
            assert (await listener.inbox.packet()).payload == b"again"

    async def test_a_phone_whose_port_changes_is_followed_once_the_old_one_is_silent(
        self, engine: AiortcEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rtp_leg, "MOVED_SECONDS", 0.1)
        async with Phone() as phone, Phone() as moved, Phone() as listener:
            mine = await engine.open("c", "phone", Profile.RTP, offer=phone.description("0"))
            other = await engine.open("c", "other", Profile.RTP, offer=listener.description("0"))
            await engine.join("phone", "other")
            for each, where in ((phone, mine), (moved, mine), (listener, other)):
                each.call(where)
            phone.send(rtp(0, 1, b"from here"))
            assert (await listener.inbox.packet()).payload == b"from here"

            async def speak() -> None:
                for number in itertools.count(2):
                    moved.send(rtp(0, number, b"from there"))
                    await asyncio.sleep(0.02)

            speaking = asyncio.create_task(speak())
            assert (await listener.inbox.packet()).payload == b"from there"
            speaking.cancel()
            listener.send(rtp(0, 1, b"to there"))
            assert (await moved.inbox.packet()).payload == b"to there"

    async def test_a_phone_behind_nat_is_answered_where_it_sends_from(
        self, engine: AiortcEngine
    ) -> None:
        async with Phone() as phone, Phone() as listener:
            offer = phone.description("0", host="192.168.77.7")
            mine = await engine.open("c", "phone", Profile.RTP, offer=offer, peer=LOOPBACK)
            other = await engine.open("c", "other", Profile.RTP, offer=listener.description("0"))
            await engine.join("phone", "other")
            phone.call(mine)
            listener.call(other)
            phone.send(rtp(0, 1))
            await listener.inbox.packet()
            listener.send(rtp(0, 1, b"to you"))
            assert (await phone.inbox.packet()).payload == b"to you"

    async def test_garbage_at_the_ports_harms_nothing(self, engine: AiortcEngine) -> None:
        rng = random.Random(7)
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            await talk(browser, phone, 0, 0)
            for _ in range(300):
                # First bytes of every kind that shares the port: STUN, DTLS, RTP, RTCP.
                head = bytes([rng.choice([0, 1, 20, 22, 63, 128, 144, 191, 255])])
                junk = head + rng.randbytes(rng.choice([0, 1, 11, 12, 20, 60, 1600]))
                phone.send(junk)
                phone.send(junk, port_offset=1)
                await browser.send_raw(junk)
                # Let the loop read, or the sockets' buffers would overflow.
                await asyncio.sleep(0)
            while not browser.inbox.media.empty():
                await browser.inbox.packet()
            await browser.send(rtp(0, 50, b"still here", source=0x2222))
            while (await phone.inbox.packet()).payload != b"still here":
                continue
