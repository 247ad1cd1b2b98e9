"""Media in real processes: calls are spread, and outlive whatever becomes of a process."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from media import fleet as fleets
from media import seam, worker_link
from media.engine import Gone, MediaEvent, Profile
from media.fleet import Fleet
from media.pulse import Pulse
from media.settings import MediaSettings
from media.wire import framed
from media.worker_link import WorkerLink
from signaling.shared.errors import MediaError, OperatorError, TryAgain
from signaling.shared.sealed_file import SealedReader
from tests.media.harness import BROWSER_CODECS, PCMU, Events, browser_calls_phone, quick, talk
from tests.media.peers import LOOPBACK, PATIENCE, Browser, Phone, rtp

G722 = ("9 101", "rtpmap:101 telephone-event/8000")

PARENT = """
import asyncio, sys
from media.fleet import Fleet
from media.settings import MediaSettings

async def main():
    fleet = Fleet(MediaSettings(host="127.0.0.1", port_min=29000, port_max=29099), 2)
    await fleet.start()
    print(*fleet.pids(), flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@asynccontextmanager
async def running(settings: MediaSettings, workers: int = 2) -> AsyncIterator[Fleet]:
    fleet = Fleet(settings, workers)
    await fleet.start()
    try:
        yield fleet
    finally:
        pids = fleet.pids()
        await fleet.aclose()
        assert not any(map(lives, pids))


@pytest.fixture
async def fleet(monkeypatch: pytest.MonkeyPatch, loopback_ice: None) -> AsyncIterator[Fleet]:
    monkeypatch.setattr(fleets, "PING_SECONDS", 0.1)
    async with running(quick()) as fleet:
        yield fleet


def lives(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


async def until(holds: Callable[[], bool]) -> None:
    """For what nothing announces."""
    async with asyncio.timeout(3 * PATIENCE):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


async def open_legs(fleet: Fleet, *calls: str) -> None:
    for call in calls:
        await fleet.open(call, f"{call}/leg", Profile.RTP, peer=LOOPBACK)


async def hold_by_process(fleet: Fleet) -> list[int]:
    """How many sockets each process has, by the kernel's word: two a leg of a phone."""
    return [
        sum(os.readlink(f"/proc/{pid}/fd/{each}").startswith("socket:") for each in listed)
        for pid in fleet.pids()
        if (listed := os.listdir(f"/proc/{pid}/fd"))
    ]


def gone(events: Events) -> list[str]:
    return [event.leg for event in events.all if isinstance(event, Gone)]


class TestLoad:
    async def test_calls_go_to_who_has_least_and_legs_to_their_call(self, fleet: Fleet) -> None:
        before = await hold_by_process(fleet)
        await open_legs(fleet, "one", "two", "three", "four")
        await fleet.open("one", "one/second", Profile.RTP)
        await fleet.open("one", "one/third", Profile.RTP)
        await open_legs(fleet, "five")
        held = [now - then for now, then in zip(await hold_by_process(fleet), before, strict=True)]
        # The first has one with its three legs, and three; the second two, four and five.
        assert held == [8, 6]
        assert fleet.counts().legs == 7

    async def test_what_was_just_begun_counts(self, fleet: Fleet) -> None:
        before = await hold_by_process(fleet)
        await asyncio.gather(*(open_legs(fleet, f"call {number}") for number in range(20)))
        held = [now - then for now, then in zip(await hold_by_process(fleet), before, strict=True)]
        assert held == [20, 20]

    async def test_a_transcoded_call_weighs_more(self, fleet: Fleet) -> None:
        async with Phone() as one, Phone() as two:
            for leg, phone, formats in (("one", one, PCMU), ("two", two, G722)):
                offer = phone.description(*formats)
                await fleet.open("dear", leg, Profile.RTP, offer=offer, peer=LOOPBACK)
            await fleet.join("one", "two")
            await until(lambda: fleet.counts().transcoded == 1)
            before = await hold_by_process(fleet)
            await open_legs(fleet, *(f"call {number}" for number in range(6)))
            after = await hold_by_process(fleet)
        assert [now - then for now, then in zip(after, before, strict=True)] == [0, 12]

    async def test_each_process_has_ports_of_its_own(self) -> None:
        parts = replace(quick(), port_min=30001, port_max=30010).divided(2)
        assert [(part.port_min, part.port_max) for part in parts] == [
            (30002, 30005),
            (30006, 30009),
        ]
        with pytest.raises(MediaError):
            replace(quick(), port_min=30000, port_max=30002).divided(2)

    async def test_a_process_without_room_says_when_to_try_again(self) -> None:
        async with running(quick(max_transcoded=1), 1) as fleet, Phone() as one, Phone() as two:
            for call in "ab":
                for leg, phone, formats in (("1", one, PCMU), ("2", two, G722)):
                    offer = phone.description(*formats)
                    await fleet.open(call, call + leg, Profile.RTP, offer=offer)
            await fleet.join("a1", "a2")
            with pytest.raises(TryAgain) as refusal:
                await fleet.join("b1", "b2")
            assert refusal.value.retry_after > 0


class TestRecording:
    async def test_it_ends_where_it_began_though_its_legs_are_closed(
        self, fleet: Fleet, tmp_path: Path
    ) -> None:
        path, key = tmp_path / "x", bytes(range(32))
        async with Phone() as one, Phone() as two:
            for leg, phone in (("1", one), ("2", two)):
                offer = phone.description(*PCMU)
                await fleet.open("c", leg, Profile.RTP, offer=offer)
            await fleet.join("1", "2")
            await fleet.record("r", "1", "2", str(path), key)
            for leg in ("1", "2"):
                await fleet.close(leg)
            recorded = await fleet.stop_recording("r")
        assert recorded is not None
        assert SealedReader(path, key).size == recorded.size
        assert await fleet.stop_recording("r") is None


class TestDeath:
    async def test_its_legs_are_told_of_and_the_other_process_goes_on(self, fleet: Fleet) -> None:
        events, codecs = Events(fleet), BROWSER_CODECS
        async with Phone() as phone, Browser(codecs) as browser:
            await open_legs(fleet, "lost")
            await fleet.open("lost", "lost/second", Profile.WEBRTC)
            await browser_calls_phone(fleet, browser, phone, phone.description(*PCMU))
            victim, _ = pids = fleet.pids()
            os.kill(victim, signal.SIGKILL)
            await events.wait(Gone, leg="lost/second")
            await talk(browser, phone, 0, 0)
        assert sorted(gone(events)) == ["lost/leg", "lost/second"]
        # The same name in another process, at once; those of the dead are nobody's any more.
        await open_legs(fleet, "lost")
        with pytest.raises(MediaError):
            await fleet.query("lost/second")
        await until(lambda: fleet.alive() == 2)
        assert fleet.restarts == 1
        assert set(fleet.pids()) & set(pids) == {pids[1]}
        assert not lives(victim)

    async def test_one_that_hangs_is_as_dead_and_never_goes_on(self, fleet: Fleet) -> None:
        events, victim = Events(fleet), fleet.pids()[0]

        def wake(_: MediaEvent) -> None:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGCONT)

        async with Phone() as one, Phone() as two:
            for leg, phone in (("one", one), ("two", two)):
                offer = phone.description(*PCMU)
                phone.call(await fleet.open("c", leg, Profile.RTP, offer=offer, peer=LOOPBACK))
            await fleet.join("one", "two")
            one.send(rtp(0, 1))
            await two.inbox.packet()
            os.kill(victim, signal.SIGSTOP)
            one.send(rtp(0, 2))
            fleet.listen(wake)
            with pytest.raises(MediaError):
                await fleet.query("one")
            assert gone(events) == ["one", "two"]
            await until(lambda: fleet.alive() == 2)
            assert not lives(victim)
            assert two.inbox.media.empty()

    async def test_the_only_process_is_waited_for(self) -> None:
        async with running(quick(), 1) as fleet:
            os.kill(fleet.pids()[0], signal.SIGKILL)
            await until(lambda: fleet.alive() == 0)
            async with asyncio.timeout(PATIENCE):
                await open_legs(fleet, "patient")
            assert fleet.counts().legs == 1

    async def test_what_is_asked_while_it_dies_is_answered_one_way_or_the_other(
        self, fleet: Fleet
    ) -> None:
        events = Events(fleet)

        async def call(number: int) -> bool:
            leg = f"{number}/leg"
            try:
                await fleet.open(str(number), leg, Profile.WEBRTC)
                await fleet.query(leg)
            except MediaError:
                return False
            return True

        calls = [asyncio.create_task(call(number)) for number in range(120)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        os.kill(fleet.pids()[1], signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            went = await asyncio.gather(*calls)
        assert sum(went) >= 60
        alive = {f"{number}/leg" for number, is_there in enumerate(went) if is_there}
        for leg in alive - set(gone(events)):
            await fleet.query(leg)
        for number in range(120):
            await fleet.close(f"{number}/leg")
        assert fleet.counts().legs == 0
        await until(lambda: fleet.alive() == 2)
        await until(lambda: fleet.counts().ports == fleet.counts().sockets == 0)

    async def test_one_that_dies_again_and_again_is_started_more_and_more_slowly(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paused: list[float] = []
        sleep = asyncio.sleep

        async def noted(seconds: float) -> None:
            if seconds != fleets.PING_SECONDS:
                paused.append(seconds)
            await sleep(min(seconds, 0.05))

        monkeypatch.setattr(fleets, "PING_SECONDS", 0.1)
        async with running(quick(), 1) as fleet:
            monkeypatch.setattr(asyncio, "sleep", noted)
            for deaths in (1, 2, 3):
                os.kill(fleet.pids()[0], signal.SIGKILL)
                while fleet.restarts < deaths or not fleet.alive():
                    await sleep(0.01)
            monkeypatch.undo()
        assert paused == [0.25, 0.5, 1.0]

    async def test_a_process_that_cannot_start_stops_the_server_in_words(self) -> None:
        settings = replace(quick(), trusted_networks=("nonsense",))
        with pytest.raises(OperatorError, match=r"media\.workers: a process ended at once"):
            await Fleet(settings, 1).start()


class TestCancel:
    async def test_a_leg_that_nobody_waits_for_is_not_left(self, fleet: Fleet) -> None:
        for turns in range(4):
            opening = asyncio.create_task(fleet.open("c", "leg", Profile.WEBRTC))
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        assert fleet.counts().legs == 0
        await fleet.open("c", "leg", Profile.WEBRTC)
        await until(lambda: fleet.counts().sockets == 1)
        await fleet.close("leg")
        await until(lambda: fleet.counts().sockets == 0)


class Owner:
    """Keeps what a link says."""

    def __init__(self) -> None:
        self.is_ready = False
        self.is_over = asyncio.Event()
        self.events: list[MediaEvent] = []

    def ready(self, link: WorkerLink) -> None:
        self.is_ready = True

    def heard(self, link: WorkerLink, event: MediaEvent) -> None:
        self.events.append(event)

    def ended(self, link: WorkerLink) -> None:
        self.is_over.set()


@asynccontextmanager
async def link_to_us(owner: Owner) -> AsyncIterator[tuple[WorkerLink, socket.socket]]:
    """A link, and the end of its socket that a process would have."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, link = await loop.create_connection(
        lambda: WorkerLink(owner, Pulse(os.getpid())), sock=ours
    )
    with theirs:
        yield link, theirs
    transport.close()


class TestGarbage:
    @pytest.mark.parametrize(
        "data",
        [
            b"\xff\xff\xff\xff",
            framed(b"\xc1"),
            framed(seam.pack(seam.Ping())),
            framed(seam.pack(seam.Told("Nothing", seam.METHODS["close"].pack({"leg": "l"})))),
        ],
    )
    async def test_a_process_that_makes_no_sense_is_dropped(self, data: bytes) -> None:
        owner = Owner()
        async with link_to_us(owner) as (link, theirs):
            asked = asyncio.create_task(link.ask(seam.METHODS["query"], {"leg": "l"}))
            await asyncio.sleep(0)
            theirs.sendall(data)
            with pytest.raises(MediaError):
                await asked
            assert owner.is_over.is_set()
            assert link.is_over

    async def test_an_answer_to_nothing_is_late_and_no_harm(self) -> None:
        owner = Owner()
        async with link_to_us(owner) as (_, theirs):
            theirs.sendall(framed(seam.pack(seam.refusal_of(77, MediaError("late")))))
            theirs.sendall(framed(seam.pack(seam.told(Gone("l")))))
            await until(lambda: owner.events == [Gone("l")])
            assert not owner.is_over.is_set()

    async def test_a_process_that_answers_nothing_is_asked_so_much_and_no_more(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker_link, "MAX_ASKED", 3)
        async with link_to_us(Owner()) as (link, _):
            method, arguments = seam.METHODS["query"], {"leg": "l"}
            asked = [asyncio.create_task(link.ask(method, arguments)) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(MediaError, match="3 requests wait"):
                await link.ask(method, arguments)
            link.drop()
            assert len(await asyncio.gather(*asked, return_exceptions=True)) == 3

    @pytest.mark.parametrize(
        "data", [b"\xff\xff\xff\xff", framed(b"\xc1"), framed(seam.pack(seam.Ping()))]
    )
    async def test_a_process_that_is_asked_nonsense_ends(self, data: bytes) -> None:
        ours, theirs = socket.socketpair()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "media.worker", str(theirs.fileno())),
            pass_fds=(theirs.fileno(),),
            stderr=asyncio.subprocess.PIPE,
        )
        theirs.close()
        with ours:
            ours.sendall(data)
            _, printed = await asyncio.wait_for(process.communicate(), PATIENCE)
        assert b"what came is no request" in printed


class TestParent:
    async def test_nobody_is_left_when_it_is_killed(self) -> None:
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PARENT), stdout=asyncio.subprocess.PIPE
        )
        assert parent.stdout is not None
        pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
        # Whoever ends the server from a terminal says so to all of its processes.
        for pid in pids:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
        await asyncio.sleep(0.2)
        assert len(pids) == 2
        assert all(map(lives, pids))
        # One that hangs sees nothing of it.
        os.kill(pids[0], signal.SIGSTOP)
        parent.kill()
        await parent.wait()
        await until(lambda: not any(map(lives, pids)))
