"""Hold: who hears what, what the other side and its phone are told, and what may come between."""

from collections.abc import Callable

import pytest

from signaling.call_actions import (
    AcceptMedia,
    JoinMedia,
    PlayMedia,
    ProposeChange,
    Refuse,
    ReofferMedia,
    Reply,
    SendTones,
    ShowHeld,
)
from signaling.call_events import (
    Attached,
    ChangeAgreed,
    ChangeRefused,
    Detached,
    DtmfAsked,
    HoldAsked,
    HungUp,
    MediaConnected,
    MediaReported,
    OfferMade,
    OfferTaken,
    PeerHeld,
)
from signaling.call_model import Heard, Mode, State
from signaling.shared.messages import Done
from signaling.shared.reasons import EndedBy
from tests.call_lab import Lab, phone, ringing, tab, talking


def hold(lab: Lab, leg: str, *, held: bool = True) -> Reply | Refuse | None:
    return lab.ask(lambda request: HoldAsked(leg, held, request))


def phone_holds(lab: Lab, leg: str, *, held: bool = True) -> None:
    lab.do(PeerHeld(leg, lab.call.legs[leg].media, held))


def heard(lab: Lab, leg: str) -> list[Heard]:
    return [action.heard for action in lab.told(leg, PlayMedia)]


def asked_of(lab: Lab, leg: str) -> list[Heard]:
    """What a phone was asked to change its session to."""
    return [action.heard for action in lab.told(leg, ReofferMedia)]


def agrees(lab: Lab, leg: str) -> None:
    lab.do(ChangeAgreed(leg, "fine"))


def carried() -> Lab:
    """Two tabs that talk through the server."""
    return talking(tab("bob"), direct=False)


class TestDirectCall:
    def test_the_other_side_is_told_and_no_server_is_needed(self) -> None:
        lab = talking(tab("bob"))
        assert isinstance(hold(lab, "alice"), Reply)
        assert lab.told("bob", ShowHeld) == [ShowHeld("bob", held=True, by=EndedBy.CALLER)]
        assert lab.mode() is Mode.DIRECT
        assert lab.all(PlayMedia) == []

    def test_a_hold_goes_on_when_the_call_moves_to_the_server(self) -> None:
        lab = talking(tab("bob"))
        hold(lab, "bob")
        lab.do(MediaReported("alice", 1, connected=False))
        lab.ask(lambda request: OfferTaken("alice", 2, "answer", request))
        assert lab.all(PlayMedia) == []
        lab.ask(lambda request: OfferTaken("bob", 2, "answer", request))
        assert (heard(lab, "alice"), heard(lab, "bob")) == ([Heard.MUSIC], [Heard.NOTHING])
        # Nobody hears anybody in between.
        assert isinstance(lab.actions[-1], JoinMedia)


