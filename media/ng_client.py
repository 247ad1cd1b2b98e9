"""One instance of rtpengine as its clients see it: requests by UDP, each with its answer."""

import asyncio
import itertools
import logging
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from media import ng
from media.addresses import family_of
from signaling.shared.errors import BadMessage, MediaError

log = logging.getLogger(__name__)

# The instance tells repeats by their cookie, and answers them as it did before.
_REPEAT_SECONDS = (0.15, 0.3, 0.6)
PATIENCE_SECONDS = 2.0
"""An instance that has not answered by then is not there."""
MAX_WAITING = 2048


class NoAnswer(MediaError):
    """The instance does not answer at all."""


class Refused(MediaError):
    """The instance answered that it could not; the text is its own."""


class NgClient(asyncio.DatagramProtocol):
    """The requests to one instance. Its socket is connected: nobody else's answers come in."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._waiting: dict[str, asyncio.Future[ng.Message]] = {}
        self._numbers = itertools.count()
        # A cookie that another process used lately would be answered with that one's answer.
        self._prefix = secrets.token_hex(6)
        self._transport: asyncio.DatagramTransport | None = None
        self._opening = asyncio.Lock()

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"udp://{host}:{self.port}"

    async def request(
        self, command: str, fields: Mapping[str, ng.Value] = MappingProxyType({})
    ) -> ng.Message:
        """Ask, and ask again while nothing comes; NoAnswer, or Refused in the instance's words."""
        if len(self._waiting) >= MAX_WAITING:
            raise MediaError(f"{self}: too many requests wait for their answer")
        cookie = f"{self._prefix}-{next(self._numbers)}"
        data = ng.encode(cookie, {**fields, "command": command})
        answer = await self._exchange(cookie, data)
        if ng.text_of(answer, "result") not in ("ok", "pong"):
            raise Refused(f"{self}: {command}: {ng.text_of(answer, 'error-reason')[:200]}")
        return answer

    async def _exchange(self, cookie: str, data: bytes) -> ng.Message:
        answer: asyncio.Future[ng.Message] = asyncio.get_running_loop().create_future()
        self._waiting[cookie] = answer
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                transport = await self._open()
                for pause in _REPEAT_SECONDS:
                    transport.sendto(data)
                    done, _ = await asyncio.wait([answer], timeout=pause)
                    if done:
                        break
                return await answer
        except (TimeoutError, OSError) as error:
            raise NoAnswer(f"{self} does not answer") from error
        finally:
            del self._waiting[cookie]

    async def _open(self) -> asyncio.DatagramTransport:
        async with self._opening:
            if self._transport is None or self._transport.is_closing():
                loop = asyncio.get_running_loop()
                self._transport, _ = await loop.create_datagram_endpoint(
                    lambda: self, remote_addr=(self.host, self.port), family=family_of(self.host)
                )
            return self._transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        try:
            cookie, message = ng.decode(data)
        except BadMessage as error:
            log.info("%s sent what is no answer: %s", self, error)
            return
        answer = self._waiting.get(cookie)
        if answer is not None and not answer.done():
            answer.set_result(message)

    def error_received(self, exc: Exception) -> None:
        """Its host says that nobody listens there: whoever comes later knows of no call."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionRefusedError(str(exc)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
