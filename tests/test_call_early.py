"""What a phone lets the caller hear before the answer, and what becomes of it."""

import pytest

from signaling.call_actions import (
    AcceptMedia,
    Action,
    CloseMedia,
    FeedCandidates,
    JoinMedia,
    OpenMedia,
    ShowAnswer,
    ShowEarly,
    ShowRinging,
)
from signaling.call_events import (
    Appeared,
    EarlyAnswered,
    HungUp,
    MediaConnected,
    MediaLost,
    Rang,
    Rejected,
)
from signaling.call_model import State
from signaling.shared.reasons import EndReason
from tests.call_lab import RING_SECONDS, Lab, phone, ringing, tab
from tests.test_call_media import OPUS, PCMU, trickle

ANSWER = "engine answers offer of the caller"


def sound(lab: Lab, leg: str, *, codec: str = OPUS) -> list[Action]:
    """A phone answers early and sends its first packet; returns what the packet led to."""
    lab.engine.codec = codec
    lab.do(Rang(leg), EarlyAnswered(leg, f"early answer of {leg}", lab.call.legs[leg].media))
    return lab.do(MediaConnected(leg, lab.call.legs[leg].media))


def sounding(*legs: str) -> Lab:
    """A fork of phones that began to sound one after the other."""
    lab = ringing(*map(phone, legs))
    for leg in legs:
        sound(lab, leg)
    return lab


class TestBeforeTheAnswer:
    def test_the_caller_is_answered_when_the_phone_speaks(self) -> None:
        lab = ringing(phone("linphone"))
        assert sound(lab, "linphone", codec=PCMU) == [
            OpenMedia("alice", 1, offer="offer of the caller", codecs=(PCMU,)),
            ShowEarly("alice", 1, ANSWER),
            JoinMedia("alice", 1, "linphone", 1),
        ]
        assert lab.state is State.RINGING

    def test_a_phone_that_describes_sound_and_makes_none_just_rings(self) -> None:
        lab = ringing(phone("linphone"))
        assert lab.do(EarlyAnswered("linphone", "early answer"), Rang("linphone")) == [
            AcceptMedia("linphone", 1, "early answer"),
            ShowRinging("alice"),
        ]

    def test_sound_that_nobody_described_is_not_heard(self) -> None:
        assert ringing(phone("linphone")).do(MediaConnected("linphone", 1)) == []

    def test_a_repeated_description_is_told_to_the_engine_alone(self) -> None:
        lab = sounding("linphone")
        assert lab.do(EarlyAnswered("linphone", "early answer")) == [
            AcceptMedia("linphone", 1, "early answer")
        ]
        assert lab.do(MediaConnected("linphone", 1)) == []

    def test_candidates_of_the_caller_reach_the_engine(self) -> None:
        lab = ringing(phone("linphone"))
        lab.do(trickle("alice", 1))
        sound(lab, "linphone")
        lab.do(trickle("alice", 2))
        assert [len(fed.candidates) for fed in lab.told("alice", FeedCandidates)] == [1, 1]

    def test_of_several_the_one_that_began_last_is_heard(self) -> None:
        lab = ringing(phone("one"), phone("two"))
        sound(lab, "one")
        assert sound(lab, "two") == [JoinMedia("alice", 1, "two", 1)]
        assert len(lab.told("alice", OpenMedia)) == 1

    def test_a_description_that_does_not_fit_leaves_the_phone_ringing(self) -> None:
        lab = ringing(phone("linphone"))
        lab.engine.fails = lambda action: isinstance(action, AcceptMedia)
        assert not any(isinstance(action, ShowEarly) for action in sound(lab, "linphone"))
        lab.engine.fails = lambda action: False
        lab.answer("linphone")
        assert lab.state is State.TALKING

    def test_a_caller_who_cannot_hear_it_still_hears_the_answer(self) -> None:
        lab = ringing(phone("linphone"))
        lab.engine.fails = lambda action: action.leg == "alice"
        sound(lab, "linphone")
        lab.engine.fails = lambda action: False
        lab.answer("linphone")
        assert lab.all(ShowAnswer) == [ShowAnswer("alice", 1, ANSWER)]

    def test_a_direct_call_has_none(self) -> None:
        lab = ringing(tab("bob"))
        lab.do(Appeared(phone("linphone")))
        sound(lab, "linphone")
        assert not lab.all(AcceptMedia)
        assert not lab.told("alice", OpenMedia)

    def test_another_phone_that_rings_does_not_ring_into_it(self) -> None:
        lab = ringing(phone("one"), phone("two"))
        lab.do(EarlyAnswered("one", "early answer"), MediaConnected("one", 1), Rang("two"))
        assert not lab.all(ShowRinging)

    def test_silence_is_no_fault(self) -> None:
        lab = sounding("linphone")
        assert lab.do(MediaLost("alice", 1, silent=True)) == []
        assert lab.do(MediaLost("linphone", 1, silent=True)) == []

    def test_a_caller_who_never_connects_ends_the_call(self) -> None:
        lab = sounding("linphone")
        lab.do(MediaLost("alice", 1, silent=False))
        assert lab.end_of("linphone") is EndReason.MEDIA_FAILED
        lab.check()

    def test_a_caller_whose_network_changes_may_come_back(self) -> None:
        lab = sounding("linphone")
        assert lab.do(MediaConnected("alice", 1), MediaLost("alice", 1, silent=False)) == []


