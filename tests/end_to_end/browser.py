"""Chromium as a softphone: the page, what a person does with it, and what comes out of it."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    StorageState,
    expect,
)

CHROMIUM = "/usr/bin/chromium"

FLAGS = (
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

RAW_AUDIO = '{"echoCancellation":false,"noiseSuppression":false,"autoGainControl":false}'

# Chromium hides its addresses behind mDNS names as long as the page may not use the microphone:
# a page that shall hide them gets its sound from a file instead, at the same door.
FILE_AS_MICROPHONE = """
const speak = async () => {
  const context = new AudioContext();
  const file = await fetch("/microphone.wav");
  const source = context.createBufferSource();
  source.buffer = await context.decodeAudioData(await file.arrayBuffer());
  const microphone = context.createMediaStreamDestination();
  source.connect(microphone);
  source.start();
  return microphone.stream;
};
// the blank page before the first has no devices
if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = speak;
"""

RELAY_ONLY = """
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration) {
    super({ ...configuration, iceTransportPolicy: "relay" });
  }
};
"""

# The recorder does not follow a remote stream whose sample rate changes to that of the codec:
# the audio context stands between them.
START_RECORDING = """async () => {
  const [call] = window.wsphone.calls();
  const context = new AudioContext({ sampleRate: 48000 });
  await context.resume();
  const tape = context.createMediaStreamDestination();
  context.createMediaStreamSource(call.remoteStream).connect(tape);
  const recorder = new MediaRecorder(tape.stream, { mimeType: "audio/webm;codecs=pcm" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  window.recording = { context, recorder, parts };
  recorder.start(1000);
}"""

STOP_RECORDING = """async () => {
  const { context, recorder, parts } = window.recording;
  await new Promise((resolve) => { recorder.onstop = resolve; recorder.stop(); });
  await context.close();
  const reader = new FileReader();
  const read = new Promise((resolve) => { reader.onload = resolve; });
  reader.readAsDataURL(new Blob(parts));
  await read;
  return reader.result.split(",", 2)[1];
}"""

# with a new generation of media the stream stays, and its track becomes another
CONNECTED = """() => {
  const [call] = window.wsphone.calls();
  if (call?.pc?.connectionState !== "connected" || call.pc === window.earlier) return false;
  const [track] = call.remoteStream.getAudioTracks();
  return call.pc.getReceivers().some((receiver) => receiver.track === track);
}"""

REMEMBER_MEDIA = """() => {
  window.earlier = window.wsphone.calls()[0].pc;
}"""

INBOUND_CODEC = """async () => {
  const [call] = window.wsphone.calls();
  const stats = [...(await call.pc.getStats()).values()];
  const inbound = stats.find((entry) => entry.type === "inbound-rtp");
  return stats.find((entry) => entry.id === inbound.codecId).mimeType;
}"""

TOLD_FIGURES = """() => {
  const [call] = window.wsphone.calls();
  const told = call?.figures?.received;
  return told?.mos && told.round_trip_ms && call.figures;
}"""

TURN_SERVER = """() => {
  const [call] = window.wsphone.calls();
  const [{ username, credential }] = call.pc.getConfiguration().iceServers;
  return [username, credential];
}"""

LOCAL_CANDIDATES = """async () => {
  const [call] = window.wsphone.calls();
  return call.pc.localDescription.sdp.match(/^a=candidate:.*$/gm) ?? [];
}"""


@dataclass(frozen=True)
class Ended:
    """How the page says that a call ended."""

    reason: str
    by: str


async def launch(
    playwright: Playwright,
    *flags: str,
    microphone: Path | None,
    executable: Path | str = CHROMIUM,
) -> Browser:
    """A Chromium whose microphone is a WAV file, or one that may not use a microphone."""
    voice = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    )
    return await playwright.chromium.launch(
        executable_path=executable, args=[*FLAGS, *flags, *(voice if microphone else ())]
    )


class Softphone:
    """One tab with the page; `url` may lead through a relay."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def part(self, name: str) -> Locator:
        """An element of the page by its data-testid."""
        return self.page.get_by_test_id(name)

    async def log_in(self, username: str, password: str) -> None:
        await self.try_log_in(username, password)
        await self.online()

    async def try_log_in(self, username: str, password: str) -> None:
        await self.part("login-username").fill(username)
        await self.part("login-password").fill(password)
        await self.part("login-submit").click()

    async def log_out(self) -> None:
        await self.part("logout").click()
        await expect(self.part("login-submit")).to_be_visible()

    async def online(self) -> None:
        """Wait until the page has its connection to the server."""
        connection = self.part("connection")
        await expect(connection).to_have_attribute("data-state", "online", timeout=15000)

    async def offline(self) -> None:
        """Wait until the page shows that it has lost the server."""
        connection = self.part("connection")
        await expect(connection).not_to_have_attribute("data-state", "online", timeout=15000)

    async def dial(self, address: str) -> None:
        await self.part("dial-input").fill(address)
        await self.part("dial-call").click()

    async def rings(self) -> str:
        """Wait for a call to come in; who it says is calling."""
        await expect(self.part("incoming")).to_be_visible(timeout=10000)
        return await self.part("incoming-from").inner_text()

    async def stops_ringing(self) -> None:
        await expect(self.part("incoming")).to_be_hidden(timeout=10000)

    async def accept(self) -> None:
        await self.part("accept").click()

    async def decline(self) -> None:
        await self.part("decline").click()

    async def hang_up(self) -> None:
        await self.part("hangup").click()

    async def press(self, keys: str) -> None:
        """Open the keypad and press digits, * and #."""
        await self.part("keypad-toggle").click()
        names = {"*": "star", "#": "hash"}
        for key in keys:
            await self.part(f"key-{names.get(key, key)}").click()

    async def in_state(self, state: str, *, seconds: float = 15) -> None:
        """Wait until the call is trying, ringing, talking or ended."""
        call = self.part("call")
        await expect(call).to_have_attribute("data-state", state, timeout=seconds * 1000)

    async def talks(self) -> None:
        """Wait until the call is answered and its media are connected."""
        await self.in_state("talking")
        await self.hears_something()

    async def hears_something(self) -> None:
        """Wait until media are connected, before the answer or after it."""
        await self.page.wait_for_function(CONNECTED, timeout=10000)

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[None]:
        """The block moves the call to a new peer connection; wait until that one is connected."""
        await self.page.evaluate(REMEMBER_MEDIA)
        yield
        await self.talks()

    async def ended(self, *, seconds: float = 15) -> Ended:
        """Wait for the end of the call, note how it ended, and put the note away."""
        await self.in_state("ended", seconds=seconds)
        call = self.part("call")
        reason = await call.get_attribute("data-reason")
        by = await call.get_attribute("data-by")
        sentence = await self.part("call-reason").inner_text()
        assert sentence.strip(), "the page gives no reason in words"
        await self.part("dismiss").click()
        return Ended(reason or "", by or "")

    async def figures(self) -> dict[str, Any]:
        """Wait until the server has told how both directions sound; its event's fields."""
        told = await self.page.wait_for_function(TOLD_FIGURES, timeout=20000)
        figures: dict[str, Any] = await told.json_value()
        return figures

    async def candidates(self) -> list[str]:
        """The lines of the candidates that the page has gathered for its call."""
        found: list[str] = await self.page.evaluate(LOCAL_CANDIDATES)
        return found

    async def turn_credentials(self) -> tuple[str, str]:
        """Name and password by which its call uses the TURN server."""
        username, credential = await self.page.evaluate(TURN_SERVER)
        return username, credential

    async def codec(self) -> str:
        """In which codec the page hears the other side, as a MIME type."""
        return str(await self.page.evaluate(INBOUND_CODEC))

    @asynccontextmanager
    async def hearing(self, path: Path) -> AsyncIterator[None]:
        """Record what the page hears while the block runs, to a WAV file."""
        await self.page.evaluate(START_RECORDING)
        yield
        webm = path.with_suffix(".webm")
        webm.write_bytes(base64.b64decode(await self.page.evaluate(STOP_RECORDING)))
        _to_wav(webm, path)


@asynccontextmanager
async def softphone(
    browser: Browser, url: str, *, voice: Path | None = None, relay_only: bool = False
) -> AsyncIterator[Softphone]:
    """A tab in a profile of its own; `voice` is the microphone of a browser that has none.

    With `relay_only` its browser reaches nobody but through a TURN server.

    It logs out after the block, so that nothing rings here any more; none of the profile's pages
    may have run into an error.
    """
    setting = StorageState(
        origins=[{"origin": url, "localStorage": [{"name": "wsphone.audio", "value": RAW_AUDIO}]}]
    )
    context = await browser.new_context(storage_state=setting)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    try:
        if voice is not None:
            await context.add_init_script(FILE_AS_MICROPHONE)
            await context.route("**/microphone.wav", lambda route: route.fulfill(path=voice))
        if relay_only:
            await context.add_init_script(RELAY_ONLY)
        phone = await open_tab(context, url)
        yield phone
        if await phone.part("logout").is_visible():
            await phone.log_out()
        assert not errors, errors
    finally:
        await context.close()


async def open_tab(context: BrowserContext, url: str) -> Softphone:
    phone = Softphone(await context.new_page())
    await phone.page.goto(url)
    return phone


def hides_addresses(candidates: list[str]) -> bool:
    """Whether every host candidate stands behind an mDNS name."""
    return bool(candidates) and all(re.search(r"\.local \d+ typ host", c) for c in candidates)


def _to_wav(webm: Path, wav: Path) -> None:
    with av.open(str(webm)) as container:
        stream = container.streams.audio[0]
        blocks = [frame.to_ndarray() for frame in container.decode(stream)]
        # packed samples: the channels of a moment stand side by side
        samples = np.concatenate([block.reshape(-1, stream.channels) for block in blocks])
        soundfile.write(wav, samples, stream.rate)
