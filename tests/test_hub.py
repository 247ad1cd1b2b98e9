"""The hub over real WebSockets: who comes in, what is refused, and what survives a cut."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from signaling import client_socket, hub, sessions
from signaling.hub import DEAD_SECONDS, PING_SECONDS
from signaling.shared.errors import NotAuthenticated
from signaling.shared.messages import (
    SUBPROTOCOL,
    CallFigures,
    DtmfReceived,
    MediaOffered,
    StreamFigures,
)
from tests.client import RESUME_SECONDS, Client, RpcError, World
from tests.exchange import until

CALL = "2f5c0f4e-7a3e-4c0e-8b63-0d6f1a2b3c4d"


def now() -> float:
    return asyncio.get_running_loop().time()


class TestOpen:
    async def test_a_session_is_told_who_and_where_it_is(self, world: World) -> None:
        client = await world.open("alice")
        opened = client.opened
        assert opened["resumed"] is False
        assert opened["seq"] == 0
        assert opened["account"]["address"] == "alice@example.org"
        assert opened["server"]["version"] == "1.2.3"
        assert opened["server"]["limits"] == {"message_bytes": 65_536, "candidates": 20}
        assert opened["server"]["emergency_numbers"] == ["112"]
        assert (opened["ping_seconds"], opened["resume_seconds"]) == (25, RESUME_SECONDS)
        assert opened["calls"] == []
        assert [device.id for device in world.office.devices] == ["tab"]
        assert client.socket.protocol == SUBPROTOCOL

    async def test_the_subprotocol_must_be_asked_for(self, world: World) -> None:
        with pytest.raises(WSServerHandshakeError) as caught:
            await world.http.ws_connect(world.url, protocols=("sip",))
        assert caught.value.status == 400

    async def test_any_other_first_message_is_not_authenticated(self, world: World) -> None:
        client = await world.connect()
        with pytest.raises(RpcError) as caught:
            await client.call("session.ping", seq=0)
        assert caught.value.code == -32000
        assert await client.closed() == 4401

    async def test_a_bad_token_is_not_authenticated(self, world: World) -> None:
        client = await world.connect()
        with pytest.raises(RpcError) as caught:
            await client.open("mallory")
        assert caught.value.code == -32000
        assert await client.closed() == 4401
        assert len(world.sessions) == 0

    async def test_a_login_of_another_device_is_forbidden(self, world: World) -> None:
        client = await world.connect()
        with pytest.raises(RpcError) as caught:
            await client.open("alice:tablet", device="stolen")
        assert caught.value.code == -32001
        assert await client.closed() == 4403

    @pytest.mark.parametrize(
        "garbage",
        ["", "hello", "[]", "1", '{"jsonrpc":"1.0"}', '{"a":' * 9_000 + "1" + "}" * 9_000],
    )
    async def test_garbage_is_a_bad_message(self, world: World, garbage: str) -> None:
        client = await world.connect()
        await client.say(garbage or " ")
        assert await client.closed() == 4400

    async def test_a_binary_message_is_a_bad_message(self, world: World) -> None:
        client = await world.connect()
        await client.socket.send_bytes(b"\x00")
        assert await client.closed() == 4400

    async def test_bad_params_are_told_what_to_mend(self, world: World) -> None:
        client = await world.connect()
        with pytest.raises(RpcError) as caught:
            await client.call("session.open", token="alice", device={"id": "a b"})
        assert caught.value.code == -32602
        assert "$.device.id" in caught.value.data["detail"]
        assert await client.closed() == 4400

    async def test_who_says_nothing_is_too_slow(self) -> None:
        async with World(open_seconds=0.05) as world:
            client = await world.connect()
            await client.socket.ping()
            assert await client.closed() == 4408

    async def test_a_device_that_cannot_be_kept_may_call_all_the_same(self, world: World) -> None:
        world.office.trouble = NotAuthenticated("the account was removed")
        client = await world.open("alice")
        assert await client.call("session.ping", seq=0)

    @pytest.mark.parametrize("bound", ["MAX_UNOPENED", "MAX_UNOPENED_PER_SOURCE"])
    async def test_too_many_strangers_are_turned_away(
        self, world: World, monkeypatch: pytest.MonkeyPatch, bound: str
    ) -> None:
        monkeypatch.setattr(hub, bound, 1)
        stranger = await world.connect()
        with pytest.raises(WSServerHandshakeError) as caught:
            await world.connect()
        assert caught.value.status == 503
        assert caught.value.headers is not None
        assert "Retry-After" in caught.value.headers
        await stranger.open("alice")
        await world.open("bob")


class TestRequests:
    async def test_an_unknown_method(self, world: World) -> None:
        client = await world.open("alice")
        with pytest.raises(RpcError) as caught:
            await client.call("call.fly", call=CALL)
        assert caught.value.code == -32601
        with pytest.raises(RpcError) as caught:
            await client.call("session.open", token="alice", device={"id": "tab"})
        assert caught.value.code == -32601

    @pytest.mark.parametrize(
        ("params", "place"),
        [({}, "call"), ({"call": "5"}, "$.call"), ({"call": CALL, "n": -1}, "$.n")],
    )
    async def test_bad_params_are_told_what_to_mend_and_the_session_goes_on(
        self, world: World, params: dict[str, Any], place: str
    ) -> None:
        client = await world.open("alice")
        with pytest.raises(RpcError) as caught:
            await client.call("call.dtmf", **params)
        assert caught.value.code == -32602
        assert place in caught.value.data["detail"]
        assert await client.call("session.ping", seq=0) == {"server_time": 1_700_000_000.0}

    async def test_a_notification_gets_no_answer(self, world: World) -> None:
        client = await world.open("alice")
        await client.say({"jsonrpc": "2.0", "method": "session.ping"})
        await client.say({"jsonrpc": "2.0", "method": "no.such.method"})
        assert await client.call("session.state", app_state="background") == {}
        (session,) = world.sessions.of_account("id of alice")
        assert not session.foreground

    async def test_garbage_closes_the_socket_but_not_the_session(self, world: World) -> None:
        client = await world.open("alice")
        await client.say("hello")
        assert await client.closed() == 4400
        assert client.events[0]["error"]["code"] == -32700
        assert (await world.come_back(client, "alice")).opened["resumed"]

    async def test_a_message_may_have_64_kib_and_no_more(self, world: World) -> None:
        client = await world.open("alice")
        ping = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "session.ping"})
        await client.say(ping + " " * (65_000 - len(ping)))
        assert await client.answer(7)
        await client.say(ping + " " * (65_537 - len(ping)))
        assert await client.closed() == 1009

    async def test_too_many_messages_are_told_to_come_back(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client_socket, "MESSAGE_BURST", 5.0)
        monkeypatch.setattr(client_socket, "MESSAGES_PER_SECOND", 0.0)
        client = await world.open("alice")
        for number in range(10):
            await client.say({"jsonrpc": "2.0", "id": number, "method": "session.ping"})
        assert await client.closed() == 4429
        assert (await world.come_back(client, "alice")).opened["resumed"]

    async def test_too_many_waiting_requests_are_told_to_wait(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client_socket, "MAX_WAITING", 1)
        world.directory.gate.clear()
        client = await world.open("alice")
        call = await client.start()
        first = await client.ask("media.offer", call=call, media=2, offer="offer")
        with pytest.raises(RpcError) as caught:
            await client.call("media.offer", call=call, media=2, offer="offer")
        assert caught.value.code == -32004
        assert caught.value.data["retry_after"] == 1
        world.directory.gate.set()
        with pytest.raises(RpcError):
            await client.answer(first)


class TestKeepingAlive:
    async def test_each_socket_is_pinged_once_a_turn(self, world: World) -> None:
        client = await world.open("alice")
        for _ in range(PING_SECONDS):
            world.hub.tick(now())
        message = await client.socket.receive(timeout=1.0)
        assert message.type is WSMsgType.PING

    async def test_a_socket_that_is_not_heard_is_dropped(self, world: World) -> None:
        await world.open("alice")
        for _ in range(PING_SECONDS):
            world.hub.tick(now() + DEAD_SECONDS + 1)
        await until(lambda: world.hub.count() == 0)
        assert len(world.sessions) == 1

    async def test_a_ping_of_the_client_is_answered(self, world: World) -> None:
        client = await world.open("alice")
        await client.socket.ping(b"hello")
        message = await client.socket.receive(timeout=1.0)
        assert (message.type, message.data) == (WSMsgType.PONG, b"hello")


class TestLimits:
    async def test_an_account_has_a_most_of_sessions(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "MAX_PER_ACCOUNT", 2)
        first = await world.open("alice")
        await world.open("alice")
        third = await world.connect()
        with pytest.raises(RpcError) as caught:
            await third.open("alice")
        assert caught.value.code == -32004
        assert await third.closed() == 4429
        await world.open("bob")
        await first.cut()
        await until(lambda: world.hub.count() == 2)
        await world.open("alice")
        assert not (await self._reopened(world, first))

    async def _reopened(self, world: World, client: Client) -> bool:
        """Whether the session that made room can still be resumed."""
        (one, other) = world.sessions.of_account("id of alice")
        return client.session in (one.id, other.id)

    async def test_a_full_server_turns_sockets_away(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hub, "MAX_SOCKETS", 1)
        await world.open("alice")
        with pytest.raises(WSServerHandshakeError) as caught:
            await world.connect()
        assert caught.value.status == 503


class TestRevoked:
    async def test_a_revoked_account_is_told_to_log_in_again(self, world: World) -> None:
        client, other = await world.open("alice"), await world.open("bob")
        world.hub.revoke("id of alice", login=None, code=4401)
        assert await client.closed() == 4401
        assert [session.account.name for session in _all(world)] == ["bob"]
        assert await other.call("session.ping", seq=0)

    async def test_one_login_can_be_revoked_alone(self, world: World) -> None:
        client = await world.open("alice:tablet", device="tablet")
        other = await world.open("alice:phone", device="phone")
        world.hub.revoke("id of alice", login="login of alice:tablet", code=4401)
        assert await client.closed() == 4401
        assert await other.call("session.ping", seq=0)

    async def test_a_revoked_socket_that_does_not_read_is_not_served_either(
        self, world: World
    ) -> None:
        client = await world.open("alice")
        for _ in range(60):
            world.sessions.send(client.session, MediaOffered(CALL, 1, "v" * 30_000))
            await asyncio.sleep(0.001)
        world.hub.revoke("id of alice", login=None, code=4401)
        start = {"call": CALL, "to": "bob", "media": 1, "offer": "offer"}
        await client.say({"jsonrpc": "2.0", "id": 9, "method": "call.start", "params": start})
        assert await client.closed() == 4401
        assert world.board.count() == 0
        assert not world.directory.records


class TestStop:
    async def test_everybody_is_told_that_the_server_restarts(self, world: World) -> None:
        client, stranger = await world.open("alice"), await world.connect()
        stopping = asyncio.create_task(world.hub.stop())
        assert await client.closed() == 1012
        assert await stranger.closed() == 1012
        await stopping
        assert world.hub.count() == 0
        with pytest.raises(WSServerHandshakeError) as caught:
            await world.connect()
        assert caught.value.status == 503


def _all(world: World) -> list[sessions.Session]:
    accounts = world.directory.accounts.values()
    return [each for account in accounts for each in world.sessions.of_account(account.id)]


class TestFleeting:
    async def test_what_is_true_only_now_has_no_number_and_does_not_come_again(
        self, world: World
    ) -> None:
        client = await world.open("alice")
        stream = StreamFigures(1, 0, 2.5, None, 4.4, "PCMU/8000")
        world.sessions.tell(client.session, CallFigures("c", stream, stream))
        world.sessions.send(client.session, DtmfReceived("c", "1"))
        told = await client.hears("call.figures")
        assert "seq" not in told
        assert told["sent"] == {
            "packets": 1,
            "lost": 0,
            "jitter_ms": 2.5,
            "round_trip_ms": None,
            "mos": 4.4,
            "codec": "PCMU/8000",
            "late": None,
        }
        assert (await client.hears("call.dtmf"))["seq"] == 1
        await client.cut()
        await until(lambda: world.sessions.of_account("id of alice")[0].outbox is None)
        world.sessions.tell(client.session, CallFigures("c", stream, stream))
        world.sessions.tell("nobody", CallFigures("c", stream, stream))
        world.sessions.send(client.session, DtmfReceived("c", "2"))
        again = await world.come_back(client, "alice")
        assert (await again.hears("call.dtmf"))["digits"] == "2"
        assert [event["method"] for event in again.events] == []
