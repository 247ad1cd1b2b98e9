"""Messages on a stream, in whatever pieces they come."""

import random

import pytest

from media.wire import MAX_FRAME, Frames, framed
from signaling.shared.errors import BadMessage

MESSAGES = [b"", b"one", b"two" * 1000, b"x"]


@pytest.mark.parametrize("seed", range(20))
def test_they_come_whole_and_in_order_however_they_are_cut(seed: int) -> None:
    rng = random.Random(seed)
    stream = b"".join(map(framed, MESSAGES))
    frames, found, at = Frames(), [], 0
    while at < len(stream):
        size = rng.choice([1, 2, 5, 700, len(stream)])
        found += frames.feed(stream[at : at + size])
        at += size
    assert found == MESSAGES


def test_a_length_that_nobody_sends_is_refused_before_it_is_waited_for() -> None:
    with pytest.raises(BadMessage):
        Frames().feed((MAX_FRAME + 1).to_bytes(4, "big"))


def test_the_longest_passes_and_a_longer_one_is_not_sent() -> None:
    longest = bytes(MAX_FRAME)
    assert Frames().feed(framed(longest)) == [longest]
    with pytest.raises(BadMessage):
        framed(longest + b"x")
