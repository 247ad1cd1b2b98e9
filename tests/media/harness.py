"""Calls set up through the engine in one line, and its events to wait for."""

import asyncio
import os
from typing import TypeVar

import pytest

from media.aiortc_engine import AiortcEngine
from media.engine import Connected, MediaEngine, MediaEvent, OwnEngine, Profile
from media.fleet import Fleet
from media.settings import MediaSettings
from tests.media.peers import LOOPBACK, PATIENCE, Browser, Phone, rtp

BROWSER_CODECS = {
    111: "opus/48000/2",
    0: "PCMU/8000",
    8: "PCMA/8000",
    110: "telephone-event/48000",
    126: "telephone-event/8000",
}

PCMU = ("0 101", "rtpmap:101 telephone-event/8000")
OPUS = ("96 97", "rtpmap:96 opus/48000/2", "rtpmap:97 telephone-event/48000")

# A narrow range of this process's own, for tests that need to know what is in it.
FIRST_PORT = 20000 + os.getpid() % 400 * 20


async def in_this_process(settings: MediaSettings) -> OwnEngine:
    return AiortcEngine(settings)


async def in_its_own(settings: MediaSettings) -> OwnEngine:
    fleet = Fleet(settings, 1)
    await fleet.start()
    return fleet


BOTH_ENGINES = pytest.mark.parametrize("engine", [in_this_process, in_its_own], indirect=True)

E = TypeVar("E", bound=MediaEvent)


def quick(
    *,
    port_min: int = 30000,
    port_max: int = 31999,
    silent_seconds: float = 30.0,
    report_seconds: float = 5.0,
    connect_seconds: float = 5.0,
    max_transcoded: int = 0,
    browser_codec: str = "auto",
) -> MediaSettings:
    """An engine of loopback only."""
    return MediaSettings(
        host=LOOPBACK,
        loopback=True,
        port_min=port_min,
        port_max=port_max,
        silent_seconds=silent_seconds,
        report_seconds=report_seconds,
        connect_seconds=connect_seconds,
        max_transcoded=max_transcoded,
        browser_codec=browser_codec,
    )


class Events:
    """What an engine reported, to be waited for by kind."""

    def __init__(self, engine: MediaEngine) -> None:
        self.all: list[MediaEvent] = []
        self._news = asyncio.Event()
        engine.listen(self._put)

    async def wait(self, kind: type[E], *, leg: str | None = None, nth: int = 1) -> E:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = [
                    event
                    for event in self.all
                    if isinstance(event, kind) and leg in (None, event.leg)
                ]
                if len(found) >= nth:
                    return found[nth - 1]
                self._news.clear()
                await self._news.wait()

    def _put(self, event: MediaEvent) -> None:
        self.all.append(event)
        self._news.set()


async def connect(engine: MediaEngine, leg: str, browser: Browser, text: str) -> None:
    """Bring a leg up from both sides: what is sent before our side is up would be dropped."""
    events = Events(engine)
    await browser.connect(text)
    await events.wait(Connected, leg=leg)


async def browser_calls_phone(
    engine: MediaEngine, browser: Browser, phone: Phone, answer: str, *, peer: str = LOOPBACK
) -> str:
    """Leg "web" to the browser that offers, leg "phone" to the phone that answers; joined."""
    offer = await browser.offer()
    mine = await engine.open("c", "phone", Profile.RTP, codecs=engine.codecs(offer), peer=peer)
    phone.call(mine)
    codec = await engine.accept("phone", answer)
    text = await engine.open("c", "web", Profile.WEBRTC, offer=offer, codecs=(codec,))
    await connect(engine, "web", browser, text)
    await engine.join("web", "phone")
    return codec


async def phone_calls_browser(
    engine: MediaEngine, browser: Browser, phone: Phone, offer: str, *, peer: str = LOOPBACK
) -> str:
    """The same with the offer made by the phone."""
    mine = await engine.open("c", "web", Profile.WEBRTC, codecs=engine.codecs(offer))
    answer = await browser.answer()
    codec = await engine.accept("web", answer)
    await connect(engine, "web", browser, mine)
    text = await engine.open("c", "phone", Profile.RTP, offer=offer, codecs=(codec,), peer=peer)
    phone.call(text)
    await engine.join("web", "phone")
    return codec


async def talk(browser: Browser, phone: Phone, web_type: int, phone_type: int) -> None:
    """Packets flow both ways, with each side's own payload type and our numbering."""
    for number in range(3):
        phone.send(rtp(phone_type, number, b"from the phone"))
        heard = await browser.inbox.packet()
        assert (heard.payload_type, heard.payload) == (web_type, b"from the phone")
        assert heard.source != 0x1111
        await browser.send(rtp(web_type, number, b"from the browser", source=0x2222))
        heard = await phone.inbox.packet()
        assert (heard.payload_type, heard.payload) == (phone_type, b"from the browser")
        assert heard.source != 0x2222
