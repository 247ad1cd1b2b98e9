"""Whether a media process that does not answer hangs, or has too much to do."""

from dataclasses import dataclass
from pathlib import Path

MISSED_PINGS = 25
"""Pings in a row without an answer, after which any process is taken for hung."""
STILL_PINGS = 3
"""Pings in a row in which nothing moved, after which one is whose main thread stands still."""
# Stopped, or waiting for something; not R, which waits for a core, nor D, for a disk (proc(5)).
_STANDING = ("S", "T", "t")


@dataclass(frozen=True, slots=True)
class _Look:
    """What the kernel says of a process's main thread."""

    stands: bool
    # How long it has run, in nanoseconds.
    ran: str


class Pulse:
    """Counts pings, sent in even intervals. Nothing is timed: when we were late, all of it was."""

    def __init__(self, pid: int, proc: Path = Path("/proc")) -> None:
        self._thread = proc / f"{pid}/task/{pid}"
        self._missed = 0
        self._still = 0
        self._last: _Look | None = None

    def beat(self) -> None:
        """It answered."""
        self._missed, self._still, self._last = 0, 0, None

    def stopped(self) -> bool:
        """To be asked before each ping is sent: whether it is to be taken for hung.

        A process with a message to read would run, or wait to: one that does neither will not.
        Where Linux does not say, only the answers count.
        """
        if self._missed:
            look = self._look()
            unmoved = look is not None and look.stands and look == self._last
            self._still = self._still + 1 if unmoved else 0
            self._last = look
        hangs = self._still >= STILL_PINGS or self._missed >= MISSED_PINGS
        self._missed += 1
        return hangs

    def _look(self) -> _Look | None:
        try:
            # The name, in parentheses, may hold anything.
            state = (self._thread / "stat").read_text().rpartition(")")[2].split()[0]
            ran = (self._thread / "schedstat").read_text().split()[0]
        except (OSError, IndexError):
            return None
        # A kernel that does not count has nobody run at all.
        return None if ran == "0" else _Look(state in _STANDING, ran)
