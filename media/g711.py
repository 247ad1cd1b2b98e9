"""G.711, both laws: to and from linear sound, and from law to law."""

from collections.abc import Callable
from dataclasses import dataclass

from media.concealment import Concealment
from media.pcm import MAX_MS, WIDTH, Octets, audioop, samples_of
from media.resample import Doubler, Halver
from signaling.shared.errors import CodecError

_RATE = 8000
_MAX_PAYLOAD = samples_of(MAX_MS, _RATE)


@dataclass(frozen=True, slots=True)
class _Law:
    expand: Callable[[Octets, int], bytes]
    compress: Callable[[Octets, int], bytes]


LAWS = {
    "PCMU/8000": _Law(audioop.ulaw2lin, audioop.lin2ulaw),
    "PCMA/8000": _Law(audioop.alaw2lin, audioop.lin2alaw),
}


def translation(source: str, target: str) -> bytes:
    """The table for `payload.translate` from one law to the other, sample by sample."""
    return LAWS[target].compress(LAWS[source].expand(bytes(range(256)), WIDTH), WIDTH)


class G711Decoder:
    """One direction of a G.711 stream, to linear sound of 8 kHz, or of 16 kHz for wider company."""

    def __init__(self, codec: str, rate: int) -> None:
        self.rate = rate
        self._expand = LAWS[codec].expand
        self._concealment = Concealment(_RATE)
        self._widen = None if rate == _RATE else Doubler()

    def decode(self, payload: Octets) -> bytes:
        """The sound of one packet; CodecError for none, or for more than 200 ms."""
        if not 0 < len(payload) <= _MAX_PAYLOAD:
            raise CodecError(f"{len(payload)} bytes of G.711")
        return self._widened(self._concealment.heard(self._expand(payload, WIDTH)))

    def recover(self, payload: Octets) -> bytes:
        """A stand-in as long as this packet, which says nothing of the one before it."""
        return self._widened(self._concealment.conceal(min(len(payload), _MAX_PAYLOAD)))

    def conceal(self, samples: int) -> bytes:
        """The last pitch goes on and fades."""
        narrow = -(-samples * _RATE // self.rate)
        return self._widened(self._concealment.conceal(narrow))[: samples * WIDTH]

    def _widened(self, pcm: bytes) -> bytes:
        return self._widen.next(pcm) if self._widen else pcm


class G711Encoder:
    """One direction of a G.711 stream, from linear sound of 8 or 16 kHz."""

    def __init__(self, codec: str, rate: int, frame_ms: int) -> None:
        self.rate = rate
        self._size = samples_of(frame_ms, rate) * WIDTH
        self._compress = LAWS[codec].compress
        self._narrow = None if rate == _RATE else Halver()

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one frame."""
        if len(pcm) != self._size:
            raise ValueError(f"{len(pcm)} bytes are not a frame of {self._size}")
        return self._compress(self._narrow.next(pcm) if self._narrow else pcm, WIDTH)

    def expect_loss(self, fraction: float) -> None:
        """Nothing to prepare: every packet stands alone."""
