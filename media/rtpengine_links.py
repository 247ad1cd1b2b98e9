"""Where the links of legs lead, and what their peers hear by them or instead of them."""

import asyncio
import contextlib

from media.dtmf import DIGITS, MAX_QUEUED
from media.engine import SILENCE
from media.negotiate import Agreement
from media.ng_client import Refused
from media.rtpengine_figures import LINK, PEER, link_host
from media.rtpengine_leg import Leg
from media.rtpengine_sdp import Far, Formats
from signaling.shared.errors import BadMessage, IncompatibleMedia, MediaError, WrongState

# Below these numbers a codec has the same in every description (RFC 3551).
_DYNAMIC = 96
_KINDS = ("media", "DTMF")
_OVER_AND_OVER = 1_000_000


async def join(one: Leg, two: Leg) -> None:
    """Lead two legs to each other; whom they were joined to is led nowhere."""
    if one is two:
        raise WrongState("a leg cannot be joined to itself")
    _agreed(one), _agreed(two)
    if one.other is two:
        return
    await asyncio.gather(part(one), part(two))
    one.other, two.other = two, one
    await connect(one, two)


async def part(leg: Leg) -> None:
    """Leave the joined leg, which hears nobody from now on."""
    other, leg.other = leg.other, None
    if other is not None and other.other is leg:
        other.other = None
        if other.lost:
            return
        await other.there.lead(Far((Formats.of(_agreed(other)),)))


async def connect(one: Leg, two: Leg) -> None:
    """Have joined legs speak with each other what they agreed on with their peers.

    The leg whose peer speaks something else than the link does transcodes, in its own call.
    """
    spoken = _spoken(_agreed(one), _agreed(two))
    await asyncio.gather(_lead(one, two, spoken), _lead(two, one, spoken))


async def play(leg: Leg) -> None:
    """Have the instance do what the leg's source says, from the first description on."""
    if leg.agreement is None:
        return
    there = leg.there
    with contextlib.suppress(Refused):
        # Nothing was playing.
        await there.ask("stop media", {"from-tag": PEER})
    if leg.source is None and leg.agreement.peer_listens:
        for kind in _KINDS:
            await there.ask(f"unblock {kind}", {"from-tag": LINK})
        return
    for kind in _KINDS:
        await there.ask(f"block {kind}", {"from-tag": LINK})
    if leg.source not in (None, SILENCE) and leg.agreement.peer_listens:
        await there.ask(
            "play media",
            {"from-tag": PEER, "file": leg.source, "repeat-times": _OVER_AND_OVER},
        )


async def send_digits(leg: Leg, digits: str, duration_ms: int) -> None:
    """Put digits into the sound that the peer hears: see MediaEngine.dtmf for the errors."""
    agreed = leg.agreement
    if agreed is None or not leg.connected:
        raise WrongState("the leg's media is not connected yet", retry_after=1.0)
    if agreed.event_type is None or not agreed.peer_listens:
        raise IncompatibleMedia("the other side takes no telephone-events")
    if leg.source is not None:
        # The instance would say yes, and drop them with the sound that they are put into.
        raise WrongState("the other side is on hold", retry_after=1.0)
    if len(digits) > MAX_QUEUED or not set(digits.upper()) <= set(DIGITS):
        raise BadMessage("the digits are too many, or not of 0-9 * # A-D")
    await leg.there.inject()
    for digit in digits.upper():
        try:
            await leg.there.ask(
                "play DTMF", {"from-tag": LINK, "code": digit, "duration": duration_ms}
            )
        except Refused as error:
            # Without sound of the joined leg there is nothing to put a digit into.
            raise WrongState(str(error), retry_after=1.0) from error


async def _lead(leg: Leg, other: Leg, spoken: Formats) -> None:
    end = other.there.link
    if end is None:
        raise MediaError("the other leg has no end that could be led to")
    host = end.host
    if leg.there.client is other.there.client:
        # Behind NAT the instance itself may not reach what others are told.
        host = link_host(await other.there.ask("query", {})) or host
    led = await leg.there.lead(Far((spoken,), host, end.port))
    if led and leg.source is not None:
        await play(leg)


def _spoken(ours: Agreement, theirs: Agreement) -> Formats:
    """What the link speaks: what both do, or what has the same number everywhere."""
    one, two = Formats.of(ours), Formats.of(theirs)
    return two if two.number < _DYNAMIC else one


def _agreed(leg: Leg) -> Agreement:
    if leg.agreement is None:
        raise WrongState("a leg that has not agreed on its media cannot be joined")
    return leg.agreement