class TestCarriedCall:
    def test_the_holder_hears_nothing_and_the_other_side_music(self) -> None:
        lab = carried()
        answer = hold(lab, "alice")
        assert isinstance(answer, Reply)
        assert answer.result == Done()
        assert (heard(lab, "alice"), heard(lab, "bob")) == ([Heard.NOTHING], [Heard.MUSIC])

    def test_who_comes_back_is_heard_again(self) -> None:
        lab = carried()
        hold(lab, "alice")
        hold(lab, "alice", held=False)
        assert heard(lab, "alice")[-1] is heard(lab, "bob")[-1] is Heard.OTHER
        assert [shown.held for shown in lab.told("bob", ShowHeld)] == [True, False]

    def test_without_music_there_is_silence(self) -> None:
        lab = talking(tab("bob"), direct=False, music=False)
        hold(lab, "alice")
        assert heard(lab, "bob") == [Heard.NOTHING]

    def test_a_repeat_is_answered_and_changes_nothing(self) -> None:
        lab = carried()
        hold(lab, "alice")
        before = len(lab.actions)
        assert isinstance(hold(lab, "alice"), Reply)
        assert len(lab.actions) == before + 1

    def test_both_may_hold_and_each_comes_back_alone(self) -> None:
        lab = carried()
        hold(lab, "alice")
        hold(lab, "bob")
        assert (heard(lab, "alice")[-1], heard(lab, "bob")[-1]) == (Heard.NOTHING, Heard.NOTHING)
        hold(lab, "alice", held=False)
        assert (heard(lab, "alice")[-1], heard(lab, "bob")[-1]) == (Heard.MUSIC, Heard.NOTHING)
        hold(lab, "bob", held=False)
        assert (heard(lab, "alice")[-1], heard(lab, "bob")[-1]) == (Heard.OTHER, Heard.OTHER)
        told = [(shown.leg, shown.held, shown.by) for shown in lab.all(ShowHeld)]
        assert told == [
            ("bob", True, EndedBy.CALLER),
            ("alice", True, EndedBy.CALLEE),
            ("bob", False, EndedBy.CALLER),
            ("alice", False, EndedBy.CALLEE),
        ]

    def test_a_side_that_moves_while_held_hears_music_there_before_it_is_joined(self) -> None:
        lab = carried()
        hold(lab, "alice")
        lab.ask(lambda request: OfferMade("bob", 2, "offer", request))
        lab.do(MediaConnected("bob", 2))
        *_, played = lab.told("bob", PlayMedia)
        assert played == PlayMedia("bob", 2, Heard.MUSIC)
        assert lab.actions.index(played) < lab.actions.index(lab.told("bob", JoinMedia)[-1])
        assert heard(lab, "alice") == [Heard.NOTHING]

    def test_a_hold_during_a_move_counts_on_both_transports(self) -> None:
        lab = carried()
        lab.ask(lambda request: OfferMade("alice", 2, "offer", request))
        hold(lab, "alice")
        lab.do(MediaConnected("alice", 2))
        played = [(action.media, action.heard) for action in lab.told("alice", PlayMedia)]
        assert played == [(1, Heard.NOTHING), (2, Heard.NOTHING)]

    def test_who_left_hold_before_the_move_ended_is_not_played_to(self) -> None:
        lab = carried()
        hold(lab, "alice")
        lab.ask(lambda request: OfferMade("bob", 2, "offer", request))
        hold(lab, "alice", held=False)
        lab.do(MediaConnected("bob", 2))
        assert [action.media for action in lab.told("bob", PlayMedia)] == [1, 1]

    def test_a_lost_socket_keeps_the_hold(self) -> None:
        lab = carried()
        hold(lab, "alice")
        lab.do(Detached("alice"))
        lab.restore()
        lab.do(Attached("alice"))
        hold(lab, "alice", held=False)
        assert heard(lab, "bob") == [Heard.MUSIC, Heard.OTHER]

    def test_either_side_may_hang_up_meanwhile(self) -> None:
        for leaver in ("alice", "bob"):
            lab = carried()
            hold(lab, "alice")
            lab.do(HungUp(leaver))
            assert lab.state is State.ENDED
            lab.check()

    def test_only_who_talks_can_hold(self) -> None:
        lab = ringing(tab("bob"))
        assert isinstance(hold(lab, "alice"), Refuse)
        lab.answer("bob")
        assert isinstance(hold(lab, "nobody"), Refuse)
        lab.do(HungUp("bob"))
        assert isinstance(hold(lab, "alice"), Refuse)


class TestPhoneThatHolds:
    def test_the_other_side_is_told_and_hears_music(self) -> None:
        lab = talking(phone("desk"))
        phone_holds(lab, "desk")
        assert lab.told("alice", ShowHeld) == [ShowHeld("alice", held=True, by=EndedBy.CALLEE)]
        assert (heard(lab, "alice"), heard(lab, "desk")) == ([Heard.MUSIC], [Heard.NOTHING])
        # The phone knows what it does itself.
        assert asked_of(lab, "desk") == []

    def test_its_own_music_is_heard_where_the_server_has_none(self) -> None:
        lab = talking(phone("desk"), music=False)
        phone_holds(lab, "desk")
        # The engine passes on what a phone sends that only sends.
        assert heard(lab, "alice") == [Heard.MUSIC]

    def test_it_comes_back(self) -> None:
        lab = talking(phone("desk"))
        phone_holds(lab, "desk")
        phone_holds(lab, "desk")
        phone_holds(lab, "desk", held=False)
        assert [shown.held for shown in lab.told("alice", ShowHeld)] == [True, False]
        assert heard(lab, "alice") == [Heard.MUSIC, Heard.OTHER]

    def test_what_was_said_of_media_that_is_gone_does_not_count(self) -> None:
        lab = talking(phone("desk"))
        assert lab.do(PeerHeld("desk", 7, held=True), PeerHeld("nobody", 1, held=True)) == []


