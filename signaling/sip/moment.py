"""What happens to a leg at one moment, and what its user is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from signaling.sip.events import (
    Answered,
    Cancelled,
    Cause,
    Confirmed,
    Ended,
    LegEvent,
    Rejected,
    Ringing,
)
from signaling.sip.leg_table import Do
from signaling.sip.message import Message, Pair, Response
from signaling.sip.proposal import retry_after


@dataclass(frozen=True, slots=True)
class Moment:
    """What a step may need to know of the event that caused it."""

    now: float
    message: Message | None = None
    code: int = 0
    headers: Sequence[Pair] = ()
    sdp: str | None = None
    reason: str | None = None


def event_of(do: Do, leg: str, moment: Moment) -> LegEvent | None:
    """The event that tells of a step; None where there is nothing to tell."""
    sdp = moment.message.sdp if moment.message else None
    match do:
        case Do.TELL_RINGING:
            return Ringing(leg, moment.code, sdp) if moment.code > 100 else None
        case Do.TELL_ANSWERED:
            return Answered(leg, sdp)
        case Do.TELL_REJECTED:
            return _rejected(leg, moment)
        case Do.TELL_CANCELLED:
            return Cancelled(leg, moment.reason)
        case Do.TELL_CONFIRMED:
            return Confirmed(leg, sdp)
        case Do.TELL_ENDED:
            return Ended(leg, Cause.BYE, moment.reason)
        case Do.TELL_DEAD:
            return Ended(leg, Cause.NO_ACK, None)
        case Do.TELL_LOST:
            return Ended(leg, Cause.LOST, None)
    return None


def _rejected(leg: str, moment: Moment) -> Rejected:
    if not isinstance(moment.message, Response):
        return Rejected(leg, moment.code, None, None)
    reason = moment.message.headers.first("reason")
    return Rejected(leg, moment.code, reason, retry_after(moment.message))
