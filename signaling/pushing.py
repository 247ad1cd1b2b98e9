"""Runs push: its queue, the bus of its reports, and a worker, here or in a process of its own."""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

import uvloop

from push.providers import senders_of
from push.worker import PushWorker
from signaling.push_figures import CountedBus, PushFigures
from signaling.push_page import figures_shown
from signaling.shared.bus import Bus
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.config import Config, load
from signaling.shared.crypto import Keyring
from signaling.shared.errors import ConfigError, OperatorError
from signaling.shared.keys import keyring_of
from signaling.shared.push import PushQueue, PushReport, PushWork
from signaling.shared.queue_memory import MemoryPushQueue


class CountedQueue(PushQueue, Protocol):
    """A queue that tells how full it is."""

    async def waiting(self) -> int:
        """Jobs that no worker has taken yet, whoever put them."""


@dataclass(frozen=True, slots=True)
class Pushing:
    """What those who have phones pushed need."""

    queue: CountedQueue
    bus: Bus
    # Where this process, and no other, hears what becomes of its jobs.
    reply_to: str
    # What became of the jobs that were done or dropped here.
    figures: PushFigures


def become(config_file: Path | None) -> NoReturn:
    """Go on as a process that only pushes, with nothing of what the commands have imported.

    The database and what stands on it would take half of its memory.
    """
    options = () if config_file is None else (str(config_file),)
    # Not with the working directory among the paths, where anything may be called like a module.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "signaling.pushing", *options])


def run(config: Config) -> int:
    """Do the pushes of the processes that Redis joins, until SIGINT or SIGTERM."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config))
    return 0


def check_joined(config: Config) -> None:
    """Raises ConfigError where a process would wait for others in vain."""
    if config.redis.url is None:
        raise ConfigError("--only needs redis.url, by which the processes are joined")


@asynccontextmanager
async def pushing(config: Config, keyring: Keyring, *, works: bool) -> AsyncIterator[Pushing]:
    """Have phones pushed for the length of the block; raises OperatorError.

    Without `works`, others do it that Redis joins.
    """
    figures = PushFigures()
    async with AsyncExitStack() as stack:
        if config.redis.url is None:
            bus: Bus = CountedBus(MemoryBus(), figures)
            memory = MemoryPushQueue(bus, time.time)
            queue: CountedQueue = memory
            work: PushWork = memory
        else:
            prefix = f"wsphone:{config.domain}"
            queue, work, bus = await _joined(stack, config.redis.url, prefix, figures)
        if works:
            await _start_worker(stack, config, keyring, work, bus)
        yield Pushing(queue, bus, f"push.{secrets.token_hex(8)}", figures)


async def _joined(
    stack: AsyncExitStack, url: str, prefix: str, figures: PushFigures
) -> tuple[CountedQueue, PushWork, Bus]:
    # Where nothing is joined, its 20 MB are not needed.
    from signaling.shared.bus_redis import RedisBus
    from signaling.shared.queue_redis import RedisPushQueue, RedisPushWork
    from signaling.shared.redis_link import connect

    client = await stack.enter_async_context(connect(url))
    redis_bus = RedisBus(client, prefix=prefix, words=(PushReport,))
    bus = CountedBus(redis_bus, figures)
    queue = RedisPushQueue(client, bus, prefix=prefix)
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    work = RedisPushWork(client, prefix=prefix, name=name)
    for part in (redis_bus, queue, work):
        part.start()
        stack.push_async_callback(part.aclose)
    return queue, work, bus


async def _start_worker(
    stack: AsyncExitStack, config: Config, keyring: Keyring, work: PushWork, bus: Bus
) -> None:
    senders = senders_of(config)
    for sender in set(senders.values()):
        stack.push_async_callback(sender.aclose)
    worker = asyncio.create_task(PushWorker(work, senders, keyring, bus).run(), name="push worker")

    async def stop() -> None:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)

    stack.push_async_callback(stop)


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with (
        pushing(config, keyring_of(config), works=True) as push,
        figures_shown(config, push.figures) as address,
    ):
        where = "" if address is None else f"; its figures are at {address}"
        sys.stdout.write(f"WSPhone does the pushes that come by Redis{where}\n")
        sys.stdout.flush()
        await stop.wait()


def _main(config_file: str | None = None) -> int:
    try:
        return run(load(None if config_file is None else Path(config_file)))
    except OperatorError as error:
        sys.stderr.write(f"wsphone: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
