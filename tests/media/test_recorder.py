"""Recordings of an engine with real phones: what is taken, who is told, and what may go wrong."""

import asyncio
import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from media import recorder, sdp
from media.aiortc_engine import AiortcEngine, MediaSettings
from media.engine import SILENCE, Profile, Unrecorded
from media.g711 import G711Decoder
from media.places import RECORDING
from signaling.shared.errors import MediaError, TryAgain
from signaling.shared.sealed_file import SealedReader, SealedWriter
from tests.media.harness import Events, quick
from tests.media.peers import LOOPBACK, Phone, rtp
from tests.media.speech import tone
from tests.media.test_transcoding import FORMATS, Talker

KEY = bytes(range(32))
# Whole periods in each packet.
LEFT_HZ, RIGHT_HZ = 450, 1000

Sound = NDArray[np.float64]


@pytest.fixture
def settings() -> MediaSettings:
    """There is room for one recording, and for a call that is transcoded."""
    return quick(max_transcoded=RECORDING + 1)


class Call:
    """Two phones of one engine that talk, in real time."""

    def __init__(self, engine: AiortcEngine, talkers: tuple[Talker, Talker]) -> None:
        self.engine = engine
        self.talkers = talkers
        self._spoken = [0, 0]

    async def speak(self, seconds: float, *who: int) -> None:
        """Both say their note, or those that are named."""
        loop, start = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        for number in range(round(seconds * 50)):
            for side in who or (0, 1):
                pcm = tone(16000, (LEFT_HZ, RIGHT_HZ)[side], 20)
                self.talkers[side].say(pcm, self._spoken[side])
                self._spoken[side] += 1
            await asyncio.sleep(start + (number + 1) * 0.02 - loop.time())


async def joined(engine: AiortcEngine, one: Phone, two: Phone, *codecs: str) -> Call:
    for phone, name, codec in zip((one, two), ("left", "right"), codecs, strict=True):
        offer = phone.description(*FORMATS[codec])
        phone.call(await engine.open("c", name, Profile.RTP, offer=offer, peer=LOOPBACK))
    await engine.join("left", "right")
    return Call(engine, (Talker(one, codecs[0]), Talker(two, codecs[1])))


def heard(path: Path) -> tuple[Sound, Sound, int]:
    data = b"".join(SealedReader(path, KEY).read())
    sound, rate = soundfile.read(io.BytesIO(data))
    return sound[:, 0], sound[:, 1], rate


