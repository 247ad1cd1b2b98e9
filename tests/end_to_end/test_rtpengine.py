"""A page and a Linphone through two rtpengines, which are killed and started in calls."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from media.ng_client import NgClient
from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Linphone
from tests.end_to_end.listening import RELAXED_PESQ, hear
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import ALICE, BOB, Server, running_server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.waiting import eventually
from tests.rtpengine_daemon import Rtpengine, rtpengine

PACKETS = """() => {
  const figures = window.wsphone.calls()[0]?.figures;
  return [figures?.received.packets ?? 0, figures?.sent.packets ?? 0];
}"""

MEDIA = "() => window.wsphone.calls()[0].snapshot().media"

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def daemons() -> Iterator[list[Rtpengine]]:
    interfaces = ("127.0.0.1", "192.0.2.1")
    with ExitStack() as running:
        yield [
            running.enter_context(
                rtpengine(ports=(ports.media_min, ports.media_max), interfaces=interfaces)
            )
            for ports in (take_ports(), take_ports())
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(
    tmp_path_factory: pytest.TempPathFactory, daemons: list[Rtpengine]
) -> AsyncIterator[Server]:
    urls = ", ".join(f'"{daemon.url}"' for daemon in daemons)
    media = f'engine = "rtpengine"\nrtpengine_urls = [{urls}]'
    folder = tmp_path_factory.mktemp("server")
    async with running_server(folder, (ALICE, BOB), media=media) as running:
        yield running


async def packets(phone: Softphone) -> list[int]:
    """How many the server has counted, to the page and from it."""
    counted: list[int] = await phone.page.evaluate(PACKETS)
    return counted


async def talk(alice: Softphone, bob: Linphone) -> None:
    """alice calls bob, and both are heard."""
    await alice.dial("bob")
    await bob.rings()
    bob.answer()
    await asyncio.gather(alice.talks(), bob.talks())
    await eventually(lambda: packets(alice), lambda both: min(both) > 50)


async def invites(phone: Linphone) -> int:
    return phone.invites()


async def has_calls(daemon: Rtpengine) -> bool:
    client = NgClient("127.0.0.1", daemon.port)
    try:
        return bool((await client.request("list"))["calls"])
    finally:
        client.close()


async def test_a_call_goes_on_by_the_other_rtpengine_when_its_own_is_killed(
    alice: Softphone,
    linphone: StartLinphone,
    daemons: list[Rtpengine],
    server: Server,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    bob = await linphone(BOB)
    await talk(alice, bob)
    one, two = daemons
    carries, other = (one, two) if await has_calls(one) else (two, one)
    assert not await has_calls(other)
    before: int = await alice.page.evaluate(MEDIA)

    async with alice.moving():
        carries.stop()
    assert await alice.page.evaluate(MEDIA) > before
    await eventually(lambda: invites(bob), lambda count: count == 2)
    # Linphone's opus has another number than ours, so it is decoded and encoded once more.
    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=RELAXED_PESQ)
    assert await has_calls(other)

    carries.start()
    await server.program.expect("answers again")
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended() == ENDED_NORMALLY
    await eventually(lambda: has_calls(other), lambda calls: not calls)


async def test_a_call_ends_with_the_last_rtpengine_and_the_next_one_sounds_well(
    alice: Softphone,
    linphone: StartLinphone,
    daemons: list[Rtpengine],
    server: Server,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    bob = await linphone(BOB)
    await talk(alice, bob)
    assert await alice.codec() == "audio/opus"

    for daemon in daemons:
        daemon.stop()
    assert await alice.ended() == Ended("media_failed", "server")
    await bob.ended()
    await eventually(server.counts, lambda counts: counts["media_legs"] == 0)
    seen = server.program.mark()
    for daemon in daemons:
        daemon.start()
        await server.program.expect(f"{daemon.url} answers again", since=seen)

    mark = bob.mark()
    bob.call("sip:alice@wsphone.local")
    await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks(since=mark)
    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=RELAXED_PESQ)
    bob.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended(since=mark) == ENDED_NORMALLY
