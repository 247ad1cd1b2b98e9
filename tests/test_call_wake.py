"""Waking a device for a call: who is pushed, when, and the races between push and socket."""

from collections.abc import Callable

import pytest

from signaling.call_actions import (
    OpenMedia,
    RememberEnd,
    Reply,
    Ring,
    SendPush,
    ShowRinging,
    ShowWaking,
)
from signaling.call_events import (
    Appeared,
    Attached,
    Detached,
    HungUp,
    Left,
    Rang,
    Rejected,
)
from signaling.call_model import EndpointKind, Reach, State
from signaling.call_state import ANSWER_SECONDS
from signaling.call_wake import SOCKET_SECONDS
from signaling.shared.push import PushKind, Step
from signaling.shared.reasons import EndedBy, EndReason
from tests.call_lab import RING_SECONDS, Lab, phone, ringing, sleeper, tab

CALL, ENDED, MISSED = PushKind.CALL, PushKind.ENDED, PushKind.MISSED
MOBILE = sleeper("mobile")
DESK_PHONE = sleeper("desk", wakes=EndpointKind.CONTACT)
# Another device of bob's that is never woken.
OTHER = tab("other")


def woken(name: str = "app", device: str = "mobile") -> Appeared:
    return Appeared(tab(name, device=device))


def app(reach: Reach = Reach.AWAKE) -> Lab:
    """A call to a device that has a session and can be pushed."""
    return ringing(tab("app", device="mobile", reach=reach), MOBILE)


def kept_for_later(lab: Lab) -> list[tuple[str, EndReason]]:
    return [(kept.leg, kept.reason) for kept in lab.all(RememberEnd)]


class TestWhoIsPushed:
    def test_a_device_without_a_session_is_pushed_at_once(self) -> None:
        assert ringing(MOBILE).pushed("mobile") == [CALL]

    def test_all_devices_that_sleep_are_pushed_at_once(self) -> None:
        lab = ringing(OTHER, MOBILE, sleeper("tablet"))
        assert lab.pushed("mobile") == lab.pushed("tablet") == [CALL]

    def test_a_push_does_not_wait_for_the_media_of_others(self) -> None:
        lab = ringing(phone("kitchen"), MOBILE)
        (push,), opened = lab.all(SendPush), lab.all(OpenMedia)
        assert lab.actions.index(push) < lab.actions.index(opened[0])

    def test_a_device_in_the_background_is_told_both_ways_at_once(self) -> None:
        lab = app(Reach.BACKGROUND)
        assert lab.told("app", Ring)
        assert lab.pushed("mobile") == [CALL]

    def test_a_session_without_a_socket_counts_as_none(self) -> None:
        assert app(Reach.AWAY).pushed("mobile") == [CALL]

    def test_a_device_that_looks_awake_has_a_second_to_ring(self) -> None:
        lab = app()
        lab.wait(SOCKET_SECONDS - 0.01)
        assert lab.pushed("mobile") == []
        lab.do(Rang("app"))
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("mobile") == []

    def test_one_that_looks_awake_and_does_not_ring_is_pushed_too(self) -> None:
        lab = app()
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("mobile") == [CALL]
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("mobile") == [CALL]

    def test_another_device_that_rings_does_not_spare_the_push(self) -> None:
        lab = ringing(OTHER, tab("app", device="mobile"), MOBILE)
        lab.do(Rang("other"))
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("mobile") == [CALL]

    def test_the_same_device_id_of_another_account_is_another_device(self) -> None:
        lab = ringing(tab("carols", "carol", device="mobile"), MOBILE)
        assert lab.pushed("mobile") == [CALL]

    def test_losing_the_socket_of_a_ringing_device_pushes_it_at_once(self) -> None:
        lab = app()
        lab.do(Rang("app"))
        lab.wait(10.0)
        lab.do(Detached("app"))
        assert lab.pushed("mobile") == [CALL]

    def test_one_that_is_pushed_and_then_loses_its_socket_is_not_pushed_again(self) -> None:
        lab = app(Reach.BACKGROUND)
        lab.push("mobile", Step.ACCEPTED)
        lab.do(Rang("app"), Detached("app"), Attached("app"), Detached("app"), Left("app"))
        assert lab.pushed("mobile") == [CALL]

    def test_a_second_tab_that_rings_spares_the_push_when_the_first_is_lost(self) -> None:
        lab = ringing(tab("one", device="mobile"), tab("two", device="mobile"), MOBILE)
        lab.do(Rang("one"), Rang("two"), Detached("one"))
        assert lab.pushed("mobile") == []

    def test_a_second_tab_that_never_rang_does_not_spare_it(self) -> None:
        lab = ringing(tab("one", device="mobile"), tab("two", device="mobile"), MOBILE)
        lab.do(Rang("one"))
        lab.wait(SOCKET_SECONDS)
        lab.do(Detached("one"))
        assert lab.pushed("mobile") == [CALL]

    def test_nobody_is_pushed_once_the_call_is_answered(self) -> None:
        lab = ringing(OTHER, tab("app", device="mobile"), MOBILE)
        lab.accept("other")
        assert lab.call.deadline() == lab.now + ANSWER_SECONDS
        lab.wait(SOCKET_SECONDS)
        lab.do(Detached("app"))
        assert lab.pushed("mobile") == []


