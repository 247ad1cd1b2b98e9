"""Speech survives every codec at both rates; what is no speech is refused."""

import random
import tracemalloc
from pathlib import Path

import pytest

from media.codec import G722, OPUS, Decoder, make_decoder, make_encoder, prepare
from media.g711 import LAWS, translation
from signaling.shared.errors import CodecError
from tests.media.speech import (
    Speech,
    decibels_over_error,
    frames,
    likeness,
    make_speech,
    score,
    through,
)

CODECS = ["PCMU/8000", "PCMA/8000", G722, OPUS]
RATES = [8000, 16000]
BOTH_RATES = pytest.mark.parametrize("rate", RATES)
EVERY_CODEC = pytest.mark.parametrize("codec", CODECS)

# Least PESQ of speech that went through once, narrow-band at 8 kHz and wide-band at 16 kHz, and
# least decibels of it over the error. PESQ counts the noise of G.711 and G.722 hard where the
# made-up voice is perfectly silent, and at 16 kHz what G.711 cannot hold; opus keeps the sound,
# not the wave.
LEAST = {
    ("PCMU/8000", 8000): (3.7, 35),
    ("PCMA/8000", 8000): (3.7, 35),
    (G722, 8000): (3.7, 34),
    (OPUS, 8000): (4.0, 11),
    ("PCMU/8000", 16000): (2.4, 17),
    ("PCMA/8000", 16000): (2.4, 17),
    (G722, 16000): (2.9, 25),
    (OPUS, 16000): (3.5, 11),
}


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return make_speech(Path(tmp_path_factory.mktemp("speech")))


@BOTH_RATES
@EVERY_CODEC
def test_speech_sounds_as_it_should(codec: str, rate: int, speech: Speech) -> None:
    source = speech.at[rate]
    heard = through(make_encoder(codec, rate, 20), make_decoder(codec, rate), source)
    least_pesq, least_ratio = LEAST[codec, rate]
    assert score(source, heard, rate) >= least_pesq
    assert decibels_over_error(source, heard) >= least_ratio


@pytest.mark.parametrize("frame_ms", [10, 20, 30, 40, 60])
@BOTH_RATES
@EVERY_CODEC
def test_every_packet_length_comes_through(
    codec: str, rate: int, frame_ms: int, speech: Speech
) -> None:
    if codec == OPUS and frame_ms == 30:
        with pytest.raises(ValueError, match="30 ms"):
            make_encoder(codec, rate, frame_ms)
        return
    source = speech.at[rate][: rate * 6]
    encoder, decoder = make_encoder(codec, rate, frame_ms), make_decoder(codec, rate)
    heard = through(encoder, decoder, source, frame_ms)
    assert len(heard) == sum(len(frame) for frame in frames(source, rate, frame_ms))
    assert likeness(source, heard) > 0.9


@EVERY_CODEC
def test_sender_and_receiver_need_not_share_a_rate(codec: str, speech: Speech) -> None:
    heard = through(make_encoder(codec, 16000, 20), make_decoder(codec, 8000), speech.at[16000])
    assert score(speech.at[8000], heard, 8000) >= 3.5
    heard = through(make_encoder(codec, 8000, 20), make_decoder(codec, 16000), speech.at[8000])
    assert likeness(speech.at[16000], heard) > 0.85


@BOTH_RATES
@EVERY_CODEC
def test_garbage_is_sound_or_refused(codec: str, rate: int) -> None:
    decoder, chance = make_decoder(codec, rate), random.Random(722)
    longest = rate * 2 * 200 // 1000
    tracemalloc.start()
    for number in range(1500):
        payload = chance.randbytes(chance.choice([0, 1, 2, 3, 20, 160, 800, 1500]))
        if number == 500:
            before = tracemalloc.get_traced_memory()[0]
        assert len(heard_or_refused(decoder, payload)) <= longest
        assert len(decoder.recover(payload)) <= longest
    growth = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert growth < 32 * 1024


@EVERY_CODEC
def test_empty_and_overlong_payloads_are_refused(codec: str) -> None:
    decoder = make_decoder(codec, 8000)
    for payload in (b"", bytes(1601)):
        with pytest.raises(CodecError):
            decoder.decode(payload)


@BOTH_RATES
@EVERY_CODEC
def test_payloads_may_be_views_of_a_larger_buffer(codec: str, rate: int, speech: Speech) -> None:
    frame = next(frames(speech.at[rate][rate * 2 :], rate, 20))
    payload = make_encoder(codec, rate, 20).encode(frame)
    view = memoryview(bytearray(b"head" + payload + b"tail"))[4:-4]
    heard = make_decoder(codec, rate).decode(view)
    assert heard == make_decoder(codec, rate).decode(payload)


@BOTH_RATES
@EVERY_CODEC
def test_gaps_are_filled_to_the_sample_and_within_bounds(codec: str, rate: int) -> None:
    decoder = make_decoder(codec, rate)
    for samples in (0, rate // 100, rate // 50 + 2, rate):
        assert len(decoder.conceal(samples)) == samples * 2
    with pytest.raises(ValueError):
        decoder.conceal(rate + 1)


@BOTH_RATES
@EVERY_CODEC
def test_a_frame_of_another_length_is_our_mistake(codec: str, rate: int) -> None:
    with pytest.raises(ValueError):
        make_encoder(codec, rate, 20).encode(bytes(rate // 50 * 2 - 2))


@pytest.mark.parametrize(("codec", "rate"), [("GSM/8000", 8000), (OPUS, 48000), (G722, 11025)])
def test_other_codecs_and_rates_are_our_mistake(codec: str, rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        make_decoder(codec, rate)
    with pytest.raises(ValueError, match=str(rate)):
        make_encoder(codec, rate, 20)


@pytest.mark.parametrize(("source", "target"), [tuple(LAWS), tuple(LAWS)[::-1]])
def test_one_law_becomes_the_other_as_if_it_were_decoded(source: str, target: str) -> None:
    payload = bytes(range(256))
    sound = make_decoder(source, 8000).decode(payload)
    assert payload.translate(translation(source, target)) == make_encoder(target, 8000, 32).encode(
        sound
    )


def test_all_that_codecs_need_is_installed() -> None:
    prepare()


def heard_or_refused(decoder: Decoder, payload: bytes) -> bytes:
    try:
        return decoder.decode(payload)
    except CodecError:
        return b""
