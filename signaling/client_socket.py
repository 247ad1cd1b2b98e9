"""One open WebSocket: the session that it carries, its rate, and its requests under way."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from aiohttp import web

from signaling.connection import INTERNAL_ERROR, Outbox, Rejected, error_frame, result_frame
from signaling.sessions import Session
from signaling.shared.errors import TryAgain, WSPhoneError
from signaling.shared.messages import Envelope, IceServer, IceServersRenewed, Result
from signaling.turn import TurnServers

log = logging.getLogger(__name__)

MAX_WAITING = 64
"""Requests of one socket that may wait for their answer."""
MESSAGES_PER_SECOND = 50.0
MESSAGE_BURST = 200.0
LAST_WORDS_SECONDS = 3.0
"""What is still to be said to a client is given up after this."""


@dataclass(slots=True, eq=False)
class ClientSocket:
    """`session` is None until the client said who it is."""

    response: web.WebSocketResponse
    outbox: Outbox
    heard_at: float
    allowance: float = MESSAGE_BURST
    session: Session | None = None
    # When the TURN servers that its client was told of need new credentials; None: never.
    renew_at: float | None = None
    waiting: set[asyncio.Future[Result]] = field(default_factory=set)

    @property
    def is_current(self) -> bool:
        """Whether it carries a session: not once that ended, was revoked or resumed elsewhere."""
        return self.session is not None and self.session.outbox is self.outbox

    def may_speak(self, now: float) -> bool:
        """Count one message against the socket's rate."""
        refill = (now - self.heard_at) * MESSAGES_PER_SECOND
        self.allowance = min(MESSAGE_BURST, self.allowance + refill) - 1.0
        self.heard_at = now
        return self.allowance >= 0.0

    def ice_servers(self, turn: TurnServers, account: str, now: float) -> list[IceServer]:
        """What the client is told of STUN and TURN servers, to be renewed in time."""
        self.renew_at = None if turn.renew_seconds is None else now + turn.renew_seconds
        return turn.told(account, time.time())

    def renew(self, turn: TurnServers, now: float) -> None:
        """Give the client new credentials, if it is time, while it can still use the old."""
        if self.session is None or self.renew_at is None or now < self.renew_at:
            return
        servers = self.ice_servers(turn, self.session.account.id, now)
        self.session.tell(IceServersRenewed(servers, turn.seconds))

    def check_room(self) -> None:
        """Raises TryAgain when too many requests are under way."""
        if len(self.waiting) >= MAX_WAITING:
            raise TryAgain("too many requests wait for their answer", retry_after=1)

    def respond(self, envelope: Envelope, answer: Result | WSPhoneError | Rejected) -> None:
        """Answer a request; a notification has no answer."""
        if envelope.id is None:
            return
        if isinstance(answer, Exception):
            self.outbox.add(error_frame(envelope.id, answer))
        else:
            self.outbox.add(result_frame(envelope.id, answer))

    def respond_later(self, envelope: Envelope, future: asyncio.Future[Result]) -> None:
        """Answer a request with what `future` brings."""

        def done(future: asyncio.Future[Result]) -> None:
            self.waiting.discard(future)
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                self.respond(envelope, future.result())
            elif isinstance(error, WSPhoneError):
                self.respond(envelope, error)
            else:
                log.error("%s broke", envelope.method, exc_info=error)
                self.respond(envelope, Rejected(INTERNAL_ERROR, "an error of ours"))

        self.waiting.add(future)
        future.add_done_callback(done)

    async def finish(self, writer: asyncio.Task[None]) -> None:
        """Let the writer say what it has to, but not for long."""
        for future in list(self.waiting):
            future.cancel()
        self.outbox.close(1000, "")
        try:
            await asyncio.wait({writer}, timeout=LAST_WORDS_SECONDS)
        finally:
            if not writer.done():
                self.outbox.abort()
                writer.cancel()
