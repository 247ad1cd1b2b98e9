"""Music for whoever waits: a WAV file as sound, and as the packets of each codec, made once."""

import wave
from collections.abc import Callable
from pathlib import Path

from media.codec import Encoder, make_encoder
from media.pcm import WIDTH, audioop, samples_of
from signaling.shared.errors import OperatorError

SHIPPED = Path(__file__).parent / "sounds" / "hold.wav"
TONE = str(SHIPPED.with_name("recorded.wav"))
"""What says, for a moment now and then, that a call is recorded."""
MAX_SECONDS = 600
RATE = 16000


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
    """A piece of music: mono, of 16 bits, at RATE."""

    def __init__(self, pcm: bytes) -> None:
        self.pcm = pcm

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
        if rate != RATE:
            sound, _ = audioop.ratecv(sound, WIDTH, 1, rate, RATE, None)
        return cls(sound)

    def frames(self, frame_ms: int) -> list[bytes]:
        """The tune in frames; what is left over at its end is not played."""
        pcm, size = self.pcm, samples_of(frame_ms, RATE) * WIDTH
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
        self.frame_ms = frame_ms
        self._frames = tune.frames(frame_ms)
        self._encoder = make(codec, RATE, frame_ms)
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
