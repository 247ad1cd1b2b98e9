"""The opinion score falls with losses and delay, and meets published values."""

import itertools

import pytest

from media.quality import opinion


def test_a_perfect_stream_scores_what_the_model_allows_for_narrowband() -> None:
    assert opinion(0.0, 0.0, None) == pytest.approx(4.40, abs=0.01)


@pytest.mark.parametrize(
    ("loss", "round_trip", "score"),
    # By hand: R = 92.72 - 95 * 2 / 27.1 = 85.71; 93.2 - 0.024 * 220 - 0.11 * 42.7 = 83.22.
    [(0.02, 0.0, 4.23), (0.0, 0.4, 4.15), (0.1, 0.0, 3.39)],
)
def test_scores_are_those_of_the_formula(loss: float, round_trip: float, score: float) -> None:
    assert opinion(loss, 0.0, round_trip) == pytest.approx(score, abs=0.02)


@pytest.mark.parametrize(
    ("bursts", "score"),
    # G.107, 7-29: Ie,eff = 95 * 5 / (5 / BurstR + 25.1) is 15.78, 17.21 and 18.04.
    [(1.0, 3.89), (2.0, 3.84), (4.0, 3.80)],
)
def test_losses_in_bursts_weigh_more(bursts: float, score: float) -> None:
    assert opinion(0.05, 0.0, None, bursts=bursts) == pytest.approx(score, abs=0.03)


def test_more_loss_jitter_or_delay_is_never_better() -> None:
    steps = [0.0, 0.01, 0.05, 0.2, 0.5, 1.0]
    for low, high in itertools.pairwise(steps):
        assert opinion(high, 0.01, 0.1) <= opinion(low, 0.01, 0.1)
        assert opinion(0.01, high, 0.1) <= opinion(0.01, low, 0.1)
        assert opinion(0.01, 0.01, high) <= opinion(0.01, 0.01, low)


def test_the_worst_is_one() -> None:
    assert opinion(1.0, 100.0, 1000.0) == 1.0
