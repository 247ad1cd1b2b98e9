"""The digits that instances of rtpengine heard: its JSON, by UDP (--dtmf-log-dest)."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from media.addresses import bind_udp
from media.dtmf import DIGITS
from media.rtpengine_figures import PEER
from signaling.shared.errors import OperatorError

_MAX_OCTETS = 2048
_MAX_DURATION_MS = 60_000


class DigitPort(asyncio.DatagramProtocol):
    """Listens for the instances; whatever comes from another host is passed over."""

    def __init__(self, hosts: frozenset[str], heard: Callable[[str, str, int], None]) -> None:
        """`heard` gets the call's name in the instance, the digit and its milliseconds."""
        self._hosts = hosts
        self._heard = heard
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, host: str, port: int) -> None:
        """Raises OperatorError when the port cannot be had."""
        try:
            sock = bind_udp(host, port)
        except OSError as error:
            raise OperatorError(
                f"media.rtpengine_digits: UDP {host} port {port}: {error.strerror}"
            ) from error
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        told = read(data) if addr[0] in self._hosts else None
        if told is not None:
            self._heard(*told)


def read(data: bytes) -> tuple[str, str, int] | None:
    """The call, digit and milliseconds of a digit that a peer sent; None for anything else.

    Digits on a link were told on their way in, by the other leg's call.
    """
    if len(data) > _MAX_OCTETS:
        return None
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("source_tag") != PEER:
        return None
    call, event, duration = (told.get(key) for key in ("callid", "event", "duration"))
    if not isinstance(call, str) or type(event) is not int or type(duration) is not int:
        return None
    if not (0 <= event < len(DIGITS) and 0 <= duration <= _MAX_DURATION_MS):
        return None
    return call, DIGITS[event], duration
