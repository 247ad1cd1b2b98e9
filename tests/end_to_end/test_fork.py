"""All of alice's devices ring; one ends the ringing, and everyone is told the true reason."""

import pytest
from playwright.async_api import Browser, expect

from tests.end_to_end.browser import Ended, Softphone, open_tab, softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import DECLINED, ENDED_NORMALLY
from tests.end_to_end.server import ALICE, BOB, CAROL, Person, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.wsclient import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")

BUSY_HERE = 486
NOT_ACCEPTABLE_HERE = 488
NOT_FOUND = 404
TEMPORARILY_UNAVAILABLE = 480
REFUSED = {401, 403}

ALICE_ADDRESS = "sip:alice@wsphone.local"


async def second_tab(first: Softphone, server: Server) -> Softphone:
    """Another tab of the same profile, where alice is logged in."""
    tab = await open_tab(first.page.context, server.url)
    await tab.online()
    return tab


async def test_of_two_tabs_and_a_linphone_the_first_to_answer_wins(
    alice: Softphone, server: Server, linphone: StartLinphone
) -> None:
    tab = await second_tab(alice, server)
    desk = await linphone(ALICE)
    bob = await linphone(BOB)

    call = bob.call(ALICE_ADDRESS)
    await alice.rings()
    await tab.rings()
    await desk.rings()
    await tab.accept()
    await tab.talks()
    await bob.talks(since=call)
    await alice.stops_ringing()
    assert await desk.ended() == ENDED_NORMALLY
    assert "cause=200" in desk.last_reason()

    await tab.hang_up()
    assert await bob.ended(since=call) == ENDED_NORMALLY
    assert await tab.ended() == Ended("hangup", "callee")

    again = bob.call(ALICE_ADDRESS)
    since = desk.mark()
    await alice.rings()
    await tab.rings()
    await desk.rings(since=since)
    desk.answer()
    await bob.talks(since=again)
    await alice.stops_ringing()
    await tab.stops_ringing()
    bob.hang_up()
    assert await desk.ended(since=since) == ENDED_NORMALLY


async def test_a_browser_reaches_a_tab_and_a_linphone_by_the_same_call(
    alice: Softphone,
    shy_chromium: Browser,
    server: Server,
    sounds: Sounds,
    linphone: StartLinphone,
) -> None:
    desk = await linphone(ALICE)
    async with softphone(shy_chromium, server.url, voice=sounds.b.looped) as bob:
        await bob.log_in(BOB.name, BOB.password)

        await bob.dial("alice")
        await alice.rings()
        await desk.rings()
        desk.answer()
        await desk.talks()
        await bob.talks()
        await alice.stops_ringing()
        await bob.hang_up()
        assert await bob.ended() == Ended("hangup", "caller")
        assert await desk.ended() == ENDED_NORMALLY

        since = desk.mark()
        await bob.dial("alice")
        await desk.rings(since=since)
        await alice.rings()
        await alice.accept()
        await alice.talks()
        await bob.talks()
        await desk.ended(since=since)
        await alice.hang_up()
        assert await bob.ended() == Ended("hangup", "callee")
        assert await alice.ended() == Ended("hangup", "callee")


async def test_devices_that_lose_hear_answered_elsewhere(
    linphone: StartLinphone, wire: Clients
) -> None:
    desk = await linphone(ALICE)
    first = await wire.online(ALICE, device="first")
    second = await wire.online(ALICE, device="second")
    bob = await wire.online(BOB, device="bob")

    call = await bob.call("alice")
    for client in (first, second):
        await client.event("call.incoming", lambda event: event["call"] == call)
    await desk.rings()
    desk.answer()
    for client in (first, second):
        ended = await client.event("call.ended")
        assert (ended["call"], ended["reason"], ended["by"]) == (
            call,
            "answered_elsewhere",
            "callee",
        )
    await bob.event("call.answered")
    await bob.request("call.hangup", call=call)
    assert await desk.ended() == ENDED_NORMALLY


