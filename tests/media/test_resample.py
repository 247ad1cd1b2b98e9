"""Twice or half the samples, the same sound."""

import pytest

from media.resample import Doubler, Halver
from tests.media.speech import level, likeness, tone


def in_pieces(stream: Doubler | Halver, pcm: bytes, size: int) -> bytes:
    return b"".join(stream.next(pcm[i : i + size]) for i in range(0, len(pcm), size))


@pytest.mark.parametrize("hertz", [100, 1000, 3000])
def test_what_fits_into_both_stays_as_it_is(hertz: int) -> None:
    narrow, wide = tone(8000, hertz, 200), tone(16000, hertz, 200)
    doubled, halved = in_pieces(Doubler(), narrow, 320), in_pieces(Halver(), wide, 640)
    assert (len(doubled), len(halved)) == (len(wide), len(narrow))
    assert likeness(wide, doubled) > 0.99
    assert likeness(narrow, halved) > 0.99
    assert level(doubled) == pytest.approx(level(wide), rel=0.05)
    assert level(halved) == pytest.approx(level(narrow), rel=0.05)


@pytest.mark.parametrize("hertz", [5200, 6000, 7500])
def test_what_does_not_fit_is_left_out(hertz: int) -> None:
    assert level(Halver().next(tone(16000, hertz, 200))) < 0.05 * level(tone(16000, hertz, 200))


@pytest.mark.parametrize(("stream", "rate"), [(Doubler, 8000), (Halver, 16000)])
def test_pieces_join_without_a_seam(stream: type[Doubler] | type[Halver], rate: int) -> None:
    pcm = tone(rate, 440, 100)
    assert in_pieces(stream(), pcm, 320) == in_pieces(stream(), pcm, len(pcm))
    assert in_pieces(stream(), pcm, 8) == in_pieces(stream(), pcm, len(pcm))
