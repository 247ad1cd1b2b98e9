"""The rules of waking: who is pushed and when, and how a call lives on while a device wakes."""

from hashlib import sha256

from signaling.call_actions import OpenMedia, SendPush, ShowWaking
from signaling.call_early import fall_back
from signaling.call_events import PushReported, WakingFailed
from signaling.call_model import (
    Clock,
    Endpoint,
    EndpointKind,
    Leg,
    LegState,
    Pushed,
    Reach,
)
from signaling.call_state import Call, same_device
from signaling.shared.push import PushKind, Step
from signaling.shared.reasons import EndedBy, EndReason, best

SOCKET_SECONDS = 1.0
"""How long a device that looks awake may take to say that it rings, before it is pushed too."""
MAX_RINGS = 8
"""How often one phone that keeps moving is rung by one call."""

_SPOKEN = frozenset(
    {EndReason.DECLINED, EndReason.BUSY, EndReason.FORBIDDEN, EndReason.INCOMPATIBLE}
)
"""What a device says of the call itself; all else is about reaching it."""


def sip_call_id(call: str, device: str) -> str:
    """The Call-ID of every INVITE to a device in one call, known before the first is sent.

    Apps that are woken for a SIP call look for it; a repeat by another way has the same.
    """
    return sha256(f"{call} {device}".encode()).hexdigest()[:32]


def begin(call: Call, now: float) -> None:
    """Push who sleeps at once; a device that looks awake has a second to ring."""
    if call.sleepers():
        call.clocks[Clock.WAKE] = now + SOCKET_SECONDS
        wake_sleepers(call)


def time_to_wake(call: Call) -> None:
    del call.clocks[Clock.WAKE]
    wake_sleepers(call)


def wake_sleepers(call: Call) -> None:
    """Push every device of which nothing rings, nor is about to; each of them once."""
    for sleeper in call.sleepers():
        if sleeper.push is None and not any(_rings(call, leg) for leg in call.company(sleeper)):
            _push(call, sleeper)


def _rings(call: Call, leg: Leg) -> bool:
    return leg.rang or (Clock.WAKE in call.clocks and leg.endpoint.reach is Reach.AWAKE)


def _push(call: Call, sleeper: Leg) -> None:
    legs = call.legs.values()
    is_news = not any(leg.rang or leg.push is not None for leg in legs)
    sleeper.push, sleeper.state = Pushed.SENT, LegState.INVITED
    call.do(SendPush(sleeper.id, PushKind.CALL))
    if is_news:
        call.do(ShowWaking(call.caller))


def push_reported(call: Call, event: PushReported, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is not None and leg.push is Pushed.SENT and event.step is Step.ACCEPTED:
        leg.push = Pushed.ACCEPTED


def waking_failed(call: Call, event: WakingFailed, now: float) -> None:
    """The device cannot be woken; what of it rings by itself goes on."""
    leg = call.leg(event.leg)
    if leg is not None and leg.push is Pushed.SENT:
        leg.push = Pushed.FAILED
        branch_failed(call, leg, event.end, EndedBy.SERVER, now)


def branch_failed(call: Call, leg: Leg, reason: EndReason, by: EndedBy, now: float) -> None:
    """One branch is over; the call goes on while another one rings or a device may wake."""
    call.drop(leg, reason, by, now)
    if reason in _SPOKEN:
        let_sleep(call, leg, reason, by, now)
    wake_sleepers(call)
    if not call.branches():
        call.end(best(_reasons(call)), by, now)
    else:
        fall_back(call)


def let_sleep(call: Call, leg: Leg, reason: EndReason, by: EndedBy, now: float) -> None:
    """The device of a leg has spoken: there is nothing to wake it for, nor to tell it."""
    for sleeper in call.sleepers():
        if same_device(sleeper, leg):
            call.drop(sleeper, reason, by, now)


def _reasons(call: Call) -> list[EndReason]:
    """Why the branches failed: a device that could not be woken counts once, not by each way."""
    legs = [leg for leg in call.legs.values() if leg.reason is not None]
    sleepers = [leg for leg in legs if leg.wake]
    return [
        leg.reason
        for leg in legs
        if leg.reason is not None
        and (leg.wake or leg.reason in _SPOKEN or not any(same_device(leg, s) for s in sleepers))
    ]


def answered_by(call: Call, winner: Leg, now: float) -> None:
    """Tell the devices that were woken, but not the one that answered."""
    for sleeper in call.sleepers():
        if not same_device(sleeper, winner):
            call.part(sleeper, EndReason.ANSWERED_ELSEWHERE, EndedBy.CALLEE, now)


# --- phones that come back another way -------------------------------------------------------


def has_moved(leg: Leg, endpoint: Endpoint) -> bool:
    """Whether a phone is to be rung anew: it came back before it rang, and by another way."""
    if leg.caller or endpoint.kind is not EndpointKind.CONTACT or leg.media >= MAX_RINGS:
        return False
    if leg.state is LegState.GONE:
        return leg.reason not in _SPOKEN
    return leg.state is LegState.INVITED and leg.endpoint.path != endpoint.path


def ring_anew(call: Call, known: Leg, endpoint: Endpoint) -> None:
    """The same leg from its beginning, with media of its own: sound may come from elsewhere."""
    call.close_media(known)
    leg = Leg(endpoint, caller=False, state=LegState.NEW, media=known.media + 1)
    call.legs[leg.id] = leg
    fall_back(call)
    call.do(OpenMedia(leg.id, leg.media, within=call.caller_leg().offer))
