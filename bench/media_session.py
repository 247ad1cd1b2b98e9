"""One bridge measured once: calls that are set up, talk and fall silent, by one driver for all."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass

from bench.media_delay import delays_ms
from bench.media_ends import End, talk
from bench.media_own import Bridge, Voices
from bench.media_process import cpu_seconds, give_own_core, memory_kilobytes
from bench.media_voice import Hearing, hear
from bench.wire import Wire

Start = Callable[[], AbstractAsyncContextManager[Bridge]]

LEAST_DELIVERED = 0.98
LEAST_LIKENESS = 0.8
WARM_UP_SECONDS = 0.5
SETTLE_SECONDS = 0.3
AT_ONCE = 10
"""How many calls are set up at the same time."""
TRIES = 3
LISTENED_TO = 20
"""How many calls' sound is checked."""


class Unheard(Exception):
    """A bridge delivered something else than what was said: its figures do not count."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Some seconds of talk: CPU in cores a call, what part of all packets came, and the driver's.

    `delays_ms` is of every packet, where it was asked for.
    """

    calls: int
    cpu: float
    delivered: float
    driver: float
    delays_ms: tuple[float, ...] = ()


class Session:
    """The calls over one bridge; they stay up until its end."""

    def __init__(self, bridge: Bridge, voices: Voices) -> None:
        self.calls: list[tuple[End, End]] = []
        self._bridge = bridge
        self._voices = voices
        self._numbers = itertools.count(1)
        self._setting_up = 0.0
        self._memory_before = memory_kilobytes(bridge.pid)

    @property
    def set_up_ms(self) -> float:
        """CPU of one call's setting up."""
        return self._setting_up / len(self.calls) * 1000

    @property
    def memory_kilobytes(self) -> float:
        """What one call takes."""
        return (memory_kilobytes(self._bridge.pid) - self._memory_before) / len(self.calls)

    async def grow(self, calls: int) -> None:
        """Have so many calls."""
        before = cpu_seconds(self._bridge.pid)
        left = iter(range(calls - len(self.calls)))

        async def caller() -> None:
            for _ in left:
                self.calls.append(await self._call())

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(caller())
        self._setting_up += cpu_seconds(self._bridge.pid) - before
        # Some start threads with a call.
        give_own_core(self._bridge.pid)

    async def _call(self) -> tuple[End, End]:
        """One more call; a handshake fails once in a thousand, and is tried again."""
        for _ in range(TRIES - 1):
            with suppress(ConnectionError):
                return await self._bridge.call(self._voices)
        return await self._bridge.call(self._voices)

    async def talk(self, seconds: float, *, calls: int | None = None, timed: bool = False) -> Talk:
        """Have the first `calls`, or all, talk; RuntimeError when the sound is not what was said.

        `timed`: also find how long the bridge keeps each packet.
        """
        talking = self.calls[:calls]
        ends = [end for call in talking for end in call]
        listened = talking if timed else talking[:LISTENED_TO]
        await talk(ends, WARM_UP_SECONDS, self._numbers)
        for call in listened:
            for end in call:
                end.kept = []
        received, used = sum(end.received for end in ends), cpu_seconds(self._bridge.pid)
        driver = cpu_seconds(os.getpid())
        with Wire() if timed else nullcontext() as wire:
            sent = await talk(ends, seconds, self._numbers)
            used = cpu_seconds(self._bridge.pid) - used
            driver = cpu_seconds(os.getpid()) - driver
            await asyncio.sleep(SETTLE_SECONDS)
        came = sum(end.received for end in ends) - received
        heard = self._listen(listened) if came >= LEAST_DELIVERED * sent else {}
        return Talk(
            calls=len(talking),
            cpu=used / seconds / len(talking),
            delivered=came / sent,
            driver=driver / seconds,
            delays_ms=tuple(delays_ms(wire.crossings, listened, heard)) if wire and heard else (),
        )

    async def rest(self, seconds: float) -> float:
        """CPU in cores of a call that nobody speaks in."""
        before = cpu_seconds(self._bridge.pid)
        await asyncio.sleep(seconds)
        return (cpu_seconds(self._bridge.pid) - before) / seconds / len(self.calls)

    async def close(self) -> None:
        for call in self.calls:
            for end in call:
                await end.close()

    def _listen(self, calls: list[tuple[End, End]]) -> dict[End, Hearing]:
        found = {}
        for one, two in calls:
            for source, target in ((one, two), (two, one)):
                packets, target.kept = target.opened(), None
                found[target] = hear(source.voice, target.voice.codec, packets)
                if found[target].likeness < LEAST_LIKENESS:
                    raise Unheard(f"the sound is not what was said: {found[target]}")
        return found


@asynccontextmanager
async def session(start: Start, voices: Voices) -> AsyncIterator[Session]:
    """A fresh bridge without calls."""
    async with start() as bridge:
        give_own_core(bridge.pid)
        opened = Session(bridge, voices)
        try:
            yield opened
        finally:
            await opened.close()
