"""A media engine made of lists, for whoever tests what asks it."""

import asyncio
from collections.abc import Callable

from media.engine import (
    Direction,
    Figures,
    IceCandidate,
    MediaEvent,
    Profile,
    Recorded,
    Security,
)
from signaling.shared.errors import MediaError

CODECS = ("opus/48000/2", "PCMU/8000")


class FakeEngine:
    """Implements media.engine.MediaEngine. `trouble` and `gates` are by the method's name."""

    def __init__(self) -> None:
        self.held: dict[str, Profile] = {}
        self.secured: dict[str, Security] = {}
        self.asked: list[tuple[str, str]] = []
        self.fed: list[IceCandidate] = []
        self.recorded: dict[str, tuple[str, str]] = {}
        """What is recorded now, by the recording's name: the two legs."""
        self.announced: list[str] = []
        """Legs that were opened to be recorded."""
        self.forgets = False
        """Recordings that run are unknown here, as in another process."""
        self.trouble: dict[str, Exception] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self._sinks: list[Callable[[MediaEvent], None]] = []

    def tell(self, event: MediaEvent) -> None:
        for sink in self._sinks:
            sink(event)

    def legs(self, method: str) -> list[str]:
        """Which legs a method was asked for, without the call's id."""
        return [leg.partition("/")[2] for asked, leg in self.asked if asked == method]

    def listen(self, sink: Callable[[MediaEvent], None]) -> None:
        self._sinks.append(sink)

    def codecs(self, offer: str) -> tuple[str, ...]:
        if "codecs" in self.trouble:
            raise self.trouble["codecs"]
        return CODECS

    async def open(
        self,
        call: str,
        leg: str,
        profile: Profile,
        *,
        offer: str | None = None,
        codecs: tuple[str, ...] = (),
        peer: str | None = None,
        security: Security = Security.NONE,
        recorded: bool = False,
    ) -> str:
        await self._ask("open", leg)
        if recorded:
            self.announced.append(leg)
        self.held[leg] = profile
        self.secured[leg] = security
        return f"engine answers {offer}" if offer else f"engine offers {','.join(codecs)}"

    async def accept(self, leg: str, answer: str) -> str:
        await self._ask("accept", leg)
        self._check(leg)
        return CODECS[0]

    async def update(self, leg: str, offer: str) -> str:
        await self._ask("update", leg)
        self._check(leg)
        return f"engine answers {offer}"

    async def candidates(self, leg: str, candidates: list[IceCandidate]) -> None:
        await self._ask("candidates", leg)
        self.fed += candidates

    async def join(self, leg: str, other: str) -> None:
        await self._ask("join", leg)
        self._check(leg)
        self._check(other)

    async def play(self, leg: str, source: str | None) -> None:
        await self._ask("play", leg)
        self._check(leg)

    async def reoffer(self, leg: str, *, talks: bool, listens: bool) -> str:
        await self._ask("reoffer", leg)
        self._check(leg)
        return f"engine reoffers talks={talks} listens={listens}"

    async def dtmf(self, leg: str, digits: str, duration_ms: int) -> None:
        await self._ask("dtmf", leg)
        self._check(leg)

    async def record(self, recording: str, left: str, right: str, path: str, key: bytes) -> None:
        await self._ask("record", left)
        self._check(left)
        self._check(right)
        if self.forgets and recording in self.recorded:
            raise MediaError("the recording's file cannot be made: File exists")
        self.recorded[recording] = (left, right)

    async def stop_recording(self, recording: str) -> Recorded | None:
        await self._ask("stop_recording", self.recorded[recording][0])
        del self.recorded[recording]
        return Recorded(seconds=4.5, size=20_000)

    async def query(self, leg: str) -> Figures:
        await self._ask("query", leg)
        self._check(leg)
        return Figures(
            CODECS[0],
            received=Direction(packets=100, lost=1, jitter_ms=2.5, mos=4.36, late=0),
            sent=Direction(packets=99, lost=None, jitter_ms=None, mos=None),
            round_trip_ms=None,
            dropped=0,
        )

    async def close(self, leg: str) -> None:
        await self._ask("close", leg)
        self.held.pop(leg, None)

    async def _ask(self, method: str, leg: str) -> None:
        self.asked.append((method, leg))
        gate = self.gates.get(method)
        if gate is not None:
            await gate.wait()
        if method in self.trouble:
            raise self.trouble[method]

    def _check(self, leg: str) -> None:
        if leg not in self.held:
            raise MediaError("no leg of this name is open")
