"""Media in processes of its own: they are killed, or hang, while calls talk or a phone rings."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.audio import Verdict, load
from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartBaresip, StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Linphone
from tests.end_to_end.listening import hear
from tests.end_to_end.recordings import (
    ATTEMPTS,
    LEAST_PESQ,
    LEAST_PURITY,
    STRETCH_SECONDS,
    chained,
    judge,
    purity,
)
from tests.end_to_end.server import ALICE, BOB, CAROL, Server, running_server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.tap import Tap, tapped, within
from tests.end_to_end.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_SECONDS = 2.0
"""How long a call may be without sound when its process dies."""
UNDISTURBED_SECONDS = 0.5
UNWRITTEN_SECONDS = 3.0
"""What a process has not written yet of a recording when it dies, at most."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server of its own, with two processes for media."""
    folder = tmp_path_factory.mktemp("workers")
    people = (ALICE, BOB, CAROL)
    async with running_server(folder, people, workers=2, record="on_request") as running:
        yield running


def workers_of(server: Server) -> list[int]:
    parent = server.program.pid
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def ports_by_worker(server: Server) -> dict[int, set[int]]:
    """The UDP ports that each process holds (proc(5))."""
    row = re.compile(r"^ *\d+: [0-9A-F]{8}:([0-9A-F]{4}) (?:\S+ +){7}(\d+)", re.MULTILINE)
    ports = {inode: int(port, 16) for port, inode in row.findall(Path("/proc/net/udp").read_text())}
    return {
        pid: {port for inode, port in ports.items() if f"socket:[{inode}]" in links}
        for pid in workers_of(server)
        if (links := set(map(os.readlink, Path(f"/proc/{pid}/fd").iterdir())))
    }


class Talk:
    """alice's page talks with bob's Linphone; what is heard of it on the wire."""

    def __init__(self, alice: Softphone, bob: Linphone, server: Server, tap: Tap) -> None:
        self.alice = alice
        self.bob = bob
        self.others: set[int] = set()
        """The server's ports of the other call."""
        self._server = server
        self._tap = tap

    async def begin(self, *, since: int = 0) -> None:
        await self.alice.dial("bob")
        await self.bob.rings(since=since)
        self.bob.answer()
        await asyncio.gather(self.alice.talks(), self.bob.talks(since=since))

    async def lose_process(self, by: signal.Signals = signal.SIGKILL) -> float:
        """Kill or stop the process of this call; returns when, once the page has sound again."""
        await eventually(self._heard_by_bob, lambda packets: packets > 50)
        by_worker = ports_by_worker(self._server)
        its_port = next(each.source for each in self._tap.packets if self._is_bobs(each.target))
        victim = next(pid for pid, ports in by_worker.items() if its_port in ports)
        (self.others,) = [ports for pid, ports in by_worker.items() if pid != victim]
        async with self.alice.moving():
            killed_at = time.time()
            os.kill(victim, by)
        await eventually(self._workers, lambda pids: victim not in pids)
        return killed_at

    def gaps(self, since: float) -> tuple[float, float]:
        """The longest silence towards bob, and towards alice."""
        ports, tap = self._server.ports, self._tap
        ours = tap.packets_of(lambda each: each.source not in self.others)
        from_server = ours.packets_of(lambda each: within(each.source, ports))
        return (
            from_server.packets_of(lambda each: self._is_bobs(each.target)).longest_gap(since),
            from_server.packets_of(lambda each: not self._is_bobs(each.target)).longest_gap(since),
        )

    async def end(self, *, since: int = 0) -> None:
        await self.alice.hang_up()
        assert await self.alice.ended() == Ended("hangup", "caller")
        assert await self.bob.ended(since=since) == ENDED_NORMALLY

    async def _workers(self) -> list[int]:
        return workers_of(self._server)

    async def _heard_by_bob(self) -> int:
        return sum(self._is_bobs(each.target) for each in self._tap.packets)

    def _is_bobs(self, port: int) -> bool:
        return self.bob.line.rtp_port <= port <= self.bob.line.rtp_port + 98


