"""Where every call is recorded: what a telephone is told of it, as it is called and as it calls."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.server import ALICE, BOB, Server, running_server

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("always")
    async with running_server(folder, (ALICE, BOB), record="always") as running:
        yield running


async def test_the_first_description_tells_of_the_recording(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB)
    await alice.dial("bob")
    await bob.rings()
    assert set(bob.recordings_told()) == {"on"}
    bob.answer()
    await alice.talks()
    await bob.talks()
    await expect(alice.part("call-recorded")).to_have_text("This call is recorded")
    assert bob.invites() == 1
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended() == ENDED_NORMALLY

    since, told = bob.mark(), len(bob.recordings_told())
    bob.call("sip:alice@wsphone.local")
    await alice.rings()
    await alice.accept()
    await bob.talks(since=since)
    assert set(bob.recordings_told()[told:]) == {"on"}
    bob.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
