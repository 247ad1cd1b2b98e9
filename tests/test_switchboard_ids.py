"""Calls by their ids: who finds them, and how long their ends are remembered."""

import uuid

import pytest

from signaling import ended_calls
from signaling.call_actions import Ring
from signaling.call_events import HungUp, Rejected
from signaling.call_record import info
from signaling.shared.errors import Forbidden, NoSuchCall
from signaling.shared.reasons import EndReason
from tests.exchange import MakeExchange, tab, talk


class TestIds:
    async def test_a_repeated_start_finds_the_same_call(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        assert exchange.call(call=mailbox.call.id) is mailbox
        assert exchange.board.count() == 1

    async def test_the_id_of_somebody_elses_call_is_refused(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        with pytest.raises(Forbidden):
            exchange.call(tab("carol", "carol"), call=mailbox.call.id)

    async def test_a_call_that_ended_does_not_begin_again(self, make: MakeExchange) -> None:
        exchange = make()
        call = exchange.call().call.id
        await exchange.finished()
        with pytest.raises(NoSuchCall) as caught:
            exchange.call(call=call)
        assert caught.value.ended == "unavailable"

    async def test_only_those_who_take_part_find_a_call(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        await exchange.phones.hears("bob", Ring)
        for account in ("id of alice", "id of bob"):
            assert exchange.board.find(mailbox.call.id, account) is mailbox
        with pytest.raises(NoSuchCall):
            exchange.board.find(mailbox.call.id, "id of carol")
        with pytest.raises(NoSuchCall):
            exchange.board.find(str(uuid.uuid4()), "id of alice")

    async def test_a_call_that_was_made_before_a_restart_rings_nobody_again(
        self, make: MakeExchange
    ) -> None:
        exchange = make(tab("bob"))
        mailbox = await talk(exchange, "bob")
        mailbox.post(HungUp("alice"))
        await exchange.finished()
        exchange.board.forget()
        exchange.phones.told.clear()
        exchange.call(call=mailbox.call.id)
        assert await exchange.phones.end_of("alice") is EndReason.SERVER_RESTART
        assert not exchange.phones.all("bob", Ring)

    async def test_only_those_who_took_part_hear_how_it_ended(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        await exchange.phones.hears("bob", Ring)
        mailbox.post(Rejected("bob", EndReason.BUSY))
        await exchange.finished()
        call = mailbox.call.id
        for account in ("id of alice", "id of bob"):
            with pytest.raises(NoSuchCall) as caught:
                exchange.board.find(call, account)
            assert caught.value.ended == "busy"
        with pytest.raises(NoSuchCall) as caught:
            exchange.board.find(call, "id of carol")
        assert caught.value.ended is None
        assert await exchange.board.how_it_ended(call, "id of carol") is None

    async def test_an_account_is_told_of_the_leg_that_answered(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), tab("desk"))
        mailbox = await talk(exchange, "desk")
        mailbox.post(HungUp("alice"))
        await exchange.finished()
        told = await exchange.board.how_it_ended(mailbox.call.id, "id of bob")
        assert told is not None
        assert (told.reason, told.code, told.by, told.role) == ("hangup", 200, "caller", "callee")

    async def test_ends_are_forgotten_when_there_are_too_many(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ended_calls, "MAX_REMEMBERED", 2)
        exchange = make()
        calls = []
        for _ in range(3):
            calls.append(exchange.call().call.id)
            await exchange.finished()
        exchange.directory.records.clear()
        ends = [await exchange.board.how_it_ended(call, "id of alice") for call in calls]
        assert [end is not None for end in ends] == [False, True, True]

    async def test_ends_are_forgotten_in_time(
        self, make: MakeExchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ended_calls, "REMEMBER_SECONDS", 0.0)
        exchange = make()
        call = exchange.call().call.id
        await exchange.finished()
        exchange.directory.records.clear()
        assert await exchange.board.how_it_ended(call, "id of alice") is None

    async def test_a_device_sees_the_calls_that_it_takes_part_in(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"), tab("desk"))
        mailbox = await talk(exchange, "desk")
        (seen,) = exchange.board.calls_of_device("id of bob", "device of desk")
        assert (seen.call, seen.state, seen.role) == (mailbox.call.id, "talking", "callee")
        assert seen.peer == "alice@example.org"
        assert exchange.board.calls_of_device("id of bob", "device of bob") == []
        assert info(mailbox, "alice").peer == "bob"
