"""Hears what becomes of pushes, and keeps it where the call is over already."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

from signaling.shared.bus import Bus
from signaling.shared.errors import WSPhoneError
from signaling.shared.push import PushReport
from signaling.timeline import Hop, hop_of_report

log = logging.getLogger(__name__)

MAX_WAITING = 1_000
"""Late hops that wait for the database; what comes beyond is not kept."""


class PushReports:
    """`is_live` tells whether a call has a mailbox: that one is told by whoever wakes its devices.

    `add` adds to the timeline of a call that is over.
    """

    def __init__(
        self,
        bus: Bus,
        topic: str,
        is_live: Callable[[str], bool],
        add: Callable[[str, Collection[Hop]], Awaitable[None]],
    ) -> None:
        self._is_live = is_live
        self._add = add
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe = bus.subscribe(topic, self._heard)

    async def stop(self) -> None:
        """Hear no more, and keep what was heard."""
        self._unsubscribe()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, report: PushReport) -> None:
        if report.call is None or self._is_live(report.call) or len(self._tasks) >= MAX_WAITING:
            return
        task = asyncio.create_task(self._keep(report.call, report), name="late push report")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, call: str, report: PushReport) -> None:
        try:
            await self._add(call, [hop_of_report(report)])
        except WSPhoneError:
            log.exception("call %s: a push after its end could not be kept", call)