class TestPhoneThatIsHeld:
    def test_it_is_told_that_it_is_only_sent_to_and_then_that_it_is_back(self) -> None:
        lab = talking(phone("desk"))
        hold(lab, "alice")
        assert heard(lab, "desk") == [Heard.MUSIC]
        assert asked_of(lab, "desk") == [Heard.MUSIC]
        assert lab.told("desk", ProposeChange)[-1].offer == "engine reoffers music"
        agrees(lab, "desk")
        assert lab.told("desk", AcceptMedia)[-1].answer == "fine"
        hold(lab, "alice", held=False)
        agrees(lab, "desk")
        assert asked_of(lab, "desk") == [Heard.MUSIC, Heard.OTHER]

    def test_without_music_it_is_told_that_nothing_flows(self) -> None:
        lab = talking(phone("desk"), music=False)
        hold(lab, "alice")
        assert asked_of(lab, "desk") == [Heard.NOTHING]

    def test_changes_go_out_one_by_one_and_only_the_last_one_wanted(self) -> None:
        lab = talking(phone("desk"))
        hold(lab, "alice")
        hold(lab, "alice", held=False)
        hold(lab, "alice")
        hold(lab, "alice", held=False)
        assert asked_of(lab, "desk") == [Heard.MUSIC]
        agrees(lab, "desk")
        assert asked_of(lab, "desk") == [Heard.MUSIC, Heard.OTHER]
        agrees(lab, "desk")
        assert len(asked_of(lab, "desk")) == 2

    def test_after_a_collision_it_is_asked_anew_if_that_is_still_wanted(self) -> None:
        lab = talking(phone("desk"))
        hold(lab, "alice")
        lab.do(ChangeRefused("desk", again=True))
        assert asked_of(lab, "desk") == [Heard.MUSIC, Heard.MUSIC]
        hold(lab, "alice", held=False)
        lab.do(ChangeRefused("desk", again=True))
        assert len(asked_of(lab, "desk")) == 2

    def test_one_that_refuses_hears_music_all_the_same_and_is_told_of_the_end(self) -> None:
        lab = talking(phone("desk"))
        hold(lab, "alice")
        lab.do(ChangeRefused("desk", again=False))
        assert lab.state is State.TALKING
        assert heard(lab, "desk") == [Heard.MUSIC]
        assert asked_of(lab, "desk") == [Heard.MUSIC]
        hold(lab, "alice", held=False)
        assert heard(lab, "desk") == [Heard.MUSIC, Heard.OTHER]
        assert asked_of(lab, "desk") == [Heard.MUSIC, Heard.OTHER]

    def test_an_engine_that_makes_no_offer_spoils_nothing(self) -> None:
        lab = talking(phone("desk"))
        lab.engine.fails = lambda action: isinstance(action, ReofferMedia)
        hold(lab, "alice")
        assert lab.told("desk", ProposeChange) == []
        assert heard(lab, "desk") == [Heard.MUSIC]

    def test_two_phones_hold_each_other(self) -> None:
        lab = talking(phone("desk"), caller=phone("alice", "alice"))
        phone_holds(lab, "alice")
        assert asked_of(lab, "desk") == [Heard.MUSIC]
        agrees(lab, "desk")
        phone_holds(lab, "desk")
        assert asked_of(lab, "alice") == [Heard.MUSIC]
        assert (heard(lab, "alice")[-1], heard(lab, "desk")[-1]) == (Heard.NOTHING, Heard.NOTHING)
        assert lab.all(ShowHeld) == []

    def test_keys_reach_it(self) -> None:
        lab = talking(phone("desk"))
        hold(lab, "alice")
        answer = lab.ask(lambda request: DtmfAsked("alice", 0, "5", 120, request))
        assert isinstance(answer, Reply)
        assert lab.told("desk", SendTones)

    def test_what_comes_late_changes_nothing(self) -> None:
        lab = talking(phone("desk"))
        assert lab.do(ChangeAgreed("desk", "late"), ChangeRefused("desk", again=True)) == []
        hold(lab, "alice")
        lab.do(HungUp("desk"))
        assert lab.do(ChangeAgreed("desk", "late"), ChangeRefused("desk", again=False)) == []


@pytest.mark.parametrize("step", range(6))
def test_a_call_on_hold_goes_on_in_another_process(step: int) -> None:
    """Whatever was done before the hand-over, the rest comes out as without one."""

    def run(at: int | None) -> list[object]:
        lab = talking(phone("desk"))
        steps: tuple[Callable[[], object], ...] = (
            lambda: hold(lab, "alice"),
            lambda: agrees(lab, "desk"),
            lambda: phone_holds(lab, "desk"),
            lambda: hold(lab, "alice", held=False),
            lambda: agrees(lab, "desk"),
            lambda: phone_holds(lab, "desk", held=False),
        )
        for number, act in enumerate(steps):
            if number == at:
                lab.restore()
            act()
        return [action for action in lab.actions if not isinstance(action, Reply)]

    assert run(step) == run(None)
