"""Runs the server: opens what it stands on, starts it, and waits for the end."""

import asyncio
import gc
import logging
import signal
import sys
from datetime import UTC, datetime

import uvloop

from media.addresses import host_addresses
from signaling.authority import LocalAuthority
from signaling.demo import create_demo, demo_text
from signaling.front import Front, House
from signaling.lan import announce, own_addresses, own_names, page_address
from signaling.local_door import open_door
from signaling.pushing import pushing
from signaling.records import open_records
from signaling.server import Server
from signaling.shared.config import Config


def run(config: Config, *, demo: bool, lan: bool, pushes: bool = True) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status. Raises OperatorError.

    Without `pushes`, other processes do them.
    """
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("aioice", "aiortc", "aiosqlite", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, demo=demo, lan=lan, pushes=pushes))
    return 0


async def _serve(config: Config, *, demo: bool, lan: bool, pushes: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with (
        open_records(config) as records,
        pushing(config, records.keyring, works=pushes) as push,
    ):
        # Before a port is found taken: the people are made at the first start or never.
        users = await create_demo(records) if demo else []
        if users:
            sys.stdout.write(demo_text(users, config))
        house = _house(config) if lan else None
        server = Server(config, records, push, Front(config, house))
        if config.tls.cert is not None:
            # Else a terminal that is closed ends the server, as people expect.
            loop.add_signal_handler(signal.SIGHUP, server.front.reload)
        async with server.running(), open_door(config.data_dir, server.live_calls):
            page, sip = page_address(config, lan=lan), f"{config.sip.host}:{config.sip.port}"
            sys.stdout.write(f"WSPhone is at {page} and takes SIP on UDP and TCP {sip}\n")
            if house is not None:
                announce(sys.stdout, config, house.hosts(), house.authority)
            sys.stdout.flush()
            # What lives as long as the server need not be looked at by every collection.
            gc.freeze()
            await stop.wait()


def _house(config: Config) -> House:
    """Raises OperatorError."""

    def hosts() -> list[str]:
        return [*own_addresses(config, host_addresses(loopback=True)), *own_names()]

    authority = LocalAuthority(config.data_dir / "tls", now=datetime.now(UTC))
    return House(authority, hosts)
