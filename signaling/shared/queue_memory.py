"""The queue of push jobs within one process."""

import asyncio
import heapq
from collections.abc import Callable

from signaling.shared.bus import Bus
from signaling.shared.push import PushJob, Step, report_of
from signaling.shared.push_backlog import Backlog

CAPACITY = 4096


class MemoryPushQueue:
    """Both sides of the queue; jobs do not outlive the process, as its calls do not."""

    def __init__(self, bus: Bus, clock: Callable[[], float], *, capacity: int = CAPACITY) -> None:
        self._bus = bus
        self._clock = clock
        self._backlog = Backlog(capacity)
        self._arrived = asyncio.Event()
        self._taken: set[str] = set()
        # Accepted or withdrawn.
        self._done: set[str] = set()
        self._forget_at: list[tuple[float, str]] = []

    def put(self, job: PushJob) -> None:
        """Have a job done soon; one of a key that is in hand or done for is not needed."""
        if job.key in self._taken or job.key in self._done:
            return
        now = self._clock()
        for dropped in self._backlog.put(job, now=now):
            report = report_of(dropped.job, Step.DROPPED, at=now, reason=dropped.reason)
            # Not in the turn of whoever puts: it may hear its own report.
            asyncio.get_running_loop().call_soon(self._bus.publish, dropped.job.reply_to, report)
        self._arrived.set()

    def withdraw(self, key: str, expires_at: float) -> None:
        self._backlog.remove(key)
        self._finish(key, expires_at)

    async def take(self, room: int) -> list[PushJob]:
        while not self._backlog:
            self._arrived.clear()
            await self._arrived.wait()
        jobs = self._backlog.take(room)
        self._taken.update(job.key for job in jobs)
        return jobs

    async def is_ours(self, job: PushJob) -> bool:
        if job.key in self._done:
            self._taken.discard(job.key)
        return job.key in self._taken

    async def settle(self, job: PushJob, *, accepted: bool) -> None:
        self._taken.discard(job.key)
        if accepted:
            self._finish(job.key, job.expires_at)

    async def waiting(self) -> int:
        return len(self._backlog)

    def _finish(self, key: str, expires_at: float) -> None:
        self._done.add(key)
        heapq.heappush(self._forget_at, (expires_at, key))
        while self._forget_at and self._forget_at[0][0] <= self._clock():
            self._done.discard(heapq.heappop(self._forget_at)[1])
