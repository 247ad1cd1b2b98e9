"""A page and a Linphone through rtpengine, which is stopped and started in a call."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import hear
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import ALICE, BOB, Server, running_server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.waiting import eventually
from tests.rtpengine_daemon import Rtpengine, rtpengine

PACKETS = """() => {
  const figures = window.wsphone.calls()[0]?.figures;
  return [figures?.received.packets ?? 0, figures?.sent.packets ?? 0];
}"""

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Rtpengine]:
    ports = take_ports()
    interfaces = ("127.0.0.1", "192.0.2.1")
    with rtpengine(ports=(ports.media_min, ports.media_max), interfaces=interfaces) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(
    tmp_path_factory: pytest.TempPathFactory, daemon: Rtpengine
) -> AsyncIterator[Server]:
    media = f'engine = "rtpengine"\nrtpengine_urls = ["{daemon.url}"]'
    folder = tmp_path_factory.mktemp("server")
    async with running_server(folder, (ALICE, BOB), media=media) as running:
        yield running


async def packets(phone: Softphone) -> list[int]:
    """How many the server has counted, to the page and from it."""
    counted: list[int] = await phone.page.evaluate(PACKETS)
    return counted


async def test_a_call_ends_with_its_rtpengine_and_the_next_one_sounds_well(
    alice: Softphone,
    linphone: StartLinphone,
    daemon: Rtpengine,
    server: Server,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    bob = await linphone(BOB)
    await alice.dial("bob")
    await bob.rings()
    bob.answer()
    await alice.talks()
    await bob.talks()
    await eventually(lambda: packets(alice), lambda both: min(both) > 50)
    assert await alice.codec() == "audio/opus"

    daemon.stop()
    assert await alice.ended() == Ended("media_failed", "server")
    await bob.ended()
    await eventually(server.counts, lambda counts: counts["media_legs"] == 0)
    daemon.start()
    await server.program.expect("answers again")

    mark = bob.mark()
    bob.call("sip:alice@wsphone.local")
    await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks(since=mark)
    # Linphone's opus has another number than ours, so it is decoded and encoded once more.
    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=3.0)
    bob.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended(since=mark) == ENDED_NORMALLY
