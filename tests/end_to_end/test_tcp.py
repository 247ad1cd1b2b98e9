"""Phones on TCP, and alice's page: baresip, Linphone, and what becomes of a broken connection."""

import asyncio
from pathlib import Path

import pytest

from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartBaresip, StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import hear
from tests.end_to_end.server import BOB, CAROL, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.waiting import eventually
from tests.end_to_end.wsclient import Clients

# Its file player keeps time loosely on a busy machine, and a browser stretches what comes late.
BARESIP_PESQ = 2.5

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_alice_calls_a_baresip_and_both_hear_each_other(
    alice: Softphone, baresip: StartBaresip, sounds: Sounds, tmp_path: Path
) -> None:
    bob = await baresip(BOB, codec="G722")
    await alice.dial("bob")
    assert "alice" in await bob.rings()
    await bob.answer()
    await alice.talks()
    await bob.talks()

    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=BARESIP_PESQ)
    assert await alice.codec() == "audio/G722"
    await bob.hang_up()
    assert await alice.ended() == Ended("hangup", "callee")


async def test_a_baresip_calls_alice_and_both_hear_each_other(
    alice: Softphone, baresip: StartBaresip, sounds: Sounds, tmp_path: Path
) -> None:
    bob = await baresip(BOB, codec="opus")
    await bob.call("sip:alice@wsphone.local")
    assert "bob" in await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks()

    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=BARESIP_PESQ)
    assert await alice.codec() == "audio/opus"
    await alice.hang_up()
    await bob.ended()


async def test_a_baresip_calls_alice_and_holds_her_for_a_while(
    alice: Softphone, baresip: StartBaresip, sounds: Sounds, tmp_path: Path
) -> None:
    bob = await baresip(BOB)
    await bob.call("sip:alice@wsphone.local")
    assert "bob" in await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks()

    await bob.hold()
    await asyncio.sleep(1.0)
    await bob.resume()
    await hear(tmp_path, (alice, sounds.b), least_pesq=BARESIP_PESQ)
    await alice.hang_up()
    await bob.ended()


async def test_a_linphone_on_tcp_calls_and_is_called(
    alice: Softphone, linphone: StartLinphone, sounds: Sounds, tmp_path: Path
) -> None:
    bob = await linphone(BOB, transport="tcp")
    await alice.dial("bob")
    await bob.rings()
    bob.answer()
    await alice.talks()
    await bob.talks()
    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a))
    await alice.hang_up()
    assert await bob.ended() == ENDED_NORMALLY

    again = bob.call("sip:alice@wsphone.local")
    await alice.rings()
    await alice.accept()
    await bob.talks(since=again)
    bob.hang_up()
    assert await bob.ended(since=again) == ENDED_NORMALLY


async def test_a_phone_whose_connection_broke_is_not_reachable(
    baresip: StartBaresip, wire: Clients, server: Server
) -> None:
    before = await server.counts()
    desk = await baresip(CAROL)
    assert (await server.counts())["contacts"] == before["contacts"] + 1
    await desk.kill()
    await eventually(server.counts, lambda now: now["contacts"] == before["contacts"])
    caller = await wire.online(BOB, device="wire")
    call = await caller.call("carol")
    ended = await caller.event("call.ended")
    assert (ended["call"], ended["reason"]) == (call, "unavailable")
