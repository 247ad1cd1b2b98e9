"""G.711, both laws: to and from linear sound, and from law to law."""

from collections.abc import Callable
from dataclasses import dataclass

from media.pcm import MAX_MS, WIDTH, Octets, audioop, samples_of, silence
from signaling.shared.errors import CodecError

RATE = 8000
_MAX_PAYLOAD = samples_of(MAX_MS, RATE)


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
    """One direction of a G.711 stream, to linear sound of 8 kHz."""

    def __init__(self, codec: str) -> None:
        self.rate = RATE
        self._expand = LAWS[codec].expand

    def decode(self, payload: Octets) -> bytes:
        """The sound of one packet; CodecError for none, or for more than 200 ms."""
        if not 0 < len(payload) <= _MAX_PAYLOAD:
            raise CodecError(f"{len(payload)} bytes of G.711")
        return self._expand(payload, WIDTH)

    def recover(self, payload: Octets) -> bytes:
        """What stands for the lost packet before this one, as long as this one."""
        return self.conceal(min(len(payload), _MAX_PAYLOAD))

    def conceal(self, samples: int) -> bytes:
        """What stands for so many lost samples."""
        return silence(samples)


class G711Encoder:
    """One direction of a G.711 stream, from linear sound of 8 kHz."""

    def __init__(self, codec: str) -> None:
        self.rate = RATE
        self._compress = LAWS[codec].compress

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one frame."""
        return self._compress(pcm, WIDTH)

    def expect_loss(self, fraction: float) -> None:
        """Nothing to prepare: every packet stands alone."""
