"""A Linphone that asks to be woken by push disappears, is woken, and takes the call."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.audio import assert_heard
from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Line, Linphone
from tests.end_to_end.listening import hear
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import ALICE, BOB, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.waking import Waking, forget_devices
from tests.end_to_end.wsclient import Clients
from tests.push.fake_apns import APP
from tests.push.fake_fcm import PROJECT

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKEN = "registration-of-a-linphone"
BY_GOOGLE = f"pn-provider=fcm;pn-param={PROJECT};pn-prid={TOKEN};pn-silent=1;pn-timeout=0"
VOIP, REMOTE = "0a" * 32, "0b" * 32
BY_APPLE = (
    f"pn-provider=apns;pn-param=ABCD1234.{APP}.voip&remote"
    f";pn-prid={VOIP}:voip&{REMOTE}:remote;pn-silent=1;pn-timeout=0"
)


@pytest.fixture
def server(waking: Waking) -> Server:
    """The calls of these tests go through the server that wakes."""
    return waking.server


class Pocket:
    """bob's telephone: it comes and goes without a word, and stays the same one."""

    def __init__(self, line: Line, folder: Path, speech: Path, programs: AsyncExitStack) -> None:
        self._line = line
        self._folder = folder
        self._speech = speech
        self._programs = programs

    async def registers_and_disappears(self) -> None:
        phone = await self._start()
        try:
            await phone.registered()
        finally:
            await phone.kill()

    async def is_woken(self) -> Linphone:
        """Start it again, as a push does with an app, and wait until it is registered."""
        phone = await self._start()
        self._programs.push_async_callback(phone.close)
        await phone.registered()
        return phone

    async def _start(self) -> Linphone:
        return await Linphone.start(self._line, self._folder, speech=self._speech)


PutInPocket = Callable[[str], Pocket]


@pytest_asyncio.fixture(loop_scope="session")
async def pocket(server: Server, sounds: Sounds, tmp_path: Path) -> AsyncIterator[PutInPocket]:
    """Makes bob's telephone, with what its Contact says of pushes; it is forgotten afterwards."""

    def make(parameters: str) -> Pocket:
        ports = take_ports()
        line = Line(
            user=BOB.name,
            secret=BOB.secret,
            registrar=server.ports.sip,
            sip_port=ports.sip,
            rtp_port=ports.media_min,
            contact_parameters=parameters,
        )
        return Pocket(line, tmp_path / "phone", sounds.b.looped, programs)

    async with AsyncExitStack() as programs:
        yield make


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def fresh(wire: Clients) -> AsyncIterator[None]:
    """After a test bob has no telephone to push any more."""
    yield
    await forget_devices(wire, BOB)


async def test_a_linphone_that_is_gone_is_woken_by_google_and_both_hear_each_other(
    waking: Waking, pocket: PutInPocket, alice: Softphone, sounds: Sounds, tmp_path: Path
) -> None:
    phone = pocket(BY_GOOGLE)
    await phone.registers_and_disappears()
    await alice.dial("bob")
    await expect(alice.part("call")).to_contain_text("Waking")
    message = await waking.message_for(TOKEN)
    assert message["android"]["priority"].lower() == "high"
    assert message["data"]["from-uri"] == "sip:alice@wsphone.local"

    bob = await phone.is_woken()
    assert "alice" in await bob.rings()
    assert bob.last_call_id() == message["data"]["call-id"]
    await expect(alice.part("call")).to_contain_text("Ringing")
    bob.answer()
    await alice.talks()
    await bob.talks()
    await hear(tmp_path, (alice, sounds.b))
    await alice.hang_up()
    assert (await alice.ended(), await bob.ended()) == (
        Ended("hangup", "caller"),
        ENDED_NORMALLY,
    )
    assert_heard(bob.recording, sounds.a.once)
    assert waking.messages(TOKEN) == [message]


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
    assert bob.last_call_id() == told["aps"]["call-id"]
    assert (await alice.event("call.progress"))["state"] == "ringing"
    bob.answer()
    await alice.event("call.answered")
    await alice.request("call.hangup", call=call)
    assert await bob.ended() == ENDED_NORMALLY
    assert waking.pushes(VOIP) == [push] and waking.pushes(REMOTE) == []
