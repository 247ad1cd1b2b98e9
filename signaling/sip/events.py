"""What the stack tells its user; `leg` is the id that the user gave the leg.

A leg is over after the user's own `reject` or `hang_up`, and nothing more is said about it, or
after exactly one of Rejected, Cancelled and Ended.
"""

from dataclasses import dataclass
from enum import Enum

from signaling.sip.flow import Flow
from signaling.sip.message import Request
from signaling.sip.transaction import Key


@dataclass(frozen=True, slots=True)
class Received:
    """An INVITE or REGISTER outside any dialog, to be answered with `respond` or `take`."""

    transaction: Key
    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class Ringing:
    """A provisional answer above 100 came for our call."""

    leg: str
    code: int
    sdp: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """Our call was accepted, and the ACK is on its way."""

    leg: str
    sdp: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Our call failed; 408 also when nothing answered at all. `reason` is a Reason header."""

    leg: str
    code: int
    reason: str | None
    retry_after: int | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before we answered; `reason` is the CANCEL's Reason header."""

    leg: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The ACK to our answer came; `sdp` is its body: the answer, when the offer was ours."""

    leg: str
    sdp: str | None


@dataclass(frozen=True, slots=True)
class Offered:
    """The peer asks to change the session; say `answer` or `refuse_offer`."""

    leg: str
    sdp: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The peer asked what we can, and its answer, in the ACK, changes the session."""

    leg: str
    sdp: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """The peer took the change that we proposed; `sdp` is its answer."""

    leg: str
    sdp: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer did not take what we proposed, and the session is as it was.

    `again`: both sides wanted a change at once, or it was busy; whoever still wants the change
    may propose it now.
    """

    leg: str
    again: bool


@dataclass(frozen=True, slots=True)
class Pressed:
    """The peer pressed a key, and said so by INFO."""

    leg: str
    digit: str
    duration_ms: int


class Cause(Enum):
    """Why an answered leg ended without our doing."""

    BYE = "bye"
    NO_ACK = "no ack"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Ended:
    """An answered leg is over: the peer said BYE, or never confirmed what we answered.

    LOST: it knows nothing of the call any more, or answers nothing.
    """

    leg: str
    cause: Cause
    reason: str | None


LegEvent = (
    Ringing
    | Answered
    | Rejected
    | Cancelled
    | Confirmed
    | Offered
    | Changed
    | Agreed
    | Refused
    | Pressed
    | Ended
)
Event = Received | LegEvent
