"""Programs that somebody listens to come before those that nobody does: late sound sounds bad."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

FIRST, AS_ALL = "-10", "0"


@contextlib.contextmanager
def precedence(*programs: int) -> Iterator[None]:
    """For the length of the block, let programs of these ids run first; all of ours, without any.

    Linux shares its cores among sessions (sched(7), "The autogroup feature"), and each program has
    one of its own. Their threads keep what they are to each other.
    """
    leaders = set(programs) or _sessions_below(os.getpid()) - {os.getsid(0)}
    _weigh(leaders, FIRST)
    try:
        yield
    finally:
        _weigh(leaders, AS_ALL)


def _weigh(leaders: set[int], nice: str) -> None:
    for leader in leaders:
        # It may have ended, or the kernel has no such groups: then all are as they were.
        with contextlib.suppress(OSError):
            Path(f"/proc/{leader}/autogroup").write_text(nice)


def _sessions_below(pid: int) -> set[int]:
    found = set()
    with contextlib.suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                found |= {os.getsid(child)} | _sessions_below(child)
    return found
