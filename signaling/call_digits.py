"""The rules of keys pressed in a call, whoever presses them and however they travel."""

from signaling.call_actions import Reply, SendTones, ShowDigits
from signaling.call_events import DigitHeard, DtmfAsked, KeyPressed, TonesRefused, TonesSent
from signaling.call_state import Call
from signaling.shared.errors import WrongState
from signaling.shared.messages import Done

MOVE_SECONDS = 1.0
"""When to try again while the call moves from one engine process to another."""
MOST_KEPT = 20
"""Keys that are kept for that time."""


def dtmf(call: Call, event: DtmfAsked, now: float) -> None:
    """A number that was seen is a repeat after a lost reply; it counts once the digits went."""
    leg = call.leg(event.leg)
    other = call.other(leg) if leg is not None else None
    if leg is None or other is None:
        dtmf_early(call, event, now)
    elif event.n <= leg.dtmf_seen:
        _digits_done(call, event)
    elif other.webrtc:
        leg.dtmf_seen = event.n
        call.do(ShowDigits(other.id, event.digits))
        _digits_done(call, event)
    elif other.media not in other.engine:
        moving = WrongState("the call's media moves just now", retry_after=MOVE_SECONDS)
        call.refuse(event.request, moving)
    else:
        call.do(SendTones(other.id, other.media, event.digits, event.duration_ms, event))


def dtmf_early(call: Call, event: DtmfAsked, now: float) -> None:
    call.refuse(event.request, WrongState("this session does not talk in this call"))


def tones_sent(call: Call, event: TonesSent, now: float) -> None:
    leg = call.leg(event.asked.leg)
    if leg is not None:
        leg.dtmf_seen = max(leg.dtmf_seen, event.asked.n)
    _digits_done(call, event.asked)


def tones_refused(call: Call, event: TonesRefused, now: float) -> None:
    call.refuse(event.asked.request, event.error)


def _digits_done(call: Call, event: DtmfAsked) -> None:
    if event.request is not None:
        call.do(Reply(event.request, Done()))


def digit_heard(call: Call, event: DigitHeard, now: float) -> None:
    leg = call.leg(event.leg)
    other = call.other(leg) if leg is not None else None
    if leg is not None and other is not None and other.webrtc and event.media == leg.media:
        call.do(ShowDigits(other.id, event.digit))


def key_pressed(call: Call, event: KeyPressed, now: float) -> None:
    leg = call.leg(event.leg)
    other = call.other(leg) if leg is not None else None
    if other is None:
        return
    if other.media not in other.engine and not other.webrtc:
        # Its phone was told that the key is taken: it would not press it again.
        other.kept_keys = [*other.kept_keys, (event.digit, event.duration_ms)][:MOST_KEPT]
    elif other.webrtc:
        call.do(ShowDigits(other.id, event.digit))
    else:
        call.do(SendTones(other.id, other.media, event.digit, event.duration_ms))


def press_kept(call: Call) -> None:
    """Both sides have media again."""
    for leg in call.parties():
        for digit, duration_ms in leg.kept_keys:
            call.do(SendTones(leg.id, leg.media, digit, duration_ms))
        leg.kept_keys = []
