"""When each leg's RTCP report is due: one timer for all legs."""

import asyncio
import heapq
import itertools
import logging
import random
from collections.abc import Callable

from media.rtcp import next_wait
from signaling.shared.timers import call_at

log = logging.getLogger(__name__)


class Reporter:
    """Asks each leg for its report at its own random times, about every `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # The number keeps the heap from comparing functions.
        self._due: list[tuple[float, int, Callable[[], bool]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, report: Callable[[], bool]) -> None:
        """Call `report` from now on, until it returns False: the leg is closed."""
        self._put(report, asyncio.get_running_loop().time(), first=True)
        self._arm()

    def stop(self) -> None:
        self._due.clear()
        self._arm()

    def _put(self, report: Callable[[], bool], now: float, *, first: bool) -> None:
        wait = next_wait(self._seconds, random.random(), first=first)
        heapq.heappush(self._due, (now + wait, next(self._numbers), report))

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            self._timer = call_at(self._due[0][0], self._run)

    def _run(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._due and self._due[0][0] <= now:
            _, _, report = heapq.heappop(self._due)
            try:
                goes_on = report()
            except Exception:  # one leg that fails must not silence the others
                log.exception("a leg's report failed")
                goes_on = False
            if goes_on:
                self._put(report, now, first=False)
        self._arm()
