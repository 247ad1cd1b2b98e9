"""Two hundred calls of one phone, twenty a second: none fails, and nothing stays behind."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.end_to_end.ports import take_ports
from tests.end_to_end.process import Program
from tests.end_to_end.server import ALICE, BOB, Server, running_server
from tests.end_to_end.waiting import eventually
from tests.end_to_end.wsclient import DESCRIPTION, Client, clients

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

CALLS, RATE, TALK_MS = 200, 20, 1_000
SCENARIO = Path(__file__).with_name("calls.xml")
PCMU = DESCRIPTION.format(ufrag="aNsW", setup="active").replace(" 111 0 8 110", " 0")
# Closed ports rest for a minute before they are used again: every call here has its own.
PORT_BLOCKS = 8
GIVEN_BACK = (
    "calls",
    "legs",
    "dialogs",
    "media_legs",
    "media_sockets",
    "ports",
    "pending",
)


async def answer_all(client: Client) -> None:
    """Answer every call; its media never connects, which takes longer than these calls last."""
    while True:
        incoming = await client.event("call.incoming")
        await client.request(
            "call.answer", call=incoming["call"], media=incoming["media"], answer=PCMU
        )


async def call_a_lot(server: Server, folder: Path) -> None:
    """Let sipp be the phone; it ends with 0 when every call went as it should."""
    scenario = folder / "calls.xml"
    scenario.write_text(SCENARIO.read_text().replace("@SECRET@", BOB.secret))
    ports, errors = take_ports(), folder / "errors.log"
    sipp = await Program.start(
        *("sipp", f"127.0.0.1:{server.ports.sip}", "-sf", str(scenario), "-s", "alice"),
        *("-auth_uri", "alice@wsphone.local"),
        *("-i", "127.0.0.1", "-p", str(ports.sip), "-mp", str(ports.media_min)),
        *("-m", str(CALLS), "-r", str(RATE), "-l", str(CALLS), "-d", str(TALK_MS)),
        *("-nostdin", "-timeout", "50", "-trace_err", "-error_file", str(errors)),
    )
    try:
        status = await sipp.wait(seconds=60)
    finally:
        await sipp.stop()
    trouble = errors.read_text()[:3_000] if errors.exists() else ""
    assert status == 0, f"{sipp.output[-3000:]}\n{trouble}"


async def test_two_hundred_calls_leave_nothing_behind(tmp_path: Path) -> None:
    async with (
        running_server(tmp_path, (ALICE, BOB), ports=take_ports(PORT_BLOCKS)) as server,
        clients(server.url) as group,
    ):
        alice = await group.online(ALICE, device="tablet")
        before = await server.counts()
        answering = asyncio.create_task(answer_all(alice))
        await call_a_lot(server, tmp_path)

        kept = {name: before[name] for name in GIVEN_BACK}
        await eventually(
            server.counts, lambda now: {name: now[name] for name in GIVEN_BACK} == kept
        )
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering
