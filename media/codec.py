"""The codecs that we transcode: one decoder and one encoder a stream, by the codec's name."""

from typing import Protocol

from media.g711 import LAWS, G711Decoder, G711Encoder
from media.pcm import Octets


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


def make_decoder(codec: str, rate: int) -> Decoder:
    """A decoder of a codec (named as `media.negotiate` does) to sound of 8000 or 16000 Hz."""
    if codec in LAWS and rate == 8000:
        return G711Decoder(codec)
    raise ValueError(f"no decoder of {codec} at {rate} Hz")


def make_encoder(codec: str, rate: int, frame_ms: int) -> Encoder:
    """An encoder of a codec from frames of sound of 8000 or 16000 Hz, `frame_ms` long each."""
    if codec in LAWS and rate == 8000:
        return G711Encoder(codec)
    raise ValueError(f"no encoder of {codec} at {rate} Hz")