class TestRefused:
    def test_the_caller_goes_back_to_whoever_began_before(self) -> None:
        lab = sounding("one", "two")
        actions = lab.do(Rejected("two", EndReason.BUSY))
        assert actions[-1] == JoinMedia("alice", 1, "one", 1)
        assert CloseMedia("two", 1) in actions

    def test_the_caller_hears_ringing_when_nobody_sounds_any_more(self) -> None:
        lab = ringing(phone("one"), phone("two"))
        sound(lab, "one")
        assert lab.do(Rejected("one", EndReason.BUSY))[-1] == ShowRinging("alice")
        assert sound(lab, "two")[-2:] == [
            ShowEarly("alice", 1, ANSWER, repeated=True),
            JoinMedia("alice", 1, "two", 1),
        ]

    def test_one_that_was_not_heard_goes_unnoticed(self) -> None:
        lab = sounding("one", "two")
        actions = lab.do(Rejected("one", EndReason.BUSY))
        assert not [action for action in actions if isinstance(action, JoinMedia | ShowRinging)]

    def test_the_last_one_ends_the_call_without_another_word(self) -> None:
        lab = sounding("linphone")
        lab.do(Rejected("linphone", EndReason.BUSY))
        assert lab.end_of("alice") is EndReason.BUSY
        assert lab.all(ShowRinging) == [ShowRinging("alice")]
        lab.check()

    @pytest.mark.parametrize("reason", [EndReason.CANCELLED, EndReason.NO_ANSWER])
    def test_the_end_of_the_call_ends_it(self, reason: EndReason) -> None:
        lab = sounding("one", "two")
        if reason is EndReason.CANCELLED:
            lab.do(HungUp("alice"))
        else:
            lab.wait(RING_SECONDS)
        assert lab.end_of("alice") is reason
        assert len(lab.all(JoinMedia)) == 2
        lab.check()

    def test_a_phone_that_is_rung_anew_has_yet_to_speak(self) -> None:
        lab = ringing(phone("linphone"))
        lab.do(EarlyAnswered("linphone", "early answer"), MediaConnected("linphone", 1))
        lab.do(Appeared(phone("linphone", path="elsewhere")))
        assert lab.all(ShowRinging) == [ShowRinging("alice")]
        assert lab.do(EarlyAnswered("linphone", "of the ring before", media=1)) == []
        assert sound(lab, "linphone")[-1] == JoinMedia("alice", 1, "linphone", 2)


class TestAnswered:
    def test_the_caller_has_its_one_answer_already(self) -> None:
        lab = sounding("linphone")
        lab.answer("linphone", "final answer")
        assert lab.all(AcceptMedia)[-1] == AcceptMedia("linphone", 1, "final answer")
        assert lab.actions[-2:] == [
            ShowAnswer("alice", 1, ANSWER, repeated=True),
            JoinMedia("alice", 1, "linphone", 1),
        ]
        assert len(lab.told("alice", OpenMedia)) == 1

    @pytest.mark.parametrize("winner", ["silent", "bob"])
    def test_whoever_wins_is_joined_though_another_one_was_heard(self, winner: str) -> None:
        lab = ringing(phone("heard"), phone("silent"), tab("bob"))
        sound(lab, "heard", codec=PCMU)
        lab.engine.codec = OPUS
        lab.answer(winner)
        assert lab.all(JoinMedia)[-1] == JoinMedia("alice", 1, winner, 1)
        assert lab.engine.held == {("alice", 1), (winner, 1)}

    def test_a_description_that_comes_after_the_answer_is_late(self) -> None:
        lab = sounding("linphone", "desk")
        lab.answer("linphone")
        for leg in ("linphone", "desk"):
            assert lab.do(EarlyAnswered(leg, "early answer")) == []

    def test_another_process_goes_on_with_it(self) -> None:
        lab = sounding("one", "two")
        lab.restore()
        assert lab.do(Rejected("two", EndReason.BUSY))[-1] == JoinMedia("alice", 1, "one", 1)
        lab.answer("one")
        assert lab.all(ShowAnswer) == [ShowAnswer("alice", 1, ANSWER, repeated=True)]
