"""Two browsers call each other: their sound goes from one to the other, not through the server."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.end_to_end.browser import Ended, Softphone, hides_addresses, softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.listening import hear
from tests.end_to_end.server import ALICE, BOB, Server
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def call(caller: Softphone, callee: Softphone) -> None:
    """alice calls bob, who accepts."""
    await caller.dial("bob")
    assert "alice" in await callee.rings()
    await callee.accept()
    await caller.talks()
    await callee.talks()


async def test_browsers_hear_each_other_and_the_server_carries_nothing(
    alice: Softphone, shy_chromium: Browser, server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    async with softphone(shy_chromium, server.url, voice=sounds.b.looped) as bob:
        await bob.log_in(BOB.name, BOB.password)
        await call(alice, bob)
        await hear(tmp_path, (alice, sounds.b), (bob, sounds.a))
        assert (await server.counts())["ports"] == 0

        await bob.hang_up()
        assert await alice.ended() == Ended("hangup", "callee")
        assert await bob.ended() == Ended("hangup", "callee")


async def test_browsers_that_hide_their_addresses_hear_each_other(
    shy_chromium: Browser, server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    async with (
        softphone(shy_chromium, server.url, voice=sounds.a.looped) as alice,
        softphone(shy_chromium, server.url, voice=sounds.b.looped) as bob,
    ):
        await alice.log_in(ALICE.name, ALICE.password)
        await bob.log_in(BOB.name, BOB.password)
        await call(alice, bob)
        await hear(tmp_path, (alice, sounds.b), (bob, sounds.a))
        for phone in (alice, bob):
            candidates = await phone.candidates()
            assert hides_addresses(candidates), candidates

        await alice.hang_up()
        assert await alice.ended() == Ended("hangup", "caller")
        assert await bob.ended() == Ended("hangup", "caller")


async def test_a_browser_that_hides_its_addresses_reaches_a_linphone(
    shy_chromium: Browser,
    server: Server,
    linphone: StartLinphone,
    sounds: Sounds,
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    async with softphone(shy_chromium, server.url, voice=sounds.a.looped) as alice:
        await alice.log_in(ALICE.name, ALICE.password)
        await alice.dial("bob")
        await alice.talks()
        await bob.talks()
        candidates = await alice.candidates()
        assert hides_addresses(candidates), candidates
        await alice.hang_up()
        assert await alice.ended() == Ended("hangup", "caller")
