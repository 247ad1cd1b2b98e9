"""A recording's timeline: two voices from packets of any codec, whatever the network did."""

import io
import random
from collections.abc import Iterable

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from media.codec import make_encoder
from media.jitter import Packet
from media.negotiate import Agreement
from media.packet import AUDIO, EVENT
from media.tape import RATE, Taken, Tape
from tests.media.speech import Speech, frames, likeness, make_speech, score, tone

BEGAN = 5_000.0
CLOCKS = {"opus/48000/2": 48000, "PCMU/8000": 8000, "PCMA/8000": 8000, "G722/8000": 8000}
LEFT, RIGHT = 0, 1

Arrivals = list[Taken]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return make_speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture
def speech(spoken: Speech) -> bytes:
    return spoken.at[RATE]


def agreement(codec: str) -> Agreement:
    return Agreement(codec, CLOCKS[codec], 0, None, frozenset(), frozenset(), True, True)


def said(
    pcm: bytes,
    codec: str = "opus/48000/2",
    *,
    side: int = LEFT,
    at: float = 0.0,
    source: int = 1,
    first: int = 0,
    stamp: int = 0,
    drift: float = 0.0,
    agreed: Agreement | None = None,
) -> Arrivals:
    """A voice in packets of 20 ms, each when it was said; `drift` is by what its clock is wrong."""
    encoder, spoken = make_encoder(codec, RATE, 20), agreed or agreement(codec)
    step = CLOCKS[codec] // 50
    arrivals = []
    for number, frame in enumerate(frames(pcm, RATE, 20)):
        time = (stamp + number * step) & 0xFFFFFFFF
        packet = Packet(encoder.encode(frame), time, AUDIO, False)
        now = BEGAN + at + (number + 1) * 0.02 * (1 + drift)
        arrivals.append(Taken(side, now, spoken, source, (first + number) & 0xFFFF, packet))
    return arrivals


def taped(*arrivals: Iterable[Taken], until: float | None = None) -> bytes:
    """The file of what arrived, worked on four times a second as the recorder does."""
    everything = sorted((each for one in arrivals for each in one), key=lambda each: each.at)
    end = BEGAN + until if until is not None else everything[-1].at + 0.001
    tape, file, now = Tape(7, BEGAN), b"", BEGAN
    waiting = list(everything)
    while now < end:
        now = min(now + 0.25, end)
        while waiting and waiting[0].at <= now:
            tape.hear(waiting.pop(0))
        file += tape.pages(now, ends=now == end)
    assert tape.seconds == pytest.approx(end - BEGAN, abs=0.02)
    return file


