"""The rules of media in a call: candidates, moves to new transports, digits, silence, the end."""

from signaling import call_anchor as anchoring
from signaling import call_recording as recording
from signaling.call_actions import (
    AcceptMedia,
    CloseMedia,
    FeedCandidates,
    JoinMedia,
    OpenMedia,
    RefuseChange,
    Reply,
    ShowAnswer,
    ShowCandidates,
    ShowOffer,
    UpdateMedia,
)
from signaling.call_anchor import anchor_if_wanted
from signaling.call_events import (
    Attached,
    ChangeAsked,
    Changed,
    Detached,
    HungUp,
    Left,
    MediaConnected,
    MediaLost,
    MediaOpened,
    MediaRefused,
    MediaReported,
    MediaUpdated,
    OfferMade,
    OfferTaken,
    Rejected,
    TimePassed,
    Trickled,
    UpdateRefused,
)
from signaling.call_hold import arrange
from signaling.call_model import Clock, Leg, LegState, Mode, Negotiating, Negotiation, State
from signaling.call_state import CALLER_LOST_SECONDS, NEGOTIATE_SECONDS, Call
from signaling.call_wake import wake_sleepers
from signaling.shared.errors import IncompatibleMedia, WrongState
from signaling.shared.messages import MAX_CANDIDATES, Done, OfferAnswered
from signaling.shared.reasons import EndedBy, EndReason

RETRY_SECONDS = 1.0


# --- candidates ------------------------------------------------------------------------------


def trickle_early(call: Call, event: Trickled, now: float) -> None:
    """Before the answer: kept for those who come late; a callee's are held until it wins."""
    leg = call.leg(event.leg)
    if leg is None or _feed(call, leg, event) or event.media != leg.media:
        return
    room = MAX_CANDIDATES - len(leg.candidates)
    taken = event.candidates[:room]
    leg.candidates.extend(taken)
    leg.candidates_ended = leg.candidates_ended or event.end
    has_news = bool(taken) or event.end
    if not leg.caller or call.mode is not Mode.DIRECT or not has_news:
        return
    for branch in call.branches():
        if branch.webrtc and branch.state is not LegState.NEW:
            call.do(ShowCandidates(branch.id, event.media, taken, event.end))


