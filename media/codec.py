"""The codecs that we transcode: one decoder and one encoder a stream, by the codec's name."""

from typing import Protocol

from media import libopus
from media.g711 import LAWS, G711Decoder, G711Encoder
from media.g722 import G722Decoder, G722Encoder
from media.opus import OpusDecoder, OpusEncoder
from media.pcm import RATES, Octets

OPUS = "opus/48000/2"
G722 = "G722/8000"


class Decoder(Protocol):
    """Turns the packets of one stream into sound, in their order, with stand-ins for lost ones."""

    rate: int

    def decode(self, payload: Octets) -> bytes:
        """The sound of one packet, however long it is; CodecError when it is none of the codec."""

    def recover(self, payload: Octets) -> bytes:
        """The packet before this one, which was lost, from what this one says of it.

        As long as the packet decoded last; concealed where this one says nothing of it. This
        packet itself is still to be decoded. Never raises CodecError.
        """

    def conceal(self, samples: int) -> bytes:
        """A guess at so many samples (at most a second) that nothing is known of."""


class Encoder(Protocol):
    """Turns sound into the packets of one stream, frame by frame."""

    rate: int

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one frame, of the length the encoder was made for.

        Empty when nothing needs to be sent; the stream's time goes on all the same.
        """

    def expect_loss(self, fraction: float) -> None:
        """What part of the packets gets lost on the way, as the peer reported."""


def prepare() -> None:
    """Find what the codecs need; OperatorError says what is missing, before the first call."""
    libopus.load()


def make_decoder(codec: str, rate: int) -> Decoder:
    """A decoder of a codec (named as `media.negotiate` does) to sound of 8000 or 16000 Hz."""
    if rate in RATES and codec in LAWS:
        return G711Decoder(codec, rate)
    if rate in RATES and codec == OPUS:
        return OpusDecoder(rate)
    if rate in RATES and codec == G722:
        return G722Decoder(rate)
    raise ValueError(f"no decoder of {codec} at {rate} Hz")


def make_encoder(codec: str, rate: int, frame_ms: int, *, dtx: bool = False) -> Encoder:
    """An encoder of a codec from frames of sound of 8000 or 16000 Hz, `frame_ms` long each.

    `dtx`: frames of a pause come out empty, but for a few that describe it; only opus does it.
    ValueError for frames that there are none of: opus has 5, 10, 20, 40, 60, 80, 100, 120 ms.
    """
    if rate in RATES and codec in LAWS:
        return G711Encoder(codec, rate, frame_ms)
    if rate in RATES and codec == OPUS:
        return OpusEncoder(rate, frame_ms, dtx=dtx)
    if rate in RATES and codec == G722:
        return G722Encoder(rate, frame_ms)
    raise ValueError(f"no encoder of {codec} at {rate} Hz")
