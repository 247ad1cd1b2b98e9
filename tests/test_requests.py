"""Whole calls over the hub: two browsers with opaque descriptions, and what can come between."""

import asyncio
import json
import uuid

import pytest

from media.engine import Digit
from signaling.call_model import Endpoint, EndpointKind
from signaling.media_link import engine_leg
from signaling.shared.errors import IncompatibleMedia
from tests.client import RESUME_SECONDS, Client, RpcError, World
from tests.exchange import Phones, until

CANDIDATE = {"candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host", "sdpMid": "0"}
SENT_CANDIDATE = CANDIDATE | {"sdpMLineIndex": None}


async def talk(alice: Client, bob: Client) -> str:
    """A call that bob accepted and answered; both know it."""
    call = await alice.start()
    await bob.hears("call.incoming")
    await bob.call("call.accept", call=call)
    await bob.call("call.answer", call=call, media=1, answer="answer of the callee")
    await alice.hears("call.answered")
    return call


def with_phone(world: World) -> Phones:
    """Give bob a phone called `linphone`."""
    phones = Phones()
    phone = Endpoint("linphone", EndpointKind.CONTACT, "id of bob", host="192.0.2.7")
    world.board.connect(
        EndpointKind.CONTACT, phones, lambda owner: [phone] if owner.name == "bob" else []
    )
    return phones


