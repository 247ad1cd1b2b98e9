"""Processes that do not answer: stopped, waiting for ever, at work, and out of reach."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from media.pulse import MISSED_PINGS, STILL_PINGS, Pulse

WORKS = "while True: pass"
DEADLOCKED = """
import threading
lock = threading.Lock()
lock.acquire()
lock.acquire()
"""
# Its main thread waits for ever, and another one works.
HALF = f"import threading\nthreading.Thread(target=lambda: exec({WORKS!r})).start()\n{DEADLOCKED}"


@contextmanager
def running(program: str) -> Iterator[int]:
    """A process of a program; the block begins when it is at its work."""
    with subprocess.Popen(
        [sys.executable, "-c", f"print(flush=True)\n{program}"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def runs(pid: int) -> tuple[str, str]:
    """The state of its main thread, and how long that has run."""
    thread = Path(f"/proc/{pid}/task/{pid}")
    state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
    return state, (thread / "schedstat").read_text().split()[0]


def stands(pid: int) -> bool:
    before = runs(pid)
    time.sleep(0.1)
    return before[0] in "ST" and before == runs(pid)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pings(pulse: Pulse) -> int:
    """How many it takes, 20 ms apart, until the process is taken for hung."""
    for number in range(1, 2 * MISSED_PINGS):
        if pulse.stopped():
            return number
        time.sleep(0.02)
    raise AssertionError("it is waited for without end")


# The first is sent without a look, the second finds what the next ones compare with.
SOON, LATE = STILL_PINGS + 2, MISSED_PINGS + 1


def test_one_that_is_stopped_stands_still() -> None:
    with running(WORKS) as pid:
        os.kill(pid, signal.SIGSTOP)
        until(lambda: stands(pid))
        assert pings(Pulse(pid)) == SOON


def test_one_that_waits_for_itself_stands_still_too() -> None:
    with running(DEADLOCKED) as pid:
        until(lambda: stands(pid))
        assert pings(Pulse(pid)) == SOON


def test_another_thread_at_work_does_not_count() -> None:
    with running(HALF) as pid:
        until(lambda: stands(pid))
        assert pings(Pulse(pid)) == SOON


def test_one_at_work_is_waited_for_longer_but_not_for_ever() -> None:
    with running(WORKS) as pid:
        assert pings(Pulse(pid)) == LATE


def test_one_that_rests_between_its_steps_does_not_stand_still() -> None:
    with running("import time\nwhile True: time.sleep(0.001)") as pid:
        assert pings(Pulse(pid)) == LATE


def test_one_that_waits_for_a_core_is_not_taken_for_hung() -> None:
    """Its core is taken by another that goes first."""
    core = min(os.sched_getaffinity(0))
    with running(WORKS) as first, running(WORKS) as other:
        for pid in (first, other):
            os.sched_setaffinity(pid, {core})
        os.sched_setscheduler(other, os.SCHED_IDLE, os.sched_param(0))
        assert pings(Pulse(other)) == LATE


def test_an_answer_lets_the_count_begin_anew() -> None:
    with running(DEADLOCKED) as pid:
        until(lambda: stands(pid))
        pulse = Pulse(pid)
        for _ in range(3):
            for _ in range(SOON - 1):
                assert not pulse.stopped()
            pulse.beat()
        assert pings(pulse) == SOON


@pytest.mark.parametrize("pid", [2**22 + 1, 0])
def test_where_nothing_is_said_only_the_answers_count(pid: int) -> None:
    assert pings(Pulse(pid)) == LATE


@pytest.mark.parametrize(("ran", "pings_needed"), [("0 0 0", LATE), ("5 0 1", SOON)])
def test_a_kernel_that_does_not_count_says_nothing(
    tmp_path: Path, ran: str, pings_needed: int
) -> None:
    thread = tmp_path / "7/task/7"
    thread.mkdir(parents=True)
    (thread / "stat").write_text("7 (a) S) S 1 7")
    (thread / "schedstat").write_text(f"{ran}\n")
    assert pings(Pulse(7, tmp_path)) == pings_needed
