"""Silence on joined legs: one timer that looks at all of them."""

import asyncio
import time
from collections.abc import Callable, Iterable

from media.engine import MediaEvent, Silent
from media.side import Side


class Watch:
    """Reports joined legs that fell silent, by one timer for all of them."""

    def __init__(
        self,
        sides: Callable[[], Iterable[Side]],
        emit: Callable[[MediaEvent], None],
        *,
        silent_seconds: float,
        rests: Callable[[Side], bool],
    ) -> None:
        """A side that `rests` says yes to may be silent."""
        self._sides = sides
        self._emit = emit
        self._silent_seconds = silent_seconds
        self._rests = rests
        self._period = min(1.0, silent_seconds / 4)
        # The count of what was heard, since when it stands still, and whether we said so.
        self._still: dict[Side, tuple[int, float, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look; the timer ends by itself when no leg is left."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._period, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        sides = list(self._sides())
        for side in sides:
            side.expire_event(now)
        joined = [side for side in sides if side.other is not None]
        before, self._still = self._still, {}
        for side in joined:
            self._still[side] = self._look(side, before.get(side), now)
        if sides:
            self.start()

    def _look(
        self, side: Side, before: tuple[int, float, bool] | None, now: float
    ) -> tuple[int, float, bool]:
        held = side.agreement is not None and not side.agreement.peer_talks
        held = held or self._rests(side)
        if before is None or before[0] != side.heard or held:
            return side.heard, now, False
        heard, since, told = before
        if not told and now - since >= self._silent_seconds:
            self._emit(Silent(side.leg, now - since))
            told = True
        return heard, since, told
