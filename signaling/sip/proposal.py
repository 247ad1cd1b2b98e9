"""Our own change of a session: one re-INVITE at a time, and the wait before the next (14.1)."""

import zlib
from enum import Enum

from signaling.sip.message import Request, Response
from signaling.sip.syntax import BadSip, number
from signaling.sip.transaction import Timers

MAX_GLARES = 6
"""Collisions in a row after which the peer is taken to refuse."""
MAX_RETRY_AFTER = 60.0
_STEP = 0.01
_NO_DIALOG = (408, 481)
_OVERLOAD = (500, 503)


class Stage(Enum):
    """How far a proposal is.

    IDLE ──send──> SENT ──answer──> IDLE;  SENT ──no answer in time──> WITHDRAWN ──> IDLE
    IDLE, SENT ──out of turn──> WAITING ──time──> IDLE
    """

    IDLE = "idle"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    """Cancelled, because the peer began to answer and never ended."""
    WAITING = "waiting"


class Verdict(Enum):
    """What a response comes to."""

    NOTHING = "provisional, or long known"
    AGREED = "the session is changed"
    REPEATED = "the peer missed our ACK"
    REFUSED = "the session stays as it was"
    LATER = "the session stays as it was, and we wait to ask again"
    LOST = "the peer knows of no session (RFC 3261 14.1)"


class Proposal:
    """What a leg's user asked the peer for; the leg sends and tells what this decides."""

    def __init__(self, timers: Timers, *, owns_call_id: bool) -> None:
        self.stage = Stage.IDLE
        self.deadline: float | None = None
        self.request: Request | None = None
        self._timers = timers
        self._owns_call_id = owns_call_id
        self._glares = 0

    @property
    def is_open(self) -> bool:
        """Whether our INVITE is under way: the peer's has to wait then (14.2)."""
        return self.stage in (Stage.SENT, Stage.WITHDRAWN)

    def send(self, request: Request, now: float) -> None:
        """The re-INVITE goes out."""
        self.request = request
        self._enter(Stage.SENT, now + self._timers.patience)

    def postpone(self, now: float) -> None:
        """An INVITE of the peer's is not done yet: ours has to wait for its end (14.1)."""
        self._enter(Stage.WAITING, now + self._timers.t1)

    def withdraw(self) -> None:
        """Cancelled; what the peer says last still counts."""
        self._enter(Stage.WITHDRAWN, None)

    def close(self) -> None:
        """The leg ends: nothing is asked or waited for any more."""
        self._enter(Stage.IDLE, None)

    def hear(self, response: Response, now: float) -> Verdict:
        """Take a response to this proposal, or to one before."""
        code = response.code
        asked = self.request.cseq if self.request is not None and self.is_open else None
        is_awaited = response.cseq == asked
        if code < 200 or (code >= 300 and not is_awaited):
            return Verdict.NOTHING
        if code < 300 and not is_awaited:
            return Verdict.REPEATED
        if code < 300:
            self._glares = 0
            self.close()
            return Verdict.AGREED
        if code in _NO_DIALOG:
            self.close()
            return Verdict.LOST
        seconds = self._pause(response)
        if seconds is None or self.stage is Stage.WITHDRAWN:
            self.close()
            return Verdict.REFUSED
        self._enter(Stage.WAITING, now + seconds)
        return Verdict.LATER

    def _pause(self, response: Response) -> float | None:
        """How long to wait before another try; None where there is to be none."""
        if response.code in _OVERLOAD:
            told = retry_after(response)
            return None if told is None else min(float(told), MAX_RETRY_AFTER)
        if response.code != 491 or self._glares >= MAX_GLARES:
            return None
        self._glares += 1
        # Whoever owns the Call-ID waits 2.1 to 4 s, the other side up to 2 s (14.1): one of them
        # comes first. The branch is as random as the wait has to be.
        branch = self.request.via.branch if self.request is not None else ""
        drawn = zlib.crc32(branch.encode())
        if self._owns_call_id:
            return 2.1 + drawn % 191 * _STEP
        return drawn % 201 * _STEP

    def _enter(self, stage: Stage, deadline: float | None) -> None:
        self.stage = stage
        self.deadline = deadline


def retry_after(response: Response) -> int | None:
    """The seconds of a Retry-After header."""
    # A comment or parameters may follow (RFC 3261 20.33); a broken value is as good as none.
    told = response.headers.first("retry-after") or ""
    words = told.replace(";", " ").replace("(", " ").split()
    try:
        return number(words[0], "Retry-After") if words else None
    except BadSip:
        return None
