"""SIP over UDP: one socket, datagrams in and out."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from signaling.shared.errors import OperatorError
from signaling.sip.flow import Flow

log = logging.getLogger(__name__)

RECEIVE_BUFFER = 1_048_576
MAX_KNOWN_ROUTES = 4_096


class UdpTransport(asyncio.DatagramProtocol):
    """The server's UDP socket. `received` is called for every datagram, on the event loop."""

    def __init__(self, received: Callable[[bytes, Flow], None], advertised: str | None) -> None:
        self._received = received
        self._advertised = advertised
        self._transport: asyncio.DatagramTransport | None = None
        self._bound = ("", 0)
        self._local: dict[str, str] = {}

    async def open(self, host: str, port: int) -> None:
        """Bind; raises OperatorError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        except OSError as error:
            raise OperatorError(
                f"sip.host, sip.port: UDP {host}:{port} cannot be had: {error.strerror}; "
                "stop the program that has it, or choose another port"
            ) from error

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by inheritance.
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._bound = transport.get_extra_info("sockname")[:2]
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, Flow("udp", addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        # An ICMP answer to something we sent; the transaction's own timers tell the rest.
        log.debug("UDP: %s", exc)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send to the flow's address; loss is what the transaction layer is for."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, (flow.host, flow.port))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def address_for(self, flow: Flow) -> tuple[str, int]:
        """The host and port by which the other side of a flow reaches us."""
        host, port = self._bound
        if self._advertised is not None:
            return self._advertised, port
        if host not in ("0.0.0.0", "::"):
            return host, port
        known = self._local.get(flow.host)
        if known is None:
            if len(self._local) >= MAX_KNOWN_ROUTES:
                self._local.clear()
            known = self._local[flow.host] = _local_address(flow.host)
        return known, port


def _local_address(remote: str) -> str:
    """The source address that the system would use towards `remote`; nothing is sent."""
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))
        except OSError:
            return "::1" if family is socket.AF_INET6 else "127.0.0.1"
        return str(probe.getsockname()[0])