async def test_calls_outlive_their_processes(
    alice: Softphone,
    linphone: StartLinphone,
    baresip: StartBaresip,
    server: Server,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    bob, here, there = await asyncio.gather(
        linphone(BOB), baresip(CAROL), baresip(CAROL, auto_answer=True)
    )
    async with tapped() as tap:
        talk = Talk(alice, bob, server, tap)
        await here.call("sip:carol@wsphone.local")
        await asyncio.gather(here.talks(), there.talks())
        await talk.begin()
        killed_at = await talk.lose_process()
        # Each call has a process of its own.
        assert talk.others
        both = (alice, sounds.b), (bob, sounds.a)
        await hear(tmp_path, *both, (here, sounds.b), (there, sounds.b))
    gaps = talk.gaps(killed_at)
    assert max(gaps) < MOST_SECONDS, gaps
    # Each of the two other phones is sent its sound from one port.
    one, two = (tap.sent_from(port) for port in talk.others if tap.sent_from(port).packets)
    assert max(one.longest_gap(killed_at), two.longest_gap(killed_at)) < UNDISTURBED_SECONDS
    assert bob.invites() == 2
    await talk.end()
    await here.hang_up()
    await ring_through_a_death(talk, server)


async def test_a_call_outlives_a_process_that_hangs(
    alice: Softphone,
    linphone: StartLinphone,
    server: Server,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    bob = await linphone(BOB)
    async with tapped() as tap:
        talk = Talk(alice, bob, server, tap)
        await talk.begin()
        stopped_at = await talk.lose_process(signal.SIGSTOP)
        await hear(tmp_path, (alice, sounds.b), (bob, sounds.a))
    gaps = talk.gaps(stopped_at)
    assert max(gaps) < MOST_SECONDS, gaps
    assert bob.invites() == 2
    await talk.end()


@pytest.mark.timeout(150)
async def test_a_recorded_call_is_recorded_on_in_a_new_file(
    alice: Softphone,
    linphone: StartLinphone,
    server: Server,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    bob = await linphone(BOB)
    verdicts: list[Verdict] = []
    for _ in range(ATTEMPTS):
        since, told = bob.mark(), tmp_path / "told.wav"
        async with tapped() as tap:
            talk = Talk(alice, bob, server, tap)
            await talk.begin(since=since)
            (call,) = await alice.page.evaluate("wsphone.calls().map(({ id }) => id)")
            await record_through_a_death(talk, told)
            await talk.end(since=since)
        # Both sides were told anew, or still: the page by its mark, the telephone by the tone.
        assert purity(load(told)) > LEAST_PURITY
        parts = chained(await downloaded(server, call))
        assert len(parts) == 2
        found = [verdict for part in parts for verdict in judge(part, sounds, tmp_path)]
        verdicts += found
        if all(verdict.passes(LEAST_PESQ) for verdict in found):
            return
    raise AssertionError(f"{tmp_path}: {verdicts}")


async def record_through_a_death(talk: Talk, told: Path) -> None:
    """Record a call; `told` is what the telephone hears from the death of its process on."""
    shown = expect(talk.alice.part("call-recorded"))
    await talk.alice.part("record").click()
    await shown.to_have_text("This call is recorded")
    await asyncio.sleep(STRETCH_SECONDS + UNWRITTEN_SECONDS)
    async with talk.bob.hearing(told):
        await talk.lose_process()
        await asyncio.sleep(STRETCH_SECONDS)
    await shown.to_have_text("This call is recorded")
    await talk.alice.part("record").click()
    await shown.to_have_text("The recording has ended")


async def downloaded(server: Server, call: str) -> bytes:
    """The recording of a call, once the part that a dead process wrote is mended."""

    async def got() -> bytes | None:
        try:
            return await server.download(ALICE, f"/api/calls/{call}/recording")
        except AssertionError as error:
            assert "still being recorded" in str(error)
            return None

    ogg = await eventually(got, lambda ogg: ogg is not None)
    assert ogg is not None
    return ogg


async def ring_through_a_death(talk: Talk, server: Server) -> None:
    """A phone that rings is rung anew, and answers."""

    async def held() -> dict[int, set[int]]:
        return ports_by_worker(server)

    await eventually(held, lambda ports: not any(ports.values()))
    since = talk.bob.mark()
    await talk.alice.dial("bob")
    await talk.bob.rings(since=since)
    since = talk.bob.mark()
    (holder,) = [pid for pid, ports in (await held()).items() if ports]
    os.kill(holder, signal.SIGKILL)
    await talk.bob.rings(since=since)
    talk.bob.answer()
    await asyncio.gather(talk.alice.talks(), talk.bob.talks(since=since))
    await talk.end(since=talk.bob.mark())
    await eventually(held, lambda ports: not any(ports.values()))
    assert (await server.counts())["media_legs"] == 0
