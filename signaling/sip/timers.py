"""The deadlines of many machines: a heap that forgets outdated entries when they come up."""

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Deadlines(Generic[T]):
    """One deadline each for any number of owners."""

    def __init__(self) -> None:
        self._at: dict[T, float] = {}
        self._heap: list[tuple[float, int, T]] = []
        # Keeps owners, which have no order, out of the comparison; equal times stay in order.
        self._serial = 0

    def __len__(self) -> int:
        return len(self._at)

    @property
    def entries(self) -> int:
        """How long the heap is, outdated entries included."""
        return len(self._heap)

    def set(self, owner: T, at: float | None) -> None:
        """The owner's deadline is `at`, or it has none."""
        if at is None:
            self._at.pop(owner, None)
        elif self._at.get(owner) != at:
            self._at[owner] = at
            self._push(at, owner)
            # Most deadlines are moved before they come: without this their ghosts pile up.
            if len(self._heap) > 64 + 4 * len(self._at):
                self._rebuild()

    def next(self) -> float | None:
        """The earliest deadline."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> T | None:
        """An owner whose deadline is reached and thereby taken away, the earliest first."""
        at = self.next()
        if at is None or at > now:
            return None
        owner = heapq.heappop(self._heap)[2]
        del self._at[owner]
        return owner

    def _push(self, at: float, owner: T) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (at, self._serial, owner))

    def _rebuild(self) -> None:
        self._heap.clear()
        for owner, at in self._at.items():
            self._push(at, owner)
