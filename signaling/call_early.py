"""The rules of early media: what a phone lets the caller hear before anybody answers."""

from signaling.call_actions import (
    AcceptMedia,
    CloseMedia,
    FeedCandidates,
    JoinMedia,
    OpenMedia,
    ShowEarly,
    ShowRinging,
)
from signaling.call_events import (
    EarlyAnswered,
    MediaAccepted,
    MediaConnected,
    MediaLost,
    MediaOpened,
)
from signaling.call_model import Leg, Mode
from signaling.call_state import Call
from signaling.shared.reasons import EndedBy, EndReason


def answered(call: Call, event: EarlyAnswered, now: float) -> None:
    """A description alone changes nothing for the caller: phones send some and stay silent.

    The caller of a direct call has one offer, which is for the browser that answers.
    """
    leg = call.leg(event.leg)
    if leg is None or leg.caller or leg.webrtc or call.mode is not Mode.ANCHORED:
        return
    if leg.media in leg.engine and event.media in (None, leg.media):
        call.do(AcceptMedia(leg.id, leg.media, event.answer))


def accepted(call: Call, event: MediaAccepted, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is not None and not leg.caller and event.media in leg.engine:
        leg.codec = event.codec


def connected(call: Call, event: MediaConnected, now: float) -> None:
    """A phone speaks: the caller hears whoever began last."""
    leg = call.leg(event.leg)
    if leg is None or event.media not in leg.engine:
        return
    leg.connected = True
    if leg.codec is None or leg.id in call.early:
        return
    call.early.append(leg.id)
    caller = call.caller_leg()
    if caller.answer is None:
        call.do(OpenMedia(caller.id, caller.media, offer=caller.offer, codecs=(leg.codec,)))
        return
    if len(call.early) == 1:
        call.do(ShowEarly(caller.id, caller.media, caller.answer, repeated=True))
    _let_hear(call, leg)


def caller_opened(call: Call, event: MediaOpened) -> None:
    """The caller's one offer has its one answer; whoever answers the call later is joined to it."""
    caller = call.caller_leg()
    if not call.early or caller.answer is not None or event.media != caller.media:
        call.do(CloseMedia(event.leg, event.media))
        return
    speaker = call.legs[call.early[-1]]
    call.codec = speaker.codec
    note_caller(call, event)
    call.do(ShowEarly(caller.id, caller.media, event.sdp))
    _let_hear(call, speaker)


def note_caller(call: Call, event: MediaOpened) -> None:
    """The engine holds the caller's media now, and wants the candidates that came before."""
    caller = call.caller_leg()
    caller.engine.append(event.media)
    caller.answer = event.sdp
    if caller.candidates:
        call.do(FeedCandidates(caller.id, event.media, tuple(caller.candidates)))


def caller_refused(call: Call) -> None:
    """The caller cannot hear what sounds; the call rings on."""
    if call.caller_leg().answer is None:
        call.early.clear()


def lost(call: Call, event: MediaLost, now: float) -> None:
    """Silence is no fault before the answer; a caller who never connects would not hear that."""
    leg = call.leg(event.leg)
    if leg is None or not leg.caller or event.media not in leg.engine:
        return
    if not event.silent and not leg.connected:
        call.end(EndReason.MEDIA_FAILED, EndedBy.SERVER, now)


def fall_back(call: Call) -> None:
    """Who is gone sounds no more: the caller hears who began before, or that it rings."""
    sounding = [leg for leg in call.early if _sounds(call, leg)]
    if sounding == call.early:
        return
    heard = call.early[-1]
    call.early = sounding
    if not sounding:
        call.do(ShowRinging(call.caller))
    elif sounding[-1] != heard:
        _let_hear(call, call.legs[sounding[-1]])


def _sounds(call: Call, leg: str) -> bool:
    # A leg that is rung anew has the same id and has said nothing yet.
    found = call.leg(leg)
    return found is not None and found.connected


def _let_hear(call: Call, leg: Leg) -> None:
    caller = call.caller_leg()
    call.do(JoinMedia(caller.id, caller.media, leg.id, leg.media))
