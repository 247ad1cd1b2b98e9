"""What a bridged call costs: our engine, rtpengine and Janus with one driver, in turn.

A browser's end (ICE, DTLS-SRTP) and a phone's (plain RTP) talk through each of them, and through a
floor that only moves their packets. It wants Debian's janus and rtpengine-daemon.
"""

import argparse
import os
import shutil
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.media_janus import janus_sip
from bench.media_own import Voices, floor, own
from bench.media_process import keep_to_own_core
from bench.media_rtpengine import rtpengine
from bench.media_session import LEAST_DELIVERED, Start, Talk, Unheard, session
from bench.media_voice import OPUS_CODEC, PCMU, make_voices
from tests.end_to_end.conftest import NAMESPACE

SCRIPT = Path(__file__).parents[1] / "tests" / "end_to_end" / "namespace.sh"
FLOOR, OWN, RTPENGINE, JANUS = "floor", "WSPhone", "rtpengine", "Janus"
BRIDGES: dict[str, Start] = {FLOOR: floor, OWN: own, RTPENGINE: rtpengine, JANUS: janus_sip}
TRANSCODERS = (OWN, RTPENGINE)
FEW, SOME, MANY = 20, 50, 100
LOAD, LOAD_FROM, LOAD_TO = 0.8, 0.77, 0.83
LOAD_ROUNDS = 4

Pass = dict[tuple[str, str], float]
"""A figure of a bridge, by both names."""
CPU, DELAY, WORST = "% of a core a call", "delay, ms: median", "delay, ms: 99 %"
SET_UP, IDLE, MEMORY = "set-up, ms of CPU", "on hold, % of a core", "memory, kB a call"

# What is measured, the figure, and what we want of it.
ROWS = (
    (f"PCMU, {FEW} calls", CPU, ""),
    (f"PCMU, {MANY} calls", CPU, "at most 1.2 and 0.6"),
    (f"PCMU, {MANY} calls", SET_UP, "at most 6"),
    (f"PCMU, {MANY} calls", IDLE, "at most 0.03"),
    (f"PCMU, {MANY} calls", MEMORY, ""),
    (f"PCMU, {SOME} calls", DELAY, "under 2"),
    (f"PCMU, {SOME} calls", WORST, "under 2"),
    (f"opus to PCMU, {FEW} calls", CPU, "at most 0.5"),
    (f"opus to PCMU, {SOME} calls", CPU, "at most 0.5"),
    (f"opus to PCMU, {SOME} calls", DELAY, "under 30 and a frame"),
    (f"opus to PCMU, {SOME} calls", WORST, "under 30 and a frame"),
)


class Seconds:
    """How long each part lasts; `talk` at the most what the voice lasts without a repeat."""

    def __init__(self, *, quick: bool) -> None:
        self.talk = 1.5 if quick else 3.0
        self.timed = 1.5 if quick else 2.0
        self.rest = 2.0 if quick else 5.5


async def measure_passed(name: str, voices: Voices, seconds: Seconds, found: Pass) -> None:
    """One codec on both sides."""
    async with session(BRIDGES[name], voices) as calls:
        for count in (FEW, SOME, MANY):
            await calls.grow(count)
            timed = count == SOME
            talk = await calls.talk(seconds.timed if timed else seconds.talk, timed=timed)
            _note(found, name, f"PCMU, {count} calls", talk)
        row = f"PCMU, {MANY} calls"
        found[name, f"{row}, {MEMORY}"] = calls.memory_kilobytes
        found[name, f"{row}, {SET_UP}"] = calls.set_up_ms
        found[name, f"{row}, {IDLE}"] = await calls.rest(seconds.rest) * 100


async def measure_transcoded(name: str, voices: Voices, seconds: Seconds, found: Pass) -> None:
    """Opus at the browser, PCMU at the phone."""
    async with session(BRIDGES[name], voices) as calls:
        for count in (FEW, SOME):
            await calls.grow(count)
            talk = await calls.talk(seconds.talk, timed=count == SOME)
            _note(found, name, f"opus to PCMU, {count} calls", talk)


