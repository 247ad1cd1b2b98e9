"""Changes of a session during its call: what a re-INVITE asks for (RFC 3261 14.2)."""

from dataclasses import dataclass

from signaling.sip.flow import Flow
from signaling.sip.message import Request
from signaling.sip.transaction import Key


@dataclass(frozen=True, slots=True)
class Reinvite:
    """An INVITE within a dialog that waits for its answer."""

    transaction: Key
    request: Request
    flow: Flow


def is_same_session(sdp: str | None, known: str | None) -> bool:
    """Whether a description says what `known` said; none at all asks for nothing new."""
    return sdp is None or (known is not None and _content(sdp) == _content(known))


def _content(sdp: str) -> list[str]:
    # A peer may raise the version in o= without a change; what counts is everything else.
    lines = (line.strip() for line in sdp.split("\n"))
    return [line for line in lines if line and not line.startswith("o=")]