async def test_a_decline_on_one_device_ends_the_call_on_all(
    alice: Softphone, linphone: StartLinphone, wire: Clients
) -> None:
    desk = await linphone(ALICE)
    tablet = await wire.online(ALICE, device="tablet")
    bob = await linphone(BOB)

    call = bob.call(ALICE_ADDRESS)
    await desk.rings()
    await tablet.event("call.incoming")
    await alice.rings()
    await alice.decline()

    assert await bob.ended(since=call) == DECLINED
    await desk.ended()
    assert (await tablet.event("call.ended"))["reason"] == "declined_elsewhere"
    await alice.stops_ringing()


async def test_a_linphone_that_declines_is_told_to_the_page(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB)
    await alice.dial("bob")
    await bob.rings()
    bob.hang_up()
    assert await alice.ended() == Ended("declined", "callee")
    assert await bob.ended() == DECLINED


async def test_a_linphone_that_talks_already_is_busy(
    alice: Softphone, linphone: StartLinphone, wire: Clients
) -> None:
    bob = await linphone(BOB, auto_answer=True, max_calls=1)
    carol = await wire.online(CAROL, device="carol")
    await carol.call("bob")
    await bob.rings()
    await carol.event("call.answered")

    await alice.dial("bob")
    assert (await alice.ended()).reason == "busy"


async def test_a_client_that_is_busy_is_told_to_the_linphone(
    linphone: StartLinphone, wire: Clients
) -> None:
    carol = await wire.online(CAROL, device="carol")
    bob = await linphone(BOB)
    call = bob.call("sip:carol@wsphone.local")
    incoming = await carol.event("call.incoming")
    await carol.request("call.reject", call=incoming["call"], reason="busy")
    assert await bob.refused(since=call) == BUSY_HERE
    assert (await carol.event("call.ended"))["reason"] == "busy"


async def test_a_call_that_nobody_answers_ends_with_the_ring_time(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB)
    await alice.dial("bob")
    await bob.rings()
    assert (await alice.ended()).reason == "no_answer"
    await bob.ended()

    call = bob.call(ALICE_ADDRESS)
    await alice.rings()
    assert await bob.refused(since=call) == TEMPORARILY_UNAVAILABLE
    await alice.stops_ringing()


async def test_a_caller_who_gives_up_stops_the_ringing(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB)
    await alice.dial("bob")
    await bob.rings()
    await alice.hang_up()
    assert await alice.ended() == Ended("cancelled", "caller")
    await bob.ended()

    call = bob.call(ALICE_ADDRESS)
    await alice.rings()
    bob.hang_up()
    await alice.stops_ringing()
    await bob.ended(since=call)


async def test_an_unknown_name_is_not_found(alice: Softphone, linphone: StartLinphone) -> None:
    bob = await linphone(BOB)
    await alice.dial("nobody")
    assert (await alice.ended()).reason == "not_found"
    call = bob.call("sip:nobody@wsphone.local")
    assert await bob.refused(since=call) == NOT_FOUND


async def test_someone_without_a_device_is_unavailable(
    alice: Softphone, linphone: StartLinphone
) -> None:
    await alice.dial("carol")
    assert (await alice.ended()).reason == "unavailable"
    bob = await linphone(BOB)
    call = bob.call("sip:carol@wsphone.local")
    assert await bob.refused(since=call) == TEMPORARILY_UNAVAILABLE


async def test_a_linphone_without_a_common_codec_is_incompatible(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB, codecs=("GSM",))
    await alice.dial("bob")
    assert (await alice.ended()).reason == "incompatible"
    call = bob.call(ALICE_ADDRESS)
    assert await bob.refused(since=call) == NOT_ACCEPTABLE_HERE


async def test_a_wrong_password_opens_neither_the_page_nor_the_registrar(
    chromium: Browser, server: Server, linphone: StartLinphone
) -> None:
    async with softphone(chromium, server.url) as stranger:
        await stranger.try_log_in(ALICE.name, "not her password")
        await expect(stranger.part("login-error")).to_be_visible()
        assert "password" in (await stranger.part("login-error").inner_text()).lower()
        await expect(stranger.part("dial-call")).to_be_hidden()
    phone = await linphone(Person(ALICE.name, "", "not-her-secret"), welcome=False)
    assert await phone.registration_refused() in REFUSED
