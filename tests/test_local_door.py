"""The socket by which commands ask the running server."""

import asyncio
import logging
import socket
import stat
from pathlib import Path

import pytest

from signaling.live_calls import LiveCalls, LiveReport
from signaling.local_door import NAME, ask, open_door
from signaling.shared.errors import OperatorError
from signaling.shared.model import LiveCall
from tests.exchange import Exchange, MakeExchange, tab, talk


@pytest.fixture
def exchange(make: MakeExchange) -> Exchange:
    return make(tab("bob"))


@pytest.fixture
def live(exchange: Exchange) -> LiveCalls:
    return LiveCalls(exchange.board.live)


async def calls(directory: Path, **which: str) -> list[str] | None:
    """The ids that are told of."""
    found = await ask(directory, "/calls", list[LiveCall], **which)
    return None if found is None else [call.id for call in found]


class TestQuestions:
    async def test_a_call_that_goes_on_is_told_as_it_is(
        self, tmp_path: Path, exchange: Exchange, live: LiveCalls
    ) -> None:
        talking = await talk(exchange, "bob")
        async with open_door(tmp_path, live):
            told = await ask(tmp_path, "/call", LiveReport, id=talking.call.id)
        assert told is not None
        assert told.hops == talking.timeline.hops
        assert (told.call.state, told.call.caller_address) == ("talking", "alice@example.org")
        assert [leg.endpoint for leg in told.call.legs] == ["alice", "bob"]

    async def test_the_newest_comes_first_and_an_account_sees_its_own(
        self, tmp_path: Path, exchange: Exchange, live: LiveCalls
    ) -> None:
        async with open_door(tmp_path, live):
            assert await calls(tmp_path) == []
            first = (await talk(exchange, "bob")).call.id
            # Nobody is looked up for this one: it stays as it begins.
            exchange.directory.gate.clear()
            second = exchange.call(tab("carol", "carol")).call.id
            assert await calls(tmp_path) == [second, first]
            assert await calls(tmp_path, account="id of bob") == [first]
            assert await calls(tmp_path, account="id of carol") == [second]

    @pytest.mark.parametrize("call", ["", "1", "/1", "&account=x", "%00", "\0", "x" * 100_000])
    async def test_of_another_call_nothing_is_known(
        self, tmp_path: Path, live: LiveCalls, call: str
    ) -> None:
        async with open_door(tmp_path, live):
            assert await ask(tmp_path, "/call", LiveReport, id=call) is None

    async def test_another_version_is_named_as_such(self, tmp_path: Path, live: LiveCalls) -> None:
        async with open_door(tmp_path, live):
            with pytest.raises(OperatorError, match="another version"):
                await ask(tmp_path, "/calls", LiveReport)


class TestDoor:
    async def test_only_the_server_s_own_user_may_open_it(
        self, tmp_path: Path, live: LiveCalls
    ) -> None:
        async with open_door(tmp_path, live):
            assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
        assert not (tmp_path / NAME).exists()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_without_a_server_nothing_is_known(self, tmp_path: Path, live: LiveCalls) -> None:
        assert await calls(tmp_path) is None
        # As a server leaves it that was killed.
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / NAME))
        assert await calls(tmp_path) is None
        async with open_door(tmp_path, live):
            assert await calls(tmp_path) == []

    async def test_a_path_that_is_too_long_for_a_socket_stops_no_server(
        self, tmp_path: Path, live: LiveCalls, caplog: pytest.LogCaptureFixture
    ) -> None:
        deep = tmp_path / ("d" * 200)
        deep.mkdir()
        with caplog.at_level(logging.WARNING):
            async with open_door(deep, live):
                assert await calls(deep) is None
        assert "commands do not see the calls that go on" in caplog.text
