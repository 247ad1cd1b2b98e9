"""A real Chromium hears a tone from the phone, and the phone hears Chromium."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, async_playwright

from media.aiortc_engine import AiortcEngine
from media.engine import Connected, Profile
from tests.media.harness import Events
from tests.media.peers import LOOPBACK, Phone, rtp

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# PCMU: eight samples above zero, eight below: 500 Hz at 8 kHz.
TONE = (b"\x90" * 8 + b"\x10" * 8) * 10
TONE_HZ = 500

START = """async () => {
  window.pc = new RTCPeerConnection();
  const mic = await navigator.mediaDevices.getUserMedia({audio: true});
  mic.getTracks().forEach(track => pc.addTrack(track, mic));
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 4096;
  pc.ontrack = event => {
    // Chromium decodes a remote track only while an element plays it.
    window.element = new Audio();
    element.muted = true;
    element.srcObject = event.streams[0];
    element.play();
    context.createMediaStreamSource(event.streams[0]).connect(analyser);
  };
  window.hears = hertz => {
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    return bins[loudest] > -60
      && Math.abs(loudest * context.sampleRate / analyser.fftSize - hertz) < 20;
  };
}"""
OFFER = """async () => {
  pc.addTransceiver('video');
  pc.createDataChannel('chat');
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}"""
ANSWERED = "sdp => pc.setRemoteDescription({type: 'answer', sdp})"
ANSWER = """async sdp => {
  await pc.setRemoteDescription({type: 'offer', sdp});
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async def blank(route: Route) -> None:
        await route.fulfill(body="<!doctype html>", content_type="text/html")

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=FLAGS
        )
        page = await browser.new_page()
        await page.route("**/*", blank)
        # A microphone is given to a secure context only, and localhost is one.
        await page.goto("http://localhost/")
        await page.evaluate(START)
        yield page
        await browser.close()


REPORTED = """async () => {
  for (;;) {
    const stats = [...(await pc.getStats()).values()];
    const told = stats.find(entry => entry.type === 'remote-inbound-rtp');
    if (told && told.roundTripTime > 0) return told;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}"""


async def hear_each_other(engine: AiortcEngine, page: Page, phone: Phone) -> None:
    async def play() -> None:
        number = 0
        while True:
            phone.send(rtp(0, number, TONE))
            number += 1
            await asyncio.sleep(0.02)

    playing = asyncio.create_task(play())
    try:
        await page.wait_for_function(f"hears({TONE_HZ})", timeout=10_000)
        async with asyncio.timeout(20):
            reported = await page.evaluate(REPORTED)
        assert 0 < reported["roundTripTime"] < 1
        assert reported["packetsLost"] == 0
        # What Chromium tells of our stream.
        figures = await engine.query("web")
        assert figures.sent.lost is not None and figures.sent.mos is not None
    finally:
        playing.cancel()
    heard = await phone.inbox.packet()
    assert (heard.payload_type, len(heard.payload)) == (0, 160)


async def test_chromium_calls(engine: AiortcEngine, page: Page) -> None:
    """Its candidates are left out of the offer and are names: its own checks must do."""
    events = Events(engine)
    async with Phone() as phone:
        offer = await page.evaluate(OFFER)
        assert "opus/48000/2" in engine.codecs(offer)
        phone.call(await engine.open("c", "phone", Profile.RTP, peer=LOOPBACK))
        codec = await engine.accept("phone", phone.description("0"))
        answer = await engine.open("c", "web", Profile.WEBRTC, offer=offer, codecs=(codec,))
        await page.evaluate(ANSWERED, answer)
        await events.wait(Connected, leg="web")
        await engine.join("web", "phone")
        await hear_each_other(engine, page, phone)


async def test_chromium_is_called(engine: AiortcEngine, page: Page) -> None:
    events = Events(engine)
    async with Phone() as phone:
        offer = phone.description("0")
        mine = await engine.open("c", "web", Profile.WEBRTC, codecs=engine.codecs(offer))
        codec = await engine.accept("web", await page.evaluate(ANSWER, mine))
        phone.call(await engine.open("c", "phone", Profile.RTP, offer=offer, codecs=(codec,)))
        await events.wait(Connected, leg="web")
        await engine.join("web", "phone")
        await hear_each_other(engine, page, phone)
