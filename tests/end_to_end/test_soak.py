"""Twenty calls in a row leave nothing behind: no socket, port, task, transaction or memory."""

import pytest

from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Linphone
from tests.end_to_end.server import BOB, Server
from tests.end_to_end.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180)]

WARM_UP_CALLS = 5
CALLS = 20
MEMORY_GROWTH = 1.10

LINGER_SECONDS = 40
"""SIP transactions absorb what is late for 32 s (RFC 3261, timers H and J)."""


async def call_and_hang_up(alice: Softphone, bob: Linphone) -> None:
    """One short call to bob, who answers by himself."""
    since = bob.mark()
    await alice.dial("bob")
    await alice.talks()
    await bob.talks(since=since)
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended(since=since) == ENDED_NORMALLY


async def test_twenty_calls_leave_nothing_behind(
    alice: Softphone, server: Server, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    for _ in range(WARM_UP_CALLS):
        await call_and_hang_up(alice, bob)
    quiet = await eventually(server.counts, no_call_is_up)
    memory = server.resident_kilobytes()

    for _ in range(CALLS):
        await call_and_hang_up(alice, bob)

    restored = {**quiet, "transactions": 0}
    await eventually(server.counts, lambda counts: counts == restored, seconds=LINGER_SECONDS)
    assert server.resident_kilobytes() <= memory * MEMORY_GROWTH


def no_call_is_up(counts: dict[str, int]) -> bool:
    return not any(counts[thing] for thing in ("calls", "legs", "dialogs", "ports"))
