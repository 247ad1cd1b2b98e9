"""One call's mailbox: what it does when its engine, its rules or its phones fail it."""

import asyncio
import uuid
from collections.abc import Callable

import pytest

from media.engine import Connected, Digit, Failed, Gone, MediaEvent, Silent
from signaling import media_link
from signaling.call import TABLE
from signaling.call_actions import (
    ProposeChange,
    RefuseChange,
    RememberEnd,
    Ring,
    SendPush,
    ShowDigits,
    ShowEnd,
    ShowOffer,
)
from signaling.call_events import (
    Answered,
    ChangeAgreed,
    ChangeAsked,
    DtmfAsked,
    Event,
    HungUp,
    OfferMade,
    OfferTaken,
    TimePassed,
)
from signaling.call_model import Endpoint, EndpointKind, State
from signaling.call_state import Call
from signaling.media_link import engine_leg
from signaling.shared.errors import (
    IncompatibleMedia,
    MediaError,
    NoSuchCall,
    OperatorError,
    TryAgain,
    WrongState,
)
from signaling.shared.messages import CallAccepted
from signaling.shared.push import PushKind
from signaling.shared.reasons import EndReason
from tests.exchange import MakeExchange, accept, phone, tab, talk, until


class TestEngine:
    @pytest.mark.parametrize(
        ("method", "error", "reason"),
        [
            ("open", MediaError("no port is left"), EndReason.MEDIA_FAILED),
            ("open", IncompatibleMedia("no codec"), EndReason.INCOMPATIBLE),
            ("open", ValueError("a bug"), EndReason.ERROR),
            ("open", TryAgain("no room", retry_after=10), EndReason.LIMIT),
            ("codecs", IncompatibleMedia("no codec"), EndReason.INCOMPATIBLE),
            ("accept", MediaError("dead"), EndReason.MEDIA_FAILED),
            ("accept", IncompatibleMedia("no codec"), EndReason.INCOMPATIBLE),
            ("accept", TryAgain("no room", retry_after=10), EndReason.LIMIT),
            ("join", TryAgain("no room", retry_after=10), EndReason.LIMIT),
            ("join", MediaError("dead"), EndReason.MEDIA_FAILED),
            ("join", ValueError("a bug"), EndReason.ERROR),
        ],
    )
    async def test_an_engine_that_fails_ends_the_call_in_words(
        self, make: MakeExchange, method: str, error: Exception, reason: EndReason
    ) -> None:
        exchange = make(phone("linphone"))
        exchange.engine.trouble[method] = error
        mailbox = exchange.call()
        mailbox.post(Answered("linphone", "answer of the phone"))
        assert (await exchange.finished()).reason is reason
        assert await exchange.phones.end_of("alice") is reason

    @pytest.mark.parametrize("method", ["open", "accept", "join"])
    async def test_an_engine_that_does_not_answer_ends_the_call(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch, method: str
    ) -> None:
        monkeypatch.setattr(media_link, "ENGINE_SECONDS", 0.02)
        exchange = make(phone("linphone"))
        exchange.engine.gates[method] = asyncio.Event()
        mailbox = exchange.call()
        mailbox.post(Answered("linphone", "answer of the phone"))
        assert (await exchange.finished()).reason is EndReason.MEDIA_FAILED

    @pytest.mark.parametrize("method", ["candidates", "dtmf", "query"])
    @pytest.mark.parametrize("error", [MediaError("dead"), WrongState("too early")])
    async def test_a_call_goes_on_when_something_small_fails(
        self, make: MakeExchange, method: str, error: Exception
    ) -> None:
        exchange = make(phone("linphone"))
        exchange.engine.trouble[method] = error
        mailbox = await talk(exchange)
        mailbox.post(DtmfAsked("alice", 0, "5", 120))
        mailbox.post(HungUp("alice"))
        assert (await exchange.finished()).reason is EndReason.HANGUP

    async def test_a_leg_that_cannot_be_queried_is_closed_all_the_same(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media_link, "ENGINE_SECONDS", 0.02)
        exchange = make(phone("linphone"))
        exchange.engine.gates["query"] = asyncio.Event()
        mailbox = await talk(exchange)
        mailbox.post(HungUp("alice"))
        await exchange.finished()
        assert not exchange.engine.held

    @pytest.mark.parametrize(
        ("make_event", "reason"),
        [
            (lambda leg: Silent(leg, 30.0), EndReason.MEDIA_FAILED),
            (lambda leg: Failed(leg, "no route"), EndReason.MEDIA_FAILED),
        ],
    )
    async def test_media_that_dies_ends_the_call(
        self, make: MakeExchange, make_event: Callable[[str], MediaEvent], reason: EndReason
    ) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        exchange.engine.tell(make_event(engine_leg(mailbox.call.id, "alice", 1)))
        assert (await exchange.finished()).reason is reason

    async def test_a_move_is_joined_once_it_is_connected(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        await mailbox.ask(lambda request: OfferMade("alice", 2, "offer", request))
        exchange.engine.tell(Connected(engine_leg(mailbox.call.id, "alice", 2)))
        await until(lambda: exchange.engine.legs("close") == ["alice/1"])
        assert exchange.engine.legs("join") == ["alice/1", "alice/2"]

    async def test_a_phones_digits_reach_the_browser(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        exchange.engine.tell(Digit(engine_leg(mailbox.call.id, "linphone", 1), "7", 100))
        assert (await exchange.phones.hears("alice", ShowDigits)).digits == "7"

    async def test_media_whose_process_died_is_opened_anew_on_both_sides(
        self, make: MakeExchange
    ) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        for leg in ("alice", "linphone"):
            exchange.engine.tell(Gone(engine_leg(mailbox.call.id, leg, 1)))
        assert (await exchange.phones.hears("alice", ShowOffer)).media == 2
        await mailbox.ask(lambda request: OfferTaken("alice", 2, "answer", request))
        await exchange.phones.hears("linphone", ProposeChange)
        mailbox.post(ChangeAgreed("linphone", "answer"))
        await until(lambda: exchange.engine.legs("join") == ["alice/1", "linphone/2"])
        assert sorted(exchange.engine.held) == [
            engine_leg(mailbox.call.id, leg, 2) for leg in ("alice", "linphone")
        ]

    @pytest.mark.parametrize(
        ("error", "again"), [(MediaError("it died"), True), (IncompatibleMedia("no"), False)]
    )
    async def test_a_phones_change_may_come_again_when_only_the_engine_was_not_there(
        self, make: MakeExchange, error: Exception, *, again: bool
    ) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        exchange.engine.trouble["update"] = error
        mailbox.post(ChangeAsked("linphone", "offer"))
        assert (await exchange.phones.hears("linphone", RefuseChange)).again is again

    async def test_digits_that_the_dying_engine_did_not_take_are_refused(
        self, make: MakeExchange
    ) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        exchange.engine.trouble["dtmf"] = MediaError("it died")
        with pytest.raises(WrongState) as refusal:
            await mailbox.ask(lambda request: DtmfAsked("alice", 0, "5", 120, request))
        assert refusal.value.retry_after == 1.0

    async def test_events_of_calls_that_are_over_are_late(self, make: MakeExchange) -> None:
        make().engine.tell(Connected(engine_leg(str(uuid.uuid4()), "alice", 1)))


class TestBrokenCalls:
    async def test_a_call_whose_rules_raise_is_buried_and_the_others_go_on(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exchange = make(phone("linphone"), tab("bob"))
        broken, other = exchange.call(), exchange.call(tab("carol", "carol"))
        await until(lambda: len(exchange.phones.all("bob", Ring)) == 2)

        def raises(call: Call, event: Event, now: float) -> None:
            raise RuntimeError("a bug")

        with monkeypatch.context() as patch:
            patch.setitem(TABLE, (State.RINGING, TimePassed), raises)
            question = accept(broken, "nobody")
            broken.post(TimePassed())
            later = accept(broken, "bob")
            assert await exchange.phones.end_of("alice") is EndReason.ERROR
            with pytest.raises(WrongState):
                await question
            with pytest.raises(NoSuchCall):
                await later
        assert exchange.directory.records[0].reason is EndReason.ERROR
        assert isinstance(await accept(other, "bob"), CallAccepted)

    async def test_who_was_being_woken_for_it_is_told(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def raises(call: Call, event: Event, now: float) -> None:
            raise RuntimeError("a bug")

        exchange = make(Endpoint("wake", EndpointKind.WAKE, "id of bob", "mobile"))
        broken = exchange.call()
        await exchange.phones.hears("wake", SendPush)
        with monkeypatch.context() as patch:
            patch.setitem(TABLE, (State.RINGING, TimePassed), raises)
            broken.post(TimePassed())
            await exchange.finished()
        pushed = [push.kind for push in exchange.phones.all("wake", SendPush)]
        assert pushed == [PushKind.CALL, PushKind.ENDED]
        assert exchange.phones.all("wake", RememberEnd)

    async def test_a_phone_that_breaks_does_not_keep_the_others_from_being_told(
        self, make: MakeExchange
    ) -> None:
        exchange = make(phone("linphone"), tab("bob"), tab("desk"))
        mailbox = exchange.call()
        await exchange.phones.hears("desk", Ring)
        exchange.phones.breaks.add("bob")
        mailbox.post(HungUp("alice"))
        await exchange.finished()
        for leg in ("alice", "desk", "linphone"):
            assert exchange.phones.all(leg, ShowEnd)

    @pytest.mark.parametrize("error", [OperatorError("locked"), RuntimeError("a bug")])
    async def test_a_history_that_cannot_be_written_loses_only_itself(
        self, make: MakeExchange, error: Exception
    ) -> None:
        exchange = make()
        exchange.directory.trouble["record"] = error
        call = exchange.call().call.id
        await until(lambda: not exchange.board.count())
        ended = await exchange.board.how_it_ended(call, "id of alice")
        assert ended is not None
        assert ended.reason == "unavailable"

    async def test_accounts_that_cannot_be_read_end_the_call(self, make: MakeExchange) -> None:
        exchange = make()
        exchange.directory.trouble["find"] = RuntimeError("a bug")
        exchange.call()
        assert (await exchange.finished()).reason is EndReason.ERROR
