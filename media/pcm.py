"""What sound is between two codecs: 16 bit mono in the machine's byte order, as bytes."""

import warnings

with warnings.catch_warnings():
    # Python 3.11 and 3.12 warn that 3.13 has none; from there on audioop-lts brings it.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

__all__ = [
    "MAX_CONCEALED_SECONDS",
    "MAX_MS",
    "RATES",
    "WIDTH",
    "Octets",
    "audioop",
    "samples_of",
    "silence",
]

WIDTH = 2
RATES = (8000, 16000)
# What a receiver should take in one packet (RFC 3551, section 4.2).
MAX_MS = 200
# A longer gap is not concealed in one step.
MAX_CONCEALED_SECONDS = 1

Octets = bytes | bytearray | memoryview


def silence(samples: int) -> bytes:
    """So many samples of nothing."""
    return bytes(samples * WIDTH)


def samples_of(milliseconds: float, rate: int) -> int:
    """How many samples last so long."""
    return int(milliseconds * rate / 1000)
