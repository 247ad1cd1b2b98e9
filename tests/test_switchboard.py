"""The switchboard: real calls on a real loop, with an engine and phones made of lists."""

import asyncio
import gc
import weakref

import pytest

from signaling import switchboard
from signaling.call_actions import Ring, ShowAnswer
from signaling.call_events import HungUp, Left, Rang, Rejected
from signaling.mailbox import MAX_WAITING
from signaling.shared.errors import MediaError, NoSuchCall, TryAgain
from signaling.shared.messages import CallAccepted, Done
from signaling.shared.reasons import EndedBy, EndReason
from tests.exchange import MakeExchange, accept, answer, phone, tab, talk, until


class TestCalls:
    async def test_two_browsers_talk_directly(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        await exchange.phones.hears("bob", Ring)
        mailbox.post(Rang("bob"))
        accepted = await accept(mailbox, "bob")
        assert isinstance(accepted, CallAccepted)
        assert accepted.offer == "offer of the caller"
        assert await answer(mailbox, "bob") == Done()
        assert (await exchange.phones.hears("alice", ShowAnswer)).answer == "answer of the callee"
        mailbox.post(HungUp("bob"))
        assert await exchange.phones.end_of("alice") is EndReason.HANGUP
        record = await exchange.finished()
        assert (record.mode, record.reason, record.by) == (
            "direct",
            EndReason.HANGUP,
            EndedBy.CALLEE,
        )
        assert (record.caller, record.callee) == ("id of alice", "id of bob")
        assert record.answered_at is not None
        assert not exchange.engine.asked

    async def test_a_browser_talks_to_a_phone_through_the_engine(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        assert exchange.engine.legs("open") == ["linphone/1", "alice/1"]
        assert exchange.engine.legs("join") == ["alice/1"]
        mailbox.post(HungUp("alice"))
        record = await exchange.finished()
        assert record.mode == "anchored"
        assert {leg.codec for leg in record.legs} == {"opus/48000/2"}
        received = {"packets": 100, "lost": 1, "jitter_ms": 2.5, "mos": 4.36, "late": 0}
        assert [leg.figures["received"] for leg in record.legs] == [received, received]

    async def test_the_first_of_two_accepts_at_once_wins(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), tab("desk"))
        mailbox = exchange.call()
        await exchange.phones.hears("desk", Ring)
        first, second = await asyncio.gather(
            accept(mailbox, "desk"), accept(mailbox, "bob"), return_exceptions=True
        )
        assert isinstance(first, CallAccepted)
        assert isinstance(second, NoSuchCall)
        assert second.ended == "answered_elsewhere"
        assert await exchange.phones.end_of("bob") is EndReason.ANSWERED_ELSEWHERE

    async def test_the_ring_time_ends_by_the_clock(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), ring_seconds=0.02)
        exchange.call().post(Rang("bob"))
        assert (await exchange.finished()).reason is EndReason.NO_ANSWER

    async def test_an_unknown_address_is_not_found(self, make: MakeExchange) -> None:
        exchange = make()
        exchange.call(to="nobody")
        exchange.call(to="bob@elsewhere.net")
        await until(lambda: len(exchange.directory.records) == 2)
        assert {each.reason for each in exchange.directory.records} == {EndReason.NOT_FOUND}

    async def test_an_account_without_a_phone_is_unavailable(self, make: MakeExchange) -> None:
        exchange = make()
        exchange.call()
        assert (await exchange.finished()).reason is EndReason.UNAVAILABLE

    async def test_a_call_to_oneself_rings_the_other_devices(self, make: MakeExchange) -> None:
        exchange = make(tab("alice", "alice"), tab("tablet", "alice"))
        mailbox = exchange.call(to="alice")
        await exchange.phones.hears("tablet", Ring)
        assert list(mailbox.call.legs) == ["alice", "tablet"]

    async def test_the_history_tells_how_far_each_leg_came(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), phone("desk"), phone("kitchen"))
        exchange.engine.trouble["open"] = MediaError("no port is left")
        exchange.call()
        assert (await exchange.finished()).state == "ringing"
        del exchange.engine.trouble["open"]
        mailbox = exchange.call()
        await exchange.phones.hears("kitchen", Ring)
        mailbox.post(Rang("desk"))
        await answer(mailbox, "bob")
        mailbox.post(HungUp("alice"))
        record = await exchange.finished()
        assert record.state == "talking"
        states = {leg.endpoint: leg.state for leg in record.legs}
        assert states == {"alice": "in", "bob": "in", "desk": "ringing", "kitchen": "invited"}

    async def test_a_finished_call_leaves_nothing_behind(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), phone("linphone"))
        mailbox = await talk(exchange)
        exchange.board.appeared(tab("late"))
        mailbox.post(HungUp("alice"))
        await exchange.finished()
        await until(lambda: len(asyncio.all_tasks()) == 1)
        gone = weakref.ref(mailbox)
        del mailbox
        gc.collect()
        assert gone() is None


