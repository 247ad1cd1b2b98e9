"""Composes the sounds that are shipped: hold.wav, the music that waiting people hear, and
recorded.wav, the tone that says a call is recorded; `python -m media.sounds.compose` again."""

import math
import wave
from pathlib import Path

RATE = 16_000
SECONDS = 9
FILE = Path(__file__).with_name("hold.wav")
TONE_FILE = Path(__file__).with_name("recorded.wav")
# As beeps that warn of a recorder are; whole periods in every 5 ms, so it may stop and go on.
_TONE_HZ = 1_400
_TONE_PEAK = 5_000

# Four chords, each over its bass, in semitones from A (220 Hz): F, C, D minor, B flat.
_CHORDS = (
    (-4, (0, 3, 8, 12)),
    (-9, (3, 7, 10, 15)),
    (-7, (0, 5, 8, 12)),
    (-11, (1, 5, 8, 13)),
)
# When the notes of a chord begin, as parts of it: an arpeggio that comes to rest.
_ENTRIES = (0.0, 0.125, 0.25, 0.375)
_HALF_LIFE_SECONDS = 0.55
_ATTACK_SECONDS = 0.012
_NOTE_SECONDS = 3.0
# Strength of the partials, soft like an electric piano.
_PARTIALS = ((1, 1.0), (2, 0.28), (3, 0.07))
_PEAK = 9_000


def compose() -> bytes:
    """The loop as PCM: mono, 16 bits, little-endian.

    Notes that outlast its end ring into its beginning, so there is no seam.
    """
    mix = [0.0] * (RATE * SECONDS)
    length = SECONDS / len(_CHORDS)
    for number, (bass, chord) in enumerate(_CHORDS):
        start = number * length
        _strike(mix, start, bass, 0.9)
        for entry, tone in zip(_ENTRIES, chord, strict=True):
            _strike(mix, start + entry * length, tone, 0.6)
        _strike(mix, start + length * 0.625, chord[1] + 12, 0.3)
    loudest = max(map(abs, mix))
    samples = (round(value / loudest * _PEAK) for value in mix)
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def _strike(mix: list[float], at: float, tone: int, strength: float) -> None:
    """Add a note that begins `at` so many seconds and fades away."""
    pitch = 220 * 2 ** (tone / 12)
    first = round(at * RATE)
    for index in range(round(_NOTE_SECONDS * RATE)):
        time = index / RATE
        level = strength * 0.5 ** (time / _HALF_LIFE_SECONDS) * min(1.0, time / _ATTACK_SECONDS)
        angle = 2 * math.pi * pitch * time
        wave_form = sum(part * math.sin(number * angle) for number, part in _PARTIALS)
        mix[(first + index) % len(mix)] += level * wave_form


def tone() -> bytes:
    """A second of one note, as PCM like `compose`."""
    turn = 2 * math.pi * _TONE_HZ / RATE
    samples = (round(_TONE_PEAK * math.sin(turn * index)) for index in range(RATE))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def main() -> None:
    """Write the files anew."""
    for path, sound in ((FILE, compose()), (TONE_FILE, tone())):
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(sound)


if __name__ == "__main__":
    main()