def channels(file: bytes, rate: int = RATE) -> tuple[bytes, bytes]:
    """Both sides as a player hears them."""
    with av.open(io.BytesIO(file), "r") as opened:
        resampler = av.AudioResampler(format="s16", layout="stereo", rate=rate)
        parts = [
            part.to_ndarray()[0]
            for frame in opened.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    both = np.concatenate(parts)
    return both[0::2].tobytes(), both[1::2].tobytes()


def loudness(pcm: bytes, begin: float, end: float) -> float:
    """The root mean square of a stretch, in seconds."""
    samples = np.frombuffer(pcm, dtype=np.int16)[int(begin * RATE) : int(end * RATE)]
    return float(np.sqrt(np.mean(np.square(samples.astype(float)))))


def begins(pcm: bytes) -> float:
    """When it is first loud, in seconds."""
    return int(np.argmax(np.abs(np.frombuffer(pcm, dtype=np.int16)) > 1000)) / RATE


@pytest.mark.parametrize("codec", CLOCKS)
def test_a_voice_of_each_codec_is_on_its_own_side_alone(codec: str, spoken: Speech) -> None:
    speech = spoken.at[RATE]
    other = "PCMU/8000" if codec.startswith("opus") else "opus/48000/2"
    hum = tone(RATE, 300, len(speech) // 32)
    file = taped(said(speech, codec), said(hum, other, side=RIGHT, source=2))
    left, right = channels(file)
    assert likeness(speech, left) > 0.8
    assert score(spoken.at[8000], channels(file, 8000)[0], 8000) > 3.3
    assert likeness(hum, right) > 0.98
    quiet = channels(taped(said(speech, codec), until=len(speech) / 2 / RATE))[1]
    assert loudness(quiet, 0, 100) < 2


def test_both_lie_on_one_timeline_from_when_they_arrived() -> None:
    late = said(tone(RATE, 300, 1000), side=RIGHT, source=2, at=2.5, first=900, stamp=12345)
    left, right = channels(taped(said(tone(RATE, 440, 4000)), late))
    assert begins(left) == pytest.approx(0.02, abs=0.01)
    assert begins(right) == pytest.approx(2.52, abs=0.01)


def test_jitter_and_disorder_leave_no_trace(speech: bytes) -> None:
    chance = random.Random(1)
    shaken = [each._replace(at=each.at + chance.uniform(0, 0.06)) for each in said(speech)]
    # The first one fixes where the voice lies.
    shaken[0] = said(speech)[0]
    steady = channels(taped(said(speech)))[0]
    heard = channels(taped(shaken, until=len(speech) / 2 / RATE + 0.1))[0]
    assert likeness(steady, heard) > 0.98


def test_losses_are_concealed_and_shift_nothing(speech: bytes) -> None:
    kept = [each for number, each in enumerate(said(speech, "PCMU/8000")) if number % 10 != 5]
    heard = channels(taped(kept))[0]
    assert likeness(speech, heard) > 0.85
    # Half of it is gone at once: what comes after lies where it was said.
    half = [each for number, each in enumerate(said(speech)) if not 50 <= number < 100]
    late = channels(taped(half))[0]
    assert likeness(speech[3 * 32000 :], late[3 * 32000 :]) > 0.85
    assert loudness(late, 1.2, 1.9) < 100


def test_numbers_and_stamps_wrap(speech: bytes) -> None:
    wrapping = said(speech, first=0xFFFF - 60, stamp=0x100000000 - 960 * 90)
    steady = channels(taped(said(speech)))[0]
    assert likeness(steady, channels(taped(wrapping))[0]) > 0.99


def test_a_hold_is_silence_of_its_length() -> None:
    before = said(tone(RATE, 440, 1000))
    after = said(tone(RATE, 440, 1000), at=4.0, first=50, stamp=4 * 48000)
    left = channels(taped(before, after))[0]
    assert loudness(left, 1.2, 3.9) < 20
    assert loudness(left, 4.2, 4.9) > 4000


def test_a_new_media_generation_goes_on_in_another_codec() -> None:
    before = said(tone(RATE, 440, 2000), "opus/48000/2")
    after = said(tone(RATE, 440, 2000), "PCMA/8000", at=2.3, source=9, first=7, stamp=99)
    left = channels(taped(before, after))[0]
    assert loudness(left, 0.2, 1.9) == pytest.approx(loudness(left, 2.6, 4.2), rel=0.1)
    assert loudness(left, 2.1, 2.25) < 100


def test_nothing_stands_where_digits_were() -> None:
    spoken = said(tone(RATE, 440, 2000))
    for number in range(40, 60):
        packet = Packet(b"\x05\x0a\x03\x20", spoken[40].packet.timestamp, EVENT, False)
        spoken[number] = spoken[number]._replace(packet=packet)
    assert loudness(channels(taped(spoken))[0], 0.9, 1.15) < 20


@pytest.mark.parametrize("drift", [3e-3, -3e-3])
def test_a_clock_that_is_wrong_does_not_run_away(drift: float) -> None:
    """15 times as wrong as a bad one, so a minute shows what a quarter of an hour would."""
    pcm = tone(RATE, 440, 59_000) + tone(RATE, 440, 1000, loudness=0)
    ended = len(pcm) / 2 / RATE * (1 + drift) - 1.0
    left = channels(taped(said(pcm, "PCMU/8000", drift=drift)))[0]
    heard = np.flatnonzero(np.abs(np.frombuffer(left, dtype=np.int16)) > 1000)[-1] / RATE
    assert heard == pytest.approx(ended, abs=0.1)


def test_what_pretends_to_be_of_the_future_is_not_kept() -> None:
    tape, spoken = Tape(7, BEGAN), agreement("PCMU/8000")
    for number in range(2000):
        # Each packet leaps a little less far than what begins anew.
        packet = Packet(bytes(160), number * 3900 & 0xFFFFFFFF, AUDIO, False)
        at = BEGAN + number * 0.002
        tape.hear(Taken(LEFT, at, spoken, 1, number & 0xFFFF, packet))
        tape.pages(at)
        assert tape.waiting_seconds < 2


hostile = st.builds(
    Taken,
    side=st.integers(0, 1),
    at=st.floats(BEGAN, BEGAN + 3),
    agreement=st.sampled_from([agreement(codec) for codec in CLOCKS]),
    source=st.integers(1, 2),
    sequence=st.integers(0, 0xFFFF),
    packet=st.builds(
        Packet,
        payload=st.binary(max_size=200),
        timestamp=st.integers(0, 0xFFFFFFFF),
        kind=st.sampled_from([AUDIO, EVENT, 3]),
        marker=st.booleans(),
    ),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(hostile, max_size=40))
def test_no_packet_breaks_a_recording(packets: list[Taken]) -> None:
    tape, file = Tape(7, BEGAN), b""
    for taken in sorted(packets, key=lambda each: each.at):
        tape.hear(taken)
        file += tape.pages(taken.at)
    file += tape.pages(BEGAN + 4.0, ends=True)
    assert tape.waiting_seconds < 5
    sound, rate = soundfile.read(io.BytesIO(file))
    assert sound.shape == (pytest.approx(4 * rate, abs=rate / 25), 2)


def test_pauses_that_are_not_sent_are_pauses() -> None:
    """Opus' DTX: nothing comes for 400 ms, then a packet that only says that silence goes on."""
    pcm = tone(RATE, 440, 1000) + bytes(3 * RATE * 2) + tone(RATE, 440, 1000)
    encoder = make_encoder("opus/48000/2", RATE, 20, dtx=True)
    payloads = [encoder.encode(frame) for frame in frames(pcm, RATE, 20)]
    spoken = said(pcm)
    sent = [
        each._replace(sequence=number, packet=each.packet._replace(payload=payload))
        for number, (each, payload) in enumerate(
            (each, payload) for each, payload in zip(spoken, payloads, strict=True) if payload
        )
    ]
    assert len(sent) < 140
    left = channels(taped(sent, until=5.1))[0]
    assert loudness(left, 0.2, 0.9) == pytest.approx(loudness(left, 4.3, 4.9), rel=0.2)
    assert loudness(left, 1.3, 3.9) < 20
