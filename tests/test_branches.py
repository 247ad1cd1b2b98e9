"""What a timeline comes to: why each endpoint did or did not ring."""

from dataclasses import replace

import pytest

from signaling.branches import Branch, Verdict, branches, set_up
from signaling.shared.reasons import EndedBy
from signaling.timeline import Hop, What

START = 1_700_000_000.0


def hop(what: What, after: float = 0.0, leg: str | None = "phone", **more: str) -> Hop:
    kind = None if leg is None else "session"
    return Hop(START + after, what, EndedBy.CALLEE, leg, kind, "id of bob", "iphone", **more)


def branch(*hops: Hop) -> Branch:
    (only,) = branches(hops)
    return only


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([What.INVITED, What.RANG, What.ANSWERED], Verdict.ANSWERED),
        ([What.INVITED, What.RANG, What.ACCEPTED], Verdict.ACCEPTED),
        ([What.INVITED, What.RANG], Verdict.RANG),
        ([What.INVITED, What.RANG, What.DETACHED], Verdict.RANG),
        ([What.INVITED], Verdict.SILENT),
        ([What.INVITED, What.DETACHED], Verdict.LOST),
        ([What.INVITED, What.LEFT], Verdict.LOST),
        ([What.MEDIA_OPENED], Verdict.UNTRIED),
        ([What.PUSH_SENDING, What.PUSH_RETRYING, What.PUSH_ACCEPTED], Verdict.ASLEEP),
        ([What.PUSH_SENDING, What.PUSH_FAILED], Verdict.NOT_PUSHED),
        ([What.PUSH_DROPPED], Verdict.NOT_PUSHED),
        ([What.PUSH_ASKED], Verdict.NOT_PUSHED),
    ],
)
def test_a_verdict_says_how_far_an_endpoint_came(seen: list[What], verdict: Verdict) -> None:
    assert branch(*(hop(what) for what in seen)).verdict is verdict


def test_a_refusal_has_its_reason_and_its_times() -> None:
    told = branch(
        hop(What.INVITED, 0.1),
        hop(What.RANG, 0.4),
        hop(What.REFUSED, 3.0, reason="busy", detail="SIP 486"),
        hop(What.TOLD_END, 3.0, reason="busy"),
    )
    assert (told.verdict, told.reason) == (Verdict.REFUSED, "busy")
    assert (told.since, told.rang_at, told.gone_at) == (START + 0.1, START + 0.4, START + 3.0)


def test_who_answers_too_late_did_not_answer() -> None:
    told = branch(
        hop(What.INVITED),
        hop(What.RANG, 0.2),
        hop(What.TOLD_END, 2.0, reason="answered_elsewhere"),
        hop(What.ANSWERED, 2.1),
    )
    assert (told.verdict, told.reason) == (Verdict.RANG, "answered_elsewhere")
    assert told.answered_at is None


def test_the_caller_and_the_call_are_no_branches() -> None:
    caller = Hop(START, What.CALLED, EndedBy.CALLER, "alice", "session", "id of alice")
    ended = Hop(START + 9, What.ENDED, EndedBy.CALLEE, reason="hangup")
    assert branches([caller, ended]) == []


@pytest.mark.parametrize(
    ("pushed", "verdict"),
    [
        ([What.PUSH_ACCEPTED], Verdict.WOKE),
        ([What.PUSH_SENDING], Verdict.WOKE),
        ([What.PUSH_SENDING, What.PUSH_FAILED], Verdict.NOT_PUSHED),
    ],
)
def test_a_device_that_comes_was_woken_unless_its_push_failed(
    pushed: list[What], verdict: Verdict
) -> None:
    sleeper = [hop(What.PUSH_ASKED, 0.1, "wake"), *(hop(what, 0.2, "wake") for what in pushed)]
    came = [hop(What.APPEARED, 3.0, "session"), hop(What.INVITED, 3.0, "session")]
    told = branches([*sleeper, *came])
    assert [(each.leg, each.verdict) for each in told] == [
        ("wake", verdict),
        ("session", Verdict.SILENT),
    ]


def test_one_that_woke_is_not_said_to_have_lost_to_what_it_came_as() -> None:
    told_end = replace(hop(What.TOLD_END, 5.0, "wake"), reason="answered_elsewhere")
    sleeper = [hop(What.PUSH_ASKED, 0.1, "wake"), hop(What.PUSH_ACCEPTED, 0.2, "wake"), told_end]
    came = [hop(What.APPEARED, 3.0, "contact"), hop(What.ANSWERED, 5.0, "contact")]
    told = [(each.verdict, each.reason) for each in branches([*sleeper, *came])]
    assert told[0] == (Verdict.WOKE, None)


def test_late_pushes_of_a_device_are_told_together() -> None:
    first, second = hop(What.PUSH_SENDING, 1.0, None), hop(What.PUSH_ACCEPTED, 60.0, None)
    told = branch(first, second)
    assert (told.leg, told.device, told.verdict) == (None, "iphone", Verdict.ASLEEP)


class TestSetUp:
    def test_ringing_and_answer_count_from_the_start(self) -> None:
        took = set_up(
            [
                Hop(START, What.CALLED, EndedBy.CALLER, "alice"),
                hop(What.RANG, 0.3),
                Hop(START + 0.5, What.TOLD_RINGING, EndedBy.CALLER, "alice"),
                Hop(START + 4.0, What.TOLD_ANSWER, EndedBy.CALLER, "alice"),
            ]
        )
        assert (took.ringing, took.answer, took.wakes) == (0.5, 4.0, ())

    def test_a_call_that_never_rang_took_no_time_to_ring(self) -> None:
        took = set_up([Hop(START, What.CALLED, EndedBy.CALLER, "alice")])
        assert (took.ringing, took.answer) == (None, None)
        assert set_up([]).ringing is None

    def test_a_wake_counts_from_the_acceptance_to_the_connect_of_that_device(self) -> None:
        took = set_up(
            [
                hop(What.APPEARED, 0.5, "earlier session"),
                hop(What.PUSH_ACCEPTED, 1.0, "sleeper"),
                hop(What.PUSH_ACCEPTED, 1.2, "sleeper"),
                Hop(START + 2, What.APPEARED, EndedBy.CALLEE, "x", "session", "y", "other"),
                hop(What.APPEARED, 3.5, "session"),
                hop(What.APPEARED, 9.0, "another session"),
            ]
        )
        assert took.wakes == (2.5,)