class TestWhatTheCallerHears:
    def test_the_caller_hears_waking_and_then_ringing(self) -> None:
        lab = ringing(MOBILE)
        assert lab.all(ShowWaking) == [ShowWaking("alice")]
        lab.do(woken(), Rang("app"))
        assert lab.all(ShowRinging) == [ShowRinging("alice")]

    def test_waking_is_told_once(self) -> None:
        lab = ringing(MOBILE, sleeper("tablet"), tab("app", device="pad"), sleeper("pad"))
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("pad") == [CALL]
        assert len(lab.all(ShowWaking)) == 1

    def test_waking_is_not_told_while_something_rings(self) -> None:
        lab = ringing(OTHER, tab("app", device="mobile"), MOBILE)
        lab.do(Rang("other"))
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("mobile") == [CALL]
        assert not lab.all(ShowWaking)

    def test_a_device_that_was_pushed_and_never_came_is_unavailable(self) -> None:
        lab = ringing(MOBILE)
        lab.push("mobile", Step.ACCEPTED)
        lab.wait(RING_SECONDS)
        assert lab.end_of("alice") is EndReason.UNAVAILABLE

    def test_one_that_woke_and_rang_has_not_answered(self) -> None:
        lab = ringing(MOBILE)
        lab.do(woken(), Rang("app"))
        lab.wait(RING_SECONDS)
        assert lab.end_of("alice") is EndReason.NO_ANSWER


class TestHolding:
    @pytest.mark.parametrize(
        "reason", [EndReason.LIMIT, EndReason.UNAVAILABLE, EndReason.TIMEOUT, EndReason.BUSY]
    )
    def test_branches_that_fail_do_not_end_a_call_while_a_push_is_on_its_way(
        self, reason: EndReason
    ) -> None:
        lab = ringing(phone("kitchen"), MOBILE)
        lab.do(Rejected("kitchen", reason))
        assert lab.state is State.RINGING
        lab.do(woken())
        assert isinstance(lab.accept("app"), Reply)

    def test_a_call_whose_every_push_failed_ends_at_once(self) -> None:
        lab = ringing(MOBILE, sleeper("tablet"))
        lab.push_fails("mobile")
        assert lab.state is State.RINGING
        lab.push_fails("tablet")
        assert lab.end_of("alice") is EndReason.UNAVAILABLE
        assert lab.finish().by is EndedBy.SERVER
        lab.check()

    def test_of_two_devices_of_which_one_is_dead_the_other_answers(self) -> None:
        lab = ringing(MOBILE, sleeper("tablet"))
        lab.push_fails("mobile")
        lab.push("tablet", Step.ACCEPTED)
        lab.do(woken("pad", "tablet"))
        lab.answer("pad")
        assert lab.state is State.TALKING

    def test_a_push_that_fails_leaves_what_rings_alone(self) -> None:
        lab = app(Reach.BACKGROUND)
        lab.do(Rang("app"))
        lab.push_fails("mobile")
        lab.answer("app")
        assert lab.state is State.TALKING

    def test_a_failure_after_an_acceptance_is_anothers_and_late(self) -> None:
        lab = ringing(MOBILE)
        lab.push("mobile", Step.ACCEPTED)
        lab.push_fails("mobile")
        assert lab.state is State.RINGING

    def test_a_report_of_what_was_not_pushed_changes_nothing(self) -> None:
        lab = app()
        lab.push("mobile", Step.ACCEPTED)
        lab.push_fails("mobile")
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("mobile") == [CALL]

    def test_a_retry_is_neither_a_failure_nor_an_acceptance(self) -> None:
        lab = ringing(MOBILE)
        assert lab.push("mobile", Step.RETRYING) == []
        lab.push_fails("mobile")
        assert lab.end_of("alice") is EndReason.UNAVAILABLE

    def test_a_phone_that_cannot_be_reached_either_way_is_unavailable(self) -> None:
        lab = ringing(phone("desk", device="desk"), DESK_PHONE)
        lab.do(Rejected("desk", EndReason.LIMIT))
        lab.push_fails("desk")
        assert lab.end_of("alice") is EndReason.UNAVAILABLE

    def test_a_busy_device_is_not_waited_for(self) -> None:
        lab = app(Reach.BACKGROUND)
        lab.do(Rejected("app", EndReason.BUSY))
        assert lab.end_of("alice") is EndReason.BUSY
        assert lab.pushed("mobile") == [CALL]
        assert not kept_for_later(lab)

    def test_a_device_that_closes_its_session_while_it_rings_may_still_wake(self) -> None:
        lab = app()
        lab.do(Rang("app"), Left("app"))
        assert lab.pushed("mobile") == [CALL]
        lab.do(woken("app again"))
        assert lab.told("app again", Ring)

    def test_a_notification_that_says_no_without_a_session_ends_the_call(self) -> None:
        lab = ringing(OTHER, MOBILE)
        lab.do(Rejected("wake mobile", EndReason.DECLINED))
        assert lab.end_of("alice") is EndReason.DECLINED
        assert lab.pushed("mobile") == [CALL]


