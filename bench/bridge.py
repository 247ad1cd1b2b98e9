"""What a bridged call costs: PCMU from DTLS-SRTP to RTP and back, against moving the packets."""

import argparse
import asyncio
import itertools
import json
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import uvloop

from bench.load import PAYLOAD, End, open_engine_call, open_floor_call, talk

KINDS = ("floor", "engine")
LEAST_DELIVERED = 0.98
WARM_UP_SECONDS = 0.5
SETTLE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Run:
    """One pass: seconds of CPU a call, for a second of talk and for the set-up."""

    talk: float
    set_up: float
    delivered: float


class Child:
    """The measured process, asked by lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, kind: str) -> "Child":
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.subject", kind, stdin=pipe, stdout=pipe, limit=1 << 20
        )
        return cls(process)

    async def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        return json.loads(await self._process.stdout.readline())

    async def cpu_seconds(self) -> float:
        return float((await self.ask({"do": "cpu"}))["seconds"])

    async def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()


async def measure(kind: str, calls: int, seconds: float) -> Run:
    """One run in a process of its own."""
    child = await Child.start(kind)
    open_call = open_engine_call if kind == "engine" else open_floor_call
    before_set_up = await child.cpu_seconds()
    ends: list[End] = []
    for _ in range(calls):
        ends += await open_call(child.ask)
    numbers = itertools.count(1)
    await talk(ends, WARM_UP_SECONDS, numbers)
    received = sum(end.received for end in ends)
    before = await child.cpu_seconds()
    sent = await talk(ends, seconds, numbers)
    used = await child.cpu_seconds() - before
    await asyncio.sleep(SETTLE_SECONDS)
    delivered = (sum(end.received for end in ends) - received) / sent
    for end in ends:
        if end.last_payload() != PAYLOAD:
            raise RuntimeError(f"{kind}: the audio did not arrive as it was sent")
    for end in ends:
        await end.close()
    await child.stop()
    return Run(used / seconds / calls, (before - before_set_up) / calls, delivered)


async def measure_all(counts: list[int], passes: int, seconds: float) -> None:
    """Interleave the kinds, so that both have the machine's good and bad moments."""
    runs: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for _ in range(passes):
        for calls, kind in itertools.product(counts, KINDS):
            run = await measure(kind, calls, seconds)
            if run.delivered >= LEAST_DELIVERED:
                runs[kind, calls].append(run)
            else:
                say(f"{kind}, {calls} calls: {run.delivered:.1%} delivered, does not count")
    say("CPU of the bridging process; median of the passes that count; uvloop, one core")
    say(f"{'':8}{'calls':>6}{'% of a core':>14}{'of floor':>10}{'calls':>8}{'set-up':>10}")
    say(f"{'':8}{'':>6}{'a call':>14}{'':>10}{'a core':>8}{'ms a call':>10}")
    for calls, kind in itertools.product(counts, KINDS):
        say(_row(kind, calls, runs))


def _row(kind: str, calls: int, runs: dict[tuple[str, int], list[Run]]) -> str:
    floor, own = runs[KINDS[0], calls], runs[kind, calls]
    if not floor or not own:
        return f"{kind:8}{calls:>6}{'no run counts':>14}"
    cost = statistics.median(run.talk for run in own)
    ratio = cost / statistics.median(run.talk for run in floor)
    set_up = statistics.median(run.set_up for run in own) * 1000
    return f"{kind:8}{calls:>6}{cost:>14.3%}{ratio:>10.2f}{1 / cost:>8.0f}{set_up:>10.1f}"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bridge", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    uvloop.run(measure_all(options.calls, options.passes, options.seconds))


if __name__ == "__main__":
    main()
