"""What the benchmarks of push share: a service in a process of its own, and the CPU of ours."""

import asyncio
import multiprocessing
import resource
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from push.sender import Outcome, Verdict
from tests.push.fake_https import Certificates, FakeHttps, Heard, Reply, Script

HOST = "push.local"
IN_FLIGHT = 64
Answer = Callable[[Heard], Reply]


@dataclass(frozen=True, slots=True)
class Service:
    port: int
    ca_file: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One way to send, and how many pushes a second one core of ours carries."""

    name: str
    a_second: float


@contextmanager
def service(answer: Answer) -> Iterator[Service]:
    """Answer over TLS in another process, so that only the sender's CPU is counted."""
    with tempfile.TemporaryDirectory() as folder:
        certificates = Certificates.make(Path(folder), HOST)
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        process = context.Process(target=_serve, args=(certificates, answer, theirs), daemon=True)
        process.start()
        try:
            yield Service(ours.recv(), certificates.ca_file)
        finally:
            process.terminate()
            process.join()


def _serve(certificates: Certificates, answer: Answer, pipe: Connection) -> None:
    async def reply(heard: Heard) -> Script:
        server.heard.clear()
        return answer(heard)

    async def run() -> None:
        async with server:
            pipe.send(server.port)
            await asyncio.Event().wait()

    server = FakeHttps(certificates, reply)
    asyncio.run(run())


async def rate(name: str, send: Callable[[], Awaitable[Outcome | None]], pushes: int) -> Figure:
    """Send so many, some of them at once; an Outcome that is no acceptance ends it."""
    await send()
    left = iter(range(pushes))

    async def sender() -> None:
        for _ in left:
            outcome = await send()
            if outcome is not None and outcome.verdict is not Verdict.ACCEPTED:
                raise RuntimeError(f"{name}: {outcome}")

    began = _cpu_seconds()
    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
    return Figure(name, pushes / (_cpu_seconds() - began))


def memory_mb() -> float:
    """The most that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(ours: Figure, theirs: Figure, goal: int) -> list[str]:
    return [
        f"{ours.name:<24}{ours.a_second:>8,.0f}/s a core   goal {goal:,}/s",
        f"{theirs.name:<24}{theirs.a_second:>8,.0f}/s a core",
        f"{'ratio':<24}{ours.a_second / theirs.a_second:>8.2f}",
    ]


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
