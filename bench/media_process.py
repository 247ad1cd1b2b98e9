"""What a measured program and its children use: CPU and memory, by the kernel's own counts."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0))
# linux/posix-timers.h: the clock of all threads of a process, those that ended included.
_CPUCLOCK_SCHED = 2


def cpu_seconds(pid: int) -> float:
    """CPU of the process, its threads and its children; /proc/PID/stat has only hundredths."""
    return sum(time.clock_gettime((~each << 3) | _CPUCLOCK_SCHED) for each in _tree(pid))


def memory_kilobytes(pid: int) -> int:
    """What they have in memory that they share with nobody."""
    return sum(_private_kilobytes(each) for each in _tree(pid))


def keep_to_own_core() -> None:
    """Leave a core to what is measured, where there are two."""
    os.sched_setaffinity(0, _CORES[:1])


def give_own_core(pid: int) -> None:
    """Have the program and all of its threads run on a core without the driver."""
    for each in _tree(pid):
        for task in Path(f"/proc/{each}/task").iterdir():
            # A thread may end between the look and the move.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), _CORES[-1:])


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _tree(int(child))


def _private_kilobytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))
