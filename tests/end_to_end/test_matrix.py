"""Real phones of every kind in calls with each other: what each hears is what was said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.audio import Verdict, compare
from tests.end_to_end.desks import Desk, close_all, start_desk
from tests.end_to_end.listening import ATTEMPTS
from tests.end_to_end.matrix import PHONES, Call, Phone, every_pair, plan
from tests.end_to_end.ports import take_ports
from tests.end_to_end.precedence import precedence
from tests.end_to_end.server import owner, running_server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.tables import show

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

SPEECH_SECONDS = 8.0
"""One voice, and before it what handshakes and jitter buffers take to settle."""
LEAST_PESQ = 3.2
"""Most are at 3.5 to 4.3; with one packet in twenty lost PCMU is below."""
PORT_BLOCKS = 4
"""Closed ports rest for a minute before they are used again: every call here has its own."""

PEOPLE = {phone: owner(phone.user) for phone in PHONES}


@dataclass(frozen=True)
class Result:
    """What became of a call: what its ends heard, the caller first, or why there was none."""

    call: Call
    heard: tuple[Verdict, ...] = ()
    failure: str = ""

    @property
    def passes(self) -> bool:
        return bool(self.heard) and all(verdict.passes(LEAST_PESQ) for verdict in self.heard)

    def __str__(self) -> str:
        told = (f"{each.correlation:6.3f} {each.pesq:5.2f}" for each in self.heard)
        return f"{self.call} | {' | '.join(told) or self.failure}"


class Office:
    """All phones of the matrix, registered with one server."""

    def __init__(self, sounds: Sounds) -> None:
        self._voices = (sounds.a, sounds.b)
        self._desks: dict[Phone, Desk] = {}

    @asynccontextmanager
    async def opened(self, folder: Path, registrar: int) -> AsyncIterator["Office"]:
        async def start(phone: Phone) -> None:
            self._desks[phone] = await start_desk(
                phone,
                PEOPLE[phone],
                registrar=registrar,
                folder=folder / phone.user,
                speech=self._voices[phone.voice].looped,
            )

        try:
            async with asyncio.TaskGroup() as group:
                for phone in PHONES:
                    group.create_task(start(phone))
            yield self
        finally:
            await close_all(self._desks.values())

    async def talk(self, call: Call) -> Result:
        """Make a call of a few seconds and judge what both ends heard."""
        caller, callee = (self._desks[phone] for phone in call.ends)
        for desk in (caller, callee):
            desk.begin()
        try:
            await caller.dial(f"sip:{call.callee.user}@wsphone.local")
            await asyncio.gather(caller.talks(), callee.talks())
            await asyncio.sleep(SPEECH_SECONDS)
            await caller.hang_up()
            recordings = await asyncio.gather(caller.ended(), callee.ended())
            said = (self._voices[phone.voice].once for phone in reversed(call.ends))
            return Result(call, heard=tuple(map(compare, recordings, said)))
        except AssertionError as failure:
            await asyncio.gather(caller.hang_up(), callee.hang_up())
            return Result(call, failure=str(failure)[:300])


def rounds_of(calls: list[Call]) -> list[list[Call]]:
    """The same calls, no phone in two of them at the same time."""
    rounds: list[list[Call]] = []
    for call in calls:
        for others in rounds:
            if not any(set(call.ends) & set(other.ends) for other in others):
                others.append(call)
                break
        else:
            rounds.append([call])
    return rounds


async def test_phones_of_every_kind_hear_each_other(sounds: Sounds, tmp_path: Path) -> None:
    """Linphone and baresip, each with every codec and every encryption that it offers.

    An end of a call is a kind (a program with an encryption) and a codec. The calls cover, in
    both directions, every pair of kinds, every pair of codecs, and every kind with every codec at
    either end: all that two values of these four can be, in 49 calls of the product's 784.
    """
    assert {pair for calls in plan() for call in calls for pair in call.covers()} == every_pair()
    results: dict[Call, Result] = {}
    async with (
        running_server(tmp_path, PEOPLE.values(), ports=take_ports(PORT_BLOCKS)) as server,
        Office(sounds).opened(tmp_path, server.ports.sip) as office,
    ):
        due = plan()
        for _ in range(ATTEMPTS):
            for calls in due:
                with precedence(server.program.pid):
                    talked = await asyncio.gather(*map(office.talk, calls))
                results |= {result.call: result for result in talked}
            due = rounds_of([call for call, result in results.items() if not result.passes])

    head = f"{'caller':23}    {'callee':23} | caller hears | callee hears: correlation, PESQ"
    show("matrix", [head, *sorted(map(str, results.values()))])
    failed = [str(result) for result in results.values() if not result.passes]
    assert not failed, "\n".join(failed)
