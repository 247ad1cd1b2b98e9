"""Room for transcoded calls: a number of them, and a loop that keeps up."""

import pytest

from media.places import Places, default_places
from signaling.shared.errors import TryAgain


def test_a_full_process_refuses_and_says_when_to_try_again() -> None:
    places = Places(2)
    places.take()
    places.check()
    places.take()
    with pytest.raises(TryAgain, match="2 are transcoded") as refusal:
        places.check()
    assert refusal.value.retry_after > 0
    places.give_back()
    assert places.has_room


def test_a_loop_that_is_late_for_seconds_takes_no_more_until_it_keeps_up() -> None:
    places = Places(50)
    for _ in range(3):
        places.note_lateness(0.05)
    assert places.has_room, "a single hitch is nothing"
    for _ in range(20):
        places.note_lateness(0.05)
    with pytest.raises(TryAgain, match="behind"):
        places.check()
    # On the way down it has to be well before it takes calls again.
    for _ in range(12):
        places.note_lateness(0.0)
    assert not places.has_room
    for _ in range(20):
        places.note_lateness(0.0)
    assert places.has_room


def test_when_the_last_has_gone_nothing_is_late_any_more() -> None:
    places = Places(50)
    places.take()
    for _ in range(50):
        places.note_lateness(0.1)
    assert not places.has_room
    places.give_back()
    assert places.has_room


def test_a_hitch_of_a_second_is_forgotten_soon() -> None:
    places = Places(50)
    places.note_lateness(1.0)
    for _ in range(30):
        places.note_lateness(0.0)
    assert places.has_room


def test_a_machine_of_one_core_leaves_more_of_it_to_the_rest() -> None:
    assert 0 < default_places(1) < default_places(2) == default_places(64)
