"""Garbage, broken and slow streams against a running server: it goes on as if nothing had been."""

import asyncio
import socket

import pytest

from signaling.sip.framing import KEEP_ALIVE, Framer
from tests.end_to_end.server import Server
from tests.end_to_end.waiting import eventually
from tests.sip import data
from tests.sip.test_hostile import agreed_to, hostile

pytestmark = pytest.mark.asyncio(loop_scope="session")

DATAGRAMS, STREAMS, SLOW = 6_000, 60, 40
SECONDS = 10.0
# What may be agreed to without a phone of ours: neither asks for anything that costs.
HARMLESS = {"OPTIONS", "INFO"}
GROWTH_KILOBYTES = 40_000


class Ear(asyncio.DatagramProtocol):
    """Keeps the datagrams that came."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)


def options(number: int, transport: str) -> bytes:
    """A question that the server has not been asked before."""
    return data.edited(
        data.OPTIONS,
        ("z9hG4bK.options", f"z9hG4bKalive{number}"),
        ("options-1", f"alive-{number}"),
        ("/UDP ", f"/{transport} "),
    )


async def is_alive_on_udp(server: Server, number: int) -> None:
    loop = asyncio.get_running_loop()
    transport, ear = await loop.create_datagram_endpoint(
        Ear, remote_addr=("127.0.0.1", server.ports.sip)
    )
    transport.sendto(options(number, "UDP"))

    async def heard() -> list[bytes]:
        return ear.heard

    await eventually(heard, lambda heard: any(b" 200 " in answer[:12] for answer in heard))
    transport.close()


async def is_alive_on_tcp(server: Server, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports.sip)
    writer.write(b"\r\n\r\n" + options(number, "TCP"))
    async with asyncio.timeout(SECONDS):
        assert await reader.readexactly(2) == b"\r\n"
        assert (await reader.readline()).startswith(b"SIP/2.0 200 ")
    writer.close()
    await writer.wait_closed()


async def throw_datagrams(server: Server) -> list[bytes]:
    """Send mutated messages, a burst at a time; what came back."""
    loop = asyncio.get_running_loop()
    transport, ear = await loop.create_datagram_endpoint(
        Ear, remote_addr=("127.0.0.1", server.ports.sip)
    )
    for number, raw in enumerate(hostile(DATAGRAMS)):
        transport.sendto(raw[:60_000])
        if number % 50 == 0:
            await asyncio.sleep(0.01)
    await is_alive_on_udp(server, 1)
    transport.close()
    return ear.heard


async def throw_stream(server: Server, raw: bytes) -> bytes:
    """What the server says to a stream of mutated messages, until it closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports.sip)
    said = b""
    try:
        writer.write(raw)
        await writer.drain()
        while True:
            async with asyncio.timeout(0.5):
                chunk = await reader.read(65_536)
            if not chunk:
                return said
            said += chunk
    except (TimeoutError, ConnectionError):
        return said
    finally:
        writer.close()


async def test_it_goes_on_and_agrees_to_nothing(server: Server) -> None:
    before, resident = await server.counts(), server.resident_kilobytes()
    answers = await throw_datagrams(server)
    assert "OPTIONS" in agreed_to(answers) <= HARMLESS

    messages = hostile(10 * STREAMS)
    streams = [b"".join(next(messages) for _ in range(10)) for _ in range(STREAMS)]
    said = await asyncio.gather(*(throw_stream(server, raw) for raw in streams))
    whole = [message for each in said for message in Framer().feed(each)]
    assert agreed_to([message for message in whole if message != KEEP_ALIVE]) <= HARMLESS
    slow = [socket.create_connection(("127.0.0.1", server.ports.sip)) for _ in range(SLOW)]
    for number, each in enumerate(slow):
        each.sendall(data.INVITE[: 20 * number])
    await is_alive_on_tcp(server, 2)
    await is_alive_on_udp(server, 3)

    # The slow ones are left after ten seconds, though they never close.
    await eventually(server.counts, lambda now: now["sip_connections"] == 0, seconds=20)
    for each in slow:
        each.close()
    now = await server.counts()
    # Before, something of an earlier test may still have been closing.
    for name in ("calls", "legs", "dialogs", "contacts", "media_legs", "ports", "descriptors"):
        assert now[name] <= before[name], name
    assert server.resident_kilobytes() - resident < GROWTH_KILOBYTES
    assert "Traceback" not in server.program.output
