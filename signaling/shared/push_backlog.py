"""The push jobs that wait within this process: in what order they go, and which are dropped."""

from itertools import islice
from math import inf
from typing import NamedTuple

from signaling.shared.push import PushJob, PushKind

EXPIRED = "expired"
QUEUE_FULL = "queue full"


class Dropped(NamedTuple):
    job: PushJob
    reason: str


class Backlog:
    """Calls before the rest, each in order; a full one drops the expired, then the rest, oldest
    first.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._calls: dict[str, PushJob] = {}
        self._rest: dict[str, PushJob] = {}
        # Nothing that waits expires before; so it need not be searched sooner.
        self._earliest = inf

    def __len__(self) -> int:
        return len(self._calls) + len(self._rest)

    def __contains__(self, key: str) -> bool:
        return key in self._calls or key in self._rest

    def put(self, job: PushJob, *, now: float) -> list[Dropped]:
        """Add a job, unless one of its key waits already; returns what had to go for it."""
        if job.key in self:
            return []
        dropped = self._make_room(job, now) if len(self) >= self._capacity else []
        if len(self) < self._capacity:
            waiting = self._calls if job.kind is PushKind.CALL else self._rest
            waiting[job.key] = job
            self._earliest = min(self._earliest, job.expires_at)
        return dropped

    def take(self, room: int) -> list[PushJob]:
        """Remove and return those that go next."""
        taken: list[PushJob] = []
        for waiting in (self._calls, self._rest):
            taken += islice(waiting.values(), room - len(taken))
        for job in taken:
            self.remove(job.key)
        return taken

    def remove(self, key: str) -> None:
        """Have the job with this key wait no more, if one does."""
        self._calls.pop(key, None)
        self._rest.pop(key, None)

    def _make_room(self, job: PushJob, now: float) -> list[Dropped]:
        if expired := self._expired(now):
            return expired
        least = job
        if job.kind is PushKind.CALL and self._rest:
            least = next(iter(self._rest.values()))
            self.remove(least.key)
        return [Dropped(least, QUEUE_FULL)]

    def _expired(self, now: float) -> list[Dropped]:
        if now < self._earliest:
            return []
        waiting = [*self._rest.values(), *self._calls.values()]
        expired = [job for job in waiting if job.expires_at <= now]
        self._earliest = min(
            (job.expires_at for job in waiting if job.expires_at > now), default=inf
        )
        for job in expired:
            self.remove(job.key)
        return [Dropped(job, EXPIRED) for job in expired]
