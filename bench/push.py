"""Push: from a call to a provider's request, pushes a second on one core, and memory.

All of it against fakes of the providers in a process of their own, on this machine.
"""

import argparse
import asyncio
import os
import socket
import statistics
import sys
import tempfile
from pathlib import Path

import aiohttp

from bench import push_apns, push_fcm, push_web
from bench.push_calls import Latencies, latencies, load_pusher, system
from bench.push_providers import Providers, providers
from tests.end_to_end.conftest import NAMESPACE
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import Server
from tests.redis_server import RedisServer, redis_server

SCRIPT = Path(__file__).parents[1] / "tests" / "end_to_end" / "namespace.sh"
SENDERS = (push_apns, push_fcm, push_web)
PUSHES = LOAD = 3000


async def alone(folder: Path, fakes: Providers, calls: int) -> list[str]:
    async with system(folder, fakes, None, calls) as running:
        return rows("one process", await latencies(running, fakes, calls))


async def joined(folder: Path, fakes: Providers, redis: RedisServer, calls: int) -> list[str]:
    """Two processes over Redis; the memory of the one that pushes, after a load of pushes."""
    async with system(folder, fakes, redis, calls) as running, aiohttp.ClientSession() as http:
        lines = rows("joined by Redis", await latencies(running, fakes, calls))
        await load_pusher(running, fakes, LOAD)
        assert running.pusher is not None
        memory = Server(running.pusher, take_ports(), http).resident_kilobytes() / 1024
    text = f"memory of the push process after {LOAD:,} pushes, MB"
    return [*lines, "", f"{text:<52}{memory:>6.0f}   goal 120"]


def rows(name: str, found: Latencies) -> list[str]:
    lines = []
    for provider, samples in found.items():
        cuts = statistics.quantiles(samples, n=100, method="inclusive")
        lines.append(f"{f'{name}, {provider}':<28}{cuts[49]:>8.1f}{cuts[98]:>8.1f}")
    return lines


def measure(calls: int) -> None:
    with tempfile.TemporaryDirectory() as name, providers() as fakes:
        folders = Path(name) / "alone", Path(name) / "joined"
        for folder in folders:
            folder.mkdir()
        head = f"call.start to the request read, ms; {calls} calls each"
        _tell([head, f"{'':<28}{'p50':>8}{'p99':>8}   goal 5 and 30"])
        _tell(asyncio.run(alone(folders[0], fakes, calls)))
        with redis_server() as redis:
            _tell(asyncio.run(joined(folders[1], fakes, redis, calls)))
    for sender in SENDERS:
        # Without its last line: this process' memory is that of everything here.
        _tell(["", *sender.report(PUSHES)[:-1]])


def _tell(lines: list[str]) -> None:
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.push", description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    if NAMESPACE not in (name for _, name in socket.if_nameindex()):
        # A server on fixed ports: in a network of its own.
        os.execv(SCRIPT, [str(SCRIPT), sys.executable, "-m", "bench.push", *sys.argv[1:]])
    measure(options.calls)


if __name__ == "__main__":
    main()
