"""The network of the tests: packet filters, and a home whose hosts are behind a NAT."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.end_to_end.process import Program
from tests.end_to_end.waiting import eventually

OUTER = "203.0.113.7"
"""Where a home finds the server, whose own network calls it INNER (RFC 5737)."""
INNER = "198.51.100.1"
HOME_HOST = "10.7.0.2"
_ROUTER = "198.51.100.2"

TABLE = "inet wsphone_test"

# One router is both ends' NAT: the server's, one to one, and the home's, which gives each flow a
# port of its own by chance. Nothing else passes, above all nothing to a private address.
_RULES = f"""
table ip nat {{
    chain in {{
        type nat hook prerouting priority -100
        iifname home ip daddr {OUTER} dnat to {INNER}
    }}
    chain out {{
        type nat hook postrouting priority 100
        oifname server masquerade fully-random
    }}
}}
table ip filter {{
    chain forward {{
        type filter hook forward priority 0; policy drop
        ct state established accept
        iifname home ct status dnat accept
    }}
}}
"""

# Two datagrams from one socket to two ports: as which ports do they arrive?
_PROBE = """
import socket, sys
host, *ports = sys.argv[1:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    for port in ports:
        sock.sendto(b"", (host, int(port)))
    print(sock.getsockname()[1])
"""


async def run(*words: str, standard_input: str = "") -> str:
    """Run a command that has to succeed; what it prints."""
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate(standard_input.encode())
    assert process.returncode == 0, words
    return printed.decode()


@asynccontextmanager
async def closed(ports: set[int]) -> AsyncIterator[None]:
    """A network in which no datagram comes from these ports, or goes there."""
    listed = ", ".join(str(port) for port in sorted(ports))
    await run("nft", "add", "table", TABLE)
    await run("nft", "add", "chain", TABLE, "in", "{ type filter hook input priority 0; }")
    for end in ("sport", "dport"):
        await run("nft", "add", "rule", TABLE, "in", "udp", end, f"{{ {listed} }}", "drop")
    try:
        yield
    finally:
        await run("nft", "delete", "table", TABLE)


@dataclass(frozen=True)
class Home:
    """A host behind a symmetric NAT, from where the server is at OUTER."""

    inside: tuple[str, ...]
    """What stands before a command that shall run on that host."""

    def script(self, folder: Path, program: str) -> Path:
        """An executable that runs a program there, for those who take no words before it."""
        path = folder / f"{Path(program).name}-at-home"
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.inside)} {program} "$@"\n')
        path.chmod(0o755)
        return path

    async def ports_seen(self) -> tuple[int, list[int]]:
        """The port of a socket at home, and those by which two of our ports hear from it."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as ears:
            heard: list[asyncio.Future[int]] = []
            ports = []
            for _ in range(2):
                future: asyncio.Future[int] = loop.create_future()
                transport, _ = await loop.create_datagram_endpoint(
                    partial(_Ear, future), local_addr=(INNER, 0)
                )
                ears.callback(transport.close)
                heard.append(future)
                ports.append(str(transport.get_extra_info("sockname")[1]))
            printed = await run(*self.inside, sys.executable, "-c", _PROBE, OUTER, *ports)
            async with asyncio.timeout(5):
                return int(printed), [await future for future in heard]


class _Ear(asyncio.DatagramProtocol):
    """Tells the port of whoever is heard first."""

    def __init__(self, heard: asyncio.Future[int]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._heard.done():
            self._heard.set_result(addr[1])


@asynccontextmanager
async def home() -> AsyncIterator[Home]:
    """A home behind a symmetric NAT, and before our network a NAT that names us OUTER."""
    async with AsyncExitStack() as programs:
        router = await _network(programs)
        host = await _network(programs)
        in_router, in_host = _enter(router), _enter(host)
        links = [
            ("ip", "link", "add", "router", "type", "veth", "peer", "server", "netns", router),
            ("ip", "address", "add", f"{INNER}/24", "dev", "router"),
            ("ip", "link", "set", "router", "up"),
            (*in_router, "ip", "address", "add", f"{_ROUTER}/24", "dev", "server"),
            (*in_router, "ip", "link", "set", "server", "up"),
            (*in_router, "ip", "link", "add", "home", "type", "veth", "peer", "eth", "netns", host),
            (*in_router, "ip", "address", "add", "10.7.0.1/24", "dev", "home"),
            (*in_router, "ip", "link", "set", "home", "up"),
            (*in_router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"),
            (*in_host, "ip", "link", "set", "lo", "up"),
            (*in_host, "ip", "address", "add", f"{HOME_HOST}/24", "dev", "eth"),
            (*in_host, "ip", "link", "set", "eth", "up"),
            (*in_host, "ip", "route", "add", "default", "via", "10.7.0.1"),
        ]
        for words in links:
            await run(*words)
        await run(*in_router, "nft", "-f", "-", standard_input=_RULES)
        yield Home(in_host)


async def _network(programs: AsyncExitStack) -> str:
    """Another network, kept by a process that sleeps; its id."""
    keeper = await Program.start("unshare", "--net", "sleep", "infinity")
    programs.push_async_callback(keeper.stop)
    ours = os.readlink("/proc/self/ns/net")

    async def its() -> str:
        return os.readlink(f"/proc/{keeper.pid}/ns/net")

    await eventually(its, lambda its: its != ours)
    return str(keeper.pid)


def _enter(network: str) -> tuple[str, ...]:
    return "nsenter", f"--net=/proc/{network}/ns/net"
