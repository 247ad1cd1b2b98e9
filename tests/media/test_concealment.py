"""A gap in a stream goes on like the sound before it, fades, and ends without a step."""

import random
from array import array
from pathlib import Path

import pytest

from media.codec import G722, make_decoder, make_encoder
from media.concealment import Concealment, crossfade
from tests.media.speech import level, likeness, make_speech, score, through, tone

RATES = pytest.mark.parametrize("rate", [8000, 16000])


def in_frames(pcm: bytes, rate: int) -> list[bytes]:
    size = rate // 50 * 2
    return [pcm[i : i + size] for i in range(0, len(pcm), size)]


@pytest.mark.parametrize("hertz", [70, 100, 147, 200])
@RATES
def test_a_voice_goes_on_at_its_pitch(rate: int, hertz: int) -> None:
    whole = in_frames(tone(rate, hertz, 120), rate)
    concealment = Concealment(rate)
    for frame in whole[:4]:
        concealment.heard(frame)
    assert likeness(whole[4], concealment.conceal(rate // 50)) > 0.9


@RATES
def test_a_gap_fades_to_silence_and_stays_silent(rate: int) -> None:
    concealment = Concealment(rate)
    for frame in in_frames(tone(rate, 100, 200), rate):
        concealment.heard(frame)
    levels = [level(concealment.conceal(rate // 100)) for _ in range(10)]
    assert levels[0] > 5000
    assert levels[:6] == sorted(levels[:6], reverse=True)
    assert levels[6:] == [0] * 4


@RATES
def test_no_step_is_louder_than_those_of_the_sound_itself(rate: int) -> None:
    sound = tone(rate, 130, 400)
    concealment = Concealment(rate)
    heard = b""
    for number, frame in enumerate(in_frames(sound, rate)):
        lost = number in (5, 9, 10)
        heard += concealment.conceal(rate // 50) if lost else concealment.heard(frame)
    assert len(heard) == len(sound)
    assert largest_step(heard) < 2.5 * largest_step(sound)


def test_sound_without_losses_is_left_alone() -> None:
    concealment = Concealment(8000)
    noise = random.Random(711).randbytes(320)
    assert [concealment.heard(noise) for _ in range(5)] == [noise] * 5


def test_the_gap_of_a_silent_stream_is_silent() -> None:
    concealment = Concealment(8000)
    assert not any(concealment.conceal(160))
    concealment.heard(bytes(320))
    assert not any(concealment.conceal(160))


def test_a_gap_may_end_with_a_packet_shorter_than_the_join() -> None:
    concealment = Concealment(8000)
    concealment.heard(tone(8000, 100, 60))
    concealment.conceal(160)
    assert len(concealment.heard(bytes(20))) == 20


@pytest.mark.parametrize("codec", ["PCMU/8000", G722])
def test_speech_with_losses_is_better_concealed_than_cut(codec: str, tmp_path: Path) -> None:
    source = make_speech(tmp_path).at[8000]
    lost = frozenset(range(25, 310, 17))
    heard = through(make_encoder(codec, 8000, 20), make_decoder(codec, 8000), source, lost=lost)
    cut = bytearray(through(make_encoder(codec, 8000, 20), make_decoder(codec, 8000), source))
    for number in lost:
        cut[number * 320 : (number + 1) * 320] = bytes(320)
    assert score(source, heard, 8000) > score(source, bytes(cut), 8000) + 0.1


def test_a_crossfade_goes_from_one_to_the_other_in_a_straight_line() -> None:
    old, new = array("h", [1000] * 4).tobytes(), array("h", [-1000] * 4).tobytes()
    assert array("h", crossfade(old, new)).tolist() == [1000, 500, 0, -500]


def largest_step(pcm: bytes) -> int:
    samples = array("h", pcm)
    return max(abs(b - a) for a, b in zip(samples, samples[1:], strict=False))
