"""G.722 at 64 kbit/s by libg722: 16 kHz, or 8 kHz straight from its lower band."""

from array import array

from G722 import G722

from media.concealment import Concealment
from media.pcm import MAX_MS, WIDTH, Octets, samples_of
from signaling.shared.errors import CodecError

_BIT_RATE = 64000
# A byte holds two samples of 16 kHz, or one of 8 kHz.
_BYTES_PER_SECOND = 8000
_MAX_PAYLOAD = samples_of(MAX_MS, _BYTES_PER_SECOND)


class G722Decoder:
    """One direction of a G.722 stream."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._samples_per_byte = rate // _BYTES_PER_SECOND
        self._codec = G722(rate, _BIT_RATE)
        self._concealment = Concealment(rate)

    def decode(self, payload: Octets) -> bytes:
        """The sound of one packet; CodecError for none, or for more than 200 ms."""
        if not 0 < len(payload) <= _MAX_PAYLOAD:
            raise CodecError(f"{len(payload)} bytes of G.722")
        return self._concealment.heard(self._codec.decode(bytes(payload)).tobytes())

    def recover(self, payload: Octets) -> bytes:
        """A stand-in as long as this packet, which says nothing of the one before it."""
        return self.conceal(min(len(payload), _MAX_PAYLOAD) * self._samples_per_byte)

    def conceal(self, samples: int) -> bytes:
        """The last pitch goes on and fades."""
        return self._concealment.conceal(samples)


class G722Encoder:
    """One direction of a G.722 stream, from frames of any even number of samples."""

    def __init__(self, rate: int, frame_ms: int) -> None:
        self.rate = rate
        self._size = samples_of(frame_ms, rate) * WIDTH
        self._codec = G722(rate, _BIT_RATE)

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one frame."""
        if len(pcm) != self._size:
            raise ValueError(f"{len(pcm)} bytes are not a frame of {self._size}")
        # Of bytes, the library would take each for a sample.
        payload: bytes = self._codec.encode(array("h", pcm))
        return payload

    def expect_loss(self, fraction: float) -> None:
        """Nothing to prepare: G.722 has no redundancy."""
