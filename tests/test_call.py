"""A call from its start to its end: modes, reasons, the table, and any order of events."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.call import TABLE, advance
from signaling.call_actions import (
    AcceptMedia,
    Finish,
    JoinMedia,
    OpenMedia,
    Refuse,
    Ring,
    ShowEnd,
    ShowRinging,
)
from signaling.call_events import (
    Accepted,
    Answered,
    Appeared,
    Attached,
    ChangeAgreed,
    ChangeAsked,
    Changed,
    ChangeRefused,
    Detached,
    DigitHeard,
    DtmfAsked,
    EarlyAnswered,
    Event,
    Found,
    HoldAsked,
    HungUp,
    KeyPressed,
    Left,
    MediaAccepted,
    MediaConnected,
    MediaGone,
    MediaLost,
    MediaOpened,
    MediaRefused,
    MediaReoffered,
    MediaReported,
    MediaUpdated,
    OfferMade,
    OfferTaken,
    PeerHeld,
    PushReported,
    Rang,
    RecordAsked,
    RecordingBegan,
    RecordingLost,
    RecordingRefused,
    Rejected,
    Stopped,
    TimePassed,
    TonesRefused,
    TonesSent,
    Trickled,
    Unroutable,
    UpdateRefused,
    WakingFailed,
)
from signaling.call_model import Endpoint, EndpointKind, Mode, State
from signaling.call_setup import MAX_LEGS
from signaling.call_state import Call
from signaling.shared.errors import WrongState
from signaling.shared.push import Provider, Step
from signaling.shared.reasons import EndedBy, EndReason
from tests.call_lab import (
    ALICE,
    RING_SECONDS,
    Lab,
    candidate,
    phone,
    ringing,
    sleeper,
    tab,
    talking,
)
from tests.call_stories import Story, stories

EVENTS = sorted({event for _, event in TABLE}, key=lambda event: event.__name__)


def one_of_each(leg: str) -> list[Event]:
    """Every event there is, as `leg` may cause it."""
    return [
        Found((tab("another"),)),
        Unroutable(EndReason.NOT_FOUND),
        Appeared(tab("late")),
        Appeared(phone(leg, path="elsewhere")),
        PushReported(leg, Step.ACCEPTED, Provider.APNS, 1),
        WakingFailed(leg, "Unregistered"),
        Rang(leg),
        Accepted(leg, 901),
        Answered(leg, "answer", 902),
        EarlyAnswered(leg, "early answer"),
        Rejected(leg, EndReason.BUSY),
        HungUp(leg),
        Left(leg),
        Detached(leg),
        Attached(leg),
        Trickled(leg, 1, (candidate(1),), end=False),
        OfferMade(leg, 2, "offer", 903),
        OfferTaken(leg, 2, "answer", 904),
        MediaReported(leg, 1, connected=False),
        DtmfAsked(leg, 0, "5", 120),
        TonesSent(DtmfAsked(leg, 0, "5", 120)),
        TonesRefused(DtmfAsked(leg, 0, "5", 120), WrongState("too early")),
        MediaOpened(leg, 7, "sdp"),
        MediaAccepted(leg, 7, "opus/48000/2"),
        MediaRefused(leg, 7, EndReason.INCOMPATIBLE, "no codec"),
        MediaConnected(leg, 1),
        MediaGone(leg, 1),
        MediaLost(leg, 1, silent=False),
        DigitHeard(leg, 1, "5"),
        ChangeAsked(leg, "offer"),
        Changed(leg, "answer"),
        HoldAsked(leg, held=True, request=905),
        PeerHeld(leg, 1, held=True),
        MediaReoffered(leg, 1, "sdp"),
        ChangeAgreed(leg, "answer"),
        ChangeRefused(leg, again=True),
        RecordAsked(leg, on=True, request=906),
        RecordingBegan(),
        RecordingRefused(WrongState("no room")),
        RecordingLost(leg, "the disk is full"),
        KeyPressed(leg, "5", 160),
        MediaUpdated(leg, 7, "sdp"),
        UpdateRefused(leg, 7),
        TimePassed(),
        Stopped(EndReason.SERVER_RESTART),
    ]


def claimed(*found: Endpoint, direct: bool = True) -> Lab:
    lab = ringing(*found, direct=direct)
    lab.accept(found[0].id)
    return lab


def ended(*found: Endpoint, direct: bool = True) -> Lab:
    lab = talking(*found, direct=direct)
    lab.do(HungUp("alice"))
    return lab


def trying(*found: Endpoint, direct: bool = True) -> Call:
    """A call that does not know yet where it leads."""
    return Call.begin("call", ALICE, media=1, offer="offer", ring_seconds=45, direct_allowed=direct)


IN_STATE: dict[State, Callable[..., Lab]] = {
    State.RINGING: ringing,
    State.CLAIMED: claimed,
    State.TALKING: talking,
    State.ENDED: ended,
}


class TestTable:
    def test_every_state_and_event_has_a_rule(self) -> None:
        assert set(TABLE) == {(state, event) for state in State for event in EVENTS}
        assert {type(event) for event in one_of_each("bob")} == set(EVENTS)

    @pytest.mark.parametrize("direct", [True, False])
    @pytest.mark.parametrize("leg", ["alice", "bob", "desk", "wake tablet", "stranger"])
    @pytest.mark.parametrize("state", IN_STATE)
    def test_no_event_of_any_leg_breaks_a_call(
        self, state: State, leg: str, *, direct: bool
    ) -> None:
        for event in one_of_each(leg):
            lab = IN_STATE[state](tab("bob"), tab("desk"), sleeper("tablet"), direct=direct)
            assert lab.state is state
            for action in advance(lab.call, event, lab.now):
                told = getattr(action, "leg", leg)
                assert told in lab.call.legs or told == leg
            assert state is not State.ENDED or lab.state is State.ENDED

    @pytest.mark.parametrize("leg", ["alice", "bob"])
    def test_no_event_breaks_a_call_that_does_not_ring_yet(self, leg: str) -> None:
        for event in one_of_each(leg):
            call = trying()
            for action in advance(call, event, 5.0):
                assert getattr(action, "leg", "alice") in ("alice", "another", leg)

    def test_an_ended_call_tells_nobody_anything(self) -> None:
        for event in one_of_each("bob"):
            lab = ended(tab("bob"))
            kinds = {type(action).__name__ for action in advance(lab.call, event, lab.now)}
            assert kinds <= {"Refuse", "CloseMedia", "StopRecording"}


class TestStart:
    def test_browsers_alone_talk_directly(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        assert lab.mode() is Mode.DIRECT
        assert lab.all(Ring) == [
            Ring("bob", 1, "offer of the caller"),
            Ring("desk", 1, "offer of the caller"),
        ]
        assert not lab.all(OpenMedia)

    def test_a_fork_with_a_phone_is_anchored_from_the_start(self) -> None:
        lab = ringing(tab("bob"), phone("linphone"))
        assert lab.mode() is Mode.ANCHORED
        assert [ring.offer for ring in lab.all(Ring)] == [
            "engine offers ('bob', 1)",
            "engine offers ('linphone', 1)",
        ]

    def test_a_phone_that_calls_is_anchored(self) -> None:
        assert ringing(tab("bob"), caller=phone("linphone", "alice")).mode() is Mode.ANCHORED

    def test_direct_calls_can_be_forbidden(self) -> None:
        assert ringing(tab("bob"), direct=False).mode() is Mode.ANCHORED

    def test_engine_offers_name_only_what_the_caller_offered(self) -> None:
        lab = ringing(phone("linphone"))
        assert [opened.within for opened in lab.all(OpenMedia)] == ["offer of the caller"]

    def test_the_callers_own_generation_goes_to_a_direct_callee(self) -> None:
        assert Lab(tab("bob"), media=7).told("bob", Ring)[0].media == 7

    def test_nobody_there_ends_unavailable(self) -> None:
        lab = Lab()
        assert lab.finish() == Finish(EndReason.UNAVAILABLE, EndedBy.SERVER, 0.0)
        assert lab.end_of("alice") is EndReason.UNAVAILABLE

    def test_an_address_that_leads_nowhere_says_why(self) -> None:
        assert Lab(nowhere=EndReason.NOT_FOUND).end_of("alice") is EndReason.NOT_FOUND

    def test_the_caller_hears_once_that_phones_ring(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.do(Rang("bob"), Rang("bob"), Rang("desk"))
        assert lab.all(ShowRinging) == [ShowRinging("alice")]

    def test_the_number_of_legs_is_bounded(self) -> None:
        lab = ringing()
        for number in range(2 * MAX_LEGS):
            lab.do(Appeared(tab(f"tab {number}")), Left(f"tab {number}"))
        assert len(lab.call.legs) == MAX_LEGS
        assert lab.state is State.RINGING


class TestAnchoredSetup:
    def test_the_caller_gets_one_answer_with_the_winners_codec(self) -> None:
        lab = ringing(phone("linphone"), tab("bob"))
        lab.engine.codec = "PCMU/8000"
        lab.answer("linphone", "answer of the phone")
        assert lab.all(AcceptMedia) == [AcceptMedia("linphone", 1, "answer of the phone")]
        assert lab.told("alice", OpenMedia)[0].codecs == ("PCMU/8000",)
        assert lab.all(JoinMedia) == [JoinMedia("alice", 1, "linphone", 1)]
        assert lab.engine.held == {("alice", 1), ("linphone", 1)}

    def test_a_callers_offer_without_that_codec_ends_the_call(self) -> None:
        lab = ringing(phone("linphone"))
        lab.engine.fails = lambda action: action.leg == "alice"
        lab.answer("linphone")
        assert lab.end_of("linphone") is EndReason.INCOMPATIBLE
        lab.check()


class TestReasons:
    def test_declined_on_one_device_ends_the_call_on_all(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.do(Rejected("bob", EndReason.DECLINED))
        assert lab.end_of("alice") is EndReason.DECLINED
        assert lab.end_of("bob") is EndReason.DECLINED
        assert lab.end_of("desk") is EndReason.DECLINED_ELSEWHERE
        assert lab.finish().by is EndedBy.CALLEE

    def test_busy_ends_only_its_own_branch(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.do(Rejected("bob", EndReason.BUSY))
        assert lab.end_of("bob") is EndReason.BUSY
        assert not lab.all(Finish)
        lab.answer("desk")
        assert lab.state is State.TALKING

    @pytest.mark.parametrize("late", [EndReason.BUSY, EndReason.UNAVAILABLE])
    def test_the_caller_hears_the_best_reason_when_all_fail(self, late: EndReason) -> None:
        lab = ringing(tab("bob"), phone("linphone"))
        early = EndReason.UNAVAILABLE if late is EndReason.BUSY else EndReason.BUSY
        lab.do(Rejected("linphone", early), Rejected("bob", late))
        assert lab.end_of("alice") is EndReason.BUSY

    def test_a_branch_whose_media_cannot_be_leaves_the_others_be(self) -> None:
        lab = ringing(phone("linphone"), tab("bob"))
        lab.engine.fails = lambda action: action.leg == "late phone"
        lab.do(Appeared(phone("late phone")))
        assert lab.end_of("late phone") is EndReason.INCOMPATIBLE
        assert lab.state is State.RINGING

    def test_no_codec_for_anybody_ends_incompatible(self) -> None:
        lab = ringing(phone("linphone"))
        lab.engine.fails = lambda action: action.leg == "linphone"
        lab.do(Answered("linphone", "answer"))
        assert lab.end_of("alice") is EndReason.INCOMPATIBLE
        lab.check()

    def test_nobody_answers(self) -> None:
        lab = ringing()
        lab.do(Rang("bob"))
        assert lab.call.deadline() == lab.now + RING_SECONDS
        assert lab.wait(RING_SECONDS - 0.001) == []
        lab.wait(0.001)
        assert lab.end_of("alice") is EndReason.NO_ANSWER

    def test_a_phone_that_never_rang_is_unavailable(self) -> None:
        lab = ringing()
        lab.wait(RING_SECONDS)
        assert lab.end_of("alice") is EndReason.UNAVAILABLE

    def test_talk_time_is_told_to_all(self) -> None:
        lab = talking()
        lab.now += 12.5
        lab.do(HungUp("bob"))
        assert lab.finish() == Finish(EndReason.HANGUP, EndedBy.CALLEE, 12.5)
        assert [end.seconds for end in lab.all(ShowEnd)] == [12.5, 12.5]

    @pytest.mark.parametrize("state", IN_STATE)
    def test_a_restart_ends_every_call_once(self, state: State) -> None:
        lab = IN_STATE[state](phone("linphone"))
        lab.do(Stopped(EndReason.SERVER_RESTART), Stopped(EndReason.SERVER_RESTART))
        lab.check()
        if state is not State.ENDED:
            assert lab.end_of("alice") is EndReason.SERVER_RESTART

    def test_strangers_are_told_that_the_call_is_not_theirs(self) -> None:
        for state in (State.RINGING, State.CLAIMED, State.TALKING, State.ENDED):
            refusal = IN_STATE[state](tab("bob")).accept("stranger")
            assert isinstance(refusal, Refuse)
            assert isinstance(refusal.error, WrongState)


def play(story: Story, *, move_at: int = -1) -> Lab:
    begin, happenings = story
    lab = begin()
    for index, (_, step) in enumerate(happenings):
        if index == move_at:
            lab.restore()
        step(lab)
        lab.check()
    lab.do(Stopped(EndReason.SERVER_RESTART))
    lab.check()
    return lab


class TestAnyOrder:
    """The lab itself checks that nothing leaks, nobody hears two ends, each request one answer."""

    @settings(max_examples=400, deadline=None, derandomize=True)
    @given(stories())
    def test_nothing_leaks_and_everybody_is_told_once(self, story: Story) -> None:
        assert play(story).state is State.ENDED

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(stories(), st.integers(0, 40))
    def test_another_process_goes_on_where_this_one_stopped(
        self, story: Story, move_at: int
    ) -> None:
        stayed, moved = play(story), play(story, move_at=move_at)
        assert [repr(action) for action in moved.actions] == [
            repr(action) for action in stayed.actions
        ]


class TestSnapshot:
    @pytest.mark.parametrize("direct", [True, False])
    @pytest.mark.parametrize("state", IN_STATE)
    def test_a_restored_call_is_the_same(self, state: State, *, direct: bool) -> None:
        lab = IN_STATE[state](tab("bob"), sleeper("tablet"), direct=direct)
        before = lab.call.snapshot(lab.now)
        lab.restore()
        assert lab.call.snapshot(lab.now) == before

    def test_deadlines_follow_the_clock_of_the_new_process(self) -> None:
        lab = ringing()
        lab.now += 40.0
        lab.restore()
        assert lab.call.deadline() == lab.now + RING_SECONDS - 40.0

    def test_a_snapshot_survives_being_taken_of_every_kind_of_leg(self) -> None:
        lab = ringing(tab("bob"), phone("linphone"))
        lab.do(Rang("bob"), Rejected("linphone", EndReason.BUSY))
        lab.restore()
        assert lab.call.legs["bob"].endpoint.kind is EndpointKind.SESSION
        assert lab.call.legs["linphone"].reason is EndReason.BUSY
