"""Music for whoever waits: a WAV file as sound, and as the packets of each codec, made once."""

import wave
from collections.abc import Callable
from pathlib import Path

from media.codec import Encoder, make_encoder
from media.pcm import RATES, WIDTH, audioop, samples_of
from signaling.shared.errors import OperatorError

SHIPPED = Path(__file__).parent / "sounds" / "hold.wav"
MAX_SECONDS = 600
_WIDE = ("opus/48000/2", "G722/8000")


def find_music(name: str) -> str | None:
    """The file that `calls.hold_music` means: "default", "none", or a path; read once to be sure.

    Raises OperatorError for a file that cannot be played.
    """
    if name == "none":
        return None
    path = str(SHIPPED) if name == "default" else name
    Tune.read(path)
    return path


class Tune:
    """A piece of music, mono, at each rate that an encoder may want."""

    def __init__(self, pcm: bytes, rate: int) -> None:
        """`pcm` is mono, of 16 bits, at `rate` Hz."""
        self._pcm = {to: _at_rate(pcm, rate, to) for to in RATES}

    @classmethod
    def read(cls, path: str) -> "Tune":
        """The tune of a WAV file of PCM, in any rate and width, mono or stereo."""
        try:
            with wave.open(path, "rb") as file:
                channels, width, rate, frames = file.getparams()[:4]
                if not 0 < frames <= MAX_SECONDS * rate:
                    raise OperatorError(f"{path}: music lasts up to {MAX_SECONDS} seconds")
                sound = file.readframes(frames)
        except (OSError, EOFError, wave.Error) as error:
            raise OperatorError(
                f"{path}: is not music that can be played ({error}); make a WAV file with"
                f" sox {path} -c 1 -r 16000 -b 16 hold.wav"
            ) from error
        if width == 1:
            # The samples of one byte have no sign in a WAV file.
            sound = audioop.bias(sound, 1, 128)
        sound = audioop.lin2lin(sound, width, WIDTH)
        if channels == 2:
            sound = audioop.tomono(sound, WIDTH, 0.5, 0.5)
        elif channels > 2:
            raise OperatorError(f"{path}: has {channels} channels; music is mono or stereo")
        return cls(sound, rate)

    def frames(self, rate: int, frame_ms: int) -> list[bytes]:
        """The tune in frames; what is left over at its end is not played."""
        pcm, size = self._pcm[rate], samples_of(frame_ms, rate) * WIDTH
        return [pcm[at : at + size] for at in range(0, len(pcm) - size + 1, size)]


class Programme:
    """A tune as packets of one codec, for all who hear it: encoded the first time round."""

    def __init__(
        self,
        tune: Tune,
        codec: str,
        frame_ms: int,
        make: Callable[[str, int, int], Encoder] = make_encoder,
    ) -> None:
        rate = 16000 if codec in _WIDE else 8000
        self.frame_ms = frame_ms
        self._frames = tune.frames(rate, frame_ms)
        self._encoder = make(codec, rate, frame_ms)
        self._packets: list[bytes] = []
        self._at = 0

    def next(self) -> bytes:
        """The payload of the next frame; after the last one, the first."""
        if len(self._packets) < len(self._frames):
            self._packets.append(self._encoder.encode(self._frames[len(self._packets)]))
            return self._packets[-1]
        packet = self._packets[self._at]
        self._at = (self._at + 1) % len(self._packets)
        return packet


def _at_rate(pcm: bytes, rate: int, to: int) -> bytes:
    if rate == to:
        return pcm
    converted, _ = audioop.ratecv(pcm, WIDTH, 1, rate, to, None)
    return converted
