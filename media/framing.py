"""How much sound goes into a packet: what the peer wants, of the lengths that we make."""

PTIME_MS = 20
MIN_PTIME_MS, MAX_PTIME_MS = 10, 60
_OPUS_FRAMES_MS = (10, 20, 40, 60)


def frame_ms(codec: str, wanted: int | None, most: int | None) -> int:
    """The length for a peer that `wanted` some (a=ptime), and takes no more than `most`.

    Whole tens of milliseconds, rounded down; of opus' own lengths for opus (RFC 6716, 2.1.4).
    """
    length = min(wanted or PTIME_MS, most or MAX_PTIME_MS, MAX_PTIME_MS)
    length = max(MIN_PTIME_MS, length // 10 * 10)
    if codec.startswith("opus/"):
        length = max(frame for frame in _OPUS_FRAMES_MS if frame <= length)
    return length
