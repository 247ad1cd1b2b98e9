"""The timeline of a call: which events and actions tell something, and what they tell."""

from typing import get_args

import pytest

from signaling.call_actions import (
    FindEndpoints,
    Finish,
    Ring,
    SendPush,
    ShowEnd,
    ShowOffer,
    ShowRinging,
)
from signaling.call_events import (
    Accepted,
    Answered,
    Appeared,
    Detached,
    DigitHeard,
    DtmfAsked,
    Found,
    HungUp,
    KeyPressed,
    MediaAccepted,
    MediaLost,
    MediaReported,
    PushReported,
    Rang,
    Rejected,
    TimePassed,
    Unroutable,
    WakingFailed,
)
from signaling.call_events import Event as CallEvent
from signaling.call_model import Leg, LegState
from signaling.shared.model import CallRecord
from signaling.shared.push import Provider, PushKind, PushReport, Step
from signaling.shared.reasons import EndedBy, EndReason
from signaling.timeline import MAX_HOPS, NOTES, Timeline, What, hop_of_report, push_note, word
from tests.exchange import MakeExchange, answer, phone, tab, talk

STARTED_AT = 1_700_000_000.0
LEGS = {
    "alice": Leg(tab("alice", "alice"), caller=True, state=LegState.IN, media=1),
    "bob": Leg(tab("bob"), caller=False, state=LegState.NEW, media=1),
    "linphone": Leg(phone("linphone"), caller=False, state=LegState.NEW, media=1),
}


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(STARTED_AT, 50.0)


class TestHops:
    def test_a_hop_says_when_what_which_leg_and_of_whom(self, timeline: Timeline) -> None:
        timeline.note(Ring("linphone", 1, "an offer"), LEGS, 50.25)
        (hop,) = timeline.hops
        assert (hop.at, hop.what) == (STARTED_AT + 0.25, What.INVITED)
        assert (hop.side, hop.leg, hop.kind) == (EndedBy.CALLEE, "linphone", "contact")
        assert (hop.account, hop.device) == ("id of bob", None)

    def test_the_start_is_the_callers_and_the_end_whose_doing_it_was(
        self, timeline: Timeline
    ) -> None:
        timeline.note(FindEndpoints(), LEGS, 50.0)
        timeline.note(Finish(EndReason.HANGUP, EndedBy.CALLEE, 3.0), LEGS, 60.0)
        called, ended = timeline.hops
        assert (called.what, called.side, called.leg) == (What.CALLED, EndedBy.CALLER, "alice")
        assert (ended.what, ended.side, ended.reason) == (What.ENDED, EndedBy.CALLEE, "hangup")
        assert (ended.leg, ended.kind) == (None, None)

    @pytest.mark.parametrize(
        ("passed", "what", "reason", "detail"),
        [
            (Found((tab("bob"), phone("linphone"))), What.FOUND, None, "2"),
            (Unroutable(EndReason.NOT_FOUND), What.UNROUTABLE, "not_found", ""),
            (Rejected("linphone", EndReason.BUSY, code=486), What.REFUSED, "busy", "SIP 486"),
            (SendPush("bob", PushKind.CALL), What.PUSH_ASKED, None, ""),
            (SendPush("bob", PushKind.MISSED), What.PUSH_ASKED, None, "missed"),
            (
                PushReported("bob", Step.FAILED, Provider.FCM, 1, "UNREGISTERED"),
                What.PUSH_FAILED,
                "UNREGISTERED",
                "fcm",
            ),
            (WakingFailed("bob", "its\ntargets"), What.PUSH_GIVEN_UP, "itstargets", ""),
            (Rejected("bob", EndReason.DECLINED), What.REFUSED, "declined", ""),
            (MediaAccepted("bob", 1, "opus/48000/2"), What.MEDIA_AGREED, None, "opus/48000/2"),
            (MediaLost("bob", 2, silent=True), What.MEDIA_SILENT, None, "media 2"),
            (MediaLost("bob", 2, silent=False), What.MEDIA_FAILED, None, "media 2"),
            (MediaReported("bob", 1, connected=True), What.MEDIA_CONNECTED, None, "media 1"),
            (MediaReported("bob", 1, connected=False), What.MEDIA_FAILED, None, "media 1"),
            (ShowOffer("bob", 2, "an offer"), What.MEDIA_MOVES, None, "media 2"),
            (
                ShowEnd("bob", EndReason.ANSWERED_ELSEWHERE, EndedBy.CALLEE, 0.0),
                What.TOLD_END,
                "answered_elsewhere",
                "",
            ),
        ],
    )
    def test_reasons_and_codes_are_told(
        self, timeline: Timeline, passed: CallEvent, what: What, reason: str, detail: str
    ) -> None:
        timeline.note(passed, LEGS, 51.0)
        (hop,) = timeline.hops
        assert (hop.what, hop.reason, hop.detail) == (what, reason, detail)

    def test_an_endpoint_that_comes_late_is_told_before_it_has_a_leg(
        self, timeline: Timeline
    ) -> None:
        timeline.note(Appeared(tab("tablet")), LEGS, 51.0)
        (hop,) = timeline.hops
        assert (hop.what, hop.leg, hop.device) == (What.APPEARED, "tablet", "device of tablet")
        assert hop.side is EndedBy.CALLEE

    def test_a_phone_that_repeats_itself_is_told_once(self, timeline: Timeline) -> None:
        for event in (Rang("linphone"), Rang("linphone"), Rang("bob"), Rang("linphone")):
            timeline.note(event, LEGS, 51.0)
        assert [hop.leg for hop in timeline.hops] == ["linphone", "bob"]

    def test_digits_and_the_clock_are_nobodys_business(self, timeline: Timeline) -> None:
        for event in (
            DtmfAsked("bob", 0, "1234", 100),
            DigitHeard("bob", 1, "5"),
            KeyPressed("bob", "5", 100),
            TimePassed(),
        ):
            timeline.note(event, LEGS, 51.0)
        assert timeline.hops == []


