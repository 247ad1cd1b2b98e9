"""A direct call whose way breaks moves to the server, and both go on hearing each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.end_to_end.browser import Ended, Softphone, softphone
from tests.end_to_end.listening import hear
from tests.end_to_end.server import BOB, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.test_browsers import call
from tests.end_to_end.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLE = "inet wsphone_test"


async def nft(*words: str) -> None:
    """Change the packet filter of this network namespace."""
    process = await asyncio.create_subprocess_exec("nft", *words)
    assert await process.wait() == 0, words


@asynccontextmanager
async def closed(ports: set[int]) -> AsyncIterator[None]:
    """A network in which no datagram reaches these ports."""
    listed = ", ".join(str(port) for port in sorted(ports))
    await nft("add", "table", TABLE)
    await nft("add", "chain", TABLE, "in", "{ type filter hook input priority 0; }")
    await nft("add", "rule", TABLE, "in", "udp", "dport", f"{{ {listed} }}", "drop")
    try:
        yield
    finally:
        await nft("delete", "table", TABLE)


async def ports_of(phone: Softphone) -> set[int]:
    return {int(line.split()[5]) for line in await phone.candidates()}


async def test_a_direct_call_whose_way_breaks_goes_on_through_the_server(
    alice: Softphone, shy_chromium: Browser, server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    async with softphone(shy_chromium, server.url, voice=sounds.b.looped) as bob:
        await bob.log_in(BOB.name, BOB.password)
        await call(alice, bob)
        assert (await server.counts())["ports"] == 0
        async with closed(await ports_of(alice) | await ports_of(bob)):
            await eventually(server.counts, lambda counts: counts["ports"] == 2, seconds=30)
            await alice.talks()
            await bob.talks()
            # What the jitter buffers learnt on the direct way has to settle anew.
            await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=3.0)
        await alice.hang_up()
        assert await alice.ended() == Ended("hangup", "caller")
        assert await bob.ended() == Ended("hangup", "caller")
