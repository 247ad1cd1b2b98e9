"""Opus recovers, conceals, pauses, and takes what browsers and phones may send."""

import ctypes
from pathlib import Path

import pytest

from media import libopus
from media.codec import OPUS, make_decoder, make_encoder
from signaling.shared.errors import OperatorError
from tests.media.speech import Speech, frames, level, make_speech, score, through, tone

RATES = pytest.mark.parametrize("rate", [8000, 16000])
LOST = frozenset(range(25, 310, 9))
STEREO = 2


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    return make_speech(Path(tmp_path_factory.mktemp("speech")))


class Studio:
    """Another sender: 48 kHz, stereo, frames of any length, as libopus itself allows."""

    def __init__(self) -> None:
        self._library = libopus.load()
        self._state = ctypes.create_string_buffer(self._library.opus_encoder_get_size(STEREO))
        self._library.opus_encoder_init(self._state, 48000, STEREO, libopus.APPLICATION_VOIP)

    def encode(self, mono: bytes) -> bytes:
        """A packet of two equal channels."""
        both = b"".join(mono[i : i + 2] * STEREO for i in range(0, len(mono), 2))
        payload = ctypes.create_string_buffer(1500)
        size = self._library.opus_encode(self._state, both, len(mono) // 2, payload, 1500)
        return payload.raw[:size]


@RATES
def test_a_lost_packet_is_recovered_from_the_next_one(rate: int, speech: Speech) -> None:
    source = speech.at[rate]
    scores = []
    for recover in (True, False):
        encoder = make_encoder(OPUS, rate, 20)
        encoder.expect_loss(0.1)
        decoder = make_decoder(OPUS, rate)
        heard = through(encoder, decoder, source, lost=LOST, recover=recover)
        scores.append(score(source, heard, rate))
    recovered, concealed = scores
    assert recovered > concealed + 0.3


@RATES
def test_redundancy_is_sent_only_where_losses_are_reported(rate: int, speech: Speech) -> None:
    encoder = make_encoder(OPUS, rate, 20)
    sizes = []
    for loss in (0.0, 0.05, 0.0):
        encoder.expect_loss(loss)
        sizes.append(sum(len(encoder.encode(frame)) for frame in frames(speech.at[rate], rate, 20)))
    assert sizes[1] > 1.2 * sizes[0]
    assert sizes[2] == pytest.approx(sizes[0], rel=0.05)


@RATES
def test_a_gap_fades(rate: int) -> None:
    encoder, decoder = make_encoder(OPUS, rate, 20), make_decoder(OPUS, rate)
    before = through(encoder, decoder, tone(rate, 220, 400))
    after = [level(decoder.conceal(rate // 50)) for _ in range(25)]
    assert after[0] > 0.5 * level(before)
    assert max(after[-5:]) < 0.05 * level(before)


@RATES
def test_pauses_cost_next_to_nothing_when_asked_for(rate: int) -> None:
    pause = bytes(rate * 4)
    sent = {}
    for dtx in (False, True):
        encoder = make_encoder(OPUS, rate, 20, dtx=dtx)
        sent[dtx] = sum(1 for frame in frames(pause, rate, 20) if encoder.encode(frame))
    assert sent[False] == 100
    assert 0 < sent[True] < 25


@RATES
def test_speech_after_a_pause_of_dtx_is_itself_again(rate: int, speech: Speech) -> None:
    encoder, decoder = make_encoder(OPUS, rate, 20, dtx=True), make_decoder(OPUS, rate)
    source = speech.at[rate] + bytes(rate * 4) + speech.at[rate]
    heard = []
    for frame in frames(source, rate, 20):
        payload = encoder.encode(frame)
        heard.append(decoder.decode(payload) if payload else decoder.conceal(rate // 50))
    end = b"".join(heard)[-len(speech.at[rate]) :]
    assert score(speech.at[rate], end, rate) > 2.5


@pytest.mark.parametrize("frame_ms", [2.5, 5, 10, 20, 40, 60, 120])
@RATES
def test_every_frame_length_of_a_stereo_sender_is_heard_in_mono(rate: int, frame_ms: float) -> None:
    studio, decoder = Studio(), make_decoder(OPUS, rate)
    samples = int(48 * frame_ms)
    sound = tone(48000, 440, 480)
    heard = b""
    for start in range(0, len(sound) - samples * 2 + 1, samples * 2):
        heard += decoder.decode(studio.encode(sound[start : start + samples * 2]))
    assert len(heard) == rate * 480 // 1000 * 2
    # Of a sine of amplitude 8000; both channels are averaged, not added.
    assert level(heard[len(heard) // 2 :]) == pytest.approx(8000 / 2**0.5, rel=0.15)


def test_a_recovered_packet_is_as_long_as_the_one_before_it() -> None:
    encoder, decoder = make_encoder(OPUS, 16000, 60), make_decoder(OPUS, 16000)
    payload = encoder.encode(tone(16000, 300, 60))
    assert len(decoder.recover(payload)) == 60 * 16 * 2, "nothing was decoded yet"
    decoder.decode(payload)
    assert len(decoder.recover(b"")) == 60 * 16 * 2
    assert len(make_decoder(OPUS, 16000).recover(b"")) == 20 * 16 * 2


def test_a_missing_library_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    libopus.load.cache_clear()
    monkeypatch.setattr(libopus, "find_spec", lambda name: None)
    monkeypatch.setattr(libopus, "_SYSTEM", ("libopus-that-nobody-has.so",))
    with pytest.raises(OperatorError, match="libopus"):
        libopus.load()
    monkeypatch.undo()
    assert libopus.load()
