"""Sockets break and come back: calls go on, and every event comes once and in order."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.end_to_end.browser import Ended, Softphone, softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import hear
from tests.end_to_end.relay import Relay
from tests.end_to_end.server import ALICE, BOB, CAROL, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.wsclient import ANSWER, OFFER, Clients, Refused

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSION_RESUMED_ELSEWHERE = 4409
NO_SUCH_CALL = -32002


async def cut_and_restore(phone: Softphone, line: Relay) -> None:
    """Break the page's connection, and wait until it has come back by itself."""
    await line.cut()
    await phone.offline()
    await line.restore()
    await phone.online()


async def test_a_cut_while_talking_is_not_heard(
    roaming_alice: Softphone,
    line: Relay,
    linphone: StartLinphone,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    await roaming_alice.dial("bob")
    await roaming_alice.talks()
    await bob.talks()
    await hear(
        tmp_path,
        (roaming_alice, sounds.b),
        (bob, sounds.a),
        meanwhile=lambda: cut_and_restore(roaming_alice, line),
    )
    await roaming_alice.in_state("talking")
    await roaming_alice.hang_up()
    assert await roaming_alice.ended() == Ended("hangup", "caller")
    assert await bob.ended() == ENDED_NORMALLY


async def test_a_caller_who_is_cut_while_it_rings_comes_back_to_the_call(
    roaming_alice: Softphone, line: Relay, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB)
    await roaming_alice.dial("bob")
    await bob.rings()
    await roaming_alice.in_state("ringing")
    await line.cut()
    await roaming_alice.offline()
    bob.answer()
    await line.restore()
    await roaming_alice.talks()
    await bob.talks()
    bob.hang_up()
    assert await roaming_alice.ended() == Ended("hangup", "callee")


async def test_a_callee_who_is_cut_while_it_rings_comes_back_and_answers(
    roaming_alice: Softphone, line: Relay, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB)
    bob.call("sip:alice@wsphone.local")
    await roaming_alice.rings()
    await cut_and_restore(roaming_alice, line)
    await roaming_alice.rings()
    await roaming_alice.accept()
    await roaming_alice.talks()
    await bob.talks()
    bob.hang_up()
    assert await roaming_alice.ended() == Ended("hangup", "caller")


async def test_the_end_of_a_call_reaches_a_page_that_was_away(
    roaming_alice: Softphone, line: Relay, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    await roaming_alice.dial("bob")
    await roaming_alice.talks()
    await line.cut()
    await roaming_alice.offline()
    bob.hang_up()
    assert await bob.ended() == ENDED_NORMALLY
    await line.restore()
    assert await roaming_alice.ended() == Ended("hangup", "callee")


async def test_a_page_reloaded_in_a_direct_call_is_heard_again(
    alice: Softphone, shy_chromium: Browser, server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    async with softphone(shy_chromium, server.url, voice=sounds.b.looped) as bob:
        await bob.log_in(BOB.name, BOB.password)
        await bob.dial("alice")
        await alice.rings()
        await alice.accept()
        await alice.talks()
        await bob.talks()
        async with bob.moving():
            await alice.page.reload()
            await alice.online()
        await alice.talks()
        await hear(tmp_path, (alice, sounds.b), (bob, sounds.a))
        await alice.hang_up()
        assert await alice.ended() == Ended("hangup", "callee")
        assert await bob.ended() == Ended("hangup", "callee")


async def test_a_client_that_stays_away_leaves_its_call(
    line: Relay, linphone: StartLinphone, wire: Clients
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    carol = await wire.log_in(CAROL, device="carol")
    await carol.connect(line.url)
    await carol.open()
    await carol.call("bob")
    await carol.event("call.answered")
    since = bob.mark()
    await line.cut()
    await carol.dropped()
    await bob.ended(since=since)
    await line.restore()


async def test_events_missed_come_once_and_in_order(
    server: Server, line: Relay, wire: Clients
) -> None:
    alice = await wire.log_in(ALICE, device="alice")
    await alice.connect(line.url)
    await alice.open()
    bob = await wire.online(BOB, device="bob")

    calls = [await bob.call("alice")]
    await alice.event("call.incoming")
    await line.cut()
    await alice.dropped()
    # Each is over before the next begins: calls do not wait for each other.
    for _ in range(2):
        await bob.request("call.hangup", call=calls[-1])
        await bob.event("call.ended")
        calls.append(await bob.call("alice"))

    opened = await alice.resume(server.url)
    assert opened["resumed"] is True
    order = [(await alice.event("call.ended"))["call"]]
    order.append((await alice.event("call.incoming"))["call"])
    order.append((await alice.event("call.ended"))["call"])
    order.append((await alice.event("call.incoming"))["call"])
    assert order == [calls[0], calls[1], calls[1], calls[2]]
    await bob.request("call.hangup", call=calls[2])
    await alice.event("call.ended")
    assert alice.seqs == list(range(1, len(alice.seqs) + 1))


async def test_a_session_resumed_elsewhere_closes_the_socket_it_had(
    server: Server, wire: Clients
) -> None:
    alice = await wire.online(ALICE, device="alice")
    assert (await wire.twin(alice).resume(server.url))["resumed"] is True
    assert await alice.dropped() == SESSION_RESUMED_ELSEWHERE


async def test_accept_may_come_before_the_call_was_seen(server: Server, wire: Clients) -> None:
    bob = await wire.online(BOB, device="bob")
    tablet = await wire.online(ALICE, device="tablet")
    call = await bob.call("alice")
    await tablet.event("call.incoming")

    phone = await wire.log_in(ALICE, device="phone")
    await phone.connect(server.url)
    opened = await phone.begin_open(woken_by=call)
    accepted = await phone.request("call.accept", call=call)
    assert opened.done()
    assert (accepted["media"], accepted["offer"]) == (1, OFFER)
    assert (await tablet.event("call.ended"))["reason"] == "answered_elsewhere"

    await phone.request("call.answer", call=call, media=1, answer=ANSWER)
    assert (await bob.event("call.answered"))["answer"] == ANSWER
    await bob.request("call.hangup", call=call)
    assert (await phone.event("call.ended"))["reason"] == "hangup"


async def test_two_that_accept_at_once_get_one_call(wire: Clients) -> None:
    bob = await wire.online(BOB, device="bob")
    devices = [await wire.online(ALICE, device=f"device{number}") for number in range(3)]
    call = await bob.call("alice")
    for device in devices:
        await device.event("call.incoming")

    answers = [await device.begin("call.accept", call=call) for device in devices]
    results = await asyncio.gather(*answers, return_exceptions=True)
    won = [result for result in results if not isinstance(result, Refused)]
    lost = [result for result in results if isinstance(result, Refused)]
    assert (len(won), len(lost)) == (1, 2)
    assert {error.code for error in lost} == {NO_SUCH_CALL}
    assert {error.data["ended"] for error in lost} == {"answered_elsewhere"}
    await bob.request("call.hangup", call=call)


async def test_a_hang_up_sent_again_hears_how_the_call_ended(wire: Clients) -> None:
    alice = await wire.online(ALICE, device="alice")
    bob = await wire.online(BOB, device="bob")
    call = await bob.call("alice")
    await alice.event("call.incoming")
    await bob.request("call.hangup", call=call)
    with pytest.raises(Refused) as again:
        await bob.request("call.hangup", call=call)
    assert (again.value.code, again.value.data["ended"]) == (NO_SUCH_CALL, "cancelled")
    assert (await alice.event("call.ended"))["reason"] == "cancelled"
