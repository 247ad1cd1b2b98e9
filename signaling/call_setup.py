"""The rules of a call until it is answered: who rings, who wins, who is told what."""

from signaling import call_early as early
from signaling import call_recording as recording
from signaling import call_wake as waking
from signaling.call_actions import (
    AcceptMedia,
    CloseMedia,
    FindEndpoints,
    JoinMedia,
    OpenMedia,
    Reply,
    Ring,
    ShowAnswer,
    ShowCandidates,
    ShowRinging,
)
from signaling.call_events import (
    Accepted,
    Answered,
    Appeared,
    Found,
    HungUp,
    Left,
    MediaAccepted,
    MediaOpened,
    MediaRefused,
    Rang,
    Rejected,
    Stopped,
    TimePassed,
    Unroutable,
)
from signaling.call_model import Clock, Endpoint, Leg, LegState, Mode, State
from signaling.call_state import ANSWER_SECONDS, Call
from signaling.shared.errors import NoSuchCall, WrongState
from signaling.shared.messages import CallAccepted, Done
from signaling.shared.reasons import EndedBy, EndReason

FIRST = 1
"""The media generation of our own first offer to a leg."""
MOST_INSISTING = 2
"""How often a phone is made another offer after it refused one."""
MAX_LEGS = 64
"""Legs of one call, those that left included: a device that comes and goes makes no more."""


def start(call: Call) -> None:
    """Ask where the call leads; the caller's leg is there already."""
    call.do(FindEndpoints())


def ring_all(call: Call, event: Found, now: float) -> None:
    """Choose the mode from who can be reached, and ring them all at once."""
    if not event.endpoints:
        call.end(EndReason.UNAVAILABLE, EndedBy.SERVER, now)
        return
    everyone = (call.caller_leg().endpoint, *event.endpoints)
    all_webrtc = all(endpoint.webrtc for endpoint in everyone)
    call.mode = Mode.DIRECT if call.direct_allowed and all_webrtc else Mode.ANCHORED
    call.state = State.RINGING
    call.clocks[Clock.RING] = now + call.ring_seconds
    legs = [_add(call, each) for each in event.endpoints if each.id not in call.legs]
    # A push has the longest way, so it does not wait for anybody's media.
    waking.begin(call, now)
    for leg in legs:
        _invite(call, leg)


def unroutable(call: Call, event: Unroutable, now: float) -> None:
    call.end(event.reason, EndedBy.SERVER, now)


def join_late(call: Call, event: Appeared, now: float) -> None:
    """A device that comes while the call rings gets it at once; a known endpoint keeps its leg."""
    known = call.legs.get(event.endpoint.id)
    if known is None and len(call.legs) < MAX_LEGS:
        _invite(call, _add(call, event.endpoint))
    elif known is not None and waking.has_moved(known, event.endpoint):
        waking.ring_anew(call, known, event.endpoint)


def _add(call: Call, endpoint: Endpoint) -> Leg:
    leg = Leg(endpoint, caller=False, state=LegState.NEW, media=FIRST)
    call.legs[leg.id] = leg
    return leg


def _invite(call: Call, leg: Leg) -> None:
    caller = call.caller_leg()
    if leg.wake:
        return
    if call.mode is Mode.DIRECT and leg.webrtc:
        leg.media, leg.offer, leg.state = caller.media, caller.offer, LegState.INVITED
        call.do(Ring(leg.id, leg.media, caller.offer or ""))
        if caller.candidates or caller.candidates_ended:
            call.do(_kept_candidates(leg.id, leg.media, caller))
        return
    # In a direct call a phone that comes late gets a branch of the engine's, used only if it wins.
    call.do(OpenMedia(leg.id, leg.media, within=caller.offer))


def _kept_candidates(to: str, media: int, leg: Leg) -> ShowCandidates:
    return ShowCandidates(to, media, tuple(leg.candidates), end=leg.candidates_ended)


def branch_opened(call: Call, event: MediaOpened, now: float) -> None:
    if event.leg == call.caller:
        early.caller_opened(call, event)
        return
    leg = call.leg(event.leg)
    if leg is None or leg.state is not LegState.NEW or leg.media != event.media:
        call.do(CloseMedia(event.leg, event.media))
        return
    leg.engine.append(event.media)
    leg.offer, leg.state = event.sdp, LegState.INVITED
    call.do(Ring(leg.id, leg.media, event.sdp))


