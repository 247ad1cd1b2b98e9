"""Pages that only a relay reaches talk through coturn, with credentials that we gave them."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from signaling.turn import TurnServers
from tests.end_to_end.browser import Ended, Softphone, softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.coturn import Coturn, running_coturn
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import LISTEN_TWICE_SECONDS, RELAXED_PESQ, hear
from tests.end_to_end.server import ALICE, BOB, Server, running_server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.test_browsers import call
from tests.end_to_end.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "4a91c8d2" * 4
CREDENTIAL_SECONDS = 12
"""Shorter than what the first call takes, and its end is waited for."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def coturn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Coturn]:
    async with running_coturn(tmp_path_factory.mktemp("coturn"), SECRET) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory, coturn: Coturn) -> AsyncIterator[Server]:
    """A server in a hurry, which tells its clients of coturn."""
    folder = tmp_path_factory.mktemp("server")
    settings = {
        "WSPHONE_TURN__URLS": coturn.url,
        "WSPHONE_TURN__SECRET": SECRET,
        "WSPHONE_TURN__SECONDS": str(CREDENTIAL_SECONDS),
    }
    async with running_server(
        folder, (ALICE, BOB), settings=settings, module="tests.end_to_end.hasty"
    ) as running:
        yield running


async def relayed(phone: Softphone) -> bool:
    """Whether its call has relayed addresses and no others."""
    candidates = await phone.candidates()
    return bool(candidates) and all(" typ relay " in line for line in candidates)


@pytest.mark.timeout(LISTEN_TWICE_SECONDS)
async def test_pages_behind_a_relay_talk_with_credentials_that_are_renewed(
    chromium: Browser,
    shy_chromium: Browser,
    coturn: Coturn,
    server: Server,
    linphone: StartLinphone,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    async with softphone(chromium, server.url, relay_only=True) as alice:
        await alice.log_in(ALICE.name, ALICE.password)
        async with softphone(
            shy_chromium, server.url, voice=sounds.b.looped, relay_only=True
        ) as bob:
            await bob.log_in(BOB.name, BOB.password)
            await call(alice, bob)
            first = await alice.turn_credentials()
            assert await coturn.admits(*first)
            await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=RELAXED_PESQ)
            assert await relayed(alice) and await relayed(bob)
            assert (await server.counts())["ports"] == 0
            await alice.hang_up()
            assert await alice.ended() == Ended("hangup", "caller")

        phone = await linphone(BOB, auto_answer=True)

        async def admitted() -> bool:
            return await coturn.admits(*first)

        # The page never opened its session anew: what it has instead came by that session.
        await eventually(admitted, lambda admitted: not admitted, seconds=CREDENTIAL_SECONDS + 5)
        await alice.dial("bob")
        await alice.talks()
        await phone.talks()
        assert await alice.turn_credentials() != first
        assert await relayed(alice)
        await hear(tmp_path, (alice, sounds.b), (phone, sounds.a), least_pesq=RELAXED_PESQ)
        await alice.hang_up()
        assert await alice.ended() == Ended("hangup", "caller")
        assert await phone.ended() == ENDED_NORMALLY


def told(coturn: Coturn, secret: str, seconds: float) -> tuple[str, str]:
    """Credentials that a server with this secret gave, good for so many seconds from now."""
    (server,) = TurnServers((coturn.url,), secret, seconds).told("id of alice", time.time())
    assert server.username is not None and server.credential is not None
    return server.username, server.credential


async def test_coturn_takes_our_credentials_in_their_time_and_no_others(coturn: Coturn) -> None:
    assert await coturn.admits(*told(coturn, SECRET, 60))
    assert not await coturn.admits(*told(coturn, SECRET, -1))
    assert not await coturn.admits(*told(coturn, "another " * 4, 60))


async def test_what_is_relayed_goes_on_when_its_credentials_end(coturn: Coturn) -> None:
    username, credential = told(coturn, SECRET, 2)
    relay = await coturn.relay(username, credential)
    assert relay is not None

    async def admitted() -> bool:
        return await coturn.admits(username, credential)

    await eventually(admitted, lambda admitted: not admitted)
    since = coturn.program.mark()
    # To give it back is to renew it, for no time.
    relay.close()
    await coturn.program.expect(rf"user <{username}>: .* REFRESH processed, success", since=since)