class TestBounds:
    def test_a_call_that_never_settles_keeps_its_beginning_and_its_end(
        self, timeline: Timeline
    ) -> None:
        for _ in range(MAX_HOPS):
            timeline.note(Detached("bob"), LEGS, 51.0)
            timeline.note(Rang("bob"), LEGS, 51.0)
        timeline.note(Finish(EndReason.ERROR, EndedBy.SERVER, 0.0), LEGS, 52.0)
        assert len(timeline.hops) == MAX_HOPS
        assert [hop.what for hop in timeline.hops[-2:]] == [What.CUT, What.ENDED]

    def test_words_of_a_peer_are_cut_to_what_stands_in_a_line(self) -> None:
        assert word("Bad\r\nDevice\x1b[31m" + "x" * 100) == "BadDevice[31m" + "x" * 48

    def test_every_event_is_one_that_a_call_can_meet(self) -> None:
        """A class that was renamed or split would silently drop out of the table."""
        events = {event for event in NOTES if event.__module__.endswith("call_events")}
        assert events <= set(get_args(CallEvent))


class TestPushes:
    def test_a_report_after_the_end_names_device_provider_and_reason(self) -> None:
        report = PushReport(
            key="push:c:d:call",
            kind=PushKind.CALL,
            account="id of bob",
            device="iphone",
            target="t",
            provider=Provider.APNS,
            step=Step.FAILED,
            at=STARTED_AT + 9,
            attempt=2,
            registered_at=0.0,
            call="c",
            reason="BadDeviceToken",
        )
        hop = hop_of_report(report)
        assert (hop.at, hop.what) == (STARTED_AT + 9, What.PUSH_FAILED)
        assert (hop.account, hop.device, hop.leg) == ("id of bob", "iphone", None)
        assert (hop.reason, hop.detail) == ("BadDeviceToken", "apns")

    @pytest.mark.parametrize("step", Step)
    def test_every_step_of_a_push_has_its_hop(self, step: Step) -> None:
        assert push_note(Provider.FCM, step).what.value == f"push_{step.value}"


class TestCalls:
    async def test_a_whole_call_is_told_in_order(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), phone("linphone"))
        mailbox = exchange.call()
        await exchange.phones.hears("linphone", Ring)
        mailbox.post(Rang("linphone"))
        mailbox.post(Rejected("bob", EndReason.BUSY))
        await exchange.phones.hears("alice", ShowRinging)
        await answer(mailbox, "linphone")
        mailbox.post(HungUp("alice"))
        record = await exchange.finished()
        told = [(hop.what.value, hop.leg) for hop in exchange.directory.timelines[record.id]]
        assert told == [
            ("called", "alice"),
            ("found", None),
            ("media_opened", "bob"),
            ("invited", "bob"),
            ("media_opened", "linphone"),
            ("invited", "linphone"),
            ("rang", "linphone"),
            ("told_ringing", "alice"),
            ("refused", "bob"),
            ("told_end", "bob"),
            ("answered", "linphone"),
            ("media_agreed", "linphone"),
            ("media_opened", "alice"),
            ("told_answer", "alice"),
            ("hung_up", "alice"),
            ("told_end", "alice"),
            ("told_end", "linphone"),
            ("ended", None),
        ]
        times = [hop.at for hop in exchange.directory.timelines[record.id]]
        assert times == sorted(times)

    async def test_who_counts_ends_hears_of_each_with_its_timeline(
        self, make: MakeExchange
    ) -> None:
        exchange = make()
        heard: list[tuple[CallRecord, list[What]]] = []
        exchange.board.on_end(
            lambda record, hops: heard.append((record, [hop.what for hop in hops]))
        )
        exchange.call(to="nobody")
        record = await exchange.finished()
        assert heard == [(record, [What.CALLED, What.UNROUTABLE, What.TOLD_END, What.ENDED])]

    async def test_a_call_that_leads_nowhere_says_so(self, make: MakeExchange) -> None:
        exchange = make()
        exchange.call(to="nobody")
        record = await exchange.finished()
        told = [(hop.what, hop.reason) for hop in exchange.directory.timelines[record.id]]
        assert (What.UNROUTABLE, "not_found") in told
        assert told[-1] == (What.ENDED, "not_found")

    async def test_the_loser_of_a_race_is_told_as_it_was(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), tab("tablet"))
        mailbox = await talk(exchange, "bob")
        late = mailbox.ask(lambda request: Accepted("tablet", request))
        with pytest.raises(Exception, match="answered_elsewhere"):
            await late
        mailbox.post(Answered("tablet", "an answer"))
        mailbox.post(HungUp("alice"))
        record = await exchange.finished()
        of_loser = [
            hop.what for hop in exchange.directory.timelines[record.id] if hop.leg == "tablet"
        ]
        assert of_loser == [What.INVITED, What.TOLD_END, What.ACCEPTED, What.ANSWERED]
