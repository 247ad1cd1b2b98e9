"""The rules of hold: who holds, what each side hears meanwhile, and what a phone is told of it.

Either side may hold, and both may. A direct call is held by the clients, which mute; in a call
that the server carries, the holder hears nothing, and the other side music. A phone is also told
by a change of its session, so that it shows the hold and rests.
"""

from signaling.call_actions import (
    AcceptMedia,
    PlayMedia,
    ProposeChange,
    ReofferMedia,
    Reply,
    ShowHeld,
)
from signaling.call_events import (
    ChangeAgreed,
    ChangeRefused,
    HoldAsked,
    MediaReoffered,
    PeerHeld,
)
from signaling.call_model import Heard, Leg, Mode
from signaling.call_state import Call
from signaling.shared.errors import WrongState
from signaling.shared.messages import Done


def hold_asked(call: Call, event: HoldAsked, now: float) -> None:
    """A client holds or comes back; a repeat is harmless."""
    leg = call.leg(event.leg)
    other = call.other(leg) if leg is not None else None
    if leg is None or other is None:
        hold_early(call, event, now)
        return
    _hold(call, leg, other, held=event.held)
    call.do(Reply(event.request, Done()))


def hold_early(call: Call, event: HoldAsked, now: float) -> None:
    call.refuse(event.request, WrongState("this session does not talk in this call"))


def peer_held(call: Call, event: PeerHeld, now: float) -> None:
    """A phone held or came back, by a change of its session that the engine answered."""
    leg = call.leg(event.leg)
    other = call.other(leg) if leg is not None else None
    if leg is not None and other is not None and event.media == leg.media:
        _hold(call, leg, other, held=event.held)


def _hold(call: Call, leg: Leg, other: Leg, *, held: bool) -> None:
    if leg.holds == held:
        return
    leg.holds = held
    # First the sound: whoever is told of a hold hears nothing more of the holder.
    arrange(call)
    if other.webrtc:
        call.do(ShowHeld(other.id, held, leg.side))


def arrange(call: Call) -> None:
    """Let both sides hear what they should; to be said before two legs are joined.

    What the engine and the phones know already is not said again.
    """
    if call.mode is not Mode.ANCHORED:
        return
    for leg, other in zip(call.parties(), reversed(call.parties()), strict=True):
        heard = Heard.NOTHING if leg.holds else _offered(call, other)
        before = leg.hears[1] if leg.hears[0] == leg.media else Heard.OTHER
        leg.hears = (leg.media, heard)
        if heard is not before:
            call.do(PlayMedia(leg.id, leg.media, heard))
        _propose(call, leg, other)


def _offered(call: Call, other: Leg) -> Heard:
    """What there is to hear of `other`'s side: a phone that holds may bring its own music."""
    if not other.holds:
        return Heard.OTHER
    return Heard.MUSIC if call.music or not other.webrtc else Heard.NOTHING


# --- what a phone is told --------------------------------------------------------------------


def _propose(call: Call, leg: Leg, other: Leg) -> None:
    """One change at a time: what is wanted by then is looked up anew when it is done."""
    wanted = _offered(call, other)
    if leg.webrtc or leg.proposed is not None or wanted is leg.told:
        return
    leg.proposed = wanted
    call.do(ReofferMedia(leg.id, leg.media, wanted))


def media_reoffered(call: Call, event: MediaReoffered, now: float) -> None:
    if call.leg(event.leg) is not None:
        call.do(ProposeChange(event.leg, event.sdp))


def change_agreed(call: Call, event: ChangeAgreed, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None or leg.proposed is None:
        return
    leg.told, leg.proposed = leg.proposed, None
    if leg.media in leg.engine:
        call.do(AcceptMedia(leg.id, leg.media, event.answer))
    arrange(call)


def change_refused(call: Call, event: ChangeRefused, now: float) -> None:
    """A phone that does not want to rest goes on sending, and hears the music all the same."""
    leg = call.leg(event.leg)
    if leg is None or leg.proposed is None:
        return
    if not event.again:
        leg.told = leg.proposed
    leg.proposed = None
    arrange(call)
