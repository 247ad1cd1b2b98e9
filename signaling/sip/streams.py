"""SIP over TCP: connections that phones open, each of them a flow, all of them bounded."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from signaling.shared.errors import OperatorError
from signaling.sip.flow import Flow
from signaling.sip.framing import Framer
from signaling.sip.syntax import BadSip

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What a connection may take before it is closed.

    A phone that authenticated may be silent for as long as a registration lasts at most; a dead
    one among these is found by TCP itself.
    """

    connections: int = 4_000
    connections_per_host: int = 200
    message_seconds: float = 10.0
    """From the first byte of a message, or from the start, to a whole message."""
    idle_seconds: float = 180.0
    trusted_idle_seconds: float = 3_900.0
    waiting_bytes: int = 262_144
    """What a peer that does not read may leave with us."""


class TcpTransport:
    """The server's TCP side.

    `received` is called for every whole message and keep-alive, `lost` once for every connection
    that ended.
    """

    def __init__(
        self,
        received: Callable[[bytes, Flow], None],
        lost: Callable[[Flow], None],
        limits: StreamLimits | None = None,
    ) -> None:
        self._received = received
        self._lost = lost
        self._limits = limits or StreamLimits()
        self._connections: dict[Flow, _Connection] = {}
        self._per_host: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, host: str, port: int) -> None:
        """Listen; raises OperatorError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Connection(self), host, port)
        except OSError as error:
            raise OperatorError(
                f"sip.host, sip.port: TCP {host}:{port} cannot be had: {error.strerror}; "
                "stop the program that has it, or choose another port"
            ) from error
        self._sweep()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        sockets = self._server.sockets if self._server is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    def send(self, data: bytes, flow: Flow) -> None:
        """Send over the flow's connection; what has none any more is lost, as `lost` told."""
        connection = self._connections.get(flow)
        if connection is not None and not connection.write(data, self._limits.waiting_bytes):
            log.debug("a SIP peer does not read what it is sent: its connection is closed")
            connection.abort()

    def trust(self, flow: Flow) -> None:
        """Let the connection be silent for long: whoever it is, it proved to be a phone of ours."""
        connection = self._connections.get(flow)
        if connection is not None:
            connection.idle_seconds = self._limits.trusted_idle_seconds

    def count(self) -> int:
        """Connections that are open."""
        return len(self._connections)

    def close(self) -> None:
        """Stop listening and end every connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections.values()):
            connection.close()

    # --- what connections use

    def admit(self, connection: "_Connection") -> bool:
        """Take a new connection in, unless there are too many."""
        flow, limits = connection.flow, self._limits
        if (
            len(self._connections) >= limits.connections
            or self._per_host[flow.host] >= limits.connections_per_host
        ):
            return False
        self._connections[flow] = connection
        self._per_host[flow.host] += 1
        connection.idle_seconds = limits.idle_seconds
        return True

    def take(self, message: bytes, flow: Flow) -> None:
        self._received(message, flow)

    def forget(self, connection: "_Connection") -> None:
        """A connection ended."""
        flow = connection.flow
        if self._connections.get(flow) is not connection:
            return
        del self._connections[flow]
        self._per_host[flow.host] -= 1
        if not self._per_host[flow.host]:
            del self._per_host[flow.host]
        self._lost(flow)

    def _sweep(self) -> None:
        """Close connections that are idle or too slow, by one timer for all of them."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections.values()):
            if connection.is_late(now, self._limits.message_seconds):
                connection.abort()
        self._timer = loop.call_later(SWEEP_SECONDS, self._sweep)


class _Connection(asyncio.Protocol):
    """One connection: its framer, and since when it owes us something."""

    def __init__(self, owner: TcpTransport) -> None:
        self.flow = Flow("tcp", "", 0)
        self.idle_seconds = 0.0
        self._owner = owner
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._heard_at = 0.0
        # Since when a message is under way; a new connection owes its first one.
        self._owes_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by inheritance.
        self._transport = cast(asyncio.Transport, transport)
        host, port = transport.get_extra_info("peername")[:2]
        self.flow = Flow("tcp", host, port)
        self._heard_at = self._owes_since = asyncio.get_running_loop().time()
        if not self._owner.admit(self):
            self.abort()
            return
        # A phone that lost its network says no goodbye.
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

    def data_received(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._heard_at = now
        try:
            for message in self._framer.feed(data):
                self._owes_since = None
                self._owner.take(message, self.flow)
                if self._transport is None or self._transport.is_closing():
                    return
        except BadSip as error:
            log.debug("a SIP stream is closed: %s", error)
            self.abort()
            return
        if self._framer.is_inside and self._owes_since is None:
            self._owes_since = now

    def eof_received(self) -> None:
        """A half-closed connection is of no use: requests of ours could not be answered."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.forget(self)

    def write(self, data: bytes, most: int) -> bool:
        """Send, unless more than `most` bytes wait already."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        if transport.get_write_buffer_size() > most:
            return False
        transport.write(data)
        return True

    def is_late(self, now: float, message_seconds: float) -> bool:
        """Whether it was silent for too long, or took too long for one message."""
        owes = self._owes_since is not None and now - self._owes_since > message_seconds
        return owes or now - self._heard_at > self.idle_seconds

    def close(self) -> None:
        """End it once what waits was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()