def loudness(sound: Sound, hertz: float, rate: int) -> float:
    """How much of a note is in it."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) / len(sound)
    return float(spectrum[round(hertz * len(sound) / rate)])


@contextmanager
def full_disk(after: int) -> Iterator[None]:
    """A disk that takes so many chunks more."""
    left, write = [after], os.write

    def limited(file: int, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    with mock.patch("signaling.shared.sealed_file.os.write", limited):
        yield


@pytest.mark.parametrize("codecs", [("PCMU/8000", "opus/48000/2"), ("G722/8000", "PCMA/8000")])
async def test_each_side_is_on_its_channel_and_no_byte_is_plain(
    engine: AiortcEngine, tmp_path: Path, codecs: tuple[str, str]
) -> None:
    path = tmp_path / "x"
    async with Phone() as one, Phone() as two:
        call = await joined(engine, one, two, *codecs)
        await engine.record("r", "left", "right", str(path), KEY)
        await call.speak(1.6)
        recorded = await engine.stop_recording("r")
    assert recorded is not None
    assert recorded.seconds == pytest.approx(1.6, abs=0.2)
    assert recorded.size == SealedReader(path, KEY).size
    assert b"OggS" not in path.read_bytes()
    left, right, rate = heard(path)
    own = loudness(left, LEFT_HZ, rate), loudness(right, RIGHT_HZ, rate)
    other = loudness(left, RIGHT_HZ, rate), loudness(right, LEFT_HZ, rate)
    assert min(own) > 100 * max(other)
    assert await engine.stop_recording("r") is None


async def test_what_the_other_side_is_not_let_hear_is_not_recorded(
    engine: AiortcEngine, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    async with Phone() as one, Phone() as two:
        call = await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        await engine.record("r", "left", "right", str(path), KEY)
        await call.speak(0.5)
        await engine.play("right", SILENCE)
        await call.speak(0.6)
        await engine.play("right", None)
        await call.speak(0.5)
        await engine.stop_recording("r")
    left, right, rate = heard(path)
    held = slice(int(0.65 * rate), int(1.05 * rate))
    assert np.abs(left[held]).max() < 0.01
    assert np.abs(right[held]).max() > 0.1
    assert np.abs(left[int(1.3 * rate) :]).max() > 0.1


async def test_it_goes_on_with_a_new_media_generation(engine: AiortcEngine, tmp_path: Path) -> None:
    path = tmp_path / "x"
    async with Phone() as one, Phone() as two, Phone() as moved:
        call = await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        await engine.record("r", "left", "right", str(path), KEY)
        await call.speak(0.8)
        offer = moved.description(*FORMATS["opus/48000/2"])
        moved.call(await engine.open("c", "left 2", Profile.RTP, offer=offer, peer=LOOPBACK))
        await engine.record("r", "left 2", "right", str(path), KEY)
        await engine.join("left 2", "right")
        await engine.close("left")
        call.talkers = (Talker(moved, "opus/48000/2"), call.talkers[1])
        await call.speak(0.8)
        recorded = await engine.stop_recording("r")
    assert recorded is not None
    left, right, rate = heard(path)
    for half in (slice(int(0.1 * rate), int(0.6 * rate)), slice(int(1.0 * rate), int(1.5 * rate))):
        assert loudness(left[half], LEFT_HZ, rate) > 0.02
        assert loudness(right[half], RIGHT_HZ, rate) > 0.02


async def test_a_phone_hears_a_tone_and_reads_of_the_recording(
    engine: AiortcEngine, tmp_path: Path
) -> None:
    async with Phone() as one, Phone() as two:
        call = await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        await call.speak(0.2)
        assert "a=record" not in await engine.reoffer("right", talks=True, listens=True)
        await engine.record("r", "left", "right", str(tmp_path / "x"), KEY)
        await call.speak(1.0)
        told = [two.inbox.media.get_nowait().payload for _ in range(two.inbox.media.qsize())]
        said = await engine.reoffer("right", talks=True, listens=True)
        again = await engine.update("left", one.description(*FORMATS["PCMU/8000"]))
        await engine.stop_recording("r")
        over = await engine.reoffer("right", talks=True, listens=True)
    decoder = G711Decoder("PCMU/8000", 8000)
    sound = np.frombuffer(b"".join(map(decoder.decode, told)), dtype=np.int16) / 32768
    assert loudness(sound, 1400, 8000) > 0.005
    assert [said.count("a=record:on"), again.count("a=record:on")] == [1, 1]
    assert (over.count("a=record:off"), over.count("a=record:on")) == (1, 0)


async def test_who_is_to_be_recorded_reads_so_in_the_first_description(
    engine: AiortcEngine, tmp_path: Path
) -> None:
    async with Phone() as one, Phone() as two:
        offer = one.description(*FORMATS["PCMU/8000"])
        first = {
            "right": await engine.open("c", "right", Profile.RTP, recorded=True),
            "left": await engine.open("c", "left", Profile.RTP, offer=offer, recorded=True),
            "page": await engine.open("c", "page", Profile.WEBRTC, recorded=True),
            "other": await engine.open("c", "other", Profile.RTP),
        }
        told = {leg: text.count("a=record:on") for leg, text in first.items()}
        assert told == {"right": 1, "left": 1, "page": 0, "other": 0}
        section = sdp.parse(first["right"]).media[0]
        assert (section.kind, section.attributes("record")) == ("audio", ["on"])
        # Before the answer, too: a phone that describes itself anew is told the same.
        await engine.accept("right", two.description(*FORMATS["PCMU/8000"]))
        again = await engine.update("left", offer)
        await engine.join("left", "right")
        with pytest.raises(MediaError):
            await engine.record("r", "left", "right", str(tmp_path / "no" / "x"), KEY)
        over = [
            await engine.update("left", offer),
            await engine.reoffer("right", talks=True, listens=True),
        ]
    assert again.count("a=record:on") == 1
    assert [(text.count("record:on"), text.count("record:off")) for text in over] == [(0, 1)] * 2


@pytest.mark.parametrize("first", ["tone", "digit"])
async def test_a_digit_that_meets_the_tone_arrives_once(
    engine: AiortcEngine, tmp_path: Path, first: str
) -> None:
    async with Phone() as one, Phone() as two:
        await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        await engine.record("r", "left", "right", str(tmp_path / "x"), KEY)
        if first == "tone":
            # It is cut short.
            assert (await two.inbox.packet()).payload_type == 0
        for number, (end, duration) in enumerate([(0, 160), (0, 320), (128, 480), (128, 480)]):
            payload = bytes([5, end | 10]) + duration.to_bytes(2)
            one.send(rtp(101, number, payload, timestamp=160))
            await asyncio.sleep(0.02 if first == "tone" else 0.25)
        heard = [two.inbox.media.get_nowait() for _ in range(two.inbox.media.qsize())]
    events = [packet for packet in heard if packet.payload_type == 101]
    assert len(events) == 4
    assert len({packet.timestamp for packet in events}) == 1
    assert heard.index(events[-1]) - heard.index(events[0]) == 3, "a tone between them"


async def test_a_full_disk_ends_the_recording_and_leaves_the_call(
    engine: AiortcEngine, events: Events, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    async with Phone() as one, Phone() as two:
        call = await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        await engine.record("r", "left", "right", str(path), KEY)
        with pytest.raises(TryAgain, match="no room"):
            await engine.record("s", "left", "right", str(tmp_path / "y"), KEY)
        assert not (tmp_path / "y").exists()
        with full_disk(after=1):
            while not any(isinstance(event, Unrecorded) for event in events.all):
                await call.speak(0.2)
        failed = await events.wait(Unrecorded)
        assert (failed.leg, "No space left" in failed.detail) == ("left", True)
        recorded = await engine.stop_recording("r")
        while two.inbox.media.qsize():
            two.inbox.media.get_nowait()
        await call.speak(0.1)
        assert await two.inbox.packet()
        # Its places are free again.
        await engine.record("s", "left", "right", str(tmp_path / "y"), KEY)
    assert recorded is not None
    # The chunk that was whole is there, and its end.
    assert SealedReader(path, KEY).size == recorded.size > 0


async def test_a_file_that_cannot_be_made_is_an_error_and_takes_no_place(
    engine: AiortcEngine, tmp_path: Path
) -> None:
    async with Phone() as one, Phone() as two:
        await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        with pytest.raises(MediaError, match="No such file"):
            await engine.record("r", "left", "right", str(tmp_path / "none" / "x"), KEY)
        await engine.record("r", "left", "right", str(tmp_path / "x"), KEY)


async def test_a_machine_that_does_not_keep_up_ends_the_recording(
    engine: AiortcEngine, events: Events, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING", 20)
    stuck = asyncio.Event()
    loop = asyncio.get_running_loop()

    def write(self: SealedWriter, plain: bytes) -> None:
        asyncio.run_coroutine_threadsafe(stuck.wait(), loop).result()

    async with Phone() as one, Phone() as two:
        call = await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        with mock.patch.object(SealedWriter, "write", write):
            await engine.record("r", "left", "right", str(tmp_path / "x"), KEY)
            await call.speak(1.0)
            assert "keep up" in (await events.wait(Unrecorded)).detail
            stuck.set()
            assert await engine.stop_recording("r") is not None


async def test_an_engine_that_stops_gives_its_recordings_their_end(
    loopback_ice: None, tmp_path: Path
) -> None:
    path, engine = tmp_path / "x", AiortcEngine(quick())
    async with Phone() as one, Phone() as two:
        call = await joined(engine, one, two, "PCMU/8000", "PCMU/8000")
        await engine.record("r", "left", "right", str(path), KEY)
        await call.speak(0.4)
        await engine.aclose()
    assert np.abs(heard(path)[0]).max() > 0.1
