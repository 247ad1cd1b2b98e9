"""The table of a leg: every pair, and every way through it."""

from collections.abc import Iterator
from itertools import product

import pytest

from signaling.sip.leg_table import TABLE, Do, On, State

STARTS = (State.CALLING, State.INCOMING)
LAST_WORDS = {
    Do.TELL_REJECTED,
    Do.TELL_CANCELLED,
    Do.TELL_ENDED,
    Do.TELL_DEAD,
    Do.TELL_LOST,
}
GIVING_UP = {On.HANG_UP, On.REJECT}
Path = list[tuple[On, tuple[Do, ...]]]


def paths(state: State, seen: frozenset[State] = frozenset()) -> Iterator[Path]:
    """Every way from a state to OVER that is in no state twice."""
    if state is State.OVER:
        yield []
    for event, (following, actions) in TABLE[state].items():
        if following not in seen | {state}:
            for rest in paths(following, seen | {state}):
                yield [(event, actions), *rest]


WAYS = [way for start in STARTS for way in paths(start)]


class TestTable:
    def test_every_state_has_its_row(self) -> None:
        assert set(TABLE) == set(State)

    @pytest.mark.parametrize(("state", "event"), list(product(State, On)))
    def test_a_pair_leads_somewhere_or_changes_nothing(self, state: State, event: On) -> None:
        following, actions = TABLE[state].get(event, (state, ()))
        assert following in TABLE
        assert len(set(actions)) == len(actions)

    def test_the_user_can_end_every_state_that_it_has_not_ended(self) -> None:
        given_up = {State.ABANDONED, State.CANCELLING, State.CLOSING, State.ENDING, State.OVER}
        for state in set(State) - given_up:
            assert On.HANG_UP in TABLE[state]
        for state in given_up:
            assert On.HANG_UP not in TABLE[state]

    def test_ways_exist_from_both_starts(self) -> None:
        assert len(WAYS) > 20

    def test_the_end_is_told_once_or_was_the_users_own(self) -> None:
        for way in WAYS:
            told = [do for _, actions in way for do in actions if do in LAST_WORDS]
            own = [event for event, _ in way if event in GIVING_UP]
            assert len(told) + len(own) == 1, way

    def test_every_answer_received_is_acknowledged_before_any_bye(self) -> None:
        for way in WAYS:
            actions = [do for _, some in way for do in some]
            if On.SUCCESS in [event for event, _ in way]:
                assert actions.count(Do.ACK) == 1
                assert Do.BYE not in actions or actions.index(Do.ACK) < actions.index(Do.BYE)

    def test_cancel_is_only_sent_after_a_sign_of_life(self) -> None:
        """RFC 3261 9.1."""
        for way in WAYS:
            alive = False
            for event, actions in way:
                alive = alive or event is On.PROVISIONAL
                assert alive or Do.CANCEL not in actions