async def measure_loaded(voices: Voices, seconds: Seconds) -> Talk:
    """As many calls as take 80 % of a core, found by trying."""
    async with session(own, voices) as calls:
        count = 2 * MANY
        for _ in range(LOAD_ROUNDS):
            await calls.grow(max(count, len(calls.calls)))
            talk = await calls.talk(seconds.talk, calls=count)
            load = talk.cpu * count
            if LOAD_FROM <= load <= LOAD_TO:
                break
            count = round(count * LOAD / load)
        return talk


def _note(found: Pass, name: str, row: str, talk: Talk) -> None:
    if talk.delivered < LEAST_DELIVERED:
        say(f"{name}, {row}: {talk.delivered:.1%} delivered, does not count")
        return
    found[name, f"{row}, {CPU}"] = talk.cpu * 100
    if talk.delays_ms:
        cuts = statistics.quantiles(talk.delays_ms, n=100)
        found[name, f"{row}, {DELAY}"], found[name, f"{row}, {WORST}"] = cuts[49], cuts[98]


@contextmanager
def _counting(what: str) -> Iterator[None]:
    """A moment in which the machine had no time, or a bridge no sound, does not end the others."""
    try:
        yield
    except (TimeoutError, Unheard) as error:
        say(f"{what}: {error}; does not count")


async def measure_all(passes: int, seconds: Seconds) -> None:
    """Interleave the bridges, so that all have the machine's good and bad moments."""
    with tempfile.TemporaryDirectory() as folder:
        voices = await make_voices(Path(folder))
    pcmu, opus = voices[PCMU], voices[OPUS_CODEC]
    keep_to_own_core()
    runs: list[Pass] = []
    loads: list[Talk] = []
    for _ in range(passes):
        found: Pass = {}
        for name in BRIDGES:
            with _counting(f"{name}, the rest of PCMU"):
                await measure_passed(name, (pcmu, pcmu), seconds, found)
        for name in TRANSCODERS:
            with _counting(f"{name}, the rest of opus to PCMU"):
                await measure_transcoded(name, (opus, pcmu), seconds, found)
        runs.append(found)
        with _counting(f"{OWN} at {LOAD:.0%} of a core"):
            loads.append(await measure_loaded((pcmu, pcmu), seconds))
    for line in [*table(runs), "", *load_table(loads)]:
        say(line)


def table(runs: list[Pass]) -> list[str]:
    """The medians; ours against theirs is the median of what that is in each pass."""
    heads = [*BRIDGES, f"/{RTPENGINE}", f"/{JANUS}"]
    lines = [f"{'':44}" + "".join(f"{head:>11}" for head in heads) + "   goal"]
    for row, figure, goal in ROWS:
        key = f"{row}, {figure}"
        columns = [[run[name, key] for run in runs if (name, key) in run] for name in BRIDGES]
        columns += [_ratios(runs, key, other) for other in (RTPENGINE, JANUS)]
        cells = "".join(f"{_median(column):>11}" for column in columns)
        lines.append(f"{key:44}{cells}   {goal}")
    return lines


def _ratios(runs: list[Pass], key: str, other: str) -> list[float]:
    both = [run for run in runs if (OWN, key) in run and run.get((other, key))]
    return [run[OWN, key] / run[other, key] for run in both]


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):.3g}" if values else "-"


def load_table(loads: list[Talk]) -> list[str]:
    return [
        f"WSPhone at {load.cpu * load.calls:.0%} of a core, {load.calls} calls: "
        f"{max(0.0, 1 - load.delivered):.3%} not delivered; the driver used {load.driver:.0%}"
        for load in loads
    ]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.media", description=__doc__)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one short pass")
    options = parser.parse_args()
    for program in ("janus", "rtpengine"):
        if shutil.which(program) is None:
            parser.error(f"{program} is missing: apt-get install janus rtpengine-daemon")
    if NAMESPACE not in (name for _, name in socket.if_nameindex()):
        # Real programs on fixed ports: in a network of their own.
        os.execv(SCRIPT, [str(SCRIPT), sys.executable, "-m", "bench.media", *sys.argv[1:]])
    quick: bool = options.quick
    uvloop.run(measure_all(1 if quick else options.passes, Seconds(quick=quick)))


if __name__ == "__main__":
    main()
