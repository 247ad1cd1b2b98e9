"""A Linphone that asks to be woken by push disappears, is woken, and takes the call."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import PutInPocket
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import hear
from tests.end_to_end.server import ALICE, BOB, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.waking import Waking, by_google, forget_devices
from tests.end_to_end.wsclient import ANSWER, Clients
from tests.push.fake_apns import APP

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNDERSTOOD = 2.5
"""The least PESQ here: how well such a call sounds does not depend on who was woken for it."""

VOIP, REMOTE = "0a" * 32, "0b" * 32
BY_APPLE = (
    f"pn-provider=apns;pn-param=ABCD1234.{APP}.voip&remote"
    f";pn-prid={VOIP}:voip&{REMOTE}:remote;pn-silent=1;pn-timeout=0"
)


@pytest.fixture
def server(waking: Waking) -> Server:
    """The calls of these tests go through the server that wakes."""
    return waking.server


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def fresh(wire: Clients) -> AsyncIterator[None]:
    """After a test bob has no telephone to push any more."""
    yield
    await forget_devices(wire, BOB)


async def test_a_linphone_that_is_gone_is_woken_by_google_and_both_hear_each_other(
    waking: Waking, pocket: PutInPocket, alice: Softphone, sounds: Sounds, tmp_path: Path
) -> None:
    token = "registration-of-a-linphone"
    phone = pocket(by_google(token))
    await phone.registers_and_disappears()
    await alice.dial("bob")
    await expect(alice.part("call")).to_contain_text("Waking")
    message = await waking.message_for(token)
    assert message["android"]["priority"].lower() == "high"
    assert message["data"]["from-uri"] == "sip:alice@wsphone.local"

    bob = await phone.is_woken()
    assert "alice" in await bob.rings()
    assert bob.call_ids() == [message["data"]["call-id"]]
    await expect(alice.part("call")).to_contain_text("Ringing")
    bob.answer()
    await alice.talks()
    await bob.talks()
    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=UNDERSTOOD)
    await alice.hang_up()
    assert (await alice.ended(), await bob.ended()) == (
        Ended("hangup", "caller"),
        ENDED_NORMALLY,
    )
    assert waking.messages(token) == [message]


async def test_a_linphone_is_woken_by_apple_with_the_call_id_of_the_invite_that_follows(
    waking: Waking, pocket: PutInPocket, wire: Clients
) -> None:
    phone = pocket(BY_APPLE)
    await phone.registers_and_disappears()
    alice = await wire.online(ALICE, device="desk")
    call = await alice.call("bob")
    assert (await alice.event("call.progress"))["state"] == "waking"
    push = await waking.push_for(VOIP)
    kind = push.headers["apns-topic"], push.headers["apns-push-type"]
    assert kind == (f"{APP}.voip", "voip")
    told = json.loads(push.payload)
    assert (told["aps"]["loc-key"], told["from-uri"]) == ("IC_MSG", "sip:alice@wsphone.local")

    bob = await phone.is_woken()
    await bob.rings()
    assert bob.call_ids() == [told["aps"]["call-id"]]
    assert (await alice.event("call.progress"))["state"] == "ringing"
    bob.answer()
    await alice.event("call.answered")
    await alice.request("call.hangup", call=call)
    assert await bob.ended() == ENDED_NORMALLY
    assert waking.pushes(VOIP) == [push] and waking.pushes(REMOTE) == []


@pytest.mark.parametrize(
    ("is_answered", "reason"),
    [
        pytest.param(False, 'SIP;cause=487;text="cancelled"', id="given up"),
        pytest.param(True, 'SIP;cause=200;text="answered_elsewhere"', id="answered elsewhere"),
    ],
)
async def test_a_linphone_that_wakes_too_late_is_shown_the_call_and_how_it_ended(
    waking: Waking, pocket: PutInPocket, wire: Clients, *, is_answered: bool, reason: str
) -> None:
    token = f"registration-of-a-late-linphone-{is_answered}"
    phone = pocket(by_google(token))
    await phone.registers_and_disappears()
    alice = await wire.online(ALICE, device="desk")
    tablet = await wire.online(BOB, device="tablet")
    call = await alice.call("bob")
    await tablet.event("call.incoming")
    missed = (await waking.message_for(token))["data"]["call-id"]
    if is_answered:
        await tablet.request("call.answer", call=call, media=1, answer=ANSWER)
        await alice.event("call.answered")
    else:
        await alice.request("call.hangup", call=call)

    bob = await phone.is_woken()
    await bob.rings()
    await bob.ended()
    assert (bob.call_ids(), bob.last_reason()) == ([missed], reason)
    if is_answered:
        await alice.request("call.hangup", call=call)
        assert (await tablet.event("call.ended"))["reason"] == "hangup"