class TestWaking:
    def test_a_device_that_wakes_gets_the_call_at_once(self) -> None:
        lab = ringing(MOBILE)
        lab.do(woken())
        assert lab.told("app", Ring) == [Ring("app", 1, "offer of the caller")]

    def test_it_may_answer_before_the_provider_reported(self) -> None:
        lab = ringing(MOBILE)
        lab.do(woken())
        lab.answer("app")
        lab.push("mobile", Step.ACCEPTED)
        lab.push_fails("mobile")
        assert lab.state is State.TALKING
        assert lab.pushed("mobile") == [CALL]

    def test_one_that_wakes_twice_rings_in_both_and_is_pushed_once(self) -> None:
        lab = ringing(MOBILE)
        lab.push("mobile", Step.ACCEPTED)
        lab.do(woken(), Left("app"), woken("app again"), woken("app again"))
        assert len(lab.told("app again", Ring)) == 1
        assert lab.pushed("mobile") == [CALL]

    def test_of_two_woken_devices_that_answer_at_once_one_wins(self) -> None:
        lab = ringing(MOBILE, sleeper("tablet"))
        lab.do(woken(), woken("pad", "tablet"))
        lab.accept("pad")
        lab.accept("app")
        assert lab.call.winner == "pad"
        assert lab.end_of("app") is EndReason.ANSWERED_ELSEWHERE

    @pytest.mark.parametrize("state", ["trying", "pushing", "woken"])
    def test_another_process_goes_on_waking(self, state: str) -> None:
        lab = app() if state == "trying" else ringing(MOBILE)
        if state == "woken":
            lab.do(woken())
        lab.restore()
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("mobile") == [CALL]


class TestTheEnd:
    @pytest.mark.parametrize(
        ("end", "reason"),
        [
            (lambda lab: lab.do(HungUp("alice")), EndReason.CANCELLED),
            (lambda lab: lab.wait(RING_SECONDS), EndReason.UNAVAILABLE),
        ],
        ids=["cancelled", "nobody came"],
    )
    def test_a_device_that_never_came_is_told_by_push_and_when_it_comes(
        self, end: Callable[[Lab], object], reason: EndReason
    ) -> None:
        lab = ringing(MOBILE)
        end(lab)
        assert lab.pushed("mobile") == [CALL, ENDED, MISSED]
        assert kept_for_later(lab) == [("wake mobile", reason)]
        assert [push.reason for push in lab.all(SendPush)] == [None, reason, reason]

    def test_answered_elsewhere_takes_the_notification_away(self) -> None:
        lab = ringing(OTHER, MOBILE)
        lab.accept("other")
        assert lab.pushed("mobile") == [CALL, ENDED]
        assert kept_for_later(lab) == [("wake mobile", EndReason.ANSWERED_ELSEWHERE)]

    def test_declined_elsewhere_takes_it_away_too(self) -> None:
        lab = ringing(OTHER, MOBILE)
        lab.do(Rejected("other", EndReason.DECLINED))
        assert lab.pushed("mobile") == [CALL, ENDED]
        assert kept_for_later(lab) == [("wake mobile", EndReason.DECLINED_ELSEWHERE)]

    @pytest.mark.parametrize("answers", [True, False])
    def test_the_device_that_answers_or_declines_is_told_nothing_more(
        self, *, answers: bool
    ) -> None:
        lab = ringing(MOBILE)
        lab.do(woken())
        if answers:
            lab.answer("app")
        lab.do(HungUp("app"))
        assert lab.pushed("mobile") == [CALL]
        assert not kept_for_later(lab)

    def test_one_that_rings_and_is_connected_hears_the_end_itself(self) -> None:
        lab = ringing(MOBILE)
        lab.do(woken(), Rang("app"), HungUp("alice"))
        assert lab.pushed("mobile") == [CALL, ENDED]
        assert not kept_for_later(lab)
        assert lab.end_of("app") is EndReason.CANCELLED

    def test_one_that_rang_and_lost_its_socket_is_told_when_it_comes(self) -> None:
        lab = ringing(MOBILE)
        lab.do(woken(), Rang("app"), Detached("app"), HungUp("alice"))
        assert lab.pushed("mobile") == [CALL, ENDED, MISSED]
        assert kept_for_later(lab) == [("wake mobile", EndReason.CANCELLED)]

    def test_a_cancel_within_the_first_second_leaves_a_missed_call_and_no_more(self) -> None:
        lab = app()
        lab.do(HungUp("alice"))
        assert lab.pushed("mobile") == [MISSED]
        assert not kept_for_later(lab)

    def test_a_device_whose_push_failed_is_told_nothing(self) -> None:
        lab = ringing(OTHER, MOBILE)
        lab.push_fails("mobile")
        lab.do(HungUp("alice"))
        assert lab.pushed("mobile") == [CALL]

    def test_who_wakes_after_the_end_rings_no_more(self) -> None:
        lab = ringing(MOBILE)
        lab.do(HungUp("alice"))
        assert lab.do(woken()) == []
