"""The rules of moving a talking call to the server, and from a dead engine process to another.

Both sides are offered the next media generation in turn, as the first answer decides the codec
that the second offer names. A client gets an event, a phone a change of its session.
"""

from signaling import call_digits as keys
from signaling import call_hold as hold
from signaling import call_recording as recording
from signaling.call_actions import (
    AcceptMedia,
    JoinMedia,
    OpenMedia,
    ProposeChange,
    ShowOffer,
)
from signaling.call_events import (
    ChangeAgreed,
    ChangeRefused,
    MediaAccepted,
    MediaGone,
    MediaOpened,
    MediaRefused,
    RecordAsked,
)
from signaling.call_model import Heard, Leg, Mode, Negotiating, Negotiation, Taping
from signaling.call_setup import MOST_INSISTING
from signaling.call_state import Call
from signaling.call_wake import MAX_RINGS, branch_failed, ring_anew
from signaling.shared.reasons import EndedBy, EndReason


def anchor_if_wanted(call: Call, now: float) -> None:
    """Not while a move of the clients' own is open, nor before both can hear of it."""
    together = not any(party.detached for party in call.parties())
    wanted = call.anchor_wanted or call.taping is Taping.WANTED
    if wanted and call.mode is Mode.DIRECT and call.negotiation is None and together:
        anchor(call, now)


def record_asked(call: Call, event: RecordAsked, now: float) -> None:
    """See call_recording; a direct call moves to the server for it as soon as it can."""
    if recording.record_asked(call, event, now):
        anchor_if_wanted(call, now)


def anchor(call: Call, now: float) -> None:
    """Begin: what the engine held for the two sides is of no use any more."""
    parties = call.parties()
    call.anchor_wanted = False
    call.mode = Mode.ANCHORING
    for party in parties:
        call.close_media(party)
        party.moving_to = None
    newest = max(max(party.media, party.newest) for party in parties)
    _offer(call, parties[0], newest + 1, now)


def _offer(call: Call, leg: Leg, media: int, now: float) -> None:
    call.negotiate(Negotiation(Negotiating.ANCHOR, leg.id, media), now)
    # A phone is asked one thing at a time: what it was asked before comes first.
    if leg.proposed is None:
        _open(call, leg, media)


def _open(call: Call, leg: Leg, media: int) -> None:
    codecs = (call.codec,) if call.codec is not None else ()
    call.do(OpenMedia(leg.id, media, codecs=codecs, insists=leg.insists))


def opened(call: Call, leg: Leg, event: MediaOpened, open_one: Negotiation) -> None:
    if leg.webrtc:
        call.do(ShowOffer(leg.id, event.media, event.sdp))
        return
    open_one.offer, leg.proposed = event.sdp, Heard.OTHER
    call.do(ProposeChange(leg.id, event.sdp))


def accepted(call: Call, event: MediaAccepted, now: float) -> None:
    """One side is there; once both are they are joined, held as they were."""
    leg = call.leg(event.leg)
    if leg is None or _owed(call, leg) is None:
        return
    leg.media, leg.connected, call.codec = event.media, False, event.codec
    # Our new offer said so, whatever the phone was told before.
    leg.told = Heard.OTHER
    other = call.other(leg)
    if other is None:
        return
    if other.media not in other.engine:
        _offer(call, other, event.media, now)
        return
    call.settle()
    call.mode = Mode.ANCHORED
    hold.arrange(call)
    keys.press_kept(call)
    recording.follow(call)
    # Last: when that fails the call ends.
    call.do(JoinMedia(leg.id, leg.media, other.id, other.media))


def refused(call: Call, event: MediaRefused, now: float) -> None:
    if recording.stays_direct(call, event, now):
        call.settle()
        return
    full = event.reason is EndReason.LIMIT
    call.end(event.reason if full else EndReason.MEDIA_FAILED, EndedBy.SERVER, now)


# --- a phone that is offered the new media ---------------------------------------------------


def change_agreed(call: Call, event: ChangeAgreed, now: float) -> None:
    leg = call.leg(event.leg)
    open_one = _owed(call, leg)
    if leg is not None and open_one is not None and open_one.media in leg.engine:
        leg.proposed = None
        call.do(AcceptMedia(leg.id, open_one.media, event.answer))
        return
    hold.change_agreed(call, event, now)
    _ask_at_last(call, leg, open_one)


def change_refused(call: Call, event: ChangeRefused, now: float) -> None:
    """A phone that wanted a change of its own at the same time is asked again.

    Any other may want to be told that it must encrypt, as when it was called or was calling.
    """
    leg = call.leg(event.leg)
    open_one = _owed(call, leg)
    if leg is not None and open_one is not None and open_one.media in leg.engine:
        if event.again:
            call.do(ProposeChange(leg.id, open_one.offer))
        elif call.insists and leg.insists < MOST_INSISTING:
            leg.insists, leg.proposed = leg.insists + 1, None
            call.close_media(leg)
            _offer(call, leg, open_one.media + 1, now)
        else:
            call.end(EndReason.MEDIA_FAILED, EndedBy.SERVER, now)
        return
    hold.change_refused(call, event, now)
    _ask_at_last(call, leg, open_one)


def _ask_at_last(call: Call, leg: Leg | None, open_one: Negotiation | None) -> None:
    """What a phone was asked before is done: it is offered the new media now."""
    if leg is not None and open_one is not None and leg.proposed is None:
        _open(call, leg, open_one.media)


def _owed(call: Call, leg: Leg | None) -> Negotiation | None:
    """What the leg has to answer before the call has its new media."""
    open_one = call.negotiation
    if leg is None or open_one is None or open_one.leg != leg.id:
        return None
    return open_one if open_one.kind is Negotiating.ANCHOR else None


# --- an engine process that is dead ----------------------------------------------------------


def gone(call: Call, event: MediaGone, now: float) -> None:
    """All media of a call is in one process: the first leg that is told of brings all back."""
    leg = call.leg(event.leg)
    if leg is not None and event.media in leg.engine:
        anchor(call, now)


def gone_claimed(call: Call, event: MediaGone, now: float) -> None:
    """The answer that is on its way is one to an offer that nobody stands by."""
    leg = call.leg(event.leg)
    if leg is not None and event.media in leg.engine:
        call.end(EndReason.MEDIA_FAILED, EndedBy.SERVER, now)


def gone_ringing(call: Call, event: MediaGone, now: float) -> None:
    """Whoever rings is rung anew; a caller that was answered for early media cannot be again."""
    leg = call.leg(event.leg)
    if leg is None or event.media not in leg.engine:
        return
    if call.caller_leg().engine:
        call.end(EndReason.MEDIA_FAILED, EndedBy.SERVER, now)
    elif leg.media >= MAX_RINGS:
        branch_failed(call, leg, EndReason.MEDIA_FAILED, EndedBy.SERVER, now)
    else:
        ring_anew(call, leg, leg.endpoint)
        call.legs[leg.id].rang = leg.rang