class TestCall:
    async def test_two_browsers_call_each_other(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = str(uuid.uuid4())
        started = await alice.call(
            "call.start", call=call.upper(), to="bob", media=3, offer="offer of the caller"
        )
        assert started == {"call": call, "state": "trying"}
        incoming = await bob.hears("call.incoming")
        assert incoming["call"] == call
        assert incoming["from"] == {"address": "alice@example.org", "name": "Alice"}
        assert (incoming["to"], incoming["media"]) == ("bob", 3)
        assert incoming["offer"] == "offer of the caller"
        assert 29.0 < incoming["ring_seconds"] <= 30.0

        await bob.call("call.ringing", call=call)
        assert await alice.hears("call.progress") == {"call": call, "state": "ringing", "seq": 1}

        await alice.call("media.candidates", call=call, media=3, candidates=[CANDIDATE])
        assert (await bob.hears("media.candidates"))["candidates"] == [SENT_CANDIDATE]
        accepted = await bob.call("call.accept", call=call)
        assert accepted == {
            "media": 3,
            "offer": "offer of the caller",
            "candidates": [SENT_CANDIDATE],
        }
        assert await bob.call("call.accept", call=call) == accepted
        await bob.call("media.candidates", call=call, media=3, candidates=[], end=True)
        await bob.call("media.candidates", call=call, media=3, candidates=[CANDIDATE])
        assert await bob.call("call.answer", call=call, media=3, answer="answer of bob") == {}
        answered = await alice.hears("call.answered")
        assert (answered["media"], answered["answer"]) == (3, "answer of bob")
        assert (await alice.hears("media.candidates"))["candidates"] == [SENT_CANDIDATE]

        for client in (alice, bob):
            assert (await client.call("call.get", call=call))["state"] == "talking"
        await alice.call("call.dtmf", call=call, n=0, digits="12#")
        assert (await bob.hears("call.dtmf"))["digits"] == "12#"

        assert await bob.call("call.hangup", call=call) == {}
        ended = await alice.hears("call.ended")
        assert (ended["reason"], ended["code"], ended["by"]) == ("hangup", 200, "callee")
        await bob.hears("call.ended", reason="hangup")
        for client, role in ((alice, "caller"), (bob, "callee")):
            over = await client.call("call.get", call=call)
            assert (over["state"], over["reason"], over["role"]) == ("ended", "hangup", role)

    async def test_no_browser_is_sent_where_the_server_would_not_try(self, world: World) -> None:
        """An account names the addresses that the checks of whom it calls go to."""

        def written(what: str, *addresses: str) -> str:
            lines = (f"a=candidate:1 1 udp 9 {each} 80 typ host" for each in addresses)
            return "\r\n".join([f"v=0 {what}", *lines, "a=mid:0", ""])

        there, bad = "192.0.2.1", ("127.0.0.1", "169.254.169.254", "router.example", "224.0.0.1")
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await alice.start(offer=written("offer", *bad, there))
        good = written("offer", there)
        assert (await bob.hears("call.incoming"))["offer"] == good
        assert (await bob.call("call.accept", call=call))["offer"] == good
        await bob.call("call.answer", call=call, media=1, answer=written("answer", *bad, there))
        assert (await alice.hears("call.answered"))["answer"] == written("answer", there)

        again = written("again", *([there] * 30))
        asked = asyncio.create_task(alice.call("media.offer", call=call, media=2, offer=again))
        offered = await bob.hears("media.offer")
        assert offered["offer"] == written("again", *([there] * 20))
        answer = written("done", *bad)
        await bob.call("media.answer", call=call, media=2, answer=answer)
        assert (await asked)["answer"] == written("done")

        trickled = [
            {"candidate": f"candidate:1 1 udp 9 {each} 80 typ host"} for each in (*bad, there)
        ]
        await alice.call("media.candidates", call=call, media=2, candidates=trickled)
        heard = (await bob.hears("media.candidates"))["candidates"]
        assert [each["candidate"].split()[4] for each in heard] == [there]

    async def test_a_second_hang_up_hears_how_it_ended(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await talk(alice, bob)
        await bob.call("call.hangup", call=call)
        await bob.hears("call.ended")
        with pytest.raises(RpcError) as caught:
            await bob.call("call.hangup", call=call)
        assert caught.value.code == -32002
        assert caught.value.data["ended"] == "hangup"

    async def test_several_tabs_ring_and_one_wins(self, world: World) -> None:
        alice, bob, desk = [await world.open(name) for name in ("alice", "bob", "bob")]
        call = await alice.start()
        await bob.hears("call.incoming")
        await desk.hears("call.incoming")
        await desk.call("call.accept", call=call)
        assert (await bob.hears("call.ended"))["reason"] == "answered_elsewhere"
        with pytest.raises(RpcError) as caught:
            await bob.call("call.accept", call=call)
        assert caught.value.code == -32002
        assert caught.value.data["ended"] == "answered_elsewhere"

    async def test_a_no_on_one_device_is_a_no_on_all(self, world: World) -> None:
        alice, bob, desk = [await world.open(name) for name in ("alice", "bob", "bob")]
        call = await alice.start()
        await desk.hears("call.incoming")
        await bob.call("call.reject", call=call, reason="declined")
        assert (await alice.hears("call.ended"))["reason"] == "declined"
        assert (await bob.hears("call.ended"))["reason"] == "declined"
        assert (await desk.hears("call.ended"))["reason"] == "declined_elsewhere"

    async def test_a_busy_device_leaves_the_call_to_the_others(self, world: World) -> None:
        alice, bob, desk = [await world.open(name) for name in ("alice", "bob", "bob")]
        call = await alice.start()
        await desk.hears("call.incoming")
        await bob.call("call.reject", call=call, reason="busy")
        assert (await bob.hears("call.ended"))["reason"] == "busy"
        await desk.call("call.answer", call=call, media=1, answer="answer")
        await alice.hears("call.answered")

    @pytest.mark.parametrize(
        ("to", "reason", "code"),
        [
            ("nobody", "not_found", 404),
            ("bob@elsewhere.net", "not_found", 404),
            ("carol", "unavailable", 480),
        ],
    )
    async def test_a_call_that_cannot_be_says_why(
        self, world: World, to: str, reason: str, code: int
    ) -> None:
        alice = await world.open("alice")
        call = await alice.start(to)
        ended = await alice.hears("call.ended", call=call)
        assert (ended["reason"], ended["code"], ended["by"]) == (reason, code, "server")

    async def test_a_call_is_renegotiated_between_the_browsers(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await talk(alice, bob)
        asked = await alice.ask("media.offer", call=call, media=2, offer="next offer")
        assert (await bob.hears("media.offer"))["offer"] == "next offer"
        with pytest.raises(RpcError) as caught:
            await bob.call("media.offer", call=call, media=2, offer="glare")
        assert caught.value.code == -32003
        assert caught.value.data["retry_after"] > 0
        assert await bob.call("media.answer", call=call, media=2, answer="next answer") == {}
        assert await alice.answer(asked) == {"answer": "next answer"}

    async def test_a_direct_call_whose_media_fails_moves_to_the_server(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await talk(alice, bob)
        await bob.call("media.state", call=call, media=1, state="failed")
        for client in (alice, bob):
            offer = await client.hears("media.offer")
            assert offer["media"] == 2
            assert offer["offer"].startswith("engine offers")
            await client.call("media.answer", call=call, media=2, answer="answer")
        await until(lambda: world.engine.legs("join"))
        await alice.call("call.hangup", call=call)

    async def test_a_browser_and_a_phone_talk_through_the_server(self, world: World) -> None:
        phones = with_phone(world)
        bob = await world.open("bob")
        alice = await world.open("alice")
        call = await alice.start()
        assert (await bob.hears("call.incoming"))["offer"].startswith("engine offers")
        await until(lambda: phones.told)
        await bob.call("call.answer", call=call, media=1, answer="answer")
        answered = await alice.hears("call.answered")
        assert answered["answer"] == "engine answers offer of the caller"
        await alice.call("media.candidates", call=call, media=1, candidates=[CANDIDATE])
        await until(lambda: world.engine.fed)
        world.engine.tell(Digit(engine_leg(call, bob.session, 1), "5", 100))
        assert (await alice.hears("call.dtmf"))["digits"] == "5"
        await alice.call("call.hangup", call=call)

    async def test_a_phone_without_our_codecs_is_told_in_words(self, world: World) -> None:
        with_phone(world)
        world.engine.trouble["codecs"] = IncompatibleMedia("no codec that we carry is offered")
        alice = await world.open("alice")
        await alice.start()
        ended = await alice.hears("call.ended")
        assert (ended["reason"], ended["code"]) == ("incompatible", 488)


class TestStrangers:
    @pytest.mark.parametrize(
        "method", ["call.get", "call.accept", "call.hangup", "call.ringing", "call.reject"]
    )
    async def test_the_calls_of_others_do_not_exist(self, world: World, method: str) -> None:
        alice, bob, carol = [await world.open(name) for name in ("alice", "bob", "carol")]
        call = await alice.start()
        await bob.hears("call.incoming")
        with pytest.raises(RpcError) as caught:
            await carol.call(method, call=call)
        assert caught.value.code == -32002
        assert "ended" not in caught.value.data

    async def test_the_id_of_somebody_elses_call_is_refused(self, world: World) -> None:
        alice, carol = await world.open("alice"), await world.open("carol")
        await world.open("bob")
        call = await alice.start()
        with pytest.raises(RpcError) as caught:
            await carol.call("call.start", call=call, to="bob", media=1, offer="offer")
        assert caught.value.code == -32001

    async def test_a_repeated_start_is_harmless(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await alice.start()
        await bob.hears("call.incoming")
        again = await alice.call("call.start", call=call, to="bob", media=1, offer="offer")
        assert again == {"call": call, "state": "ringing"}
        assert world.board.count() == 1

    async def test_another_device_of_the_account_takes_no_part(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        other = await world.open("alice", device="tablet")
        call = await talk(alice, bob)
        with pytest.raises(RpcError) as caught:
            await other.call("call.get", call=call)
        assert caught.value.code == -32002
        with pytest.raises(RpcError) as caught:
            await other.call("media.offer", call=call, media=2, offer="offer")
        assert caught.value.code == -32003


class TestTheSameDevice:
    async def test_a_fresh_session_can_hang_the_devices_call_up(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await talk(alice, bob)
        await alice.cut()
        fresh = await world.open("alice")
        assert [each["call"] for each in fresh.opened["calls"]] == [call]
        assert (await fresh.call("call.get", call=call))["role"] == "caller"
        await fresh.call("call.hangup", call=call)
        assert (await bob.hears("call.ended"))["reason"] == "hangup"

    async def test_a_woken_device_hears_how_its_call_ended(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await alice.start()
        await bob.hears("call.incoming")
        await alice.call("call.hangup", call=call)
        await bob.hears("call.ended")
        woken = await world.connect()
        await woken.open("bob", woken_by=call)
        ended = await woken.hears("call.ended")
        assert (ended["call"], ended["reason"], ended["by"]) == (call, "cancelled", "caller")

    async def test_a_call_is_in_the_history_once_it_is_forgotten(self, world: World) -> None:
        alice, bob, carol = [await world.open(name) for name in ("alice", "bob", "carol")]
        call = await talk(alice, bob)
        await alice.call("call.hangup", call=call)
        await bob.hears("call.ended")
        world.board.forget()
        over = await bob.call("call.get", call=call)
        assert (over["state"], over["reason"], over["role"]) == ("ended", "hangup", "callee")
        with pytest.raises(RpcError) as caught:
            await carol.call("call.get", call=call)
        assert caught.value.code == -32002


class TestCuts:
    async def test_accept_right_after_opening_before_the_call_was_seen(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await alice.start()
        await bob.hears("call.incoming")
        woken = await world.connect()
        opening = {"token": "bob", "device": {"id": "phone"}}
        for number, (method, params) in enumerate(
            [("session.open", opening), ("call.accept", {"call": call})]
        ):
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            await woken.say(json.dumps(request))
        assert (await woken.answer(0))["calls"] == []
        assert (await woken.answer(1))["offer"] == "offer of the caller"
        assert (await bob.hears("call.ended"))["reason"] == "answered_elsewhere"
        await woken.call("call.answer", call=call, media=1, answer="answer")
        await alice.hears("call.answered")

    async def test_a_callee_that_was_cut_while_it_rang_answers_after_it_resumed(
        self, world: World
    ) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        await bob.cut()
        await until(lambda: world.hub.count() == 1)
        call = await alice.start()
        await alice.call("media.candidates", call=call, media=1, candidates=[CANDIDATE])
        bob = await world.come_back(bob, "bob")
        assert (await bob.hears("call.incoming"))["call"] == call
        await bob.hears("media.candidates")
        await bob.call("call.answer", call=call, media=1, answer="answer")
        await alice.hears("call.answered")

    async def test_a_caller_that_was_cut_while_it_rang_hears_the_answer(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await alice.start()
        await bob.hears("call.incoming")
        await alice.cut()
        await until(lambda: world.hub.count() == 1)
        await bob.call("call.answer", call=call, media=1, answer="answer")
        alice = await world.come_back(alice, "alice")
        assert (await alice.hears("call.answered"))["call"] == call
        assert [each["call"] for each in alice.opened["calls"]] == [call]

    async def test_a_talking_side_that_stays_away_ends_the_call(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        await talk(alice, bob)
        await alice.cut()
        await until(lambda: world.hub.count() == 1)
        world.hub.tick(asyncio.get_running_loop().time() + RESUME_SECONDS)
        ended = await bob.hears("call.ended")
        assert (ended["reason"], ended["by"]) == ("unavailable", "caller")

    async def test_a_fresh_session_of_the_device_sees_its_call(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        call = await talk(alice, bob)
        reloaded = await world.open("bob")
        (seen,) = reloaded.opened["calls"]
        assert (seen["call"], seen["role"], seen["peer"]) == (call, "callee", "alice@example.org")

    async def test_a_caller_that_closes_its_session_cancels(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        await alice.start()
        await bob.hears("call.incoming")
        await alice.call("session.close")
        assert (await bob.hears("call.ended"))["reason"] == "cancelled"

    async def test_a_revoked_callers_call_ends(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        await talk(alice, bob)
        world.hub.revoke("id of alice", login=None, code=4401)
        assert (await bob.hears("call.ended"))["reason"] == "unavailable"

    async def test_a_restart_is_told_before_the_socket_closes(self, world: World) -> None:
        alice, bob = await world.open("alice"), await world.open("bob")
        await talk(alice, bob)
        await world.board.stop()
        stopping = asyncio.create_task(world.hub.stop())
        assert (await alice.hears("call.ended"))["reason"] == "server_restart"
        assert await alice.closed() == 1012
        assert await bob.closed() == 1012
        await stopping
