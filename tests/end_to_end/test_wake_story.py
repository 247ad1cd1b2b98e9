"""What an operator reads of a call that woke two devices: every hop, and what it came to."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.end_to_end.browser import Softphone
from tests.end_to_end.conftest import PutInPocket
from tests.end_to_end.linphone import Linphone
from tests.end_to_end.relay import Relay, relay
from tests.end_to_end.server import BOB, Outcome, Server, run_wsphone
from tests.end_to_end.waiting import eventually
from tests.end_to_end.waking import App, Waking, by_google, forget_devices
from tests.end_to_end.wsclient import Clients
from tests.push.fake_fcm import error

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLER = [
    "calls",
    "is told that a phone is woken",
    "is told that it rings",
    "has media opened for it",
    "is told of the answer",
    "has its media connected",
    "hangs up",
    "is told of the end",
]
PUSHES_TO_APP = [
    "is to be pushed",
    "is being pushed",
    "is to be pushed again",
    "is being pushed",
    "has its push accepted",
]
APP = [
    "came while it rang",
    "was asked to ring",
    "rings",
    "lost its socket",
    "has a socket again",
    "is told of the end",
]
PUSHES_TO_LINPHONE = ["is to be pushed", "is being pushed", "has its push accepted"]
LINPHONE = [
    "was asked to ring",
    "came while it rang",
    "rings",
    "answers",
    "agrees on its codec",
    "has its media connected",
    "is told of the end",
]


@pytest.fixture
def server(waking: Waking) -> Server:
    """The calls of these tests go through the server that wakes."""
    return waking.server


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def fresh(waking: Waking, wire: Clients) -> AsyncIterator[None]:
    """After the test nothing is scripted any more, and bob has nothing that is pushed."""
    yield
    waking.google.script.clear()
    await forget_devices(wire, BOB)


async def ring_app(line: Relay, app: App) -> str:
    """The app is woken, rings, and loses its socket for a moment; the call's id."""
    call: str = (await app.bell.rings())["call"]
    app.url = line.url
    await app.wake(call)
    await app.client.request("call.ringing", call=call)
    await line.cut()
    await line.restore()
    assert (await app.client.resume(line.url))["resumed"] is True
    return call


async def talk(alice: Softphone, bob: Linphone) -> None:
    await bob.rings()
    bob.answer()
    await alice.talks()
    await bob.talks()


async def show(waking: Waking, call: str, *, goes_on: bool = False) -> str:
    """What `wsphone calls show` prints."""
    config = ("--config", str(waking.folder / "wsphone.toml"))

    async def look() -> Outcome:
        return await run_wsphone("calls", "show", call, *config)

    # The parties are told of the end before it is kept.
    def is_so(shown: Outcome) -> bool:
        return shown.status == 0 and ("goes on, talking" in shown.output) is goes_on

    return (await eventually(look, is_so)).output


def lanes(story: str) -> dict[str, list[str]]:
    """What is told of each leg, in its order; by the leg's kind and id, without the time."""
    found: dict[str, list[str]] = {}
    for line in re.findall(r"^ *\+\d.*$", story, re.MULTILINE):
        _, _, what, about = re.split(r" {2,}", line.strip())
        found.setdefault(" ".join(about.split()[:2]), []).append(what)
    return found


def missing(expected: list[str], lane: list[str]) -> list[str]:
    """What of `expected` does not follow in `lane`, others between."""
    rest = iter(lane)
    return [what for what in expected if what not in rest]


async def test_an_operator_reads_every_hop_of_push_socket_sip_and_media(
    waking: Waking, pocket: PutInPocket, alice: Softphone, wire: Clients
) -> None:
    app = await waking.asleep(wire, BOB)
    token = "registration-of-a-linphone-with-a-story"
    phone = pocket(by_google(token))
    await phone.registers_and_disappears()
    waking.google.script.append(error(503))
    await alice.dial("bob")
    ports = waking.server.ports
    async with relay(ports.relay, ports.http) as line:
        call = await ring_app(line, app)
        await waking.message_for(token)
        linphone = await phone.is_woken()
        await talk(alice, linphone)
        so_far = await show(waking, call, goes_on=True)
        await alice.hang_up()
        await linphone.ended()
        await app.client.close()

    assert "is told of the answer" in so_far and "the call is over" not in so_far
    story = await show(waking, call)
    told = lanes(story)
    caller = next(iter(told))
    (app_leg,) = (leg for leg in told if leg.startswith("session ") and leg != caller)
    (contact,) = (leg for leg in told if leg.startswith("contact "))
    (sleeper,) = (leg for leg in told if leg.startswith("wake wake:sip-"))
    expected = {
        caller: CALLER,
        f"wake wake:{app.device}": PUSHES_TO_APP,
        app_leg: APP,
        sleeper: PUSHES_TO_LINPHONE,
        contact: LINPHONE,
        "hangup": ["the call is over"],
    }
    assert {leg: missing(hops, told[leg]) for leg, hops in expected.items()} == {
        leg: [] for leg in expected
    }, story
    fates = [
        f"wake wake:{app.device} was woken, and came",
        f"{sleeper} was woken, and came",
        f"{app_leg} rang, and was not answered (answered_elsewhere)",
        f"{contact} answered (hangup)",
    ]
    _, _, came_to = story.partition("What was to ring:")
    assert sorted(line.strip() for line in came_to.strip().splitlines()) == sorted(fates)
    assert "503 Service Unavailable fcm" in story and "opus/48000/2" in story
