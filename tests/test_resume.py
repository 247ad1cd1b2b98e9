"""Sessions over broken sockets: every event once, in order, and bounds for those who lag."""

import asyncio
from typing import Any

import pytest

from signaling import connection
from signaling.shared.messages import DtmfReceived, MediaOffered
from tests.client import RESUME_SECONDS, Client, World
from tests.exchange import until

CALL = "2f5c0f4e-7a3e-4c0e-8b63-0d6f1a2b3c4d"


def now() -> float:
    return asyncio.get_running_loop().time()


def digits(number: int) -> DtmfReceived:
    return DtmfReceived(CALL, str(number))


async def heard(client: Client, count: int) -> list[int]:
    """The digits that the client is told, as many as `count`."""
    return [int((await client.hears("call.dtmf"))["digits"]) for _ in range(count)]


class TestResume:
    async def test_what_was_missed_follows_in_order_and_none_twice(self, world: World) -> None:
        client = await world.open("alice")
        for number in range(3):
            world.sessions.send(client.session, digits(number))
        assert await heard(client, 2) == [0, 1]
        client.seq = 2
        await client.cut()
        await until(lambda: world.hub.count() == 0)
        for number in range(3, 6):
            world.sessions.send(client.session, digits(number))
        back = await world.come_back(client, "alice")
        assert back.opened["resumed"]
        assert back.session == client.session
        assert await heard(back, 4) == [2, 3, 4, 5]
        world.sessions.send(client.session, digits(6))
        assert await heard(back, 1) == [6]

    async def test_every_event_comes_once_while_events_are_made_and_sockets_break(
        self, world: World
    ) -> None:
        client = await world.open("alice")
        total = 200

        async def produce() -> None:
            for number in range(total):
                world.sessions.send(client.session, digits(number))
                await asyncio.sleep(0.001)

        producing = asyncio.create_task(produce())
        told: list[int] = []
        while len(told) < total:
            told += await heard(client, min(23, total - len(told)))
            await client.cut()
            # What was read of the socket and not looked at is as good as lost.
            client.seq = len(told)
            client = await world.come_back(client, "alice")
            assert client.opened["resumed"]
        await producing
        assert told == list(range(total))

    async def test_acknowledged_events_do_not_come_again(self, world: World) -> None:
        client = await world.open("alice")
        world.sessions.send(client.session, digits(1))
        await heard(client, 1)
        await client.call("session.ping", seq=1)
        (session,) = world.sessions.of_account("id of alice")
        assert not session.events.kept

    @pytest.mark.parametrize(
        "wrong",
        [
            {"epoch": "of another time"},
            {"seq": 99},
            {"session": "00000000-0000-4000-8000-000000000000"},
            {"device": "another-device"},
        ],
    )
    async def test_one_that_cannot_resume_gets_a_fresh_session(
        self, world: World, wrong: dict[str, Any]
    ) -> None:
        client = await world.open("alice")
        back = await world.come_back(client, "alice", **wrong)
        assert back.opened["resumed"] is False
        assert back.session != client.session
        assert back.epoch != client.epoch
        assert await client.call("session.ping", seq=0)

    async def test_another_account_cannot_resume_it(self, world: World) -> None:
        client = await world.open("alice")
        back = await world.come_back(client, "bob")
        assert back.opened["resumed"] is False
        assert back.opened["account"]["name"] == "bob"
        assert await client.call("session.ping", seq=0)

    async def test_the_second_socket_of_a_session_closes_the_first(self, world: World) -> None:
        first = await world.open("alice")
        second = await world.come_back(first, "alice")
        assert second.opened["resumed"]
        assert await first.closed() == 4409
        assert await second.call("session.ping", seq=0)
        await until(lambda: world.hub.count() == 1)
        assert len(world.sessions) == 1

    async def test_a_session_that_stays_away_is_let_go(self, world: World) -> None:
        client = await world.open("alice")
        await client.cut()
        await until(lambda: world.hub.count() == 0)
        world.hub.tick(now() + RESUME_SECONDS - 1)
        assert len(world.sessions) == 1
        world.hub.tick(now() + RESUME_SECONDS)
        assert len(world.sessions) == 0
        assert not (await world.come_back(client, "alice")).opened["resumed"]

    async def test_a_session_that_says_goodbye_is_gone_at_once(self, world: World) -> None:
        client = await world.open("alice")
        assert await client.call("session.close") == {}
        assert await client.closed() == 1000
        assert len(world.sessions) == 0


class TestSlowReaders:
    async def test_one_that_does_not_read_is_dropped_and_can_resume(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "MAX_QUEUED", 40)
        client = await world.open("alice")
        sent = 0
        while world.hub.count():
            world.sessions.send(client.session, MediaOffered(CALL, 1, "v" * 4_000))
            sent += 1
            assert sent < 250
            await asyncio.sleep(0.001)
        await client.cut()
        monkeypatch.undo()
        back = await world.come_back(client, "alice")
        assert back.opened["resumed"]
        for _ in range(sent):
            await back.hears("media.offer")
        assert back.seq == sent

    async def test_the_bytes_that_wait_are_bounded_too(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "MAX_QUEUED_BYTES", 100_000)
        client = await world.open("alice")
        for _ in range(4):
            world.sessions.send(client.session, MediaOffered(CALL, 1, "v" * 30_000))
        await until(lambda: world.hub.count() == 0)
        assert len(world.sessions) == 1
