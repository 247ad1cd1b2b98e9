"""How much later sound leaves a bridge than it came, by the kernel's time of each packet."""

from collections import defaultdict
from collections.abc import Sequence

from bench.media_ends import End
from bench.media_voice import FRAME, HEARD_RATE, Hearing
from bench.wire import Crossing


def delays_ms(
    crossings: Sequence[Crossing], calls: Sequence[tuple[End, End]], heard: dict[End, Hearing]
) -> list[float]:
    """Of each packet of all calls, both ways; what crossed must be less than the voice is long."""
    sent: dict[int, list[Crossing]] = defaultdict(list)
    came: dict[int, list[Crossing]] = defaultdict(list)
    for each in crossings:
        sent[each.source].append(each)
        came[each.target].append(each)
    return [
        delay
        for one, two in calls
        for source, target in ((one, two), (two, one))
        for delay in _delays_ms(source, sent[source.port], came[target.port], heard[target])
    ]


def _delays_ms(
    source: End, sent: list[Crossing], came: list[Crossing], heard: Hearing
) -> list[float]:
    """Of each packet that came: between its first sample's arrival at the bridge and its leaving.

    Wherever in its frame that sample stood: so the time that packets wait counts, and what codecs
    and resampling shift the sound by, but not the frame that any packet has to be filled for.
    """
    frames = len(source.voice.frames)
    times = {each.sequence % frames: each.at for each in sent}
    delays = []
    for each in came:
        place = heard.begins + ((each.sequence - heard.first) & 0xFFFF) * FRAME
        frame, within = divmod(place % (frames * FRAME), FRAME)
        at = times.get(frame)
        if at is not None and each.at > at:
            delays.append((each.at - at - within / HEARD_RATE) * 1000)
    return delays
