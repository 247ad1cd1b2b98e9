"""Feeds the SIP core with datagrams and time, and hands on what it tells."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from signaling.shared.timers import call_at
from signaling.sip.events import LegEvent, Received
from signaling.sip.flow import Flow
from signaling.sip.stack import SipStack
from signaling.sip.transaction import Key

log = logging.getLogger(__name__)

MAX_PENDING = 500
"""Requests that wait for the database; beyond that the answer is 503."""
RETRY_SECONDS = "5"


class SipAgent:
    """The one place that touches the stack; everything else goes through `do`."""

    def __init__(
        self,
        stack: SipStack,
        send: Callable[[bytes, Flow], None],
        trust: Callable[[Flow], None],
    ) -> None:
        self._stack = stack
        self._send = send
        self._trust = trust
        self._on_lost: Callable[[Flow], None] = _no_flow
        self._serve: dict[str, Callable[[Received], Awaitable[None]]] = {}
        self._on_leg: Callable[[LegEvent], None] = _nobody
        self._pending: dict[Key, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._quiet = asyncio.Event()

    def serve(self, method: str, handler: Callable[[Received], Awaitable[None]]) -> None:
        """Have requests of a method handled; the handler responds through `do`."""
        self._serve[method] = handler

    def on_leg(self, listener: Callable[[LegEvent], None]) -> None:
        """Have what happens to call legs told to `listener`."""
        self._on_leg = listener

    def receive(self, data: bytes, flow: Flow) -> None:
        """Take a datagram from the transport."""
        try:
            self._stack.receive(data, flow, self.now())
        except Exception:  # noqa: BLE001  the edge: one message must not end the socket
            log.exception("a SIP message of %d bytes broke the stack", len(data))
        self._pump()

    def lose(self, flow: Flow) -> None:
        """A connection ended: nothing can be sent over it any more."""
        self._on_lost(flow)
        self.do(lambda stack, now: stack.lose(flow, now))

    def on_lost(self, listener: Callable[[Flow], None]) -> None:
        """Have connections that ended told to `listener`."""
        self._on_lost = listener

    def trust(self, flow: Flow) -> None:
        """What came over the flow was signed by a phone of ours."""
        self._trust(flow)

    def do(self, command: Callable[[SipStack, float], None]) -> None:
        """Give the stack a command, and send what comes of it."""
        command(self._stack, self.now())
        self._pump()

    def respond(self, received: Received, code: int, *headers: tuple[str, str]) -> None:
        """Answer a request that was received."""
        self.do(
            lambda stack, now: stack.respond(received.transaction, code, now=now, headers=headers)
        )

    def counts(self) -> dict[str, int]:
        """How much is held; all zero when nothing goes on."""
        return {**self._stack.counts(), "pending": len(self._pending)}

    async def stop(self, seconds: float) -> None:
        """Answer what is pending with 503, then let legs finish their goodbyes for a while."""
        self._stopping = True
        pending, self._pending = self._pending, {}
        for key, task in pending.items():
            task.cancel()
            self._refuse(key)
        await asyncio.gather(*pending.values(), return_exceptions=True)
        try:
            async with asyncio.timeout(seconds):
                while self._stack.counts()["legs"]:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            log.warning("%d SIP legs did not say goodbye in time", self._stack.counts()["legs"])
        if self._timer is not None:
            self._timer.cancel()

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    def _pump(self) -> None:
        """Send, tell and arm, until the stack has nothing more to say."""
        while events := self._told():
            for event in events:
                self._tell(event)
        if not self._stack.counts()["legs"]:
            self._quiet.set()
        self._arm()

    def _tell(self, event: Received | LegEvent) -> None:
        try:
            if isinstance(event, Received):
                self._receive(event)
            else:
                self._on_leg(event)
        except Exception:  # noqa: BLE001  the edge of an event: the timers have to run on
            log.exception("%s was not taken well", type(event).__name__)

    def _told(self) -> list[Received | LegEvent]:
        self._flush()
        return self._stack.events()

    def _flush(self) -> None:
        for data, flow in self._stack.outgoing():
            self._send(data, flow)

    def _receive(self, received: Received) -> None:
        handler = self._serve.get(received.request.method)
        if handler is None or self._stopping or len(self._pending) >= MAX_PENDING:
            self._refuse(received.transaction)
            return
        task = asyncio.create_task(self._handle(handler, received))
        self._pending[received.transaction] = task
        task.add_done_callback(lambda _: self._pending.pop(received.transaction, None))

    async def _handle(
        self, handler: Callable[[Received], Awaitable[None]], received: Received
    ) -> None:
        try:
            await handler(received)
        except Exception:  # noqa: BLE001  the edge of a request: the others go on
            log.exception("%s broke", received.request.method)
            self.respond(received, 500)

    def _refuse(self, transaction: Key) -> None:
        retry = (("Retry-After", RETRY_SECONDS),)
        self._stack.respond(transaction, 503, now=self.now(), headers=retry)
        self._flush()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self._stack.next_timer()
        if at is not None:
            self._timer = call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._stack.handle_timer(self.now())
        self._pump()


def _nobody(event: LegEvent) -> None:
    """Before anybody listens there are no legs."""


def _no_flow(flow: Flow) -> None:
    """Before anybody listens nothing rests on a connection."""