def branch_refused(call: Call, event: MediaRefused, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is not None and leg.state is LegState.NEW:
        waking.branch_failed(call, leg, event.reason, EndedBy.SERVER, now)
    elif event.leg == call.caller:
        early.caller_refused(call)


def rang(call: Call, event: Rang, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None or leg.caller:
        return
    leg.rang = True
    if leg.state is LegState.INVITED:
        leg.state = LegState.RINGING
        ringing = [other for other in call.branches() if other.state is LegState.RINGING]
        if len(ringing) == 1 and not call.early:
            call.do(ShowRinging(call.caller))


def claim(call: Call, event: Accepted, now: float) -> None:
    """The first accept takes the call; its answer must follow."""
    leg = call.leg(event.leg)
    if leg is None or leg.caller or leg.offer is None:
        refuse_over(call, event, now)
        return
    _win(call, leg, now)
    _reply_accepted(call, leg, event.request)


def claim_again(call: Call, event: Accepted, now: float) -> None:
    """An accept that is repeated, after a lost reply, gets the same reply; others come late."""
    leg = call.leg(event.leg)
    if leg is not None and leg.id == call.winner:
        _reply_accepted(call, leg, event.request)
    else:
        refuse_over(call, event, now)


def _reply_accepted(call: Call, leg: Leg, request: int) -> None:
    candidates = call.caller_leg().candidates if call.mode is Mode.DIRECT else []
    call.do(Reply(request, CallAccepted(leg.media, leg.offer or "", list(candidates))))


def _win(call: Call, winner: Leg, now: float) -> None:
    call.winner = winner.id
    call.state = State.CLAIMED
    winner.state = LegState.IN
    call.clocks.pop(Clock.RING, None)
    call.clocks.pop(Clock.WAKE, None)
    call.clocks[Clock.ANSWER] = now + ANSWER_SECONDS
    waking.answered_by(call, winner, now)
    for leg in call.branches():
        if leg is not winner:
            call.drop(leg, EndReason.ANSWERED_ELSEWHERE, EndedBy.CALLEE, now)


def answer_ringing(call: Call, event: Answered, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None or leg.caller or leg.offer is None or event.media not in (None, leg.media):
        refuse_over(call, event, now)
        return
    _win(call, leg, now)
    _connect(call, leg, event, now)


def answer_claimed(call: Call, event: Answered, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None or leg.id != call.winner:
        refuse_over(call, event, now)
        return
    _connect(call, leg, event, now)


def answer_again(call: Call, event: Answered, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None or leg.id != call.winner:
        refuse_over(call, event, now)
    elif event.request is not None:
        call.do(Reply(event.request, Done()))


def _connect(call: Call, leg: Leg, event: Answered, now: float) -> None:
    """Bring the winner's answer to the caller: as it is, or through the engine."""
    if event.request is not None:
        call.do(Reply(event.request, Done()))
    if call.mode is Mode.DIRECT and leg.webrtc:
        _talk(call, now)
        call.do(ShowAnswer(call.caller, call.caller_leg().media, event.answer))
        if leg.candidates or leg.candidates_ended:
            call.do(_kept_candidates(call.caller, call.caller_leg().media, leg))
        return
    call.mode = Mode.ANCHORED
    call.do(AcceptMedia(leg.id, leg.media, event.answer))


def answer_accepted(call: Call, event: MediaAccepted, now: float) -> None:
    """The winner's codec is known: answer the caller's one offer with exactly that."""
    if event.leg != call.winner:
        return
    caller = call.caller_leg()
    if caller.answer is not None:
        _join(call, caller, caller.answer, now, repeated=True)
        return
    call.codec = event.codec
    call.do(OpenMedia(caller.id, caller.media, offer=caller.offer, codecs=(event.codec,)))


def caller_opened(call: Call, event: MediaOpened, now: float) -> None:
    if event.leg != call.caller or call.winner is None:
        call.do(CloseMedia(event.leg, event.media))
        return
    early.note_caller(call, event)
    _join(call, call.caller_leg(), event.sdp, now)


def _join(call: Call, caller: Leg, answer: str, now: float, *, repeated: bool = False) -> None:
    winner = call.legs[call.winner or ""]
    _talk(call, now)
    # Joined last: when that fails the call ends, and nobody is told of an answer after the end.
    call.do(ShowAnswer(caller.id, caller.media, answer, repeated))
    recording.follow(call)
    call.do(JoinMedia(caller.id, caller.media, winner.id, winner.media))


def connect_refused(call: Call, event: MediaRefused, now: float) -> None:
    call.end(event.reason, EndedBy.SERVER, now)


def _talk(call: Call, now: float) -> None:
    call.state = State.TALKING
    call.answered_at = now
    call.clocks.clear()
    recording.begin_by_policy(call)


def reject(call: Call, event: Rejected, now: float) -> None:
    """A person's no ends the call on all devices; a device that cannot leaves the others be."""
    leg = call.leg(event.leg)
    if leg is None or leg.caller or event.media not in (None, leg.media):
        return
    if event.reason is EndReason.DECLINED:
        call.drop(leg, EndReason.DECLINED, EndedBy.CALLEE, now)
        waking.let_sleep(call, leg, EndReason.DECLINED, EndedBy.CALLEE, now)
        call.end(EndReason.DECLINED, EndedBy.CALLEE, now, branches=EndReason.DECLINED_ELSEWHERE)
    elif _may_insist(call, leg, event):
        _insist(call, leg)
    else:
        waking.branch_failed(call, leg, event.reason, EndedBy.CALLEE, now)


def _may_insist(call: Call, leg: Leg, event: Rejected) -> bool:
    """Whether it is the offer that a phone refuses by its answer, and there is another one."""
    by_offer = event.reason is EndReason.INCOMPATIBLE and event.code is not None
    return (
        by_offer and call.insists and leg.state is LegState.INVITED and leg.insists < MOST_INSISTING
    )


def _insist(call: Call, leg: Leg) -> None:
    """Call a phone again that refused our offer: it may want to be told that it must encrypt."""
    call.close_media(leg)
    leg.insists += 1
    leg.media += 1
    leg.state, leg.offer = LegState.NEW, None
    call.do(OpenMedia(leg.id, leg.media, within=call.caller_leg().offer, insists=leg.insists))


def reject_claimed(call: Call, event: Rejected, now: float) -> None:
    if event.leg == call.winner:
        call.end(event.reason, EndedBy.CALLEE, now)


def hang_up_early(call: Call, event: HungUp, now: float) -> None:
    """Before the answer the caller's hang-up is a cancel, a callee's is a no."""
    leg = call.leg(event.leg)
    if leg is None:
        return
    if leg.caller:
        call.end(EndReason.CANCELLED, EndedBy.CALLER, now)
    else:
        reject(call, Rejected(leg.id, EndReason.DECLINED), now)


def leave_early(call: Call, event: Left, now: float) -> None:
    leg = call.leg(event.leg)
    if leg is None:
        return
    if leg.caller:
        call.end(EndReason.CANCELLED, EndedBy.CALLER, now)
    elif leg.id == call.winner:
        call.end(EndReason.UNAVAILABLE, EndedBy.CALLEE, now)
    else:
        waking.branch_failed(call, leg, EndReason.UNAVAILABLE, EndedBy.CALLEE, now)


def time_early(call: Call, event: TimePassed, now: float) -> None:
    due = {clock for clock, at in call.clocks.items() if at <= now}
    if Clock.CALLER_LOST in due:
        call.end(EndReason.CANCELLED, EndedBy.CALLER, now)
    elif Clock.ANSWER in due:
        call.end(EndReason.TIMEOUT, EndedBy.CALLEE, now)
    elif Clock.RING in due:
        someone_rang = any(leg.rang for leg in call.legs.values())
        reason = EndReason.NO_ANSWER if someone_rang else EndReason.UNAVAILABLE
        call.end(reason, EndedBy.SERVER, now)
    elif Clock.WAKE in due:
        waking.time_to_wake(call)


def stop(call: Call, event: Stopped, now: float) -> None:
    call.end(event.reason, EndedBy.SERVER, now)


def refuse_early(call: Call, event: Accepted | Answered, now: float) -> None:
    error = WrongState("the call does not ring yet", retry_after=0.2)
    call.refuse(event.request, error)


def refuse_over(call: Call, event: Accepted | Answered, now: float) -> None:
    """The loser of a race, or a guest after the end, hears how it ended for it."""
    leg = call.legs.get(event.leg)
    reason = leg.reason if leg is not None else None
    if reason is None:
        call.refuse(event.request, WrongState("this call is not for this session to answer"))
    else:
        error = NoSuchCall(f"the call is over here: {reason.value}", ended=reason.value)
        call.refuse(event.request, error)
