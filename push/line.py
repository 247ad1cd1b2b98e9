"""One HTTP/2 connection on its transport: carries bytes and arms one timer."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from push.http2 import Connection, Ended, Request, Result, State


@dataclass(slots=True, eq=False)
class Errand:
    """A request on its way; without a line it was not sent yet."""

    request: Request
    result: asyncio.Future[Result]
    line: "Line | None" = None
    stream: int = 0


class Line(asyncio.Protocol):
    """One connection: carries bytes, arms one timer, and tells its origin of each change."""

    def __init__(self, authority: str, changed: Callable[["Line"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._http2 = Connection(authority, self._loop.time())
        self._changed = changed
        self._errands: dict[int, Errand] = {}
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flush_is_due = False
        self.decided: asyncio.Future[None] = self._loop.create_future()
        """Done when the server's settings came, or when it is clear that they will not."""
        self.closed: asyncio.Future[None] = self._loop.create_future()

    @property
    def state(self) -> State:
        return self._http2.state

    @property
    def room(self) -> int:
        return self._http2.room

    @property
    def answered(self) -> bool:
        return self._http2.answered

    def in_flight(self) -> list[asyncio.Future[Result]]:
        """What is still awaited."""
        return [errand.result for errand in self._errands.values()]

    def start(self, errand: Errand) -> None:
        """Send a request; there has to be room."""
        errand.line, errand.stream = self, self._http2.start(errand.request)
        self._errands[errand.stream] = errand
        self._flush_soon()

    def cancel(self, errand: Errand) -> None:
        """Its answer is of no use any more; the others on the line notice nothing."""
        if self._errands.pop(errand.stream, None) is not None:
            self._http2.cancel(errand.stream)
            self._flush_soon()
            self._changed(self)

    def close(self, reason: str) -> None:
        """End what is in flight, and the connection."""
        self._resolve(self._http2.lost(reason))
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        """Leave without a word, where there is somebody to leave."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if chosen == "h2":
            self._flush()
        else:
            self.close("no HTTP/2")

    def data_received(self, data: bytes) -> None:
        self._resolve(self._http2.receive(data, self._loop.time()))
        if self.state is State.CLOSED:
            self.close("protocol error")
        else:
            self._flush_soon()
        self._after_change()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._resolve(self._http2.lost("connection lost"))
        if not self.closed.done():
            self.closed.set_result(None)
        self._after_change()

    def _resolve(self, ended: list[Ended]) -> None:
        for stream, result in ended:
            errand = self._errands.pop(stream, None)
            if errand is not None and not errand.result.done():
                errand.result.set_result(result)

    def _after_change(self) -> None:
        if self.state is not State.OPENING and not self.decided.done():
            self.decided.set_result(None)
        self._changed(self)

    def _flush_soon(self) -> None:
        """Write once for all that begins in this turn of the loop: a system call costs most."""
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if self._transport is None or self._transport.is_closing():
            return
        if data := self._http2.outgoing():
            self._transport.write(data)
        self._arm()

    def _arm(self) -> None:
        """A deadline that moved away is met by the old timer, which then is armed again."""
        deadline = self._http2.deadline
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._on_timer) if deadline < math.inf else None

    def _on_timer(self) -> None:
        self._timer = None
        self._http2.on_time(self._loop.time())
        self._flush()
        self._after_change()
