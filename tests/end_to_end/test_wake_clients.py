"""Apps that sleep are woken by push: whom a call reaches, and what it tells the others."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
import pytest_asyncio

from signaling.waking import PUSHES_IN_A_ROW
from tests.end_to_end.figures import figure
from tests.end_to_end.relay import relay
from tests.end_to_end.server import ALICE, BOB, Server
from tests.end_to_end.waiting import eventually
from tests.end_to_end.waking import App, Waking, forget_devices
from tests.end_to_end.wsclient import ANSWER, OFFER, Client, Clients, Params, Refused
from tests.push.fake_apns import Reply as AppleReply
from tests.push.fake_fcm import error
from tests.push.fake_https import Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROVIDERS = pytest.mark.parametrize("provider", ["fcm", "apns", "webpush"])


@pytest.fixture
def server(waking: Waking) -> Server:
    """The calls of these tests go through the server that wakes."""
    return waking.server


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def fresh(waking: Waking, wire: Clients) -> AsyncIterator[None]:
    """After a test nothing is scripted any more, and bob has no devices to push."""
    yield
    waking.apple.scripts.clear()
    waking.google.script.clear()
    waking.web.script.clear()
    await forget_devices(wire, BOB)


@pytest_asyncio.fixture(loop_scope="session")
async def caller(wire: Clients) -> Client:
    return await wire.online(ALICE, device="desk")


def says(state: str) -> Callable[[Params], bool]:
    return lambda params: params["state"] == state


async def answers(app: App, call: str, caller: Client) -> None:
    """The app takes the call, and the caller hangs up in the end."""
    assert (await app.client.request("call.accept", call=call))["offer"] == OFFER
    await app.client.request("call.answer", call=call, media=1, answer=ANSWER)
    assert (await caller.event("call.answered"))["answer"] == ANSWER
    await caller.request("call.hangup", call=call)
    assert (await app.client.event("call.ended"))["reason"] == "hangup"


@PROVIDERS
async def test_an_app_that_sleeps_is_pushed_and_hears_of_the_call_first(
    waking: Waking, wire: Clients, caller: Client, provider: str
) -> None:
    bob = await waking.asleep(wire, BOB, provider=provider)
    call = await caller.call("bob")
    assert (await caller.event("call.progress"))["state"] == "waking"
    told = await bob.bell.rings()
    assert told["call"] == call
    assert told.get("from", told.get("from_address")) == "alice@wsphone.local"
    assert float(told["expires_at"]) > time.time()

    method, incoming = await bob.wake(call)
    assert (method, incoming["call"], incoming["offer"]) == ("call.incoming", call, OFFER)
    await bob.client.request("call.ringing", call=call)
    assert (await caller.event("call.progress"))["state"] == "ringing"
    await answers(bob, call, caller)
    assert bob.bell.arrived() == [told]


async def test_each_service_is_told_how_urgent_a_call_is_and_how_long(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    apps = {
        provider: await waking.asleep(wire, BOB, provider=provider)
        for provider in ("fcm", "apns", "webpush")
    }
    call = await caller.call("bob")
    for app in apps.values():
        assert (await app.bell.rings())["call"] == call
    (message,) = waking.messages(apps["fcm"].bell.target["token"])
    assert message["android"]["priority"].lower() == "high"
    assert 0 < float(message["android"]["ttl"].removesuffix("s")) <= 12
    voip = waking.apple.arrived[-1].headers
    assert voip["apns-topic"] == "org.example.phone.voip"
    assert (voip["apns-push-type"], voip["apns-expiration"]) == ("voip", "0")
    web = waking.web.pushed[-1].headers
    assert (web["urgency"], len(web["topic"])) == ("high", 32)
    assert 0 < int(web["ttl"]) <= 12
    await caller.request("call.hangup", call=call)


@PROVIDERS
async def test_one_that_wakes_after_the_caller_gave_up_first_hears_how_it_ended(
    waking: Waking, wire: Clients, caller: Client, provider: str
) -> None:
    bob = await waking.asleep(wire, BOB, provider=provider)
    call = await caller.call("bob")
    await bob.bell.rings()
    await caller.request("call.hangup", call=call)
    assert (await caller.event("call.ended"))["reason"] == "cancelled"

    method, ended = await bob.wake(call)
    assert (method, ended["call"], ended["reason"]) == ("call.ended", call, "cancelled")
    await bob.heard_all()
    assert not bob.client.has("call.incoming")
    assert (await bob.client.request("call.get", call=call))["reason"] == "cancelled"


async def test_a_program_that_calls_and_gives_up_does_not_wake_a_phone_all_night(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    bob = await waking.asleep(wire, BOB)
    reasons: list[str] = []
    while "too_often" not in reasons and len(reasons) < 5 * PUSHES_IN_A_ROW:
        call = await caller.call("bob")
        await caller.event("call.progress")
        # One that is refused is over by itself.
        with suppress(Refused):
            await caller.request("call.hangup", call=call)
        reasons.append((await caller.event("call.ended"))["reason"])
    # As slow as this machine may be: with each five seconds there is one more.
    assert reasons[:PUSHES_IN_A_ROW] == ["cancelled"] * PUSHES_IN_A_ROW
    assert reasons[-1] == "too_often"
    refused = await figure(waking.server.url, "wsphone_push_refused_total")
    assert refused is not None and refused >= 1
    assert len(bob.bell.of("call")) < len(reasons)


async def test_a_call_that_is_over_is_taken_from_the_screen_but_never_by_a_voip_push(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    iphone = await waking.asleep(wire, BOB, provider="apns")
    android = await waking.asleep(wire, BOB, provider="fcm")
    call = await caller.call("bob")
    await iphone.bell.rings()
    await android.bell.rings()
    await caller.request("call.hangup", call=call)
    (ended,) = await android.bell.heard("ended")
    assert (ended["call"], ended["reason"]) == (call, "cancelled")
    last = waking.messages(android.bell.target["token"])[-1]
    assert last["android"]["priority"].lower() == "normal"

    # The iPhone is told nothing before the push of the call that comes next.
    again = await caller.call("bob")
    rung = await iphone.bell.heard("call", times=2)
    assert [told["call"] for told in rung] == [call, again]
    assert rung == iphone.bell.arrived()
    await caller.request("call.hangup", call=again)


@pytest.mark.parametrize("is_over", [False, True], ids=["while they talk", "after the end"])
async def test_one_that_wakes_when_another_device_has_answered_hears_so(
    waking: Waking, wire: Clients, caller: Client, *, is_over: bool
) -> None:
    mobile = await waking.asleep(wire, BOB)
    tablet = await waking.asleep(wire, BOB, provider="apns")
    call = await caller.call("bob")
    await mobile.bell.rings()
    await tablet.bell.rings()
    await tablet.wake(call)
    await tablet.client.request("call.answer", call=call, media=1, answer=ANSWER)
    await caller.event("call.answered")
    if is_over:
        await caller.request("call.hangup", call=call)
        await tablet.client.event("call.ended")

    method, ended = await mobile.wake(call)
    assert (method, ended["reason"]) == ("call.ended", "answered_elsewhere")
    if not is_over:
        assert (await tablet.client.request("call.get", call=call))["state"] == "talking"
        await caller.request("call.hangup", call=call)


async def test_one_that_wakes_twice_is_pushed_once_and_rings_by_the_same_call(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    bob = await waking.asleep(wire, BOB)
    call = await caller.call("bob")
    assert (await caller.event("call.progress"))["state"] == "waking"
    await bob.bell.rings()
    _, first = await bob.wake(call)
    await bob.client.request("call.ringing", call=call)
    assert (await caller.event("call.progress"))["state"] == "ringing"
    twin = wire.twin(bob.client)
    await twin.connect(waking.server.url)
    await twin.open(woken_by=call)
    method, second = await twin.first_event()
    assert (method, second["call"]) == ("call.incoming", first["call"])
    await twin.request("call.ringing", call=call)
    await twin.request("call.answer", call=call, media=1, answer=ANSWER)
    await caller.event("call.answered")
    assert (await bob.client.event("call.ended"))["reason"] == "answered_elsewhere"
    assert not caller.has("call.progress")
    assert len(bob.bell.of("call")) == 1
    await caller.request("call.hangup", call=call)


def bury(waking: Waking, app: App) -> None:
    """Have the app's service say that it is gone from the phone."""
    match app.bell.target["provider"]:
        case "fcm":
            waking.google.script.append(error(404, "UNREGISTERED"))
        case "webpush":
            waking.web.script.append(Reply(410))
        case _:
            # Apple says since when, in milliseconds: only then is it not older than what we know.
            gone_at = int(time.time() * 1000) + 1
            gone = AppleReply(410, "Unregistered", timestamp=gone_at)
            waking.apple.script(app.bell.target["voip_token"], gone)


