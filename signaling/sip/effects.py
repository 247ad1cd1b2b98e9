"""What a leg wants done: the stack carries these out in their order."""

from collections.abc import Sequence
from dataclasses import dataclass

from signaling.sip.events import LegEvent
from signaling.sip.flow import Flow
from signaling.sip.message import Pair, Request
from signaling.sip.transaction import Key


@dataclass(frozen=True, slots=True)
class Start:
    """Send a request in a transaction; the leg hears of the responses if `followed`."""

    request: Request
    flow: Flow
    followed: bool


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a request that belongs to no transaction: the ACK to a 2xx."""

    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a request of the peer's."""

    transaction: Key
    code: int
    headers: Sequence[Pair] = ()
    sdp: str | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send the last answer of a transaction again."""

    transaction: Key


@dataclass(frozen=True, slots=True)
class Abandon:
    """Wait for the end of our INVITE only so long."""

    invite: Request


@dataclass(frozen=True, slots=True)
class Tell:
    """Let the user of the stack know."""

    event: LegEvent


Effect = Start | Transmit | Reply | Repeat | Abandon | Tell