def trickle(call: Call, event: Trickled, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None or _feed(call, leg, event) or call.mode is not Mode.DIRECT:
        return
    other = call.other(leg)
    if other is None or event.media < max(leg.media, leg.relayed[0]):
        return
    relayed = leg.relayed[1] if leg.relayed[0] == event.media else 0
    taken = event.candidates[: MAX_CANDIDATES - relayed]
    if taken or event.end:
        leg.relayed = (event.media, relayed + len(taken))
        call.do(ShowCandidates(other.id, event.media, taken, event.end))


def _feed(call: Call, leg: Leg, event: Trickled) -> bool:
    if event.media not in leg.engine:
        return False
    if event.candidates:
        call.do(FeedCandidates(leg.id, event.media, event.candidates))
    return True


# --- moves -----------------------------------------------------------------------------------


def offer_made(call: Call, event: OfferMade, now: float) -> None:
    """A side wants to renegotiate, or to move to a new transport by a higher `media`."""
    leg = call.leg(event.leg)
    other = call.other(leg) if leg is not None else None
    if leg is None or other is None:
        call.refuse(event.request, WrongState("this session does not talk in this call"))
    elif call.negotiation is not None or call.mode is Mode.ANCHORING:
        glare = WrongState("another offer is open: answer it first", retry_after=RETRY_SECONDS)
        call.refuse(event.request, glare)
    elif call.mode is Mode.ANCHORED:
        _move(call, leg, event)
    elif event.media < leg.media:
        call.refuse(event.request, _stale(leg.media))
    else:
        relay = Negotiation(Negotiating.RELAY, other.id, event.media, event.request)
        call.negotiate(relay, now)
        call.do(ShowOffer(other.id, event.media, event.offer))


def offer_refused(call: Call, event: OfferMade, now: float) -> None:
    call.refuse(event.request, WrongState("only a call that talks takes a new offer"))


def _move(call: Call, leg: Leg, event: OfferMade) -> None:
    newest = max(leg.media, leg.newest)
    if event.media <= newest:
        call.refuse(event.request, _stale(newest + 1))
        return
    codecs = (call.codec,) if call.codec is not None else ()
    call.negotiation = Negotiation(Negotiating.MOVE, leg.id, event.media, event.request)
    call.do(OpenMedia(leg.id, event.media, offer=event.offer, codecs=codecs))


def _stale(least: int) -> WrongState:
    return WrongState(f"offer with a new PeerConnection and media {least} or higher")


def negotiation_opened(call: Call, event: MediaOpened, now: float) -> None:
    open_one, leg = call.negotiation, call.leg(event.leg)
    if leg is None or open_one is None or (open_one.leg, open_one.media) != (leg.id, event.media):
        call.do(CloseMedia(event.leg, event.media))
        return
    leg.engine.append(event.media)
    leg.newest = event.media
    if open_one.kind is Negotiating.ANCHOR:
        anchoring.opened(call, leg, event, open_one)
        return
    call.settle()
    if leg.moving_to is not None:
        _forget(call, leg, leg.moving_to)
    leg.moving_to = event.media
    if open_one.request is not None:
        call.do(Reply(open_one.request, OfferAnswered(event.sdp)))


def offer_taken(call: Call, event: OfferTaken, now: float) -> None:
    open_one, leg = call.negotiation, call.leg(event.leg)
    owed = (open_one.leg, open_one.media) if open_one is not None else None
    if leg is None or open_one is None or not leg.webrtc or owed != (leg.id, event.media):
        call.refuse(event.request, WrongState("no offer with this media is open for this session"))
        return
    call.do(Reply(event.request, Done()))
    if open_one.kind is Negotiating.ANCHOR:
        call.do(AcceptMedia(leg.id, event.media, event.answer))
        return
    call.settle()
    call.anchor_wanted = False
    for party in call.parties():
        party.media = event.media
    if open_one.request is not None:
        call.do(Reply(open_one.request, OfferAnswered(event.answer)))
    anchor_if_wanted(call, now)


def offer_not_open(call: Call, event: OfferTaken, now: float) -> None:
    call.refuse(event.request, WrongState("no offer is open in this call"))


def negotiation_refused(call: Call, event: MediaRefused, now: float) -> None:
    open_one = call.negotiation
    if open_one is None or (open_one.leg, open_one.media) != (event.leg, event.media):
        return
    if open_one.kind is Negotiating.ANCHOR:
        anchoring.refused(call, event, now)
        return
    call.settle()
    if event.reason is EndReason.MEDIA_FAILED:
        again = WrongState(event.detail, retry_after=RETRY_SECONDS)
        call.refuse(open_one.request, again)
    else:
        call.refuse(open_one.request, IncompatibleMedia(event.detail))


def time_talking(call: Call, event: TimePassed, now: float) -> None:
    """An offer that nobody answered: the call goes on, unless it was to save the call."""
    if call.clocks.get(Clock.NEGOTIATE, now + 1) > now or call.negotiation is None:
        return
    open_one = call.negotiation
    owing = call.leg(open_one.leg)
    if open_one.kind is Negotiating.ANCHOR and owing is not None and owing.detached:
        # It cannot answer before it is back, and leaves if it stays away.
        call.clocks[Clock.NEGOTIATE] = now + NEGOTIATE_SECONDS
        return
    if open_one.kind is Negotiating.ANCHOR:
        call.end(EndReason.MEDIA_FAILED, EndedBy.SERVER, now)
        return
    call.settle()
    anchor_if_wanted(call, now)
    late = WrongState("the other side did not answer the offer", retry_after=RETRY_SECONDS)
    call.refuse(open_one.request, late)


# --- what the media does ---------------------------------------------------------------------


def connected(call: Call, event: MediaConnected, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None:
        return
    other = call.other(leg)
    if event.media == leg.moving_to and other is not None:
        leg.media, leg.moving_to = event.media, None
        arrange(call)
        recording.follow(call)
        call.do(JoinMedia(leg.id, leg.media, other.id, other.media))
        call.close_media(leg, keep=leg.media)
    if event.media == leg.media:
        leg.connected = True


def lost(call: Call, event: MediaLost, now: float) -> None:
    """A broken transport that once worked may be followed by a move; silence tells if not."""
    leg = call.leg(event.leg)
    if leg is None:
        return
    if event.media == leg.moving_to:
        _forget(call, leg, event.media)
        leg.moving_to = None
    elif event.media == leg.media and (event.silent or not leg.connected):
        call.end(event.reason, EndedBy.SERVER, now)


def _forget(call: Call, leg: Leg, media: int) -> None:
    leg.engine.remove(media)
    call.do(CloseMedia(leg.id, media))


def reported(call: Call, event: MediaReported, now: float) -> None:
    """Only the clients see direct media; when it fails for one, the server carries it."""
    leg = call.leg(event.leg)
    if leg is None or event.media != leg.media or call.mode is not Mode.DIRECT:
        return
    leg.connected = event.connected
    if not event.connected:
        call.anchor_wanted = True
    elif all(party.connected for party in call.parties()):
        call.anchor_wanted = False
    anchor_if_wanted(call, now)


# --- what a phone changes --------------------------------------------------------------------


def change_early(call: Call, event: ChangeAsked, now: float) -> None:
    """The two sides are still being joined."""
    if call.leg(event.leg) is not None:
        call.do(RefuseChange(event.leg, again=True))


def change_asked(call: Call, event: ChangeAsked, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None:
        return
    if leg.media in leg.engine:
        call.do(UpdateMedia(leg.id, leg.media, event.offer))
    else:
        call.do(RefuseChange(leg.id, again=True))


def changed(call: Call, event: Changed, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is not None and leg.media in leg.engine:
        call.do(AcceptMedia(leg.id, leg.media, event.answer))


def media_updated(call: Call, event: MediaUpdated, now: float) -> None:
    call.do(ShowAnswer(event.leg, event.media, event.sdp))


def update_refused(call: Call, event: UpdateRefused, now: float) -> None:
    call.do(RefuseChange(event.leg, again=event.again))


# --- the end ---------------------------------------------------------------------------------


def hang_up(call: Call, event: HungUp, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is not None:
        call.end(EndReason.HANGUP, leg.side, now)


def hang_up_again(call: Call, event: Rejected, now: float) -> None:
    """A reject that crosses the answer of the same device is its hang-up."""
    hang_up(call, HungUp(event.leg), now)


def leave(call: Call, event: Left, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is not None:
        call.end(EndReason.UNAVAILABLE, leg.side, now)


def detached_early(call: Call, event: Detached, now: float) -> None:
    detached(call, event, now)
    if event.leg == call.caller:
        call.clocks[Clock.CALLER_LOST] = now + CALLER_LOST_SECONDS
    wake_sleepers(call)


def attached_early(call: Call, event: Attached, now: float) -> None:
    attached(call, event, now)
    if event.leg == call.caller:
        call.clocks.pop(Clock.CALLER_LOST, None)


def detached(call: Call, event: Detached, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is not None:
        leg.detached = True


def attached(call: Call, event: Attached, now: float) -> None:
    """It is back, and reads what it missed: time runs anew for an offer that waits for it."""
    leg = call.leg(event.leg)
    if leg is None:
        return
    leg.detached = False
    if call.negotiation is not None and call.negotiation.leg == leg.id:
        call.clocks[Clock.NEGOTIATE] = now + NEGOTIATE_SECONDS
    if call.state is State.TALKING and call.mode is Mode.DIRECT:
        anchor_if_wanted(call, now)
