"""coturn as the TURN server: started with the secret that it shares with ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aioice.stun
import aioice.turn

from tests.end_to_end.ports import Ports, take_ports
from tests.end_to_end.process import Program

HOST = "192.0.2.1"
"""This network's own address: coturn relays nothing to loopback."""

UNAUTHORIZED, STALE_NONCE = 401, 438


@dataclass(frozen=True)
class Coturn:
    program: Program
    ports: Ports
    secret: str

    @property
    def url(self) -> str:
        return f"turn:{HOST}:{self.ports.http}?transport=udp"

    async def relay(self, username: str, credential: str) -> aioice.turn.TurnTransport | None:
        """A relayed address for somebody with these credentials; None where they are refused."""
        code = STALE_NONCE
        # A request that went out twice, as they do on a busy machine, has two nonces in answer.
        while code == STALE_NONCE:
            try:
                transport, _ = await aioice.turn.create_turn_endpoint(
                    asyncio.DatagramProtocol,
                    (HOST, self.ports.http),
                    username=username,
                    password=credential,
                )
            except aioice.stun.TransactionFailed as failure:
                code = failure.response.attributes["ERROR-CODE"][0]
            else:
                return transport
        assert code == UNAUTHORIZED
        return None

    async def admits(self, username: str, credential: str) -> bool:
        transport = await self.relay(username, credential)
        if transport is not None:
            transport.close()
        return transport is not None


@asynccontextmanager
async def running_coturn(folder: Path, secret: str) -> AsyncIterator[Coturn]:
    """A coturn that admits whoever has credentials made of `secret`; its files are in `folder`."""
    ports = take_ports()
    program = await Program.start(
        *("turnserver", "-n", "--verbose", "--no-cli", "--no-tls", "--no-dtls"),
        *("--use-auth-secret", f"--static-auth-secret={secret}", "--realm=wsphone.local"),
        *(f"--listening-ip={HOST}", f"--relay-ip={HOST}", f"--listening-port={ports.http}"),
        *(f"--min-port={ports.media_min}", f"--max-port={ports.media_max}"),
        *("--log-file=stdout", "--pidfile=/dev/null", f"--userdb={folder}/turndb"),
    )
    try:
        await program.expect(rf"UDP listener opened on: {HOST}:{ports.http}")
        yield Coturn(program, ports, secret)
    finally:
        await program.stop()
