"""Pairs come from the range, even ports first, and rest after use."""

import errno

import pytest

from media.ports import PortPool
from signaling.shared.errors import MediaError


def pool(low: int = 10000, high: int = 10007, *, first: int = 0) -> PortPool:
    return PortPool(low, high, rest_seconds=60.0, first=first)


def free(port: int) -> int:
    return port


def taken(port: int) -> int:
    raise OSError(errno.EADDRINUSE, "taken")


def take_all(ports: PortPool, now: float) -> list[int]:
    found = []
    while True:
        try:
            found.append(ports.take(free, now)[0])
        except MediaError:
            return found


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (10000, 10007, [10000, 10002, 10004, 10006]),
        (10001, 10006, [10002, 10004]),
        (10000, 10001, [10000]),
        (10000, 10000, []),
    ],
)
def test_pairs_lie_within_the_range(low: int, high: int, expected: list[int]) -> None:
    assert take_all(pool(low, high), 0.0) == expected


def test_the_first_pair_is_the_callers_choice() -> None:
    assert take_all(pool(first=3), 0.0) == [10006, 10000, 10002, 10004]


def test_a_pair_rests_before_it_is_used_again() -> None:
    ports = pool(10000, 10001)
    port, _ = ports.take(free, 0.0)
    ports.give_back(port, 10.0)
    with pytest.raises(MediaError, match="1 resting"):
        ports.take(free, 69.9)
    assert ports.take(free, 70.0) == (10000, 10000)


def test_the_longest_unused_comes_first() -> None:
    ports = pool()
    for _ in range(2):
        ports.give_back(ports.take(free, 0.0)[0], 0.0)
    assert take_all(ports, 100.0) == [10004, 10006, 10000, 10002]


def test_a_port_that_others_hold_is_passed_over() -> None:
    ports = pool()
    held = iter([10000, 10002])

    def bind(port: int) -> int:
        return taken(port) if port == next(held, None) else port

    assert ports.take(bind, 0.0) == (10004, 10004)
    assert ports.taken == 1


def test_a_full_range_is_told_in_words() -> None:
    with pytest.raises(MediaError, match=r"10000-10007: 0 in use, 0 resting.*media\.port_max"):
        pool().take(taken, 0.0)


def test_an_address_that_cannot_be_bound_is_told_at_once_and_loses_no_port() -> None:
    def bind(port: int) -> int:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    ports = pool()
    with pytest.raises(MediaError, match="Cannot assign"):
        ports.take(bind, 0.0)
    assert len(take_all(ports, 0.0)) == 4