async def pushed_devices(client: Client) -> list[str]:
    """The devices of its account that can be pushed."""
    listed = await client.request("device.list")
    return [device["id"] for device in listed["devices"] if device["push"]]


@PROVIDERS
async def test_a_token_that_is_dead_ends_the_call_at_once_and_is_forgotten(
    waking: Waking, wire: Clients, caller: Client, provider: str
) -> None:
    bob = await waking.asleep(wire, BOB, provider=provider)
    desk = await wire.online(BOB, device="desk")
    assert await pushed_devices(desk) == [bob.device]
    await desk.close()
    bury(waking, bob)
    call = await caller.call("bob")
    ended = await caller.event("call.ended")
    assert (ended["call"], ended["reason"]) == (call, "unavailable")
    await desk.connect(waking.server.url)
    await desk.open()
    # The store is told after the caller, who shall not wait for it.
    await eventually(lambda: pushed_devices(desk), lambda devices: devices == [])


async def test_of_two_devices_one_is_dead_and_the_other_one_answers(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    dead = await waking.asleep(wire, BOB, provider="fcm")
    bob = await waking.asleep(wire, BOB, provider="apns")
    bury(waking, dead)
    call = await caller.call("bob")
    await bob.bell.rings()
    assert (await bob.wake(call))[0] == "call.incoming"
    await eventually(lambda: pushed_devices(bob.client), lambda devices: devices == [bob.device])
    await answers(bob, call, caller)


def break_down(waking: Waking, app: App, times: int) -> Callable[[], int]:
    """Have the app's service fail so often; how often it has not yet."""
    match app.bell.target["provider"]:
        case "fcm":
            waking.google.script = [error(503)] * times
            return lambda: len(waking.google.script)
        case "webpush":
            waking.web.script = [Reply(503)] * times
            return lambda: len(waking.web.script)
        case _:
            token = app.bell.target["voip_token"]
            waking.apple.script(token, *[AppleReply(503, "ServiceUnavailable")] * times)
            return lambda: len(waking.apple.scripts[token])


@PROVIDERS
async def test_a_service_that_fails_once_is_asked_again_and_the_phone_rings(
    waking: Waking, wire: Clients, caller: Client, provider: str
) -> None:
    bob = await waking.asleep(wire, BOB, provider=provider)
    left = break_down(waking, bob, 1)
    call = await caller.call("bob")
    assert (await bob.bell.rings())["call"] == call
    assert left() == 0
    assert (await bob.wake(call))[0] == "call.incoming"
    await answers(bob, call, caller)


async def test_while_a_service_is_down_it_is_asked_again_and_then_the_caller_hears_the_truth(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    bob = await waking.asleep(wire, BOB)
    left = break_down(waking, bob, 100)
    await caller.call("bob")
    assert (await caller.event("call.progress"))["state"] == "waking"
    assert (await caller.event("call.ended"))["reason"] == "unavailable"
    assert 1 < 100 - left() <= 5
    desk = await wire.online(BOB, device="desk")
    assert await pushed_devices(desk) == [bob.device]


async def test_a_device_that_loses_its_socket_while_it_rings_is_pushed_at_once(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    ports = waking.server.ports
    bob = await waking.asleep(wire, BOB)
    async with relay(ports.relay, ports.http) as line:
        await bob.client.connect(line.url)
        await bob.client.open()
        call = await caller.call("bob")
        await bob.client.event("call.incoming")
        await bob.client.request("call.ringing", call=call)
        await caller.event("call.progress", says("ringing"))
        assert bob.bell.arrived() == []
        await line.cut()
        assert (await bob.bell.rings())["call"] == call
        await line.restore()
        assert (await bob.client.resume(line.url))["resumed"] is True
        await answers(bob, call, caller)
        # Cut off with the relay, its session would wait for it, and ring in the next test.
        await bob.client.close()


async def test_a_device_that_looks_awake_and_does_not_say_that_it_rings_is_pushed_too(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    frozen = await waking.awake(wire, BOB)
    awake = await waking.awake(wire, BOB)
    call = await caller.call("bob")
    await awake.client.event("call.incoming")
    await awake.client.request("call.ringing", call=call)
    assert (await frozen.bell.rings())["call"] == call
    await answers(awake, call, caller)
    assert (await frozen.bell.heard("ended"))[0]["reason"] == "answered_elsewhere"
    assert awake.bell.arrived() == []


async def test_a_device_in_the_background_is_pushed_and_told_at_once(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    bob = await waking.awake(wire, BOB)
    await bob.client.request("session.state", app_state="background")
    call = await caller.call("bob")
    assert (await bob.client.event("call.incoming"))["call"] == call
    # One in the foreground would not be pushed any more.
    await bob.client.request("call.ringing", call=call)
    assert (await bob.bell.rings())["call"] == call
    await answers(bob, call, caller)


async def test_a_missed_call_is_told_to_a_device_that_wants_to_know(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    bob = await waking.awake(wire, BOB)
    await bob.client.request("device.set_push", targets=[bob.bell.target], missed=True)
    await bob.client.close()
    call = await caller.call("bob")
    await bob.bell.rings()
    await caller.request("call.hangup", call=call)
    (missed,) = await bob.bell.heard("missed")
    assert (missed["call"], missed["reason"]) == (call, "cancelled")


async def test_a_token_moves_to_another_account_once_the_phone_has_echoed_a_push(
    waking: Waking, wire: Clients, caller: Client
) -> None:
    bob = await waking.asleep(wire, BOB)
    told = await caller.request("device.set_push", targets=[bob.bell.target])
    assert told == {"proofs": 1, "refused": 0}
    (proof,) = await bob.bell.heard("proof")
    assert "call" not in proof
    await caller.request("device.prove_push", nonce=proof["nonce"])
    await caller.call("bob")
    assert (await caller.event("call.ended"))["reason"] == "unavailable"
    assert bob.bell.of("call") == []
    await caller.request("device.set_push", targets=[])
