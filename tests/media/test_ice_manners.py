"""ICE among strangers and friends: whom it answers, whom it tries, and that it stays awake."""

import asyncio
from typing import Any, cast

import aioice.ice
import aioice.stun
import pytest
from aioice.stun import Class, Message, Method

from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import Failed, IceCandidate, Profile
from media.sdp import MediaSection, parse
from tests.media.harness import (
    BROWSER_CODECS,
    FIRST_PORT,
    PCMU,
    Events,
    browser_calls_phone,
    connect,
    talk,
)
from tests.media.peers import LOOPBACK, PATIENCE, Browser, Phone


class Agent(asyncio.DatagramProtocol):
    """Somebody with a socket who speaks STUN to one address."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Message] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own is no subclass of it.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.answers.put_nowait(aioice.stun.parse_message(data))

    def ask(self, name: str, password: str, method: Method = Method.BINDING, **more: Any) -> bytes:
        """Send a check; its transaction."""
        attributes = {"USERNAME": name, "PRIORITY": 1, "ICE-CONTROLLING": 1} | more
        asked = Message(method, Class.REQUEST, attributes=attributes)
        asked.add_message_integrity(password.encode())
        self.transport.sendto(bytes(asked))
        return asked.transaction_id

    async def answered(self) -> bytes:
        return (await asyncio.wait_for(self.answers.get(), PATIENCE)).transaction_id


async def agent_at(section: MediaSection) -> Agent:
    _, agent = await asyncio.get_running_loop().create_datagram_endpoint(
        Agent, remote_addr=(LOOPBACK, section.port)
    )
    return agent


def credentials(section: MediaSection) -> tuple[str, str]:
    return f"{section.attribute('ice-ufrag')}:peer", section.attribute("ice-pwd") or ""


class TestStrangers:
    async def test_an_alert_of_theirs_does_not_end_a_handshake(self, engine: AiortcEngine) -> None:
        alert = bytes.fromhex("15fefd 0000000000000001 0002 0228")
        async with Browser(BROWSER_CODECS) as browser, Phone() as stranger:
            text = await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            stranger.call(text)
            connecting = asyncio.create_task(connect(engine, "web", browser, text))
            while not connecting.done():
                stranger.send(alert)
                await asyncio.sleep(0)
            await connecting

    async def test_only_who_knows_our_password_is_answered(self, engine: AiortcEngine) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            text = await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            section = parse(text).media[0]
            name, password = credentials(section)
            agent = await agent_at(section)
            agent.ask(name, "x" * 22)
            agent.ask("x" + name, password)
            agent.ask(name, password, Method.ALLOCATE)
            agent.transport.sendto(b"\0\1\0\0")
            known = agent.ask(name, password)
            assert await agent.answered() == known
            agent.transport.close()

    async def test_who_knows_it_and_sends_nonsense_harms_only_itself(
        self, engine: AiortcEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with Browser(BROWSER_CODECS) as browser:
            text = await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            section = parse(text).media[0]
            name, password = credentials(section)
            await browser.connect(text)
            agent = await agent_at(section)
            bare = Message(Method.BINDING, Class.REQUEST, attributes={"USERNAME": name})
            bare.add_message_integrity(password.encode())
            agent.transport.sendto(bytes(bare))
            again = agent.ask(name, password)
            assert await agent.answered() in (bare.transaction_id, again)
            assert not [record for record in caplog.records if record.levelname == "ERROR"]
            assert browser.connected
            agent.transport.close()


class TestCandidatesOfThisMachine:
    @pytest.fixture
    def settings(self) -> MediaSettings:
        """HTTP listens elsewhere than on loopback: browsers are on other machines."""
        return MediaSettings(
            host=LOOPBACK, port_min=FIRST_PORT, port_max=FIRST_PORT + 9, connect_seconds=0.3
        )

    async def test_they_are_not_tried_for_a_browser_elsewhere(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Browser(BROWSER_CODECS, names_only=True) as browser, Phone() as service:
            await engine.open("c", "web", Profile.WEBRTC, offer=await browser.offer())
            line = f"candidate:1 1 udp 9 127.0.0.1 {service.port} typ host"
            await engine.candidates("web", [IceCandidate(line, "0", 0)])
            await events.wait(Failed)
            assert service.inbox.media.empty()


class TestConsent:
    """RFC 7675, beside media that takes another way than ICE's."""

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.01)
        monkeypatch.setattr(aioice.stun, "RETRY_RTO", 0.02)

    async def test_both_sides_go_on_answering_while_media_flows(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            heard = browser.consented()
            # More than it takes to give up on one that does not answer.
            for _ in range(2 * aioice.ice.CONSENT_FAILURES):
                await asyncio.wait_for(heard.get(), PATIENCE)
            await talk(browser, phone, 0, 0)
            assert browser.connected
            assert not [event for event in events.all if isinstance(event, Failed)]

    async def test_a_browser_that_is_gone_without_a_word_fails(
        self, engine: AiortcEngine, events: Events
    ) -> None:
        async with Phone() as phone, Browser(BROWSER_CODECS) as browser:
            await browser_calls_phone(engine, browser, phone, phone.description(*PCMU))
            browser.vanish()
            assert "ended" in (await events.wait(Failed)).detail
