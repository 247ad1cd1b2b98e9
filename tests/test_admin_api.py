"""What administrators are told over HTTP, and nobody else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from signaling.admin_api import add_admin_api
from signaling.call_events import HungUp
from signaling.guard import Guard
from signaling.http import set_manners
from signaling.live_calls import LiveCalls
from signaling.records import Records
from signaling.shared.model import Account
from tests.exchange import Exchange, MakeExchange, tab, talk
from tests.installation import PASSWORD, installation
from tests.test_history import call_between, timeline_between

PATHS = ["/api/admin/calls", "/api/admin/calls/1"]


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    async with installation(tmp_path) as records:
        yield records


@pytest.fixture
async def alice(records: Records) -> Account:
    return await records.accounts.add("alice", PASSWORD, is_admin=True)


@pytest.fixture
async def bob(records: Records) -> Account:
    return await records.accounts.add("bob", PASSWORD)


class Desk:
    """Asks as one account."""

    def __init__(self, client: TestClient[web.Request, web.Application], records: Records) -> None:
        self._client = client
        self._records = records

    async def ask(self, path: str, asker: Account | None) -> tuple[int, Any]:
        headers = {"Host": "localhost"}
        if asker is not None:
            tokens = await self._records.logins.open(asker)
            headers["Authorization"] = f"Bearer {tokens.access}"
        response = await self._client.get(path, headers=headers)
        return response.status, await response.json()


@pytest.fixture
def exchange(make: MakeExchange) -> Exchange:
    return make(tab("bob"))


@pytest.fixture
async def desk(records: Records, exchange: Exchange) -> AsyncIterator[Desk]:
    app = web.Application()
    set_manners(app, Guard(host="0.0.0.0", port=80, allowed_origins=()))
    live = LiveCalls(exchange.board.live)
    add_admin_api(app, records.history, records.recordings, live, records.logins.authenticate)
    async with TestClient(TestServer(app)) as client:
        yield Desk(client, records)


class TestWhoMayAsk:
    @pytest.mark.parametrize("path", PATHS)
    async def test_nobody_without_a_token(self, desk: Desk, path: str) -> None:
        status, answer = await desk.ask(path, None)
        assert (status, answer["error"]["code"]) == (401, "not_authenticated")

    @pytest.mark.parametrize("path", PATHS)
    async def test_others_are_told_in_words(
        self, desk: Desk, records: Records, alice: Account, bob: Account, path: str
    ) -> None:
        await records.history.write(call_between("1", alice, bob))
        status, answer = await desk.ask(path, bob)
        assert status == 403
        assert answer["error"] == {
            "code": "forbidden",
            "message": "this is for administrators: wsphone user add NAME --admin makes one",
        }


class TestCalls:
    async def test_the_last_ones_of_everybody_newest_first(
        self, desk: Desk, records: Records, alice: Account, bob: Account
    ) -> None:
        carol = await records.accounts.add("carol", PASSWORD)
        await records.history.write(call_between("1", bob, carol))
        await records.history.write(call_between("2", carol, bob, started_at=1_800_000_000.0))
        status, answer = await desk.ask("/api/admin/calls", alice)
        assert status == 200
        assert [call["id"] for call in answer["calls"]] == ["2", "1"]
        newest = answer["calls"][0]
        assert (newest["caller_address"], newest["reason"]) == ("carol@phones.test", "hangup")
        assert "legs" not in newest
        _, answer = await desk.ask("/api/admin/calls?limit=1", alice)
        assert [call["id"] for call in answer["calls"]] == ["2"]

    @pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "", "٣", "9" * 5000])
    async def test_a_limit_is_a_number_in_bounds(
        self, desk: Desk, alice: Account, limit: str
    ) -> None:
        status, answer = await desk.ask(f"/api/admin/calls?limit={limit}", alice)
        assert (status, answer["error"]["code"]) == (422, "invalid")


class TestOneCall:
    async def test_every_hop_has_its_time_since_the_start(
        self, desk: Desk, records: Records, alice: Account, bob: Account
    ) -> None:
        timeline = timeline_between(alice, bob)
        await records.history.write(call_between("1", alice, bob), timeline)
        status, call = await desk.ask("/api/admin/calls/1", alice)
        assert status == 200
        assert [(hop["what"], hop["after"]) for hop in call["hops"]] == [
            ("called", 0.0),
            ("found", 0.01),
            ("invited", 0.02),
            ("answered", 4.5),
            ("ended", 10.0),
        ]
        (branch,) = call["branches"]
        assert (branch["leg"], branch["verdict"]) == ("session-1", "answered")
        assert (call["reason"], len(call["legs"])) == ("hangup", 2)

    async def test_a_call_is_found_by_its_id_in_capitals_too(
        self, desk: Desk, records: Records, alice: Account, bob: Account
    ) -> None:
        await records.history.write(call_between("ab-12", alice, bob))
        status, call = await desk.ask("/api/admin/calls/AB-12", alice)
        assert (status, call["id"], call["hops"]) == (200, "ab-12", [])

    @pytest.mark.parametrize("call", ["2", "x" * 1000, "%00"])
    async def test_one_that_is_not_kept_is_named_as_such(
        self, desk: Desk, alice: Account, call: str
    ) -> None:
        status, answer = await desk.ask(f"/api/admin/calls/{call}", alice)
        assert (status, answer["error"]["code"]) == (404, "not_found")


class TestACallThatGoesOn:
    async def test_it_stands_before_those_that_are_over(
        self, desk: Desk, records: Records, exchange: Exchange, alice: Account, bob: Account
    ) -> None:
        await records.history.write(call_between("1", alice, bob))
        first, second = exchange.call().call.id, exchange.call().call.id
        _, answer = await desk.ask("/api/admin/calls", alice)
        assert [call["id"] for call in answer["calls"]] == [second, first, "1"]
        assert [call["reason"] for call in answer["calls"]] == [None, None, "hangup"]
        _, answer = await desk.ask("/api/admin/calls?limit=1", alice)
        assert [call["id"] for call in answer["calls"]] == [second]

    async def test_its_hops_are_told_up_to_now(
        self, desk: Desk, exchange: Exchange, alice: Account
    ) -> None:
        talking = await talk(exchange, "bob")
        status, call = await desk.ask(f"/api/admin/calls/{talking.call.id.upper()}", alice)
        assert status == 200
        assert (call["state"], call["reason"], call["ended_at"]) == ("talking", None, None)
        assert call["answered_at"] is not None and call["answered_at"] <= call["as_of"]
        whats = [hop["what"] for hop in call["hops"]]
        assert (whats[0], whats[-1]) == ("called", "told_answer")
        (branch,) = call["branches"]
        assert (branch["leg"], branch["verdict"]) == ("bob", "answered")
        assert [leg["state"] for leg in call["legs"]] == ["in", "in"]

    async def test_once_it_is_over_the_history_tells_of_it(
        self, desk: Desk, records: Records, exchange: Exchange, alice: Account
    ) -> None:
        talking = await talk(exchange, "bob")
        talking.post(HungUp("bob"))
        record = await exchange.finished()
        status, _ = await desk.ask(f"/api/admin/calls/{record.id}", alice)
        assert status == 404
        await records.history.write(replace(record, caller=alice.id, callee=None, legs=()))
        _, call = await desk.ask(f"/api/admin/calls/{record.id}", alice)
        assert call["reason"] == "hangup"
