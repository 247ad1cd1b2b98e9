"""Apps that a push woke, over the hub: the first thing they hear, however late they are."""

import pytest

from signaling.call_actions import LegAction, RememberEnd, SendPush
from signaling.call_model import Endpoint, EndpointKind
from signaling.mailbox import Invitation
from signaling.shared.model import Account
from signaling.shared.push import PushKind
from tests.client import Client, World
from tests.exchange import until


class Bell:
    """Stands for the pushes to bob's mobile: keeps their kinds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.pushed: list[PushKind] = []
        world.board.connect(EndpointKind.WAKE, self, self._endpoints)

    def perform(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        match action:
            case SendPush(kind=kind):
                self.pushed.append(kind)
            case RememberEnd():
                self._world.board.late_ends.remember(invitation, endpoint, action)

    def _endpoints(self, owner: Account) -> list[Endpoint]:
        mobile = Endpoint(
            "wake:mobile", EndpointKind.WAKE, owner.id, "mobile", wakes=EndpointKind.SESSION
        )
        return [mobile] if owner.name == "bob" else []


@pytest.fixture
def bell(world: World) -> Bell:
    return Bell(world)


async def woken(world: World, by: str | None, device: str = "mobile") -> Client:
    client = await world.connect()
    await client.open("bob", device=device, woken_by=by)
    return client


def names(client: Client) -> list[str]:
    return [event["method"] for event in client.events]


async def test_the_caller_hears_waking_and_then_ringing(world: World, bell: Bell) -> None:
    alice = await world.open("alice")
    call = await alice.start()
    assert (await alice.hears("call.progress"))["state"] == "waking"
    bob = await woken(world, call)
    assert (await bob.hears("call.incoming"))["call"] == call
    await bob.call("call.ringing", call=call)
    assert (await alice.hears("call.progress"))["state"] == "ringing"
    await bob.call("call.answer", call=call, media=1, answer="answer of bob")
    await alice.hears("call.answered")
    assert bell.pushed == [PushKind.CALL]


async def test_it_may_accept_before_it_heard_of_the_call(world: World, bell: Bell) -> None:
    alice = await world.open("alice")
    call = await alice.start()
    await until(lambda: bell.pushed)
    bob = await woken(world, call)
    assert (await bob.call("call.accept", call=call))["offer"] == "offer of the caller"


@pytest.mark.parametrize("says_why", [True, False])
async def test_the_first_thing_a_late_device_hears_is_how_the_call_ended_and_that_once(
    world: World, bell: Bell, *, says_why: bool
) -> None:
    alice = await world.open("alice")
    call = await alice.start()
    await until(lambda: bell.pushed)
    await alice.call("call.hangup", call=call)
    await alice.hears("call.ended")
    bob = await woken(world, call if says_why else None)
    ended = await bob.hears("call.ended")
    assert (ended["call"], ended["reason"], ended["seq"]) == (call, "cancelled", 1)
    await bob.call("session.ping", seq=1)
    assert names(bob) == []
    assert (await bob.call("call.get", call=call))["reason"] == "cancelled"


async def test_one_that_wakes_while_another_device_talks_hears_answered_elsewhere(
    world: World, bell: Bell
) -> None:
    alice, desk = await world.open("alice"), await world.open("bob", device="desk")
    call = await alice.start()
    await desk.hears("call.incoming")
    await desk.call("call.answer", call=call, media=1, answer="answer of the desk")
    await alice.hears("call.answered")
    mobile = await woken(world, call)
    assert (await mobile.hears("call.ended"))["reason"] == "answered_elsewhere"
    assert (await mobile.call("call.get", call=call))["state"] == "ended"
    again = await woken(world, call)
    assert (await again.hears("call.ended"))["reason"] == "answered_elsewhere"
    assert (await desk.call("call.get", call=call))["state"] == "talking"


async def test_other_devices_of_the_account_hear_nothing_of_it(world: World, bell: Bell) -> None:
    alice = await world.open("alice")
    call = await alice.start()
    await until(lambda: bell.pushed)
    await alice.call("call.hangup", call=call)
    await alice.hears("call.ended")
    desk = await woken(world, None, device="desk")
    await desk.call("session.ping", seq=0)
    assert names(desk) == []


async def test_a_session_in_the_background_is_pushed_as_well(world: World, bell: Bell) -> None:
    alice, bob = await world.open("alice"), await world.open("bob", device="mobile")
    await bob.call("session.state", app_state="background")
    await alice.start()
    await bob.hears("call.incoming")
    assert bell.pushed == [PushKind.CALL]


async def test_a_ringing_device_that_is_cut_is_pushed_at_once(world: World, bell: Bell) -> None:
    alice, bob = await world.open("alice"), await world.open("bob", device="mobile")
    call = await alice.start()
    await bob.hears("call.incoming")
    await bob.call("call.ringing", call=call)
    await alice.hears("call.progress", state="ringing")
    assert bell.pushed == []
    await bob.cut()
    await until(lambda: bell.pushed)
    assert bell.pushed == [PushKind.CALL]


async def test_a_device_that_is_away_is_pushed_at_once(world: World, bell: Bell) -> None:
    alice, bob = await world.open("alice"), await world.open("bob", device="mobile")
    await bob.cut()
    await until(lambda: world.hub.count() == 1)
    await alice.start()
    assert (await alice.hears("call.progress"))["state"] == "waking"
    assert bell.pushed == [PushKind.CALL]


async def test_a_device_that_was_woken_for_a_call_nobody_knows_hears_that_it_is_over(
    world: World, bell: Bell
) -> None:
    """As after a server that was killed while it rang: a phone shows the call until it is told."""
    call = "0f6c1c52-6f8e-4d55-8a6b-0d3c2f0e9a11"
    bob = await woken(world, call)
    end = await bob.hears("call.ended")
    assert (end["call"], end["reason"], end["by"]) == (call, "server_restart", "server")
