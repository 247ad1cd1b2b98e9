"""What becomes of the legs in the instances: nobody tells us, so all are asked, in turn."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from media.engine import Connected, Failed, MediaEvent, Silent
from media.rtpengine_figures import Look
from media.rtpengine_leg import Leg
from signaling.shared.errors import MediaError

SOON_SECONDS = 0.1
"""How often a leg that may connect any moment is asked for."""
OFTEN_SECONDS = 1.0
"""How often any other is."""
_AT_ONCE = 32


@dataclass(slots=True)
class _Seen:
    """When a leg was asked for last, its packets then, and since when they stand still."""

    asked_at: float = 0.0
    heard: int = -1
    since: float = 0.0
    agreed_at: float | None = None
    told_silent: bool = False
    told_failed: bool = False


class LegWatch:
    """Asks for all legs by one task, a bounded number of them at a time, and reports changes."""

    def __init__(
        self,
        legs: Callable[[], Iterable[Leg]],
        emit: Callable[[MediaEvent], None],
        lost: Callable[[Leg, MediaError], None],
        *,
        silent_seconds: float,
        connect_seconds: float,
    ) -> None:
        """`lost` hears why an instance did not tell of a leg."""
        self._legs = legs
        self._emit = emit
        self._lost = lost
        self._silent_seconds = silent_seconds
        self._connect_seconds = connect_seconds
        self._often = min(OFTEN_SECONDS, silent_seconds / 4)
        self._seen: dict[Leg, _Seen] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="rtpengine legs")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        slots = asyncio.Semaphore(_AT_ONCE)
        while True:
            now = time.monotonic()
            legs = list(self._legs())
            self._seen = {leg: self._seen.get(leg) or _Seen() for leg in legs}
            due = [leg for leg in legs if self._is_due(leg, now)]
            await asyncio.gather(*(self._look(leg, slots) for leg in due))
            await asyncio.sleep(SOON_SECONDS)

    def _is_due(self, leg: Leg, now: float) -> bool:
        if leg.lost or not leg.there.is_known:
            return False
        soon = leg.agreement is not None and not leg.connected
        return now - self._seen[leg].asked_at >= (SOON_SECONDS if soon else self._often)

    async def _look(self, leg: Leg, slots: asyncio.Semaphore) -> None:
        seen = self._seen[leg]
        seen.asked_at = time.monotonic()
        try:
            async with slots:
                answer = await leg.there.ask("query", {})
        except MediaError as error:
            if not leg.closed:
                self._lost(leg, error)
            return
        if not leg.closed:
            self._note(leg, seen, Look.read(answer, codec="", by_dtls=leg.by_dtls))

    def _note(self, leg: Leg, seen: _Seen, look: Look) -> None:
        now = time.monotonic()
        if leg.agreement is not None and seen.agreed_at is None:
            seen.agreed_at = now
        if look.connected and not leg.connected:
            leg.connected = True
            self._emit(Connected(leg.name))
        self._note_failure(leg, seen, now)
        self._note_silence(leg, seen, look.heard, now)

    def _note_failure(self, leg: Leg, seen: _Seen, now: float) -> None:
        """Hands are shaken in time, or never; a phone without may speak as late as it likes."""
        late = seen.agreed_at is not None and now - seen.agreed_at >= self._connect_seconds
        if leg.by_dtls and late and not leg.connected and not seen.told_failed:
            seen.told_failed = True
            self._emit(Failed(leg.name, f"no DTLS handshake within {self._connect_seconds:g} s"))

    def _note_silence(self, leg: Leg, seen: _Seen, heard: int, now: float) -> None:
        if heard != seen.heard or leg.may_be_silent:
            seen.heard, seen.since, seen.told_silent = heard, now, False
        elif not seen.told_silent and now - seen.since >= self._silent_seconds:
            seen.told_silent = True
            self._emit(Silent(leg.name, now - seen.since))