class TestRefusedCalls:
    async def test_whoever_is_blocked_hears_what_a_caller_of_an_unreachable_person_hears(
        self, make: MakeExchange
    ) -> None:
        reachable, unreachable = make(tab("bob"), phone("desk")), make()
        reachable.directory.blocked.add(("id of bob", "alice@example.org"))
        for exchange in (reachable, unreachable):
            exchange.call()
            await exchange.finished()
        refused, missed = (each.directory.records[0] for each in (reachable, unreachable))
        assert (refused.reason, refused.code, refused.by) == (missed.reason, missed.code, missed.by)
        assert refused.callee == missed.callee
        assert [leg.endpoint for leg in refused.legs] == ["alice"]
        assert reachable.phones.told == unreachable.phones.told

    async def test_a_device_that_appears_meanwhile_does_not_ring_for_whoever_is_blocked(
        self, make: MakeExchange
    ) -> None:
        exchange = make()
        exchange.directory.blocked.add(("id of bob", "alice@example.org"))
        exchange.directory.gate.clear()
        exchange.call()
        exchange.board.appeared(tab("bob"))
        exchange.directory.gate.set()
        await exchange.finished()
        assert not exchange.phones.all("bob", Ring)

    async def test_others_still_ring_an_account_that_blocks_somebody(
        self, make: MakeExchange
    ) -> None:
        exchange = make(tab("bob"))
        exchange.directory.blocked.add(("id of bob", "carol@example.org"))
        exchange.call()
        await exchange.phones.hears("bob", Ring)

    async def test_an_emergency_call_ends_with_a_reason_of_its_own(
        self, make: MakeExchange
    ) -> None:
        exchange = make()
        exchange.call(to="112")
        assert await exchange.phones.end_of("alice") is EndReason.EMERGENCY
        record = await exchange.finished()
        assert (record.reason, record.code) == (EndReason.EMERGENCY, 403)


class TestLateEndpoints:
    async def test_a_session_that_opens_while_it_rings_may_accept_at_once(
        self, make: MakeExchange
    ) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        await exchange.phones.hears("bob", Ring)
        exchange.board.appeared(tab("woken"))
        found = exchange.board.find(mailbox.call.id, "id of bob")
        assert isinstance(await accept(found, "woken"), CallAccepted)
        assert exchange.phones.all("woken", Ring)

    async def test_one_that_opens_while_the_address_is_looked_up_is_not_missed(
        self, make: MakeExchange
    ) -> None:
        exchange = make()
        exchange.directory.gate.clear()
        exchange.call()
        await until(lambda: exchange.board.count())
        exchange.here.append(tab("bob"))
        exchange.board.appeared(tab("bob"))
        exchange.directory.gate.set()
        await exchange.phones.hears("bob", Ring)
        assert len(exchange.phones.all("bob", Ring)) == 1

    async def test_one_that_leaves_while_anothers_media_opens_does_not_ring_on(
        self, make: MakeExchange
    ) -> None:
        exchange = make(phone("linphone"), tab("bob"))
        exchange.engine.gates["open"] = asyncio.Event()
        exchange.call()
        await until(lambda: exchange.engine.asked)
        exchange.board.touch("bob", Left("bob"))
        exchange.board.touch("linphone", Left("linphone"))
        exchange.engine.gates["open"].set()
        assert (await exchange.finished()).reason is EndReason.UNAVAILABLE

    async def test_one_that_leaves_before_it_rings_does_not_ring_on(
        self, make: MakeExchange
    ) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        await exchange.phones.hears("bob", Ring)
        exchange.board.appeared(tab("woken"))
        exchange.board.touch("woken", Left("woken"))
        mailbox.post(Rejected("bob", EndReason.BUSY))
        assert (await exchange.finished()).reason is EndReason.BUSY

    async def test_who_comes_after_the_answer_is_not_kept(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"))
        mailbox = await talk(exchange, "bob")
        before = len(mailbox.leave)
        exchange.board.appeared(tab("late"))
        assert len(mailbox.leave) == before


class TestLimits:
    async def test_there_is_a_most_of_calls(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(switchboard, "MAX_CALLS", 2)
        exchange = make(tab("bob"))
        first = exchange.call()
        exchange.call()
        with pytest.raises(TryAgain) as caught:
            exchange.call()
        assert caught.value.retry_after > 0
        assert exchange.call(call=first.call.id) is first

    async def test_one_account_cannot_take_them_all(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(switchboard, "MAX_CALLS_OF_ACCOUNT", 1)
        exchange = make(tab("bob"))
        exchange.call()
        with pytest.raises(TryAgain):
            exchange.call(tab("another tab", "alice"))
        exchange.call(tab("carol", "carol"))

    async def test_a_call_rings_a_most_of_endpoints(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(switchboard, "MAX_ENDPOINTS", 2)
        exchange = make(*(tab(f"tab {number}") for number in range(5)))
        mailbox = exchange.call()
        await exchange.phones.hears("tab 1", Ring)
        assert len(mailbox.call.legs) == 3

    async def test_a_flood_of_events_ends_the_call(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"))
        exchange.engine.gates["open"] = asyncio.Event()
        mailbox = exchange.call()
        await until(lambda: exchange.engine.asked)
        for _ in range(MAX_WAITING + 1):
            mailbox.post(Rang("linphone"))
        exchange.engine.gates["open"].set()
        assert (await exchange.finished()).reason is EndReason.ERROR


class TestStop:
    async def test_everyone_is_told_and_nobody_new_is_taken(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"), tab("bob"))
        mailbox = await talk(exchange)
        exchange.call(tab("carol", "carol"))
        await until(lambda: len(exchange.phones.all("bob", Ring)) == 2)
        await exchange.board.stop()
        assert exchange.board.count() == 0
        for leg in ("alice", "linphone", "carol"):
            assert await exchange.phones.end_of(leg) is EndReason.SERVER_RESTART
        with pytest.raises(TryAgain):
            exchange.call()
        with pytest.raises(NoSuchCall):
            exchange.board.find(mailbox.call.id, "id of alice")

    async def test_a_call_that_hangs_does_not_hold_the_stop_up(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(switchboard, "STOP_SECONDS", 0.02)
        exchange = make(phone("linphone"))
        exchange.engine.gates["open"] = asyncio.Event()
        mailbox = exchange.call()
        question = accept(mailbox, "linphone")
        await until(lambda: exchange.engine.asked)
        await exchange.board.stop()
        with pytest.raises(NoSuchCall):
            await question
        assert exchange.board.count() == 0
