"""The races of a call, each with its one right outcome."""

import pytest

from signaling.call_actions import (
    AcceptMedia,
    CloseMedia,
    FeedCandidates,
    OpenMedia,
    Refuse,
    Reply,
    Ring,
    ShowAnswer,
    ShowCandidates,
    ShowEnd,
)
from signaling.call_events import (
    Answered,
    Appeared,
    Attached,
    Detached,
    HungUp,
    Left,
    Rang,
    Rejected,
    Trickled,
)
from signaling.call_model import Mode, State
from signaling.call_state import ANSWER_SECONDS, CALLER_LOST_SECONDS
from signaling.shared.errors import NoSuchCall, WrongState
from signaling.shared.messages import CallAccepted, Done
from signaling.shared.reasons import EndedBy, EndReason
from tests.call_lab import Lab, candidate, phone, ringing, tab, talking


def refusal(answer: Reply | Refuse | None) -> Exception:
    assert isinstance(answer, Refuse)
    return answer.error


class TestFirstAnswerWins:
    def test_first_accept_wins_and_the_loser_hears_answered_elsewhere(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        assert isinstance(lab.accept("desk"), Reply)
        assert lab.end_of("bob") is EndReason.ANSWERED_ELSEWHERE
        late = refusal(lab.accept("bob"))
        assert isinstance(late, NoSuchCall)
        assert late.ended == "answered_elsewhere"
        assert lab.call.winner == "desk"

    def test_first_answer_wins_without_an_accept(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        assert lab.answer("bob") == Reply(1, Done())
        assert lab.end_of("desk") is EndReason.ANSWERED_ELSEWHERE
        assert isinstance(refusal(lab.answer("desk")), NoSuchCall)
        assert lab.all(ShowAnswer) == [ShowAnswer("alice", 1, "answer of the callee")]

    def test_an_answer_after_another_devices_accept_comes_late(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.accept("desk")
        assert isinstance(refusal(lab.answer("bob")), NoSuchCall)
        lab.answer("desk")
        assert lab.state is State.TALKING
        assert lab.call.winner == "desk"

    def test_phones_that_answer_at_once_get_one_winner(self) -> None:
        lab = ringing(phone("kitchen"), phone("office"))
        lab.do(Answered("office", "one"), Answered("kitchen", "two"))
        assert lab.all(AcceptMedia) == [AcceptMedia("office", 1, "one")]
        assert lab.end_of("kitchen") is EndReason.ANSWERED_ELSEWHERE
        assert CloseMedia("kitchen", 1) in lab.actions

    def test_the_callees_own_hang_up_after_losing_changes_nothing(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.answer("desk")
        lab.do(HungUp("bob"), Rejected("bob", EndReason.DECLINED), Left("bob"), Rang("bob"))
        assert lab.state is State.TALKING
        lab.check()


class TestRepeats:
    @pytest.mark.parametrize("direct", [True, False])
    def test_an_accept_repeated_after_a_lost_reply_gets_the_same_reply(
        self, *, direct: bool
    ) -> None:
        lab = ringing(tab("bob"), tab("desk"), direct=direct)
        first, second = lab.accept("bob"), lab.accept("bob")
        assert isinstance(first, Reply)
        assert isinstance(second, Reply)
        assert first.result == second.result
        assert isinstance(first.result, CallAccepted)
        assert first.result.offer == lab.told("bob", Ring)[0].offer

    def test_an_answer_repeated_after_a_lost_reply_is_harmless(self) -> None:
        lab = ringing(phone("linphone"), tab("bob"))
        lab.answer("bob")
        assert lab.answer("bob") == Reply(2, Done())
        assert len(lab.all(ShowAnswer)) == 1
        assert len(lab.told("alice", OpenMedia)) == 1

    def test_a_hang_up_said_twice_ends_once(self) -> None:
        lab = talking()
        lab.do(HungUp("bob"), HungUp("bob"), HungUp("alice"))
        assert lab.finish().by is EndedBy.CALLEE
        lab.check()

    def test_an_accept_before_anybody_is_found_may_come_again(self) -> None:
        lab = ringing()
        lab.call.state = State.TRYING
        early = refusal(lab.accept("bob"))
        assert isinstance(early, WrongState)
        assert early.retry_after is not None


class TestCallerLeaves:
    def test_the_caller_cancels_while_it_rings(self) -> None:
        lab = ringing(tab("bob"), phone("linphone"))
        lab.do(HungUp("alice"))
        assert lab.end_of("bob") is EndReason.CANCELLED
        assert lab.end_of("linphone") is EndReason.CANCELLED
        assert lab.finish().by is EndedBy.CALLER
        lab.check()

    def test_a_cancel_that_crosses_the_accept_wins_over_the_answer(self) -> None:
        lab = ringing()
        lab.accept("bob")
        lab.do(HungUp("alice"))
        late = refusal(lab.answer("bob"))
        assert isinstance(late, NoSuchCall)
        assert late.ended == "cancelled"
        assert not lab.all(ShowAnswer)

    def test_a_cancel_that_comes_after_the_answer_is_a_hang_up(self) -> None:
        lab = talking()
        lab.do(HungUp("alice"))
        assert lab.end_of("bob") is EndReason.HANGUP

    def test_a_ringing_callers_socket_may_be_lost_for_less_than_8_seconds(self) -> None:
        lab = ringing()
        lab.do(Detached("alice"))
        assert lab.call.deadline() == lab.now + CALLER_LOST_SECONDS
        lab.wait(CALLER_LOST_SECONDS - 0.5)
        lab.do(Attached("alice"))
        lab.wait(1.0)
        assert lab.state is State.RINGING

    @pytest.mark.parametrize("is_claimed", [True, False])
    def test_a_ringing_caller_that_stays_away_for_8_seconds_has_cancelled(
        self, *, is_claimed: bool
    ) -> None:
        lab = ringing()
        if is_claimed:
            lab.accept("bob")
        lab.do(Detached("alice"))
        lab.wait(CALLER_LOST_SECONDS)
        assert lab.end_of("bob") is EndReason.CANCELLED

    def test_an_answer_ends_the_wait_for_a_lost_caller(self) -> None:
        lab = ringing()
        lab.do(Detached("alice"))
        lab.answer("bob")
        assert lab.call.deadline() is None
        lab.wait(60.0)
        assert lab.state is State.TALKING

    def test_a_callees_lost_socket_does_not_hurry_the_call(self) -> None:
        lab = ringing()
        before = lab.call.deadline()
        lab.do(Detached("bob"))
        assert lab.call.deadline() == before

    def test_a_talking_side_that_is_gone_for_good_ends_the_call(self) -> None:
        lab = talking()
        lab.do(Detached("alice"), Left("alice"))
        assert lab.end_of("bob") is EndReason.UNAVAILABLE
        assert lab.finish().by is EndedBy.CALLER

    def test_the_last_ringing_device_that_leaves_ends_the_call(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.do(Left("bob"))
        assert lab.state is State.RINGING
        lab.do(Left("desk"))
        assert lab.end_of("alice") is EndReason.UNAVAILABLE


class TestClaimed:
    def test_no_answer_within_10_seconds_of_an_accept_ends_the_call(self) -> None:
        lab = ringing()
        lab.accept("bob")
        assert lab.call.deadline() == lab.now + ANSWER_SECONDS
        lab.wait(ANSWER_SECONDS - 0.5)
        assert lab.state is State.CLAIMED
        lab.wait(0.5)
        assert lab.end_of("alice") is EndReason.TIMEOUT
        assert lab.end_of("bob") is EndReason.TIMEOUT

    def test_the_ring_time_does_not_end_a_claimed_call(self) -> None:
        lab = ringing()
        lab.now += 44.0
        lab.accept("bob")
        lab.wait(2.0)
        assert lab.state is State.CLAIMED

    def test_a_reject_after_the_accept_ends_the_call(self) -> None:
        lab = ringing()
        lab.accept("bob")
        lab.do(Rejected("bob", EndReason.DECLINED))
        assert lab.end_of("alice") is EndReason.DECLINED

    def test_a_reject_that_crosses_the_answer_hangs_up(self) -> None:
        lab = talking()
        lab.do(Rejected("bob", EndReason.DECLINED))
        assert lab.end_of("alice") is EndReason.HANGUP


class TestLateArrivals:
    def test_a_session_that_comes_while_the_call_rings_rings_too(self) -> None:
        lab = ringing()
        lab.do(Trickled("alice", 1, (candidate(1),), end=False))
        lab.do(Appeared(tab("woken")))
        assert lab.told("woken", Ring) == [Ring("woken", 1, "offer of the caller")]
        assert lab.told("woken", ShowCandidates) == [
            ShowCandidates("woken", 1, (candidate(1),), end=False)
        ]
        assert isinstance(lab.accept("woken"), Reply)
        assert lab.end_of("bob") is EndReason.ANSWERED_ELSEWHERE

    def test_an_endpoint_that_appears_twice_keeps_its_leg(self) -> None:
        lab = ringing()
        lab.do(Rang("bob"), Appeared(tab("bob")))
        assert len(lab.told("bob", Ring)) == 1

    def test_one_that_left_does_not_ring_again(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.do(Rejected("desk", EndReason.BUSY), Appeared(tab("desk")))
        assert len(lab.told("desk", Ring)) == 1

    def test_the_caller_does_not_ring_its_own_call(self) -> None:
        lab = ringing()
        lab.do(Appeared(tab("alice", "alice")))
        assert not lab.told("alice", Ring)

    def test_who_comes_after_the_answer_hears_nothing(self) -> None:
        lab = talking()
        assert lab.do(Appeared(tab("woken")), Appeared(phone("linphone"))) == []

    def test_a_late_phone_that_wins_anchors_a_direct_call(self) -> None:
        lab = ringing()
        lab.do(Trickled("alice", 1, (candidate(1),), end=False))
        lab.do(Appeared(phone("linphone")))
        assert lab.mode() is Mode.DIRECT
        lab.do(Rang("linphone"), Answered("linphone", "answer of the phone"))
        assert lab.mode() is Mode.ANCHORED
        assert lab.end_of("bob") is EndReason.ANSWERED_ELSEWHERE
        assert lab.told("alice", OpenMedia) == [
            OpenMedia("alice", 1, offer="offer of the caller", codecs=("opus/48000/2",))
        ]
        assert lab.told("alice", FeedCandidates) == [FeedCandidates("alice", 1, (candidate(1),))]
        assert lab.all(ShowAnswer) == [ShowAnswer("alice", 1, "engine answers offer of the caller")]

    def test_a_late_phone_that_loses_leaves_the_call_direct(self) -> None:
        lab = ringing()
        lab.do(Appeared(phone("linphone")))
        lab.answer("bob")
        assert lab.mode() is Mode.DIRECT
        assert lab.end_of("linphone") is EndReason.ANSWERED_ELSEWHERE
        assert lab.engine.held == set()
        assert lab.all(ShowAnswer) == [ShowAnswer("alice", 1, "answer of the callee")]

    def test_nobody_is_told_of_an_answer_after_the_end(self) -> None:
        lab = ringing(phone("linphone"))
        lab.engine.fails = lambda action: type(action).__name__ == "JoinMedia"
        lab.do(Answered("linphone", "answer of the phone"))
        assert lab.end_of("alice") is EndReason.MEDIA_FAILED
        (answer,), (end,) = lab.all(ShowAnswer), lab.told("alice", ShowEnd)
        assert lab.actions.index(answer) < lab.actions.index(end)


class TestRestoredElsewhere:
    def test_a_call_that_was_handed_over_keeps_its_race(self) -> None:
        lab: Lab = ringing(tab("bob"), tab("desk"))
        lab.accept("bob")
        lab.restore()
        assert isinstance(lab.accept("bob"), Reply)
        assert isinstance(refusal(lab.accept("desk")), NoSuchCall)
        lab.answer("bob")
        assert lab.state is State.TALKING
