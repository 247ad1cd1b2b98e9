"""Phones that sound before anybody answers: the caller hears them, one at a time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import hears_tone
from tests.end_to_end.server import ALICE, BOB, Server, running_server
from tests.end_to_end.sounds import make_tone

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST_HERTZ, SECOND_HERTZ = 500, 1200


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that lets phones ring until a second one was started."""
    folder = tmp_path_factory.mktemp("server")
    async with running_server(folder, (ALICE, BOB), ring_seconds=60) as running:
        yield running


async def test_the_phone_that_began_last_is_heard_and_then_the_one_that_answers(
    alice: Softphone, linphone: StartLinphone, tmp_path: Path
) -> None:
    hertz = (FIRST_HERTZ, SECOND_HERTZ)
    tones = [tmp_path / f"{each}.wav" for each in hertz]
    await asyncio.gather(*map(make_tone, tones, hertz))
    first = await linphone(BOB, speech=tones[0], sounds_early=True)
    await alice.dial("bob")
    await alice.hears_something()
    await alice.in_state("ringing")
    await hears_tone(alice, tmp_path, FIRST_HERTZ)

    # It comes while the other one sounds already, and rings, too.
    second = await linphone(BOB, speech=tones[1], sounds_early=True)
    await hears_tone(alice, tmp_path, SECOND_HERTZ)
    await alice.in_state("ringing")

    first.answer()
    await alice.talks()
    await hears_tone(alice, tmp_path, FIRST_HERTZ)
    assert await second.ended() == ENDED_NORMALLY
    first.hang_up()
    assert await alice.ended() == Ended("hangup", "callee")
