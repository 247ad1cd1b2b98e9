"""Changes of a session during its call: what a re-INVITE asks for (RFC 3261 14.2)."""

import re
from dataclasses import dataclass

from signaling.sip.flow import Flow
from signaling.sip.message import Request
from signaling.sip.transaction import Key

# Of our own descriptions, which are written well.
_ORIGIN = re.compile(r"^o=\S+ \S+ [0-9]+ \S+ \S+ \S+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reinvite:
    """An INVITE within a dialog that waits for its answer."""

    transaction: Key
    request: Request
    flow: Flow


def is_same_session(sdp: str | None, known: str | None) -> bool:
    """Whether a description says what `known` said; none at all asks for nothing new."""
    return sdp is None or (known is not None and _content(sdp) == _content(known))


def continued(sdp: str, before: str | None) -> str:
    """A description of ours as the next one of the session that `before` belongs to.

    Its origin is that of `before` with a version one higher (RFC 3264, section 8): a media engine
    that took a call over begins with an origin of its own.
    """
    old, new = _origin(before or ""), _origin(sdp)
    if sdp == before or old is None or new is None:
        return sdp
    if new[:2] == old[:2] and int(new[2]) > int(old[2]):
        return sdp
    user, session, version, *address = old
    origin = " ".join([user, session, str(int(version) + 1), *address])
    return _ORIGIN.sub(lambda _: f"o={origin}", sdp, count=1)


def _origin(sdp: str) -> list[str] | None:
    found = _ORIGIN.search(sdp)
    return found[0].removeprefix("o=").split(" ") if found else None


def _content(sdp: str) -> list[str]:
    # A peer may raise the version in o= without a change; what counts is everything else.
    lines = (line.strip() for line in sdp.split("\n"))
    return [line for line in lines if line and not line.startswith("o=")]
